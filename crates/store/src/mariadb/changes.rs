//! What happened to messages since they were sent.

use std::collections::BTreeMap;

use sqlx::{MySqlConnection, query};
use zas_core::ledger::{Facts, Needs, Write};
use zas_protocol::rest::{Page, Reacted};
use zas_protocol::{Event, MessageId, MessageState, Micros, Reaction, ReactionCount, RoomId, Seq, UserId};

use super::columns::{self, event_columns, get};
use super::error::Failure;
use super::lists::{self, places, statement};
use crate::batch::message_facts;
use crate::body;
use crate::error::StoreError;

pub(super) async fn states(
    c: &mut MySqlConnection,
    viewer: UserId,
    room: RoomId,
    seqs: &[Seq],
) -> Result<Vec<MessageState>, Failure> {
    let mut found = BTreeMap::new();
    for seqs in lists::keys(seqs) {
        let sql = format!(
            "SELECT s.seq, s.rev, s.text, s.edited_at, s.deleted_at, e.message
             FROM message_states s JOIN events e ON e.room_id = s.room_id AND e.seq = s.seq
             WHERE s.room_id = ? AND s.seq IN ({})",
            places("?", seqs.len())
        );
        let select = statement(sql).bind(room.0.as_bytes().as_slice());
        let select = seqs.fold(select, |select, &seq| select.bind(columns::int(seq)));
        for row in select.fetch_all(&mut *c).await? {
            let of = columns::uint(&row, 0)?;
            let state = MessageState {
                message: MessageId(columns::id(&row, 5)?),
                of,
                rev: columns::uint(&row, 1)?,
                text: get(&row, 2)?,
                edited_at: get(&row, 3)?,
                deleted_at: get(&row, 4)?,
                reactions: Vec::new(),
                mine: None,
            };
            found.insert(of, state);
        }
    }
    let changed: Vec<Seq> = found.keys().copied().collect();
    for seqs in lists::keys(&changed) {
        let sql = format!(
            "SELECT seq, reaction, CAST(count(*) AS SIGNED), CAST(max(user_id = ?) AS SIGNED) FROM reactions
             WHERE room_id = ? AND seq IN ({}) GROUP BY seq, reaction",
            places("?", seqs.len())
        );
        let select = statement(sql).bind(viewer.0.as_bytes().as_slice()).bind(room.0.as_bytes().as_slice());
        let select = seqs.fold(select, |select, &seq| select.bind(columns::int(seq)));
        for row in select.fetch_all(&mut *c).await? {
            let Some(state) = found.get_mut(&columns::uint(&row, 0)?) else { continue };
            let reaction = columns::reaction(&row, 1)?;
            state.reactions.push(ReactionCount { reaction, count: columns::small(&row, 2)? });
            if columns::flag(&row, 3)? {
                state.mine = Some(reaction);
            }
        }
    }
    let sorted = found.into_values().map(|mut state| {
        state.reactions.sort_unstable_by_key(|count| count.reaction);
        state
    });
    Ok(sorted.collect())
}

/// Adds to a page what has become of its messages.
pub(super) async fn add_states(
    c: &mut MySqlConnection,
    viewer: UserId,
    page: &mut Page,
) -> Result<(), Failure> {
    let changed = query("SELECT seq FROM message_states WHERE room_id = ? AND seq BETWEEN ? AND ?")
        .bind(page.room.0.as_bytes().as_slice())
        .bind(columns::int(page.from))
        .bind(columns::int(page.to))
        .fetch_all(&mut *c)
        .await?;
    let mut seqs = Vec::new();
    for row in &changed {
        let seq = columns::uint(row, 0)?;
        if page.events.binary_search_by_key(&seq, |event| event.seq).is_ok() {
            seqs.push(seq);
        }
    }
    if !seqs.is_empty() {
        page.states = states(c, viewer, page.room, &seqs).await?;
    }
    Ok(())
}

pub(super) async fn reacted(
    c: &mut MySqlConnection,
    room: RoomId,
    seqs: &[Seq],
) -> Result<Vec<Reacted>, Failure> {
    let mut all = Vec::new();
    for seqs in lists::keys(seqs) {
        let sql = format!(
            "SELECT seq, user_id, reaction, at FROM reactions WHERE room_id = ? AND seq IN ({})",
            places("?", seqs.len())
        );
        let select = statement(sql).bind(room.0.as_bytes().as_slice());
        let select = seqs.fold(select, |select, &seq| select.bind(columns::int(seq)));
        for row in select.fetch_all(&mut *c).await? {
            let (of, user) = (columns::uint(&row, 0)?, UserId(columns::id(&row, 1)?));
            all.push(Reacted { of, user, reaction: columns::reaction(&row, 2)?, at: get(&row, 3)? });
        }
    }
    all.sort_unstable_by_key(|reacted| (reacted.of, reacted.at, reacted.user));
    all.dedup_by_key(|reacted| (reacted.of, reacted.user));
    Ok(all)
}

/// Messages as they are now, and what a person may see of them.
pub(super) async fn load_facts(
    c: &mut MySqlConnection,
    needs: &Needs,
    facts: &mut Facts,
) -> Result<(), Failure> {
    for messages in lists::keys(&needs.messages) {
        let sql = format!(
            concat!(
                "SELECT ",
                event_columns!(),
                ", s.rev FROM events e
                 LEFT JOIN message_states s ON s.room_id = e.room_id AND s.seq = e.seq
                 WHERE e.message IN ({})"
            ),
            places("?", messages.len())
        );
        let select =
            messages.fold(statement(sql), |select, message| select.bind(message.0.as_bytes().as_slice()));
        for row in select.fetch_all(&mut *c).await? {
            let rev = get::<Option<i64>>(&row, 8)?.map(i64::unsigned_abs);
            facts.messages.extend(message_facts(&columns::event(&row)?, rev));
        }
    }
    for reactions in lists::keys(&needs.reactions) {
        let sql = format!(
            "{} SELECT v.message, v.user, r.reaction FROM v
             STRAIGHT_JOIN events e ON e.message = v.message
             STRAIGHT_JOIN reactions r ON r.room_id = e.room_id AND r.seq = e.seq AND r.user_id = v.user",
            lists::table("v (message, user)", &[lists::ID, lists::ID], reactions.len())
        );
        let select = reactions.fold(statement(sql), |select, (message, user)| {
            select.bind(message.0.as_bytes().as_slice()).bind(user.0.as_bytes().as_slice())
        });
        for row in select.fetch_all(&mut *c).await? {
            let of = (MessageId(columns::id(&row, 0)?), UserId(columns::id(&row, 1)?));
            facts.reactions.insert(of, columns::reaction(&row, 2)?);
        }
    }
    for stays in lists::keys(&needs.stays) {
        let sql = format!(
            "{} SELECT DISTINCT m.room_id, m.user_id, m.from_seq, m.to_seq FROM v
             STRAIGHT_JOIN memberships m ON m.room_id = v.room AND m.user_id = v.user",
            lists::table("v (room, user)", &[lists::ID, lists::ID], stays.len())
        );
        let select = stays.fold(statement(sql), |select, (room, user)| {
            select.bind(room.0.as_bytes().as_slice()).bind(user.0.as_bytes().as_slice())
        });
        for row in select.fetch_all(&mut *c).await? {
            let Some(to) = columns::open_end(&row, 3)? else { continue };
            let of = (RoomId(columns::id(&row, 0)?), UserId(columns::id(&row, 1)?));
            facts.stays.entry(of).or_default().push((columns::uint(&row, 2)?, to));
        }
    }
    Ok(())
}

/// Carries out what changes a message, or says which carries a file.
pub(super) async fn apply(c: &mut MySqlConnection, write: &Write) -> Result<(), Failure> {
    match write {
        Write::Attach { file, room, of } => {
            let update = query("UPDATE files SET room_id = ?, seq = ? WHERE id = ? AND room_id IS NULL")
                .bind(room.0.as_bytes().as_slice())
                .bind(columns::int(*of))
                .bind(file.0.as_bytes().as_slice());
            match update.execute(c).await?.rows_affected() {
                1 => Ok(()),
                _ => Err(StoreError::Corrupt("a file is not there".to_owned()).into()),
            }
        }
        Write::EditMessage { room, of, rev, text, at } => edit(c, (*room, *of, *rev), text, *at).await,
        Write::EraseMessage { room, of, rev, at } => erase(c, (*room, *of, *rev), *at).await,
        Write::SetReaction { room, of, rev, user, reaction, at } => {
            react(c, (*room, *of, *rev), *user, *reaction, *at).await
        }
        _ => Ok(()),
    }
}

/// A message by its room and place, and the event that changes it.
type Changed = (RoomId, Seq, Seq);

async fn edit(
    c: &mut MySqlConnection,
    (room, of, rev): Changed,
    text: &str,
    at: Micros,
) -> Result<(), Failure> {
    query(
        "INSERT INTO message_states (room_id, seq, rev, text, edited_at) VALUES (?, ?, ?, ?, ?)
         ON DUPLICATE KEY UPDATE rev = VALUES(rev), text = VALUES(text), edited_at = VALUES(edited_at)",
    )
    .bind(room.0.as_bytes().as_slice())
    .bind(columns::int(of))
    .bind(columns::int(rev))
    .bind(text)
    .bind(at)
    .execute(&mut *c)
    .await?;
    query("INSERT INTO message_edits (room_id, seq, rev) VALUES (?, ?, ?)")
        .bind(room.0.as_bytes().as_slice())
        .bind(columns::int(of))
        .bind(columns::int(rev))
        .execute(c)
        .await?;
    Ok(())
}

async fn erase(c: &mut MySqlConnection, (room, of, rev): Changed, at: Micros) -> Result<(), Failure> {
    query(
        "INSERT INTO message_states (room_id, seq, rev, deleted_at) VALUES (?, ?, ?, ?)
         ON DUPLICATE KEY UPDATE rev = VALUES(rev), text = NULL, edited_at = NULL,
           deleted_at = VALUES(deleted_at)",
    )
    .bind(room.0.as_bytes().as_slice())
    .bind(columns::int(of))
    .bind(columns::int(rev))
    .bind(at)
    .execute(&mut *c)
    .await?;
    let edits = query("SELECT rev FROM message_edits WHERE room_id = ? AND seq = ?")
        .bind(room.0.as_bytes().as_slice())
        .bind(columns::int(of))
        .fetch_all(&mut *c)
        .await?;
    let mut seqs = vec![of];
    for row in &edits {
        seqs.push(columns::uint(row, 0)?);
    }
    for seq in seqs {
        erase_body(c, room, seq).await?;
    }
    for sql in [
        "DELETE FROM message_edits WHERE room_id = ? AND seq = ?",
        "DELETE FROM reactions WHERE room_id = ? AND seq = ?",
    ] {
        query(sql).bind(room.0.as_bytes().as_slice()).bind(columns::int(of)).execute(&mut *c).await?;
    }
    query("UPDATE files SET erased_at = ? WHERE room_id = ? AND seq = ?")
        .bind(at)
        .bind(room.0.as_bytes().as_slice())
        .bind(columns::int(of))
        .execute(c)
        .await?;
    Ok(())
}

async fn erase_body(c: &mut MySqlConnection, room: RoomId, seq: Seq) -> Result<(), Failure> {
    let select =
        query(concat!("SELECT ", event_columns!(), " FROM events e WHERE e.room_id = ? AND e.seq = ?"));
    let select = select.bind(room.0.as_bytes().as_slice()).bind(columns::int(seq));
    let row = select.fetch_optional(&mut *c).await?;
    let event: Event = match &row {
        Some(row) => columns::event(row)?,
        None => return Err(StoreError::Corrupt("a message is not there".to_owned()).into()),
    };
    query("UPDATE events SET body = ? WHERE room_id = ? AND seq = ?")
        .bind(body::encode(&event.body.erased()))
        .bind(room.0.as_bytes().as_slice())
        .bind(columns::int(seq))
        .execute(c)
        .await?;
    Ok(())
}

async fn react(
    c: &mut MySqlConnection,
    (room, of, rev): Changed,
    user: UserId,
    reaction: Option<Reaction>,
    at: Micros,
) -> Result<(), Failure> {
    query(
        "INSERT INTO message_states (room_id, seq, rev) VALUES (?, ?, ?)
         ON DUPLICATE KEY UPDATE rev = VALUES(rev)",
    )
    .bind(room.0.as_bytes().as_slice())
    .bind(columns::int(of))
    .bind(columns::int(rev))
    .execute(&mut *c)
    .await?;
    let change = match reaction {
        Some(reaction) => query(
            "INSERT INTO reactions (reaction, at, room_id, seq, user_id) VALUES (?, ?, ?, ?, ?)
             ON DUPLICATE KEY UPDATE reaction = VALUES(reaction), at = VALUES(at)",
        )
        .bind(reaction.name())
        .bind(at),
        None => query("DELETE FROM reactions WHERE room_id = ? AND seq = ? AND user_id = ?"),
    };
    change
        .bind(room.0.as_bytes().as_slice())
        .bind(columns::int(of))
        .bind(user.0.as_bytes().as_slice())
        .execute(c)
        .await?;
    Ok(())
}
