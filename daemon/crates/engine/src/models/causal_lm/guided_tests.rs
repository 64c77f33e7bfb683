//! Replies with stop texts, forms and guesses, from tiny models whose words are noise.

use std::ops::ControlFlow;
use std::sync::Arc;

use candle_core::quantized::GgmlDType;
use serde_json::{Value, json};

use super::tiny_model::{all_kinds, tiny};
use super::*;
use crate::constraint::{Constraint, Grammar};
use crate::sampling::SamplingOptions;

/// A reply's tokens, text and figures.
type Told = (Vec<u32>, String, GenerationStats);

fn tell(model: &mut CausalLm, prompt: &str, options: SamplingOptions, guides: Guides<'_>) -> Told {
    let ids = model.tokenizer.encode(prompt, false).unwrap();
    let (mut tokens, mut text) = (Vec::new(), String::new());
    let mut sink = |piece: Piece| {
        if piece.index == tokens.len() {
            tokens.push(piece.token);
        }
        text.push_str(&piece.text);
        ControlFlow::Continue(())
    };
    let stats = model.generate_guided(&ids, &options, guides, &|| false, &mut sink).unwrap();
    (tokens, text, stats)
}

fn drawn(seed: u64, max_new_tokens: usize) -> SamplingOptions {
    SamplingOptions { temperature: 1.0, seed, max_new_tokens, ..Default::default() }
}

#[test]
fn a_reply_ends_before_a_stop_text_and_at_a_stop_token() {
    let mut model = tiny(GgmlDType::F32, 1, false);
    let (tokens, text, _) = tell(&mut model, "the", drawn(1, 60), Guides::default());
    let letters: Vec<char> = text.chars().collect();
    assert!(letters.len() > 20, "{text:?}");
    let stop: String = letters[10..13].iter().collect();
    let want = &text[..text.find(&stop).unwrap()];
    let stops = [stop.as_str()];
    let guides = Guides { stop_texts: &stops, ..Guides::default() };
    let (_, told, stats) = tell(&mut model, "the", drawn(1, 60), guides);
    assert_eq!((told.as_str(), stats.stop), (want, StopCause::Stop));
    let at = tokens.iter().position(|token| *token == tokens[9]).unwrap();
    let guides = Guides { stop_tokens: &tokens[9..10], ..Guides::default() };
    let (told, _, stats) = tell(&mut model, "the", drawn(1, 60), guides);
    assert_eq!((told.as_slice(), stats.stop), (&tokens[..at], StopCause::Stop));
}

#[test]
fn text_held_back_comes_when_the_reply_ends() {
    let mut model = tiny(GgmlDType::F32, 1, false);
    let (_, text, _) = tell(&mut model, "the", drawn(1, 25), Guides::default());
    let last: String = text.chars().rev().take(2).collect::<Vec<_>>().into_iter().rev().collect();
    let stop = format!("{last}ΩΩ");
    let stops = [stop.as_str()];
    let guides = Guides { stop_texts: &stops, ..Guides::default() };
    let (tokens, told, stats) = tell(&mut model, "the", drawn(1, 25), guides);
    assert_eq!((told, stats.stop, tokens.len()), (text, StopCause::Length, 25));
}

#[test]
fn a_reply_is_not_shorter_than_its_least_tokens() {
    let mut model = tiny(GgmlDType::F32, 3, false);
    let (tokens, _, _) = tell(&mut model, "an", drawn(5, 40), Guides::default());
    let guides = Guides { stop_tokens: &tokens[2..3], ..Guides::default() };
    let options = SamplingOptions { min_new_tokens: 30, ..drawn(5, 40) };
    let (told, _, _) = tell(&mut model, "an", options, guides);
    assert!(told.len() >= 30 && !told[..30].contains(&tokens[2]), "{told:?}");
}

#[test]
fn a_reply_ends_within_one_token_of_the_flag() {
    let mut model = tiny(GgmlDType::Q4_0, 1, true);
    let flag = std::cell::Cell::new(false);
    let mut told = 0;
    let mut sink = |_| {
        told += 1;
        flag.set(told == 4);
        ControlFlow::Continue(())
    };
    let stats = model.generate(&[1, 2], &drawn(1, 50), &|| flag.get(), &mut sink).unwrap();
    assert_eq!((stats.stop, stats.new_tokens), (StopCause::Cancelled, 4));
}

#[test]
fn guesses_leave_greedy_replies_as_they_are() {
    for mut model in all_kinds(11) {
        let options =
            SamplingOptions { max_new_tokens: 120, min_new_tokens: 120, ..Default::default() };
        let (want, text, plain) = tell(&mut model, "the tree", options, Guides::default());
        let mut lookup = PromptLookup::default();
        let guides = Guides { drafter: Some(&mut lookup), ..Guides::default() };
        let (got, told, stats) = tell(&mut model, "the tree", options, guides);
        assert_eq!((got, told, stats.stop), (want, text, plain.stop));
        assert!(stats.accepted_tokens > 0 && stats.passes < plain.passes, "{stats:?}");
        assert_eq!(plain.drafted_tokens, 0);
    }
}

#[test]
fn guesses_leave_drawn_replies_as_they_are() {
    for mut model in all_kinds(12) {
        let mut accepted = 0;
        for seed in 0..12 {
            // Narrow enough that guesses are right now and then.
            let options = SamplingOptions {
                top_k: 4,
                temperature: 0.7,
                repetition_penalty: 1.05,
                ..drawn(seed, 60)
            };
            let (want, _, _) = tell(&mut model, "the the an the", options, Guides::default());
            let mut lookup = PromptLookup { tokens: 5, longest: 2, shortest: 1 };
            let guides = Guides { drafter: Some(&mut lookup), ..Guides::default() };
            let (got, _, stats) = tell(&mut model, "the the an the", options, guides);
            assert_eq!(got, want, "seed {seed}");
            accepted += stats.accepted_tokens;
        }
        assert!(accepted > 0);
    }
}

#[test]
fn a_model_that_guesses_for_itself_is_always_right() {
    for integer in [true, false] {
        let mut model = tiny(GgmlDType::Q8_0, 13, integer);
        let mut drafter = DraftModel::new(tiny(GgmlDType::Q8_0, 13, integer), 4);
        let options =
            SamplingOptions { max_new_tokens: 50, min_new_tokens: 50, ..Default::default() };
        let (want, _, plain) = tell(&mut model, "an", options, Guides::default());
        let guides = Guides { drafter: Some(&mut drafter), ..Guides::default() };
        let (got, _, stats) = tell(&mut model, "an", options, guides);
        assert_eq!(got, want);
        assert!(stats.passes <= plain.passes / 4 + 1, "{stats:?} {plain:?}");
        // One that guesses wrong costs time, nothing else.
        let mut drafter = DraftModel::new(tiny(GgmlDType::Q4_0, 14, integer), 4);
        let guides = Guides { drafter: Some(&mut drafter), ..Guides::default() };
        assert_eq!(tell(&mut model, "an", options, guides).0, want);
    }
}

const TAGS: [&str; 4] = ["[开心]", "[难过]", "[开玩笑]", "[平静]"];

#[test]
fn a_reply_begins_with_one_of_the_tags_and_goes_on_freely() {
    for mut model in all_kinds(15) {
        let mut form = Grammar::tags(model.vocabulary(), &TAGS).unwrap();
        for seed in 0..20 {
            form.restart();
            let guides = Guides { constraint: Some(&mut form), ..Guides::default() };
            let (_, text, stats) = tell(&mut model, "the", drawn(seed, 40), guides);
            assert!(TAGS.iter().any(|tag| text.starts_with(tag)), "{text:?}");
            assert!(stats.forced_tokens > 0, "the bracket is forced");
            assert!(stats.stop == StopCause::End || stats.new_tokens == 40);
        }
    }
}

/// A schema of everything that is built.
fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "maxLength": 12 },
            "\"mood\" 心情": { "enum": ["开心", "难过", null, 3] },
            "age": { "type": "integer" },
            "score": { "type": "number" },
            "awake": { "type": "boolean" },
            "tags": {
                "type": "array", "minItems": 1, "maxItems": 3,
                "items": { "type": ["string", "null"], "minLength": 1, "maxLength": 4 },
            },
            "place": {
                "type": "object",
                "properties": { "x": { "type": "integer" }, "y": { "type": "integer" } },
            },
        },
        "required": ["age", "tags"],
    })
}

/// Whether a value is of [`schema`].
fn is_valid(value: &Value) -> bool {
    let Some(object) = value.as_object() else { return false };
    let short = |v: &Value, least: usize, most: usize| {
        v.as_str().is_some_and(|s| (least..=most).contains(&s.chars().count()))
    };
    let known = object.iter().all(|(key, value)| match key.as_str() {
        "name" => short(value, 0, 12),
        "\"mood\" 心情" => [json!("开心"), json!("难过"), Value::Null, json!(3)].contains(value),
        "age" => value.is_i64(),
        "score" => value.is_number(),
        "awake" => value.is_boolean(),
        "tags" => value.as_array().is_some_and(|tags| {
            (1..=3).contains(&tags.len()) && tags.iter().all(|t| t.is_null() || short(t, 1, 4))
        }),
        "place" => value.as_object().is_some_and(|place| {
            place.iter().all(|(key, v)| ["x", "y"].contains(&key.as_str()) && v.is_i64())
        }),
        _ => false,
    });
    known && object.contains_key("age") && object.contains_key("tags")
}

#[test]
fn whatever_a_model_says_its_reply_is_json_of_the_schema() {
    for mut model in all_kinds(16) {
        let mut form = Grammar::json(model.vocabulary(), &schema()).unwrap();
        let (mut forced, mut longest) = (0, 0);
        for seed in 0..60 {
            form.restart();
            let options = SamplingOptions { temperature: 0.5 + seed as f32, ..drawn(seed, 600) };
            let guides = Guides { constraint: Some(&mut form), ..Guides::default() };
            let (_, text, stats) = tell(&mut model, "an", options, guides);
            assert_eq!(stats.stop, StopCause::End, "{text}");
            let value: Value =
                serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
            assert!(is_valid(&value), "{text}");
            forced += stats.forced_tokens;
            longest = longest.max(value.as_object().map_or(0, serde_json::Map::len));
        }
        assert!(forced > 0 && longest >= 5, "{forced} {longest}");
    }
}

#[test]
fn guesses_and_a_form_go_together() {
    let mut model = tiny(GgmlDType::Q4_0, 17, true);
    let mut form = Grammar::json(model.vocabulary(), &schema()).unwrap();
    for seed in 0..10 {
        let mut lookup = PromptLookup { tokens: 4, longest: 2, shortest: 1 };
        form.restart();
        let guides =
            Guides { constraint: Some(&mut form), drafter: Some(&mut lookup), ..Guides::default() };
        let (_, text, stats) = tell(&mut model, "{\"name\": \"the", drawn(seed, 600), guides);
        assert_eq!(stats.stop, StopCause::End);
        assert!(is_valid(&serde_json::from_str(&text).unwrap()), "{text}");
    }
}

#[test]
fn what_is_forced_is_read_in_one_pass() {
    let mut model = tiny(GgmlDType::Q4_0, 18, true);
    let schema = json!({
        "type": "object", "required": ["first", "second"],
        "properties": { "first": { "type": "boolean" }, "second": { "type": "boolean" } },
    });
    let mut form = Grammar::json(model.vocabulary(), &schema).unwrap();
    let guides = Guides { constraint: Some(&mut form), ..Guides::default() };
    let (tokens, text, stats) = tell(&mut model, "the", drawn(2, 100), guides);
    let value: Value = serde_json::from_str(&text).unwrap();
    assert!(value["first"].is_boolean() && value["second"].is_boolean(), "{text}");
    // Two choices; what is forced before the first is read with the prompt, after the second not at all.
    assert_eq!((stats.passes, tokens.len() - stats.forced_tokens), (1, 2), "{text}");
}

#[test]
fn a_token_that_may_not_come_is_refused() {
    let mut model = tiny(GgmlDType::F32, 1, false);
    let mut form = Grammar::tags(model.vocabulary(), &TAGS).unwrap();
    assert!(form.advance(u32::from(b'x')).is_err());
    assert!(!form.may_end() && form.allowed().count() == 1);
    form.advance(u32::from(b'[')).unwrap();
    assert!(form.advance(tiny_model::END).is_err());
}

#[test]
fn a_vocabulary_spells_as_its_tokenizer_does_and_byte_by_byte_where_that_fails() {
    let mut model = tiny(GgmlDType::F32, 1, false);
    let vocabulary: Arc<_> = model.vocabulary();
    let text = "{\"the\": \"an\"";
    assert_eq!(vocabulary.spell(text.as_bytes()), model.tokenizer.encode(text, false).unwrap());
    let broken = [0xe5, 0xbc, b't', b'h', 0xff];
    let spelled: Vec<u8> =
        vocabulary.spell(&broken).iter().flat_map(|id| vocabulary.bytes(*id).to_vec()).collect();
    assert_eq!(spelled, broken);
    assert!(vocabulary.spell("<|im_end|>".as_bytes()).len() > 1, "text, not the end");
}
