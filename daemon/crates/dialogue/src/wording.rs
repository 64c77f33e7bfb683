//! Fixed words of the dialogue, in both languages.

use companion_types::Language;

/// What is said when no reply could be made.
#[must_use]
pub fn apology(language: Language) -> &'static str {
    match language {
        Language::En => "Sorry, I could not think of an answer just now.",
        _ => "对不起，我刚才没想出来。",
    }
}

/// What is said to a question about the person that nothing remembered answers.
#[must_use]
pub(crate) fn nobody_told(language: Language) -> &'static str {
    match language {
        Language::En => "I don't know that yet. You can tell me.",
        _ => "这个我还不知道，你可以告诉我。",
    }
}

/// What is said to somebody who said nothing that could be understood.
#[must_use]
pub fn greeting_of_silence(language: Language) -> &'static str {
    match language {
        Language::En => "I did not catch that.",
        _ => "我没听清楚。",
    }
}
