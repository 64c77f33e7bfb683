//! Renders chat templates as the releases write them (Jinja with Python's conventions).

use std::path::Path;

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, context};
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

/// Python's `json.dumps`: `", "` and `": "`, nothing escaped beyond JSON's own needs.
struct PythonJson;

impl Formatter for PythonJson {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }
    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }
    fn begin_object_value<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
    ) -> std::io::Result<()> {
        out.write_all(b": ")
    }
}

fn to_json(value: &Value) -> Result<Value, Error> {
    let mut out = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut out, PythonJson);
    value
        .serialize(&mut serializer)
        .map_err(|e| Error::new(ErrorKind::BadSerialization, e.to_string()))?;
    let text = String::from_utf8(out)
        .map_err(|e| Error::new(ErrorKind::BadSerialization, e.to_string()))?;
    Ok(Value::from_safe_string(text))
}

impl ChatTemplate {
    /// Reads the template out of `tokenizer_config.json`.
    ///
    /// # Errors
    /// When the file cannot be read, has no template, or the template is wrong.
    pub fn open(directory: &Path) -> Result<Self, EngineError> {
        let file = directory.join("tokenizer_config.json");
        let malformed = |problem: String| EngineError::Malformed { file: file.clone(), problem };
        let bytes = crate::weights::read_small(&file)?;
        let json: serde_json::Value =
            serde_json::from_slice(&bytes).map_err(|e| malformed(e.to_string()))?;
        let template = json
            .get("chat_template")
            .and_then(serde_json::Value::as_str)
            .ok_or_else(|| malformed("it has no chat_template".to_owned()))?;
        let mut chat = Self::new(template).map_err(|e| malformed(format!("chat_template: {e}")))?;
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
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_filter("tojson", |value: Value| to_json(&value));
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
        template.render(context! { ..extra, ..base }).map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
