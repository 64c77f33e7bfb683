//! Texts that end a reply when they appear in it. Text is held back only as far as it could be the begin
//! of one. Pure.

/// What of a text may go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Released {
    /// Text that is part of the reply.
    pub(super) text: String,
    /// Whether a stop text followed it.
    pub(super) stopped: bool,
}

/// Watches a reply for stop texts.
#[derive(Debug, Default)]
pub(super) struct StopText {
    stops: Vec<String>,
    held: String,
}

impl StopText {
    /// Watches for `stops`; empty ones are none.
    pub(super) fn new(stops: &[&str]) -> Self {
        let stops = stops.iter().filter(|stop| !stop.is_empty()).map(|stop| (*stop).to_owned());
        Self { stops: stops.collect(), held: String::new() }
    }

    /// Takes text. When `armed` is false, no stop text is looked for in what has come so far.
    pub(super) fn push(&mut self, text: String, armed: bool) -> Released {
        if self.stops.is_empty() {
            return Released { text, stopped: false };
        }
        self.held.push_str(&text);
        if !armed {
            return Released { text: std::mem::take(&mut self.held), stopped: false };
        }
        if let Some(at) = self.stops.iter().filter_map(|stop| self.held.find(stop)).min() {
            self.held.truncate(at);
            return Released { text: std::mem::take(&mut self.held), stopped: true };
        }
        let begins = |rest: &str| self.stops.iter().any(|stop| stop.starts_with(rest));
        let kept = self.held.char_indices().map(|(at, _)| at).find(|at| begins(&self.held[*at..]));
        let kept = self.held.split_off(kept.unwrap_or(self.held.len()));
        Released { text: std::mem::replace(&mut self.held, kept), stopped: false }
    }

    /// What is held back, when the reply ended otherwise.
    pub(super) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What goes out after each part, and whether the reply stopped.
    fn run(stops: &[&str], parts: &[&str]) -> (Vec<String>, bool) {
        let mut watch = StopText::new(stops);
        let mut out = Vec::new();
        for part in parts {
            let released = watch.push((*part).to_owned(), true);
            out.push(released.text);
            if released.stopped {
                return (out, true);
            }
        }
        out.push(watch.finish());
        (out, false)
    }

    #[test]
    fn text_is_held_back_only_while_it_could_begin_a_stop() {
        let (out, stopped) = run(&["\n\nUser:"], &["Hi\n", "\n", "Us", "ual"]);
        assert_eq!(
            (out, stopped),
            (["Hi", "", "", "\n\nUsual", ""].map(String::from).into(), false)
        );
    }

    #[test]
    fn a_stop_across_parts_ends_the_reply_before_it() {
        let (out, stopped) = run(&["用户：", "###"], &["好的。用", "户", "：你"]);
        assert_eq!((out, stopped), (["好的。", "", ""].map(String::from).into(), true));
    }

    #[test]
    fn the_first_of_several_stops_counts_and_overlaps_are_found() {
        assert_eq!(run(&["cd", "bc"], &["abcd"]).0, ["a"]);
        assert_eq!(run(&["aab"], &["aa", "ab"]), (["", "a"].map(String::from).into(), true));
    }

    #[test]
    fn what_was_held_back_at_the_end_is_given_out() {
        assert_eq!(run(&["END"], &["x E"]).0, ["x ", "E"]);
        assert_eq!(run(&[""], &["x"]), (["x", ""].map(String::from).into(), false));
    }

    #[test]
    fn before_it_is_armed_nothing_stops() {
        let mut watch = StopText::new(&["ab"]);
        assert_eq!(watch.push("ab".into(), false), Released { text: "ab".into(), stopped: false });
        assert!(watch.push("ab".into(), true).stopped);
    }
}
