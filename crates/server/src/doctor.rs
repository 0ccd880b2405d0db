//! `zas doctor`: one screen that says whether a server would run well here, or does; with an address,
//! whether clients reach a server well through what stands before it.
//!
//! A look is in [`local`] or [`remote`]; each says how to add one.

pub mod local;
pub mod remote;

use std::fmt;

use serde::Serialize;

/// How good something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It works; better is possible.
    Mind,
    /// It does not work.
    Bad,
}

/// What one look found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Of what.
    pub subject: &'static str,
    /// How good.
    pub verdict: Verdict,
    /// What is so, and what to do.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.verdict {
            Verdict::Good => "ok",
            Verdict::Mind => "note",
            Verdict::Bad => "FAIL",
        };
        write!(f, "{mark:<5} {:<10} {}", self.subject, self.text)
    }
}

fn good(subject: &'static str, text: impl Into<String>) -> Finding {
    Finding { subject, verdict: Verdict::Good, text: text.into() }
}

fn mind(subject: &'static str, text: impl Into<String>) -> Finding {
    Finding { subject, verdict: Verdict::Mind, text: text.into() }
}

fn bad(subject: &'static str, text: impl Into<String>) -> Finding {
    Finding { subject, verdict: Verdict::Bad, text: text.into() }
}
