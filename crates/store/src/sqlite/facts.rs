//! Facts for a batch: each statement once a key, all of one transaction.

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};
use zas_core::ledger::{Facts, MemberFacts, Needs, RoomFacts, StoredTxn, UserFacts};
use zas_protocol::{Ack, Epoch, MessageId, RoomId, TxnId, UserId};

use super::columns::{self, event_columns};
use super::files;
use crate::batch::message_facts;
use crate::error::StoreError;

const TXN: &str =
    "SELECT room_id, seq, at, message, fingerprint FROM events WHERE sender = ?1 AND txn_id = ?2";

pub(super) fn load(connection: &Connection, needs: &Needs, epoch: Epoch) -> Result<Facts, StoreError> {
    let mut facts = Facts::default();
    let mut txns = connection.prepare_cached(TXN)?;
    for (user, txn_id) in &needs.txns {
        if let Some(stored) = read_txn(&mut txns, *user, txn_id)? {
            facts.txns.insert((*user, txn_id.clone()), stored);
        }
    }
    let mut rooms =
        connection.prepare_cached("SELECT kind, head, last_at, members FROM rooms WHERE id = ?1")?;
    for &room in &needs.rooms {
        let found = rooms.query_row([room.0], |row| {
            Ok(RoomFacts {
                kind: columns::kind(row, 0)?,
                epoch,
                head: columns::uint(row, 1)?,
                last_at: row.get(2)?,
                members: row.get(3)?,
            })
        });
        if let Some(found) = found.optional()? {
            facts.rooms.insert(room, found);
        }
    }
    let mut members = connection.prepare_cached(
        "SELECT role, from_seq, joined_at FROM memberships
         WHERE user_id = ?1 AND room_id = ?2 AND to_seq IS NULL",
    )?;
    for &(room, user) in &needs.members {
        let found = members.query_row(params![user.0, room.0], |row| member(row, 0)).optional()?;
        if let Some(found) = found {
            facts.members.insert((room, user), found);
        }
    }
    let mut rosters = connection.prepare_cached(
        "SELECT user_id, role, from_seq, joined_at FROM memberships WHERE room_id = ?1 AND to_seq IS NULL",
    )?;
    for &room in &needs.rosters {
        let mut rows = rosters.query([room.0])?;
        while let Some(row) = rows.next()? {
            facts.members.insert((room, UserId(row.get(0)?)), member(row, 1)?);
        }
    }
    let mut users = connection.prepare_cached("SELECT active, profile_rev FROM users WHERE id = ?1")?;
    for &user in &needs.users {
        let found = users
            .query_row([user.0], |row| Ok(UserFacts { active: row.get(0)?, profile_rev: row.get(1)? }))
            .optional()?;
        if let Some(found) = found {
            facts.users.insert(user, found);
        }
    }
    let mut rooms_of = connection.prepare_cached(
        "SELECT count(*) FROM memberships WHERE user_id = ?1 AND room_id <> ?1 AND to_seq IS NULL",
    )?;
    for &user in &needs.joining {
        facts.rooms_of.insert(user, rooms_of.query_row([user.0], |row| row.get(0))?);
    }
    let mut pairs =
        connection.prepare_cached("SELECT id FROM rooms WHERE pair_low = ?1 AND pair_high = ?2")?;
    for &(low, high) in &needs.pairs {
        if let Some(room) = pairs.query_row(params![low.0, high.0], |row| row.get(0)).optional()? {
            facts.pairs.insert((low, high), RoomId(room));
        }
    }
    for &file in &needs.files {
        if let Some(row) = files::get(connection, file)? {
            facts.files.insert(file, row.facts());
        }
    }
    messages(connection, needs, &mut facts)?;
    Ok(facts)
}

/// Messages as they are now, and what a person may see of them.
fn messages(connection: &Connection, needs: &Needs, facts: &mut Facts) -> Result<(), StoreError> {
    let mut messages = connection.prepare_cached(concat!(
        "SELECT s.rev, ",
        event_columns!(),
        " FROM events e LEFT JOIN message_states s ON s.room_id = e.room_id AND s.seq = e.seq
         WHERE e.message = ?1"
    ))?;
    for &message in &needs.messages {
        let mut rows = messages.query([message.0])?;
        if let Some(row) = rows.next()? {
            let rev = columns::open_end(row, 0)?;
            facts.messages.extend(message_facts(&columns::event(row, 1)?, rev));
        }
    }
    let mut reactions = connection.prepare_cached(
        "SELECT r.reaction FROM events e
         JOIN reactions r ON r.room_id = e.room_id AND r.seq = e.seq AND r.user_id = ?2
         WHERE e.message = ?1",
    )?;
    for &(message, user) in &needs.reactions {
        let found = reactions.query_row(params![message.0, user.0], |row| columns::reaction(row, 0));
        if let Some(reaction) = found.optional()? {
            facts.reactions.insert((message, user), reaction);
        }
    }
    let mut stays = connection.prepare_cached(
        "SELECT from_seq, to_seq FROM memberships
         WHERE room_id = ?1 AND user_id = ?2 AND to_seq IS NOT NULL",
    )?;
    for &(room, user) in &needs.stays {
        let over = stays
            .query_map(params![room.0, user.0], |row| Ok((columns::uint(row, 0)?, columns::uint(row, 1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        facts.stays.insert((room, user), over);
    }
    Ok(())
}

/// What a command became.
pub(super) fn stored_txn(
    connection: &Connection,
    user: UserId,
    txn_id: &TxnId,
) -> Result<Option<StoredTxn>, StoreError> {
    read_txn(&mut connection.prepare_cached(TXN)?, user, txn_id)
}

fn read_txn(
    statement: &mut CachedStatement<'_>,
    user: UserId,
    txn_id: &TxnId,
) -> Result<Option<StoredTxn>, StoreError> {
    let found = statement.query_row(params![user.0, txn_id.as_str()], |row| {
        let ack = Ack {
            txn_id: txn_id.clone(),
            room: RoomId(row.get(0)?),
            seq: columns::uint(row, 1)?,
            at: row.get(2)?,
            message: row.get::<_, Option<_>>(3)?.map(MessageId),
        };
        Ok(StoredTxn { ack, fingerprint: row.get(4)? })
    });
    Ok(found.optional()?)
}

fn member(row: &Row<'_>, first: usize) -> rusqlite::Result<MemberFacts> {
    Ok(MemberFacts {
        role: columns::role(row, first)?,
        from: columns::uint(row, first + 1)?,
        joined_at: row.get(first + 2)?,
    })
}
