//! The words after a task's name.

use std::collections::VecDeque;

/// What is still unread of the command line.
pub(crate) struct Args {
    words: VecDeque<String>,
}

impl Args {
    pub(crate) fn new(words: impl Iterator<Item = String>) -> Self {
        Self { words: words.collect() }
    }

    /// The next word, up to `--`.
    pub(crate) fn next(&mut self) -> Option<String> {
        self.words.pop_front_if(|word| word != "--")
    }

    /// The value that an option must have.
    pub(crate) fn value(&mut self, option: &str) -> Result<String, String> {
        self.next().ok_or_else(|| format!("{option} needs a value"))
    }

    /// Everything after `--`.
    pub(crate) fn rest(self) -> Vec<String> {
        self.words.into_iter().skip_while(|word| word == "--").collect()
    }
}

/// What to say to an option that does not exist.
pub(crate) fn unknown(task: &str, word: &str) -> String {
    format!("`cargo xtask {task}` has no option \"{word}\"; see `cargo xtask help`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_after_two_dashes_are_kept_for_another() {
        let mut args = Args::new(["--port", "9000", "--", "--demo", "--"].into_iter().map(String::from));
        assert_eq!(args.next().as_deref(), Some("--port"));
        assert_eq!(args.value("--port").as_deref(), Ok("9000"));
        assert_eq!(args.next(), None);
        assert!(args.value("--port").is_err());
        assert_eq!(args.rest(), ["--demo", "--"]);
    }
}
