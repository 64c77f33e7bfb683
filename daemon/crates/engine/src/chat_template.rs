//! Renders chat templates as the releases write them (Jinja with Python's conventions).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use minijinja::value::{Kwargs, StringInput, Value};
use minijinja::{Environment, Error, ErrorKind, State, context};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use crate::EngineError;
use crate::weights::GgufFile;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChatMessage {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// What is said.
    pub content: String,
}

/// A model's template.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
}

/// Python's `json.dumps`: `", "` and `": "`, nothing escaped beyond JSON's own needs; or with line breaks.
struct PythonJson {
    /// Spaces of a level's indentation, on lines of their own.
    indent: Option<usize>,
    level: usize,
    /// Whether something stands in the innermost bracket.
    filled: bool,
    between: String,
    colon: String,
    ascii: bool,
}

impl PythonJson {
    fn line<W: ?Sized + std::io::Write>(&self, out: &mut W) -> std::io::Result<()> {
        let Some(width) = self.indent else { return Ok(()) };
        out.write_all(b"\n")?;
        out.write_all(" ".repeat(width * self.level).as_bytes())
    }

    fn open<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        bracket: u8,
    ) -> std::io::Result<()> {
        (self.level, self.filled) = (self.level + 1, false);
        out.write_all(&[bracket])
    }

    fn close<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        bracket: u8,
    ) -> std::io::Result<()> {
        self.level = self.level.saturating_sub(1);
        if std::mem::replace(&mut self.filled, true) {
            self.line(out)?;
        }
        out.write_all(&[bracket])
    }

    fn next<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if !first {
            out.write_all(self.between.as_bytes())?;
        }
        self.filled = true;
        self.line(out)
    }
}

impl Formatter for PythonJson {
    fn begin_array<W: ?Sized + std::io::Write>(&mut self, out: &mut W) -> std::io::Result<()> {
        self.open(out, b'[')
    }
    fn end_array<W: ?Sized + std::io::Write>(&mut self, out: &mut W) -> std::io::Result<()> {
        self.close(out, b']')
    }
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        self.next(out, first)
    }
    fn begin_object<W: ?Sized + std::io::Write>(&mut self, out: &mut W) -> std::io::Result<()> {
        self.open(out, b'{')
    }
    fn end_object<W: ?Sized + std::io::Write>(&mut self, out: &mut W) -> std::io::Result<()> {
        self.close(out, b'}')
    }
    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        self.next(out, first)
    }
    fn begin_object_value<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
    ) -> std::io::Result<()> {
        out.write_all(self.colon.as_bytes())
    }
    fn write_string_fragment<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> std::io::Result<()> {
        if !self.ascii {
            return out.write_all(fragment.as_bytes());
        }
        for unit in fragment.encode_utf16() {
            match u8::try_from(unit) {
                Ok(byte) if byte.is_ascii() => out.write_all(&[byte])?,
                _ => write!(out, "\\u{unit:04x}")?,
            }
        }
        Ok(())
    }
}

/// The filter `tojson` with the arguments that transformers gives it: `ensure_ascii`, `indent`, `separators`
/// and `sort_keys`.
fn to_json(value: &Value, named: &Kwargs) -> Result<Value, Error> {
    let invalid = |problem: String| Error::new(ErrorKind::InvalidOperation, problem);
    let indent = named.get::<Option<usize>>("indent")?;
    if indent.is_some_and(|width| width > WIDEST) {
        return Err(invalid(format!("tojson(indent), expected {WIDEST} at most")));
    }
    let (between, colon) = match named.get::<Option<Vec<String>>>("separators")?.as_deref() {
        None => (if indent.is_some() { "," } else { ", " }.to_owned(), ": ".to_owned()),
        Some([between, colon]) => (between.clone(), colon.clone()),
        Some(_) => return Err(invalid("tojson(separators), expected two texts".to_owned())),
    };
    let ascii = named.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false);
    let sorted = named.get::<Option<bool>>("sort_keys")?.unwrap_or(false);
    named.assert_all_used()?;
    let format = PythonJson { indent, level: 0, filled: false, between, colon, ascii };
    let unserializable =
        |e: serde_json::Error| Error::new(ErrorKind::BadSerialization, e.to_string());
    let mut json = serde_json::to_value(value).map_err(unserializable)?;
    if sorted {
        json.sort_all_objects();
    }
    let mut out = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut out, format);
    json.serialize(&mut serializer).map_err(unserializable)?;
    let text = String::from_utf8(out)
        .map_err(|e| Error::new(ErrorKind::BadSerialization, e.to_string()))?;
    Ok(Value::from_safe_string(text))
}

/// Steps of one rendering at most; a conversation of a hundred messages takes some ten thousand.
const FUEL: u64 = 1_000_000;
/// Longest prompt in bytes: more than a context of a million tokens.
const LONGEST: usize = 4 << 20;
/// Widest indentation and field of a number.
const WIDEST: usize = 256;

/// A text that does not grow beyond [`LONGEST`].
#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
    full: bool,
}

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.full |= self.bytes.len() + bytes.len() > LONGEST;
        if self.full {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Python's methods; of texts, `format` takes no wide fields.
fn method(
    state: &State<'_, '_>,
    value: &Value,
    name: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    let digits = |text: &str| text.split(|c: char| !c.is_ascii_digit()).any(|run| run.len() > 2);
    if name == "format" && value.as_str().is_some_and(digits) {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            "format() with a field of 100 or more",
        ));
    }
    minijinja_contrib::pycompat::unknown_method_callback(state, value, name, arguments)
}

/// Jinja's filter, up to [`WIDEST`].
fn indent(
    text: StringInput<'_>,
    width: Option<usize>,
    first: Option<bool>,
    blank: Option<bool>,
    named: Kwargs,
) -> Result<Value, Error> {
    let wanted = width.or(named.peek::<Option<usize>>("width")?).unwrap_or_default();
    if wanted > WIDEST {
        let problem = format!("indent({wanted}), expected {WIDEST} at most");
        return Err(Error::new(ErrorKind::InvalidOperation, problem));
    }
    minijinja::filters::indent(text, width, first, blank, named)
}

impl ChatTemplate {
    /// Reads the template of a directory: `chat_template.jinja`, or what stands in `tokenizer_config.json` (one,
    /// or several by name, of which `default` is taken).
    ///
    /// # Errors
    /// When a file cannot be read, there is no template, or the template is wrong.
    pub fn open(directory: &Path) -> Result<Self, EngineError> {
        let file = directory.join("tokenizer_config.json");
        let malformed = |problem: String| EngineError::Malformed { file: file.clone(), problem };
        let bytes = crate::weights::read_small(&file)?;
        let json: serde_json::Value =
            serde_json::from_slice(&bytes).map_err(|e| malformed(e.to_string()))?;
        let own = directory.join("chat_template.jinja");
        let named = |list: &serde_json::Value| {
            let of = |one: &&serde_json::Value| one["name"] == "default";
            list.as_array()?.iter().find(of)?.get("template")?.as_str().map(str::to_owned)
        };
        let template = if own.is_file() {
            let bytes = crate::weights::read_small(&own)?;
            let refused = |e: std::string::FromUtf8Error| EngineError::Malformed {
                file: own.clone(),
                problem: e.to_string(),
            };
            String::from_utf8(bytes).map_err(refused)?
        } else {
            json.get("chat_template")
                .and_then(|value| value.as_str().map(str::to_owned).or_else(|| named(value)))
                .ok_or_else(|| malformed("it has no chat_template".to_owned()))?
        };
        let mut chat =
            Self::new(&template).map_err(|e| malformed(format!("chat_template: {e}")))?;
        for key in ["bos_token", "eos_token"] {
            let token =
                json.get(key).and_then(|t| t.as_str().or_else(|| t.get("content")?.as_str()));
            chat.environment.add_global(key, Value::from(token.unwrap_or_default()));
        }
        Ok(chat)
    }

    /// The template inside a GGUF.
    ///
    /// # Errors
    /// When the file has none, or the template is wrong.
    pub fn of_gguf(file: &GgufFile) -> Result<Self, EngineError> {
        const KEY: &str = "tokenizer.chat_template";
        let made = Self::new(file.text(KEY)?);
        let mut chat = made.map_err(|e| file.wrong(KEY, &e.to_string()))?;
        for key in ["bos_token", "eos_token"] {
            let id = file.number(&format!("tokenizer.ggml.{key}_id"));
            let token = id.ok().and_then(|id| file.token(id)).unwrap_or_default();
            chat.environment.add_global(key, Value::from(token));
        }
        Ok(chat)
    }

    fn new(template: &str) -> Result<Self, Error> {
        let mut environment = Environment::new();
        // The excerpt that errors would show is made of line numbers that do not always fit (2.24).
        environment.set_debug(false);
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(method);
        // What takes a width or a count makes gigabytes of a few bytes; no release needs it.
        for name in ["batch", "slice", "format"] {
            environment.remove_filter(name);
        }
        environment.add_filter("indent", indent);
        environment.add_filter("tojson", |value: Value, named: Kwargs| to_json(&value, &named));
        environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        environment.add_template_owned("chat", template.to_owned())?;
        Ok(Self { environment })
    }

    /// The prompt of a conversation. `extra` are further variables of the template (such as
    /// `enable_thinking`), `tools` the tools it may name.
    ///
    /// # Errors
    /// When the template refuses the messages.
    pub fn render<M: Serialize>(
        &self,
        messages: &[M],
        tools: Option<&serde_json::Value>,
        add_generation_prompt: bool,
        extra: &serde_json::Value,
    ) -> Result<String, EngineError> {
        let refused = |e: Error| EngineError::Input {
            what: "the messages for the chat template",
            problem: format!("{e:#}"),
        };
        let template = self.environment.get_template("chat").map_err(refused)?;
        let tools = tools.map_or(Value::from(()), Value::from_serialize);
        let base = context! { messages, tools, add_generation_prompt };
        let extra = Value::from_serialize(extra);
        let mut prompt = Bounded::default();
        // The template crate panics at some expressions (2.24: an empty text sliced with a step below zero).
        let context = context! { ..extra, ..base };
        let render = AssertUnwindSafe(|| template.render_captured_to(context, &mut prompt));
        let Ok(rendered) = catch_unwind(render) else {
            return Err(EngineError::Input {
                what: "the messages for the chat template",
                problem: "the template crate failed at one of its expressions".to_owned(),
            });
        };
        if prompt.full {
            return Err(EngineError::Input {
                what: "the messages for the chat template",
                problem: format!("the prompt is beyond {LONGEST} bytes"),
            });
        }
        rendered.map_err(refused)?;
        Ok(String::from_utf8_lossy(&prompt.bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_ends_and_its_prompt_is_bounded() {
        for (template, says) in [
            (
                "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
                "fuel",
            ),
            (
                "{% for a in range(99) %}{{ 'abcdefgh' * 99999 }}{% endfor %}",
                "the prompt is beyond",
            ),
            ("{{ 'a\\nb' | indent(99999999) }}", "expected 256 at most"),
            ("{{ 'a\\nb' | indent(width=99999999) }}", "expected 256 at most"),
            ("{{ '{:99999999}'.format(1) }}", "a field of 100 or more"),
            ("{{ '%99999999d' | format(1) }}", "format"),
            ("{{ ''[::-1] }}", "failed at one of its expressions"),
        ] {
            let refused = ChatTemplate::new(template).and_then(|chat| {
                let messages: [ChatMessage; 0] = [];
                let text = chat.render(&messages, None, true, &serde_json::json!({}));
                text.map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
            });
            let error = format!("{:#}", refused.unwrap_err());
            assert!(error.contains(says), "{template}: {error}");
        }
        let chat =
            ChatTemplate::new("{{ 'a\\nb' | indent(2, true) }} {{ '{}-{:>2}'.format(1, 2) }}");
        let messages: [ChatMessage; 0] = [];
        let text = chat.unwrap().render(&messages, None, true, &serde_json::json!({})).unwrap();
        assert_eq!(text, "  a\n  b 1- 2");
    }

    #[test]
    fn json_takes_pythons_arguments() {
        let value = serde_json::json!({"b": [1, {}, []], "a": "好\u{1F600}\n"});
        let of = |arguments: &str| {
            let chat =
                ChatTemplate::new(&format!("{{{{ tools | tojson({arguments}) }}}}")).unwrap();
            let messages: [ChatMessage; 0] = [];
            chat.render(&messages, Some(&value), true, &serde_json::json!({}))
        };
        // As Python 3.12's json.dumps prints them.
        for (arguments, wanted) in [
            ("", "{\"b\": [1, {}, []], \"a\": \"好\u{1F600}\\n\"}"),
            (
                "indent=2",
                "{\n  \"b\": [\n    1,\n    {},\n    []\n  ],\n  \"a\": \"好\u{1F600}\\n\"\n}",
            ),
            (
                "ensure_ascii=true, separators=(',', ':'), sort_keys=true",
                "{\"a\":\"\\u597d\\ud83d\\ude00\\n\",\"b\":[1,{},[]]}",
            ),
        ] {
            assert_eq!(of(arguments).unwrap(), wanted, "{arguments}");
        }
        for wrong in ["indent=999999999", "separators=(',',)", "colour=1"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_template_of_its_own_file_goes_before_the_configurations() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let prompt = || {
            let messages: [ChatMessage; 0] = [];
            let chat = ChatTemplate::open(folder.path()).map_err(|e| e.to_string())?;
            chat.render(&messages, None, true, &serde_json::json!({})).map_err(|e| e.to_string())
        };
        write("tokenizer_config.json", r#"{"bos_token": "<s>"}"#);
        assert!(prompt().unwrap_err().contains("no chat_template"));
        let listed = r#"{"bos_token": "<s>", "chat_template":
            [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "{{ bos_token }}list"}]}"#;
        write("tokenizer_config.json", listed);
        assert_eq!(prompt().unwrap(), "<s>list");
        write("chat_template.jinja", "{{ bos_token }}file");
        assert_eq!(prompt().unwrap(), "<s>file");
    }

    #[test]
    fn messages_are_framed_and_json_is_pythons() {
        let template = "{%- for m in messages %}<{{ m.role }}>{{ m.content | trim }}\n{%- endfor %}{{ tools | tojson }}";
        let chat = ChatTemplate::new(template).unwrap();
        let message = ChatMessage { role: "user".into(), content: " 你好 ".into() };
        let tools = serde_json::json!([{"a": "<好>", "b": [1, 2]}]);
        let text = chat.render(&[message], Some(&tools), true, &serde_json::json!({})).unwrap();
        assert_eq!(text, "<user>你好[{\"a\": \"<好>\", \"b\": [1, 2]}]");
    }
}
