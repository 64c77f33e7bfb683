//! Which texts a schema takes, byte by byte, and which schemas are refused.

use serde_json::json;

use super::*;

/// Whether a schema takes a text.
fn takes(schema: &Value, text: &str) -> bool {
    let mut compiler = Compiler { builder: Builder::default(), path: Vec::new() };
    let start = compiler.builder.place();
    let end = compiler.value(schema, start).unwrap();
    let mut automaton = compiler.builder.finish(start, end);
    let last = text.bytes().try_fold(automaton.start(), |state, byte| automaton.step(state, byte));
    last.is_some_and(|state| automaton.accepts(state))
}

fn refusal(schema: &Value) -> String {
    let mut compiler = Compiler { builder: Builder::default(), path: Vec::new() };
    let start = compiler.builder.place();
    compiler.value(schema, start).unwrap_err().to_string()
}

#[test]
fn properties_come_in_order_and_those_not_required_may_be_left_out() {
    let number = json!({ "type": "integer" });
    let schema = json!({
        "type": "object", "required": ["b"],
        "properties": { "a": number, "b": number, "c": number },
    });
    for text in [
        r#"{"b": 1}"#,
        r#"{"a": 0, "b": -1}"#,
        r#"{"b": 1, "c": 20}"#,
        r#"{"a": 1, "b": 2, "c": 3}"#,
    ] {
        assert!(takes(&schema, text), "{text}");
    }
    for text in ["{}", r#"{"a": 1}"#, r#"{"c": 1, "b": 1}"#, r#"{, "b": 1}"#, r#"{"b": 1, }"#] {
        assert!(!takes(&schema, text), "{text}");
    }
    let optional = json!({ "type": "object", "properties": { "a": number, "b": number } });
    for text in ["{}", r#"{"a": 1}"#, r#"{"b": 1}"#, r#"{"a": 1, "b": 2}"#] {
        assert!(takes(&optional, text), "{text}");
    }
    assert!(takes(&json!({ "type": "object" }), "{}"));
}

#[test]
fn strings_have_their_lengths_in_characters_and_only_whole_escapes() {
    let schema = json!({ "type": "string", "minLength": 1, "maxLength": 2 });
    for text in [r#""a""#, r#""开😄""#, r#""\n\u00e9""#, r#""\uD7ff\uefff""#, "\"\u{7f}\""] {
        assert!(takes(&schema, text), "{text}");
        assert!(serde_json::from_str::<String>(text).is_ok(), "{text}");
    }
    for text in ["\"\"", r#""abc""#, r#""\x""#, r#""\ud800""#, r#""\u12""#, "\"\n\"", "\"a"] {
        assert!(!takes(&schema, text), "{text}");
    }
}

#[test]
fn numbers_are_those_of_json() {
    let (number, integer) = (json!({ "type": "number" }), json!({ "type": "integer" }));
    for text in ["0", "-7", "10", "123456789012345"] {
        assert!(takes(&number, text) && takes(&integer, text), "{text}");
    }
    for text in ["0.5", "-1.25e-7", "3E+12", "1e9"] {
        assert!(takes(&number, text) && !takes(&integer, text), "{text}");
    }
    for text in ["", "-", "01", "1.", ".5", "1e", "+1", "1234567890123456"] {
        assert!(!takes(&number, text), "{text}");
    }
}

#[test]
fn arrays_have_their_lengths() {
    let of = |least: usize, most: usize| {
        json!({ "type": "array", "items": { "type": "boolean" },
            "minItems": least, "maxItems": most })
    };
    let texts = ["[]", "[true]", "[true, false]", "[true, true, true]"];
    for (least, most) in [(0, 0), (0, 2), (1, 1), (2, 3)] {
        for (count, text) in texts.iter().enumerate() {
            let want = (least..=most).contains(&count);
            assert_eq!(takes(&of(least, most), text), want, "{least} {most} {text}");
        }
    }
    let any = json!({ "type": "array", "items": { "enum": [1, "x"] } });
    assert!(takes(&any, "[1, \"x\", 1, 1]") && !takes(&any, "[1 , 1]") && !takes(&any, "[2]"));
}

#[test]
fn enumerations_keep_to_their_type_and_constants_to_themselves() {
    let schema = json!({ "type": "string", "enum": ["开心", 3, "a\"b"] });
    assert!(takes(&schema, "\"开心\"") && takes(&schema, r#""a\"b""#) && !takes(&schema, "3"));
    assert!(takes(&json!({ "const": { "a": [1] } }), r#"{"a":[1]}"#));
}

#[test]
fn what_is_not_built_is_named_with_its_place() {
    let inner = |schema: Value| json!({ "type": "object", "properties": { "x": schema } });
    for (schema, says) in [
        (inner(json!({ "type": "string", "pattern": "a+" })), "\"/x\": \"pattern\""),
        (inner(json!({ "type": "integer", "minimum": 3 })), "minimum"),
        (inner(json!({ "$ref": "#" })), "neither type"),
        (inner(json!({ "type": "tuple" })), "tuple"),
        (inner(json!({ "type": "array" })), "items are missing"),
        (inner(json!({ "type": "string", "maxLength": -1 })), "maxLength is -1"),
        (inner(json!({ "type": "string", "minLength": 3, "maxLength": 2 })), "leave nothing"),
        (inner(json!({ "type": "string", "enum": [1] })), "no value is left"),
        (json!({ "type": "object", "required": ["y"] }), "\"y\" is required"),
        (json!(true), "expected an object"),
        (
            json!({ "type": "array", "maxItems": 200_000,
                "items": { "type": "string", "maxLength": 100 } }),
            "too large",
        ),
    ] {
        let error = refusal(&schema);
        assert!(error.contains(says), "{error}");
    }
    let mut deep = json!({ "type": "null" });
    (0..100).for_each(|_| deep = json!({ "type": "array", "items": deep }));
    assert!(refusal(&deep).contains("nested deeper"));
}
