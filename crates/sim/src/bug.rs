//! Planted bugs: each breaks one rule of the wiring, to prove that the simulation would notice.
//! To add one: a variant, where it bites, and its line in `tests/planted.rs`.

/// What is wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A command is acked before its commit.
    AckBeforeCommit,
    /// Events are fanned out before their commit.
    FanOutBeforeCommit,
    /// A `txn_id` that is stored already is stored again.
    NoDedupe,
    /// The outcome of a lost commit is called a refusal.
    LostIsRefused,
    /// A node delivers what is above a gap as if there were none.
    GapIgnored,
    /// A node never compares its heads with the store.
    NoHeadCheck,
    /// Pages begin one place too far.
    CursorOffByOne,
    /// Pages show all of a log, whoever asks.
    MembershipIgnored,
    /// A connection reads the heads before it hears from the hub.
    SubscribedLate,
    /// An event that a full mailbox has no room for is dropped without a word.
    OverflowForgotten,
    /// The outbox is saved after sending.
    SavedAfterSending,
    /// Messages do not name the one before them.
    OrderNotSaid,
    /// A signed-out device goes on hearing.
    NotCutOff,
    /// A restored backup passes for the history that it is a part of.
    HistoryKept,
    /// State that a full mailbox has no room for is dropped without a word.
    StateForgotten,
    /// A new connection is not told the state that changed meanwhile.
    StateNotResumed,
}
