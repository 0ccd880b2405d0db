//! The app's messages, read ahead in a task of their own while those before are written.

use std::collections::{HashMap, VecDeque};

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;
use zas_store::StoreError;
use zas_store::django::{Django, OldMessage, OldPlace, OldReaction, OldRead};

use super::ImportError;

/// Messages read at once: of many small rooms together, of a large one by itself.
pub(super) const PIECE: u64 = 2_000;
/// Pieces that are read ahead.
const AHEAD: usize = 4;

/// What is to be read.
pub(super) enum Job {
    /// All of these rooms, which are small.
    Rooms(Vec<String>),
    /// All of a room that is large.
    Large(String),
    /// Some of a room.
    Some(String, Vec<OldPlace>),
}

impl Job {
    /// All messages of these rooms, each with how many it has, in this order.
    pub(super) fn all(rooms: impl Iterator<Item = (String, u64)>) -> Vec<Self> {
        let (mut jobs, mut small, mut count) = (Vec::new(), Vec::new(), 0);
        for (room, messages) in rooms {
            if count + messages > PIECE && !small.is_empty() {
                jobs.push(Self::Rooms(std::mem::take(&mut small)));
                count = 0;
            }
            if messages > PIECE {
                jobs.push(Self::Large(room));
            } else {
                small.push(room);
                count += messages;
            }
        }
        jobs.push(Self::Rooms(small));
        jobs
    }
}

/// Messages of a room, in order, with what became of them.
#[derive(Default)]
pub(super) struct Piece {
    pub(super) room: String,
    pub(super) messages: Vec<OldMessage>,
    /// By the message's key.
    pub(super) reactions: HashMap<String, Vec<OldReaction>>,
    pub(super) reads: Vec<OldRead>,
    /// No more of this room come.
    pub(super) is_last: bool,
}

/// Pieces as they come, room after room.
pub(super) struct Reading {
    pieces: Receiver<Result<Piece, StoreError>>,
    task: JoinHandle<Django>,
}

impl Reading {
    pub(super) fn start(django: Django, jobs: Vec<Job>) -> Self {
        let (sender, pieces) = channel(AHEAD);
        Self { pieces, task: tokio::spawn(read(django, jobs, sender)) }
    }

    /// The next piece, which is of this room.
    pub(super) async fn of(&mut self, room: &str) -> Result<Piece, ImportError> {
        let gone = || StoreError::Unavailable("its reading ended early".to_owned());
        let piece = self.pieces.recv().await.ok_or_else(gone).flatten().map_err(ImportError::Old)?;
        debug_assert_eq!(piece.room, room, "rooms are read in the order in which they are brought");
        Ok(piece)
    }

    /// The connection, once all was read.
    pub(super) async fn end(mut self) -> Result<Django, ImportError> {
        self.pieces.close();
        self.task.await.map_err(|error| ImportError::Old(StoreError::Other(error.to_string())))
    }
}

async fn read(mut django: Django, jobs: Vec<Job>, to: Sender<Result<Piece, StoreError>>) -> Django {
    for job in jobs {
        let (room, places) = match job {
            Job::Rooms(rooms) => {
                let pieces = small(&mut django, rooms).await;
                if !tell(&to, pieces).await {
                    return django;
                }
                continue;
            }
            Job::Large(room) => {
                let places = django.places(&room).await;
                (room, places)
            }
            Job::Some(room, places) => (room, Ok(places)),
        };
        let places = match places {
            Ok(places) => places,
            Err(error) => {
                tell(&to, Err(error)).await;
                return django;
            }
        };
        let mut parts: VecDeque<&[OldPlace]> = places.chunks(PIECE as usize).collect();
        loop {
            let part = parts.pop_front().unwrap_or_default();
            let piece = some(&mut django, &room, part, parts.is_empty()).await;
            if !tell(&to, piece.map(|piece| vec![piece])).await {
                return django;
            }
            if parts.is_empty() {
                break;
            }
        }
    }
    django
}

/// Whether there is somebody who listens, and more to come.
async fn tell(to: &Sender<Result<Piece, StoreError>>, pieces: Result<Vec<Piece>, StoreError>) -> bool {
    match pieces {
        Ok(pieces) => {
            for piece in pieces {
                if to.send(Ok(piece)).await.is_err() {
                    return false;
                }
            }
            true
        }
        Err(error) => {
            let _nobody_listens_any_more = to.send(Err(error)).await;
            false
        }
    }
}

/// All of many rooms: a piece for each, in their order.
async fn small(django: &mut Django, rooms: Vec<String>) -> Result<Vec<Piece>, StoreError> {
    let keys: Vec<&str> = rooms.iter().map(String::as_str).collect();
    let mut messages = django.messages_of(&keys).await?;
    messages.sort_by_cached_key(|(_, message)| {
        (message.created_at, zas_store::django::id(&message.key), message.key.clone())
    });
    let mut pieces: HashMap<String, Piece> = HashMap::with_capacity(rooms.len());
    let mut room_of: HashMap<String, String> = HashMap::with_capacity(messages.len());
    for (room, message) in messages {
        room_of.insert(message.key.clone(), room.clone());
        pieces.entry(room).or_default().messages.push(message);
    }
    for reaction in django.reactions_of(&keys).await? {
        if let Some(piece) = room_of.get(&reaction.message).and_then(|room| pieces.get_mut(room)) {
            piece.reactions.entry(reaction.message.clone()).or_default().push(reaction);
        }
    }
    for read in django.reads_of(&keys).await? {
        if let Some(piece) = room_of.get(&read.message).and_then(|room| pieces.get_mut(room)) {
            piece.reads.push(read);
        }
    }
    let piece =
        |room: String| Piece { is_last: true, ..pieces.remove(&room).unwrap_or_default() }.named(room);
    Ok(rooms.into_iter().map(piece).collect())
}

impl Piece {
    fn named(self, room: String) -> Self {
        Self { room, ..self }
    }
}

/// Some messages of a room, in the order in which they are asked for.
async fn some(
    django: &mut Django,
    room: &str,
    places: &[OldPlace],
    is_last: bool,
) -> Result<Piece, StoreError> {
    let keys: Vec<&str> = places.iter().map(|place| place.key.as_str()).collect();
    let found = django.messages(&keys).await?;
    let mut found: HashMap<String, OldMessage> =
        found.into_iter().map(|message| (message.key.clone(), message)).collect();
    let mut reactions: HashMap<String, Vec<OldReaction>> = HashMap::new();
    for reaction in django.reactions(&keys).await? {
        reactions.entry(reaction.message.clone()).or_default().push(reaction);
    }
    let reads = django.reads(&keys).await?;
    let messages = keys.iter().filter_map(|key| found.remove(*key)).collect();
    Ok(Piece { room: room.to_owned(), messages, reactions, reads, is_last })
}
