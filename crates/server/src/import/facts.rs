//! A message as either side has it. Two that differ in nothing of this are the same message.

use std::collections::{BTreeMap, BTreeSet};

use zas_protocol::{Event, EventBody, MessageId, MessageState, Micros, Reaction, RoomId, Seq, UserId};
use zas_store::{Store, StoreError};

use super::Watch;

/// Events read at a time.
const PIECE: u32 = 1_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) sender: Option<UserId>,
    /// As it is now; empty once deleted.
    pub(super) text: String,
    /// When it was said there.
    pub(super) at: Micros,
    pub(super) has_file: bool,
    pub(super) deleted: bool,
    pub(super) reactions: BTreeMap<UserId, Reaction>,
}

/// Of many messages, in whatever order: the sum of their hashes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Digest(u128);

impl Digest {
    pub(super) fn add(&mut self, message: MessageId, fact: &Fact) {
        let mut hash = blake3::Hasher::new();
        hash.update(message.0.as_bytes());
        hash.update(fact.sender.map_or([0; 16], |user| *user.as_bytes()).as_slice());
        hash.update(&fact.at.to_be_bytes());
        hash.update(&[u8::from(fact.has_file), u8::from(fact.deleted)]);
        hash.update(&(fact.text.len() as u64).to_be_bytes());
        hash.update(fact.text.as_bytes());
        for (user, reaction) in &fact.reactions {
            hash.update(user.as_bytes());
            hash.update(reaction.name().as_bytes());
        }
        let mut first = [0; 16];
        first.copy_from_slice(&hash.finalize().as_bytes()[..16]);
        self.0 = self.0.wrapping_add(u128::from_be_bytes(first));
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// These messages of a log as they are here.
pub(super) async fn here(
    store: &dyn Store,
    room: RoomId,
    events: &[Event],
) -> Result<Vec<(MessageId, Seq, Fact)>, StoreError> {
    let messages: Vec<&Event> = events.iter().filter(|event| event.body.message().is_some()).collect();
    let (Some(first), Some(last)) = (messages.first(), messages.last()) else { return Ok(Vec::new()) };
    let said: BTreeMap<Seq, Micros> = store.said_at(room, first.seq, last.seq).await?.into_iter().collect();
    let seqs: Vec<Seq> = messages.iter().map(|event| event.seq).collect();
    // Whose reaction is whose is asked below, so that it does not matter who looks.
    let nobody = UserId(uuid::Uuid::nil());
    let states: BTreeMap<Seq, MessageState> =
        store.states(nobody, room, &seqs).await?.into_iter().map(|state| (state.of, state)).collect();
    let with_reactions: Vec<Seq> =
        states.values().filter(|state| !state.reactions.is_empty()).map(|state| state.of).collect();
    let mut reactions: BTreeMap<Seq, BTreeMap<UserId, Reaction>> = BTreeMap::new();
    for reacted in store.reacted(room, &with_reactions).await? {
        reactions.entry(reacted.of).or_default().insert(reacted.user, reacted.reaction);
    }
    let fact = |event: &Event| {
        let EventBody::Message { message, text, attachment, erased, .. } = &event.body else { return None };
        let state = states.get(&event.seq);
        let edited = state.and_then(|state| state.text.clone());
        Some((
            *message,
            event.seq,
            Fact {
                sender: event.sender,
                text: edited.unwrap_or_else(|| text.clone()),
                at: said.get(&event.seq).copied().unwrap_or(event.at),
                has_file: attachment.is_some(),
                deleted: *erased,
                reactions: reactions.remove(&event.seq).unwrap_or_default(),
            },
        ))
    };
    Ok(messages.into_iter().filter_map(fact).collect())
}

/// How many messages a log holds that another system brought, and their digest; without those at `kept`.
pub(super) async fn digest_here(
    store: &dyn Store,
    room: RoomId,
    kept: &BTreeSet<Seq>,
    watch: &dyn Watch,
) -> Result<(u64, Digest), StoreError> {
    let (mut after, mut count, mut digest) = (0, 0, Digest::default());
    loop {
        let events = store.log_after(room, after, PIECE).await?;
        let Some(last) = events.last() else { return Ok((count, digest)) };
        after = last.seq;
        // What was said here has its sender's name for it.
        let is_brought = |event: &Event| event.txn_id.is_none() && !kept.contains(&event.seq);
        let brought: Vec<Event> = events.into_iter().filter(is_brought).collect();
        let facts = here(store, room, &brought).await?;
        watch.more(facts.len() as u64);
        count += facts.len() as u64;
        for (message, _, fact) in &facts {
            digest.add(*message, fact);
        }
    }
}
