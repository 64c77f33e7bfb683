//! A progress bar on stderr for long work, on a terminal only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::output::Output;

/// Steps of a full bar.
const FULL: u64 = 1000;

/// A bar, or nothing where nobody would see it. It goes away when dropped.
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    pub(crate) fn new(output: &Output, what: &str) -> Self {
        if !output.progress {
            return Self(None);
        }
        let bar = ProgressBar::new(FULL).with_message(what.to_owned());
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} {msg} {wide_bar} {percent:>3}% {elapsed}")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(Some(bar))
    }

    /// How far it is, 0..1; less than 0 where that is not known.
    pub(crate) fn set(&self, part: f64) {
        let Some(bar) = &self.0 else { return };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=1000")]
        let position = (part.clamp(0.0, 1.0) * 1000.0) as u64;
        bar.set_position(position);
    }

    pub(crate) fn say(&self, what: &str) {
        if let Some(bar) = &self.0 {
            bar.set_message(what.to_owned());
        }
    }
}

impl Progress {
    /// Takes the bar off the screen.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
