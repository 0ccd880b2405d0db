//! What must be so afterwards: P1 to P6 and P10, read from the history as every member sees it.

use std::collections::BTreeMap;

use zas_client::Client;
use zas_protocol::{Event, EventBody, RoomId, Seq, UserId};

use crate::people::{CANARY, Feed, Person, Said};

/// Ends the talk and holds what everybody was told against what is stored, in rooms given with
/// their members' names; how many messages there were.
pub(crate) async fn whole(mut people: Vec<Person>, rooms: &[(RoomId, &[&str])]) -> u64 {
    let mut said = Vec::new();
    for person in &mut people {
        said.push(person.stop_talking().await);
    }
    let mut logs = BTreeMap::new();
    for (room, members) in rooms {
        let readers = || people.iter().zip(&said).filter(|(person, _)| members.contains(&person.name));
        let log = history(&readers().next().unwrap().0.client, *room).await;
        is_gapless(&log);
        for (person, said) in readers() {
            // All members read one history.
            is_same(&history(&person.client, *room).await, &log);
            holds_what_was_acked(*room, &log, person.id(), said);
        }
        logs.insert(*room, log);
    }
    for person in people {
        let name = person.name;
        let feed = person.leave().await;
        for (room, _) in rooms.iter().filter(|(_, members)| members.contains(&name)) {
            was_fed(*room, &logs[room], &feed);
        }
    }
    said.iter().map(Vec::len).sum::<usize>() as u64
}

/// All of a room's log, from its first event on, as a member reads it.
pub(crate) async fn history(client: &Client, room: RoomId) -> Vec<Event> {
    let mut events = Vec::new();
    let mut before: Option<Seq> = None;
    loop {
        let page = client.history(room, before).await.unwrap();
        let from = page.from;
        events.splice(0..0, page.events);
        if from <= 1 {
            return events;
        }
        before = Some(from);
    }
}

/// What a message says.
pub(crate) fn text(event: &Event) -> Option<&str> {
    match &event.body {
        EventBody::Message { text, .. } => Some(text),
        _ => None,
    }
}

/// The log has no hole and no number twice (P4), and no event's time runs back.
pub(crate) fn is_gapless(log: &[Event]) {
    for (n, event) in (1..).zip(log) {
        assert_eq!(event.seq, n, "a log counts 1, 2, 3 …");
    }
    assert!(log.windows(2).all(|two| two[0].at < two[1].at), "times only grow");
}

/// Every acked message is there once, at the place and under the name it was acked with (P1, P2,
/// P3), and a sender's messages are in the order composed (P5).
pub(crate) fn holds_what_was_acked(room: RoomId, log: &[Event], sender: UserId, said: &[Said]) {
    let said: Vec<&Said> = said.iter().filter(|said| said.room == room).collect();
    for one in &said {
        let event = usize::try_from(one.seq).ok().and_then(|seq| log.get(seq.checked_sub(1)?));
        let event = event.unwrap_or_else(|| panic!("{} was acked and is gone", one.seq));
        assert_eq!((event.sender, text(event)), (Some(sender), Some(&*one.text)), "place {}", one.seq);
        assert_eq!(event.txn_id.as_ref(), Some(&one.txn_id));
    }
    let stored: Vec<&str> =
        log.iter().filter(|event| event.sender == Some(sender)).filter_map(text).collect();
    let composed: Vec<&str> = said.iter().map(|said| &*said.text).collect();
    // Each once, in the order composed, and nothing else.
    is_same(&stored, &composed);
}

/// What came by a feed is the log from where the feed began: each event once and in order (P7).
pub(crate) fn was_fed(room: RoomId, log: &[Event], feed: &Feed) {
    let came: Vec<&Event> = feed.events.iter().filter(|event| event.room == room).collect();
    let Some(first) = came.first() else { panic!("nothing of the room came") };
    assert_eq!(feed.jumps, [], "nothing was passed over");
    let begun = usize::try_from(first.seq).unwrap() - 1;
    is_same(&came, &log[begun..].iter().collect::<Vec<_>>());
}

/// Two lists are the same; says the first place where they are not.
pub(crate) fn is_same<T: PartialEq + std::fmt::Debug>(one: &[T], other: &[T]) {
    for n in 0..one.len().max(other.len()) {
        assert_eq!(one.get(n), other.get(n), "at {n} of {} and {}", one.len(), other.len());
    }
}

/// No secret and no text is in a log.
pub(crate) fn is_discreet(log: &str, secrets: &BTreeMap<&str, String>) {
    assert!(!log.contains(CANARY), "a message's text was logged");
    for (what, secret) in secrets {
        assert!(!log.contains(secret.as_str()), "{what} was logged");
    }
}
