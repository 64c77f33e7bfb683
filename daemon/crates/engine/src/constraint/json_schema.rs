//! JSON schemas as regular forms: objects of named properties in their order, arrays, strings, numbers,
//! integers, booleans, null, enumerations. Objects within objects, as deep as the schema is written; no
//! references, so no recursion. Texts are written as Python's `json.dumps` writes them, in one line.
//! A keyword that would restrict a value and is not built is refused, never passed over.

use std::ops::RangeInclusive;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::automaton::{Builder, Place};
use super::{Grammar, Vocabulary};

/// Deepest nesting of a schema.
const DEEPEST: usize = 32;
/// Places of the largest automaton.
const MOST_PLACES: usize = 1 << 18;
/// Digits before and after the point: all fit an i64, and a reader of f64 keeps them.
const DIGITS: usize = 15;
/// Digits of an exponent: within f64 with all digits before the point.
const EXPONENT_DIGITS: usize = 2;
const DIGIT: RangeInclusive<u8> = b'0'..=b'9';
/// Keywords that restrict nothing.
const REMARKS: [&str; 9] = [
    "title",
    "description",
    "default",
    "examples",
    "$schema",
    "$id",
    "$comment",
    // No other property is ever written.
    "additionalProperties",
    "deprecated",
];

/// A schema that cannot be kept to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("JSON schema at {at:?}: {problem}")]
pub struct SchemaError {
    /// The place in the schema, as a path from its root.
    pub at: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Grammar {
    /// Texts that are JSON of a schema.
    ///
    /// # Errors
    /// When the schema is malformed or has a keyword that is not built.
    pub fn json(vocabulary: Arc<Vocabulary>, schema: &Value) -> Result<Self, SchemaError> {
        let mut compiler = Compiler { builder: Builder::default(), path: Vec::new() };
        let start = compiler.builder.place();
        let end = compiler.value(schema, start)?;
        Ok(Self::new(vocabulary, compiler.builder.finish(start, end)))
    }
}

struct Compiler {
    builder: Builder,
    path: Vec<String>,
}

type Compiled = Result<Place, SchemaError>;

impl Compiler {
    fn wrong(&self, problem: impl Into<String>) -> SchemaError {
        SchemaError { at: format!("/{}", self.path.join("/")), problem: problem.into() }
    }

    /// A part of the schema under its own name.
    fn within(&mut self, name: &str, schema: &Value, from: Place) -> Compiled {
        self.path.push(name.to_owned());
        let end = self.value(schema, from);
        self.path.pop();
        end
    }

    /// Refuses keywords that are not built for any of the types.
    fn only(&self, schema: &Map<String, Value>, kinds: &[&str]) -> Result<(), SchemaError> {
        let known = |key: &str| {
            matches!(key, "type" | "enum" | "const")
                || kinds.iter().any(|kind| keywords(kind).contains(&key))
                || REMARKS.contains(&key)
        };
        match schema.keys().find(|key| !known(key)) {
            Some(key) => Err(self.wrong(format!("{key:?} is not built here"))),
            None => Ok(()),
        }
    }

    /// A count under a keyword.
    fn count(&self, schema: &Map<String, Value>, key: &str) -> Result<Option<usize>, SchemaError> {
        let Some(value) = schema.get(key) else { return Ok(None) };
        let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
        count.map(Some).ok_or_else(|| self.wrong(format!("{key} is {value}, expected a count")))
    }

    /// The counts under two keywords.
    fn limits(
        &self,
        schema: &Map<String, Value>,
        least: &str,
        most: &str,
    ) -> Result<(usize, Option<usize>), SchemaError> {
        let (fewest, limit) = (self.count(schema, least)?.unwrap_or(0), self.count(schema, most)?);
        if limit.is_some_and(|limit| limit < fewest) || fewest.max(limit.unwrap_or(0)) > MOST_PLACES
        {
            return Err(self.wrong(format!("{least} and {most} leave nothing, or too much")));
        }
        Ok((fewest, limit))
    }

    fn value(&mut self, schema: &Value, from: Place) -> Compiled {
        let Value::Object(schema) = schema else {
            return Err(self.wrong("expected an object"));
        };
        if self.path.len() > DEEPEST * 2 {
            return Err(self.wrong(format!("nested deeper than {DEEPEST}")));
        }
        let kinds: Vec<&str> = match schema.get("type") {
            Some(Value::String(kind)) => vec![kind],
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let listed = match (schema.get("const"), schema.get("enum")) {
            (Some(one), _) => Some(std::slice::from_ref(one)),
            (None, Some(Value::Array(values))) => Some(values.as_slice()),
            (None, Some(_)) => return Err(self.wrong("enum is no list")),
            (None, None) => None,
        };
        if let Some(values) = listed {
            self.only(schema, &[])?;
            return self.one_of(values, &kinds, from);
        }
        if kinds.is_empty() {
            return Err(self.wrong("has neither type nor enum nor const"));
        }
        if self.builder.size() > MOST_PLACES {
            return Err(self.wrong("the schema is too large"));
        }
        self.only(schema, &kinds)?;
        let end = self.builder.place();
        for kind in kinds {
            let last = self.kind(kind, schema, from)?;
            self.builder.join(last, end);
        }
        Ok(end)
    }

    fn one_of(&mut self, values: &[Value], kinds: &[&str], from: Place) -> Compiled {
        let fits = |value: &&Value| kinds.is_empty() || kinds.iter().any(|kind| is_of(value, kind));
        let texts: Vec<String> = values.iter().filter(fits).map(Value::to_string).collect();
        if texts.is_empty() {
            return Err(self.wrong("no value is left to choose from"));
        }
        Ok(self.builder.one_of(from, texts.iter().map(String::as_bytes)))
    }

    fn kind(&mut self, kind: &str, schema: &Map<String, Value>, from: Place) -> Compiled {
        match kind {
            "object" => self.object(schema, from),
            "array" => self.array(schema, from),
            "string" => {
                let limits = self.limits(schema, "minLength", "maxLength")?;
                let at = self.builder.text(from, b"\"");
                let at = self.builder.times(at, limits, &mut character);
                Ok(self.builder.text(at, b"\""))
            }
            "integer" | "number" => Ok(number(&mut self.builder, from, kind == "number")),
            "boolean" => Ok(self.builder.one_of(from, [&b"true"[..], b"false"])),
            "null" => Ok(self.builder.text(from, b"null")),
            other => Err(self.wrong(format!("type {other:?} is not built here"))),
        }
    }

    fn array(&mut self, schema: &Map<String, Value>, from: Place) -> Compiled {
        let (least, most) = self.limits(schema, "minItems", "maxItems")?;
        let Some(items) = schema.get("items") else {
            return Err(self.wrong("items are missing"));
        };
        let open = self.builder.text(from, b"[");
        let end = self.builder.place();
        if least == 0 {
            self.builder.join(open, end);
        }
        if most.is_none() && least <= 1 {
            // One compiled item, gone through again and again: arrays within arrays stay small.
            let begin = self.builder.place();
            self.builder.join(open, begin);
            let last = self.within("items", items, begin)?;
            let comma = self.builder.text(last, b", ");
            self.builder.join(comma, begin);
            self.builder.join(last, end);
        } else if most != Some(0) {
            let mut failed = None;
            let first = self.within("items", items, open)?;
            let limits = (least.saturating_sub(1), most.map(|most| most - 1));
            // The builder is lent to the part, which needs it whole.
            let mut builder = std::mem::take(&mut self.builder);
            let last = builder.times(first, limits, &mut |builder, at| {
                if failed.is_some() {
                    return at;
                }
                let at = builder.text(at, b", ");
                std::mem::swap(builder, &mut self.builder);
                let end = self.within("items", items, at);
                std::mem::swap(builder, &mut self.builder);
                end.unwrap_or_else(|error| {
                    failed = Some(error);
                    at
                })
            });
            self.builder = builder;
            if let Some(error) = failed {
                return Err(error);
            }
            self.builder.join(last, end);
        }
        Ok(self.builder.text(end, b"]"))
    }

    /// Properties in their order; those that are not required may be left out. Two places before each:
    /// one where nothing was written yet, one where something was and a comma comes first.
    fn object(&mut self, schema: &Map<String, Value>, from: Place) -> Compiled {
        let none = Map::new();
        let properties = match schema.get("properties") {
            Some(Value::Object(properties)) => properties,
            None => &none,
            Some(_) => return Err(self.wrong("properties are no object")),
        };
        let required: Vec<&str> = match schema.get("required") {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            None => Vec::new(),
            Some(_) => return Err(self.wrong("required is no list")),
        };
        if let Some(name) = required.iter().find(|name| !properties.contains_key(**name)) {
            return Err(self.wrong(format!("{name:?} is required, but no property")));
        }
        let mut bare = Some(self.builder.text(from, b"{"));
        let mut written: Option<Place> = None;
        for (name, inner) in properties {
            let begin = self.builder.place();
            if let Some(bare) = bare {
                self.builder.join(bare, begin);
            }
            if let Some(written) = written {
                let comma = self.builder.text(written, b", ");
                self.builder.join(comma, begin);
            }
            let key = format!("{}: ", Value::String(name.clone()));
            let at = self.builder.text(begin, key.as_bytes());
            let last = self.within(name, inner, at)?;
            let after = self.builder.place();
            self.builder.join(last, after);
            if required.contains(&name.as_str()) {
                bare = None;
            } else if let Some(written) = written {
                self.builder.join(written, after);
            }
            written = Some(after);
        }
        let end = self.builder.place();
        for at in [bare, written].into_iter().flatten() {
            self.builder.join(at, end);
        }
        Ok(self.builder.text(end, b"}"))
    }
}

/// Keywords that are built for a type; those of other types do not concern its values.
fn keywords(kind: &str) -> &'static [&'static str] {
    match kind {
        "object" => &["properties", "required"],
        "array" => &["items", "minItems", "maxItems"],
        "string" => &["minLength", "maxLength"],
        _ => &[],
    }
}

/// Whether a value is of a type.
fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

/// One character of a string: as it is, or escaped (RFC 8259, section 7); halves of surrogates are not
/// written.
fn character(builder: &mut Builder, from: Place) -> Place {
    let end = builder.place();
    for range in [0x20..=0x21, 0x23..=0x5b, 0x5d..=0x7f] {
        builder.byte_to(from, range, end);
    }
    builder.wide_character_to(from, end);
    let escape = builder.text(from, b"\\");
    for byte in *b"\"\\/bfnrt" {
        builder.byte_to(escape, byte..=byte, end);
    }
    let hex = [DIGIT, b'a'..=b'f', b'A'..=b'F'];
    let code = builder.text(escape, b"u");
    let second = builder.byte(code, &[DIGIT, b'a'..=b'c', b'A'..=b'C', b'e'..=b'f', b'E'..=b'F']);
    let third = builder.byte(second, &hex);
    let surrogate = builder.byte(code, &[b'd'..=b'd', b'D'..=b'D']);
    for digit in *b"01234567" {
        builder.byte_to(surrogate, digit..=digit, third);
    }
    let fourth = builder.byte(third, &hex);
    for range in hex {
        builder.byte_to(fourth, range, end);
    }
    end
}

/// A number (RFC 8259, section 6), of bounded digits.
fn number(builder: &mut Builder, from: Place, real: bool) -> Place {
    let unsigned = builder.place();
    builder.join(from, unsigned);
    builder.byte_to(from, b'-'..=b'-', unsigned);
    let whole = builder.place();
    builder.byte_to(unsigned, b'0'..=b'0', whole);
    let first = builder.byte(unsigned, &[b'1'..=b'9']);
    let digit = &mut |builder: &mut Builder, at| builder.byte(at, &[DIGIT]);
    let last = builder.times(first, (0, Some(DIGITS - 1)), digit);
    builder.join(last, whole);
    if !real {
        return whole;
    }
    let end = builder.place();
    let point = builder.text(whole, b".");
    let fraction = builder.times(point, (1, Some(DIGITS)), digit);
    let exponent = builder.place();
    for at in [whole, fraction] {
        builder.join(at, end);
        builder.byte_to(at, b'e'..=b'e', exponent);
        builder.byte_to(at, b'E'..=b'E', exponent);
    }
    let sign = builder.place();
    builder.join(exponent, sign);
    builder.byte_to(exponent, b'+'..=b'+', sign);
    builder.byte_to(exponent, b'-'..=b'-', sign);
    let last = builder.times(sign, (1, Some(EXPONENT_DIGITS)), digit);
    builder.join(last, end);
    end
}

#[cfg(test)]
#[path = "json_schema_tests.rs"]
mod tests;
