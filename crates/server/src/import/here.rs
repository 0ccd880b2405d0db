//! What people did here since a room was brought, as its log tells it. An import goes on beside it and takes
//! none of it back.

use std::collections::{BTreeMap, BTreeSet};

use zas_protocol::{Event, EventBody, RoomId, Seq, TxnId, UserId};
use zas_store::{Store, StoreError};

use crate::clock;

/// How the names of an import's own commands begin. All other commands are of people who write here.
pub(super) const NAMED: &str = "import-";
/// Events read at a time.
const PIECE: u32 = 1_000;

/// Whether somebody did this here: what an import brings is named by no command, or by one of its own.
pub(crate) fn was_done_here(event: &Event) -> bool {
    event.txn_id.as_ref().is_some_and(|name| !name.as_str().starts_with(NAMED))
}

/// A name for a command of an import.
pub(super) fn name() -> TxnId {
    let minted = TxnId::mint(clock::now(), clock::random());
    TxnId::new(&format!("{NAMED}{minted}")).unwrap_or(minted)
}

/// What was done in a room by its people, here.
#[derive(Debug, Clone, Default)]
pub(super) struct Done {
    /// Messages that were said, edited or deleted here.
    texts: BTreeSet<Seq>,
    /// Who reacted to which message here, or took it back.
    reactions: BTreeSet<(Seq, UserId)>,
    /// Who came or went here.
    pub(super) members: BTreeSet<UserId>,
    /// It was named here.
    pub(super) named: bool,
    /// It was described here.
    pub(super) described: bool,
    /// It got its picture here, or lost it.
    pub(super) pictured: bool,
    /// The last place that those see who are no longer in.
    pub(super) seen: BTreeMap<UserId, Seq>,
}

impl Done {
    /// Reads the whole log.
    pub(super) async fn read(store: &dyn Store, room: RoomId) -> Result<Self, StoreError> {
        let (mut done, mut after) = (Self::default(), 0);
        loop {
            let events = store.log_after(room, after, PIECE).await?;
            let Some(last) = events.last() else { return Ok(done) };
            after = last.seq;
            events.iter().for_each(|event| done.add(event));
        }
    }

    fn add(&mut self, event: &Event) {
        if let EventBody::MemberRemoved { user } = event.body {
            self.seen.insert(user, event.seq);
        }
        if !was_done_here(event) {
            return;
        }
        match &event.body {
            EventBody::Message { .. } => {
                self.texts.insert(event.seq);
            }
            EventBody::MessageEdited { of, .. } | EventBody::MessageDeleted { of, .. } => {
                self.texts.insert(*of);
            }
            EventBody::ReactionChanged { of, .. } => {
                self.reactions.extend(event.sender.map(|user| (*of, user)));
            }
            EventBody::MemberAdded { user } | EventBody::MemberRemoved { user } => {
                self.members.insert(*user);
            }
            EventBody::RoomCreated { members, .. } => {
                self.members.extend(members);
                self.named = true;
                self.described = true;
                self.pictured = true;
            }
            EventBody::RoomRenamed { .. } => self.named = true,
            EventBody::RoomProfileChanged { profile } => {
                self.described |= profile.description.is_some();
                self.pictured |= profile.avatar.is_some();
            }
            _ => {}
        }
    }

    /// Whether a message got its text, or lost it, here.
    pub(super) fn has_text(&self, of: Seq) -> bool {
        self.texts.contains(&of)
    }

    /// Whether what somebody thinks of a message was said here.
    pub(super) fn has_reaction(&self, of: Seq, user: UserId) -> bool {
        self.reactions.contains(&(of, user))
    }

    /// Messages that need not be what they are there.
    pub(super) fn changed(&self) -> BTreeSet<Seq> {
        self.texts.iter().copied().chain(self.reactions.iter().map(|&(of, _)| of)).collect()
    }
}
