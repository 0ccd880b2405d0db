//! How far an import is, at the prompt.

use indicatif::{ProgressBar, ProgressStyle};

use super::Watch;

/// An import's progress on a terminal; nothing elsewhere.
pub struct Bar(ProgressBar);

impl Default for Bar {
    fn default() -> Self {
        Self::new()
    }
}

impl Bar {
    /// One that shows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self(
            ProgressBar::new(0).with_style(
                ProgressStyle::with_template(
                    "{msg:10} [{bar:40}] {human_pos} of {human_len}, {per_sec}, {eta} left",
                )
                .unwrap_or_else(|_| ProgressStyle::default_bar()),
            ),
        )
    }

    fn starts(&self, what: &'static str, messages: u64) {
        self.0.reset();
        self.0.set_length(messages);
        self.0.set_message(what);
    }

    /// Takes it off the terminal.
    pub fn ends(&self) {
        self.0.finish_and_clear();
    }
}

impl Watch for Bar {
    fn begins(&self, messages: u64) {
        self.starts("messages", messages);
    }

    fn more(&self, messages: u64) {
        self.0.inc(messages);
    }

    fn compares(&self, messages: u64) {
        self.starts("comparing", messages);
    }

    fn follows(&self) {
        self.0.suspend(|| eprintln!("All is here. What the app still writes follows, until Ctrl-C."));
    }
}
