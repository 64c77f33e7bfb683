//! The words of the OpenAI chat interface: what is asked, what comes back. Pure. What comes back is read
//! leniently, because every server leaves something out or adds something.

use companion_types::Message;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{ChatOptions, RemoteSettings};

/// The body of a request.
pub(crate) fn request(
    settings: &RemoteSettings,
    options: &ChatOptions,
    messages: &[Message],
) -> Vec<u8> {
    let mut body = Map::new();
    body.insert("model".to_owned(), settings.model.clone().into());
    let messages: Vec<Value> =
        messages.iter().map(|m| json!({"role": m.role.name(), "content": m.content})).collect();
    body.insert("messages".to_owned(), messages.into());
    body.insert("stream".to_owned(), true.into());
    if settings.ask_usage {
        body.insert("stream_options".to_owned(), json!({"include_usage": true}));
    }
    let max_tokens = options.max_tokens.unwrap_or(settings.max_tokens);
    let stop = options.stop.as_ref().unwrap_or(&settings.stop);
    let optional = [
        ("max_tokens", (max_tokens > 0).then(|| max_tokens.into())),
        ("temperature", options.temperature.or(settings.temperature).map(decimal)),
        ("top_p", options.top_p.or(settings.top_p).map(decimal)),
        ("stop", (!stop.is_empty()).then(|| stop.clone().into())),
        ("seed", options.seed.or(settings.seed).map(Value::from)),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    }
    for (name, value) in &settings.body {
        body.insert(name.clone(), value.clone());
    }
    Value::Object(body).to_string().into_bytes()
}

/// The number as a person writes it: 0.7, not 0.699999988079071.
fn decimal(number: f32) -> Value {
    number.to_string().parse::<f64>().unwrap_or_else(|_| number.into()).into()
}

/// A whole answer, or one event of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Answered {
    /// vLLM says `error` here when the members of an error lie around it.
    object: Option<String>,
    message: Option<String>,
    error: Option<Value>,
    pub(crate) choices: Option<Vec<Choice>>,
    pub(crate) usage: Option<Usage>,
}

/// One of the replies that were asked for; there is one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Choice {
    index: Option<u32>,
    delta: Option<Said>,
    message: Option<Said>,
    pub(crate) finish_reason: Option<String>,
}

/// What the model says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Said {
    content: Option<Content>,
    reasoning_content: Option<String>,
    /// The same under its other name.
    reasoning: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Part {
    text: Option<String>,
}

/// Counts of tokens.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Usage {
    pub(crate) prompt_tokens: Option<u32>,
    pub(crate) completion_tokens: Option<u32>,
    prompt_tokens_details: Option<PromptDetails>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct PromptDetails {
    cached_tokens: Option<u32>,
}

impl Usage {
    /// Tokens of the prompt that the server had in its cache.
    pub(crate) fn cached_tokens(&self) -> Option<u32> {
        self.prompt_tokens_details.and_then(|details| details.cached_tokens)
    }
}

impl Choice {
    /// Whether it is the first, the only one that is asked for.
    pub(crate) fn is_first(&self) -> bool {
        self.index.unwrap_or(0) == 0
    }

    /// What it says: a piece in a stream, everything otherwise.
    pub(crate) fn said(self) -> Said {
        self.delta.or(self.message).unwrap_or_default()
    }
}

impl Said {
    /// The thought and the text.
    pub(crate) fn parts(self) -> (String, String) {
        let text = match self.content {
            None => String::new(),
            Some(Content::Text(text)) => text,
            Some(Content::Parts(parts)) => parts.into_iter().filter_map(|part| part.text).collect(),
        };
        (self.reasoning_content.or(self.reasoning).unwrap_or_default(), text)
    }
}

impl Answered {
    /// What the server says is wrong, if it does.
    pub(crate) fn fault(&self) -> Option<String> {
        match &self.error {
            Some(error) if !error.is_null() => Some(error_text(error)),
            _ if self.object.as_deref() == Some("error") => {
                Some(self.message.clone().unwrap_or_else(|| "no reason is given".to_owned()))
            }
            _ => None,
        }
    }
}

/// What an error's JSON says: its message, with its code behind it.
fn error_text(error: &Value) -> String {
    let message = ["message", "msg", "detail"].iter().find_map(|name| error.get(*name)?.as_str());
    match (error, message) {
        (Value::String(text), _) => text.clone(),
        (_, Some(message)) => match error.get("code") {
            Some(Value::String(code)) => format!("{message} ({code})"),
            Some(Value::Number(code)) => format!("{message} ({code})"),
            _ => message.to_owned(),
        },
        (_, None) => error.to_string(),
    }
}

/// What the body of a refusal says: the message in its JSON, or the text as it stands.
pub(crate) fn refusal(body: &[u8]) -> String {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => match value.get("error") {
            Some(error) if !error.is_null() => error_text(error),
            _ => error_text(&value),
        },
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    }
}

/// The names in an answer of `GET /models`.
#[derive(Debug, Deserialize)]
pub(crate) struct Models {
    pub(crate) data: Vec<Model>,
}

/// One of them.
#[derive(Debug, Deserialize)]
pub(crate) struct Model {
    pub(crate) id: String,
}

#[cfg(test)]
mod tests {
    use companion_types::Role;

    use super::*;

    fn body(settings: &RemoteSettings, options: &ChatOptions) -> Value {
        let messages = [Message::new(Role::System, "s"), Message::new(Role::User, "你好\n")];
        serde_json::from_slice(&request(settings, options, &messages)).unwrap()
    }

    #[test]
    fn a_request_says_what_is_set_and_nothing_else() {
        let settings =
            RemoteSettings { model: "m".to_owned(), max_tokens: 0, ..Default::default() };
        let want = json!({
            "model": "m", "stream": true, "stream_options": {"include_usage": true},
            "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "你好\n"}],
        });
        assert_eq!(body(&settings, &ChatOptions::default()), want);
    }

    #[test]
    fn options_come_over_settings_and_the_written_body_over_both() {
        let mut settings = RemoteSettings { temperature: Some(0.1), ..Default::default() };
        settings.ask_usage = false;
        settings.stop = vec!["a".to_owned()];
        settings.body.insert("thinking".to_owned(), json!({"type": "disabled"}));
        settings.body.insert("max_tokens".to_owned(), 9.into());
        let options = ChatOptions {
            max_tokens: Some(7),
            temperature: Some(0.7),
            top_p: Some(0.9),
            stop: None,
            seed: Some(u64::MAX),
        };
        let made = body(&settings, &options);
        assert_eq!(made["temperature"].to_string(), "0.7");
        assert_eq!(made["top_p"].to_string(), "0.9");
        assert_eq!((&made["max_tokens"], &made["stop"]), (&json!(9), &json!(["a"])));
        assert_eq!(made["seed"], json!(u64::MAX));
        assert_eq!(made["thinking"], json!({"type": "disabled"}));
        assert_eq!(made.get("stream_options"), None);
    }

    #[test]
    fn the_reason_of_a_refusal_is_found() {
        for (body, want) in [
            (r#"{"error":{"code":"1113","message":"余额不足"}}"#, "余额不足 (1113)"),
            (r#"{"error":{"message":"bad","code":400}}"#, "bad (400)"),
            (r#"{"error":"model 'x' not found"}"#, "model 'x' not found"),
            (r#"{"object":"error","message":"too long","code":400}"#, "too long (400)"),
            (r#"{"detail":"Not Found"}"#, "Not Found"),
            ("upstream is down", "upstream is down"),
        ] {
            assert_eq!(refusal(body.as_bytes()), want);
        }
    }
}
