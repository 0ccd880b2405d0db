//! Which stretch of a log a page covers. An engine reads the events of the visible pieces, in
//! the order and up to the number that the [`Plan`] says; [`assemble`] makes them a page in which
//! each place is an event or in a skip.

use zas_protocol::rest::Page;
use zas_protocol::{Epoch, Event, RoomId, Seq};

use crate::error::StoreError;
use crate::rows::PageAt;

/// A stay of one person in a room: the first place they see of it, and the last if it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stay {
    pub(crate) from: Seq,
    pub(crate) to: Option<Seq>,
}

/// Whether the person is in the room now.
pub(crate) fn is_in(stays: &[Stay]) -> bool {
    stays.last().is_some_and(|stay| stay.to.is_none())
}

/// The pieces of `low..=high` that these stays show, in order. `stays` are in order.
pub(crate) fn visible(stays: &[Stay], low: Seq, high: Seq) -> impl DoubleEndedIterator<Item = (Seq, Seq)> {
    stays
        .iter()
        .map(move |stay| (stay.from.max(low), stay.to.unwrap_or(Seq::MAX).min(high)))
        .filter(|(low, high)| low <= high)
}

/// What to read: going down from `top`, then going up from `bottom`, each up to a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The last place of the part that is read downwards, and how many events of it.
    pub(crate) down: Option<(Seq, usize)>,
    /// The first place of the part that is read upwards, and how many events of it.
    pub(crate) up: Option<(Seq, usize)>,
}

impl Plan {
    pub(crate) fn new(at: PageAt, limit: u32, head: Seq) -> Self {
        let limit = limit.max(1) as usize;
        match at {
            PageAt::Newest => Self { down: Some((head, limit)), up: None },
            PageAt::Before(seq) => Self { down: Some((seq.saturating_sub(1).min(head), limit)), up: None },
            PageAt::After(seq) => Self { down: None, up: Some((seq.min(head) + 1, limit)) },
            PageAt::Around(seq) => {
                let seq = seq.min(head);
                let below = limit.div_ceil(2);
                let up = (limit > below).then_some((seq + 1, limit - below));
                Self { down: Some((seq, below)), up }
            }
        }
    }
}

/// Those of these places that fall into a stay, in order and once.
pub(crate) fn seen(stays: &[Stay], seqs: &[Seq]) -> Vec<Seq> {
    let visible = |seq: Seq| stays.iter().any(|stay| stay.from <= seq && stay.to.is_none_or(|to| seq <= to));
    let mut seen: Vec<Seq> = seqs.iter().copied().filter(|&seq| visible(seq)).collect();
    seen.sort_unstable();
    seen.dedup();
    seen
}

/// The page of what was read. `below` is in falling order, `above` in rising order.
///
/// # Errors
/// [`StoreError::Corrupt`] when a place that should hold an event holds none.
pub(crate) fn assemble(
    (room, epoch, head): (RoomId, Epoch, Seq),
    stays: &[Stay],
    plan: Plan,
    below: Vec<Event>,
    above: Vec<Event>,
) -> Result<Page, StoreError> {
    let from = match plan.down {
        Some((_, limit)) if below.len() == limit => below.last().map_or(1, |event| event.seq),
        Some(_) => 1,
        None => plan.up.map_or(1, |(bottom, _)| bottom),
    };
    let to = match plan.up {
        Some((_, limit)) if above.len() == limit => above.last().map_or(head, |event| event.seq),
        Some(_) => head,
        None => plan.down.map_or(head, |(top, _)| top),
    };
    let mut events = below;
    events.reverse();
    events.extend(above);

    let mut skips = Vec::new();
    let mut next = from;
    let mut shown = 0;
    for (low, high) in visible(stays, from, to) {
        if next < low {
            skips.push((next, low - 1));
        }
        shown += high - low + 1;
        next = high + 1;
    }
    if next <= to {
        skips.push((next, to));
    }
    if events.len() as Seq != shown {
        return Err(StoreError::Corrupt(format!("room {room} has a hole between {from} and {to}")));
    }
    let more_before = visible(stays, 1, from.saturating_sub(1)).next().is_some();
    Ok(Page { room, epoch, head, from, to, events, skips, states: Vec::new(), more_before })
}
