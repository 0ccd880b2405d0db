//! Facts for a batch: a statement for each kind of them, however many commands it has.

use sqlx::MySqlConnection;
use sqlx::mysql::MySqlRow;
use zas_core::ledger::{Facts, MemberFacts, Needs, RoomFacts, StoredTxn, UserFacts};
use zas_protocol::{Ack, Epoch, MessageId, RoomId, TxnId, UserId};

use super::changes;
use super::columns::{self, get, open};
use super::error::Failure;
use super::files;
use super::lists::{self, Statement, places, statement};

/// Locks the rooms, in the order of their ids, and then reads everything else: under READ COMMITTED
/// each statement sees all that was committed before it, so that nothing of a locked room changes
/// any more.
pub(super) async fn load(c: &mut MySqlConnection, needs: &Needs, epoch: Epoch) -> Result<Facts, Failure> {
    let mut facts = Facts::default();
    for rooms in lists::keys(&needs.rooms) {
        let sql = format!(
            "SELECT id, kind, head, last_at, members FROM rooms FORCE INDEX (PRIMARY)
             WHERE id IN ({}) ORDER BY id FOR UPDATE",
            places("?", rooms.len())
        );
        let select = rooms.fold(statement(sql), |select, room| select.bind(room.0.as_bytes().as_slice()));
        for row in select.fetch_all(&mut *c).await? {
            let room = RoomFacts {
                kind: columns::kind(&row, 1)?,
                epoch,
                head: columns::uint(&row, 2)?,
                last_at: get(&row, 3)?,
                members: columns::small(&row, 4)?,
            };
            facts.rooms.insert(RoomId(columns::id(&row, 0)?), room);
        }
    }
    for txns in lists::keys(&needs.txns) {
        let sql = txns_of(txns.len());
        let select = txns.fold(statement(sql), |select, (user, txn_id)| bind_txn(select, *user, txn_id));
        for row in select.fetch_all(&mut *c).await? {
            let (user, stored) = stored(&row)?;
            facts.txns.insert((user, stored.ack.txn_id.clone()), stored);
        }
    }
    for members in lists::keys(&needs.members) {
        let sql = format!(
            "SELECT room_id, user_id, role, from_seq, joined_at FROM memberships
             WHERE (user_id, to_seq, room_id) IN ({})",
            places(concat!("(?,", open!(), ",?)"), members.len())
        );
        let select = members.fold(statement(sql), |select, (room, user)| {
            select.bind(user.0.as_bytes().as_slice()).bind(room.0.as_bytes().as_slice())
        });
        insert_members(&mut facts, &select.fetch_all(&mut *c).await?)?;
    }
    for rosters in lists::keys(&needs.rosters) {
        let sql = format!(
            concat!(
                "SELECT room_id, user_id, role, from_seq, joined_at FROM memberships
                 WHERE room_id IN ({}) AND to_seq = ",
                open!()
            ),
            places("?", rosters.len())
        );
        let select = rosters.fold(statement(sql), |select, room| select.bind(room.0.as_bytes().as_slice()));
        insert_members(&mut facts, &select.fetch_all(&mut *c).await?)?;
    }
    load_people(c, needs, &mut facts).await?;
    for pairs in lists::keys(&needs.pairs) {
        let sql = format!(
            "SELECT pair_low, pair_high, id FROM rooms WHERE (pair_low, pair_high) IN ({})",
            places("(?,?)", pairs.len())
        );
        let select = pairs.fold(statement(sql), |select, (low, high)| {
            select.bind(low.0.as_bytes().as_slice()).bind(high.0.as_bytes().as_slice())
        });
        for row in select.fetch_all(&mut *c).await? {
            let pair = (UserId(columns::id(&row, 0)?), UserId(columns::id(&row, 1)?));
            facts.pairs.insert(pair, RoomId(columns::id(&row, 2)?));
        }
    }
    for &file in &needs.files {
        if let Some(row) = files::find(&mut *c, file).await? {
            facts.files.insert(file, row.facts());
        }
    }
    changes::load_facts(c, needs, &mut facts).await?;
    Ok(facts)
}

async fn load_people(c: &mut MySqlConnection, needs: &Needs, facts: &mut Facts) -> Result<(), Failure> {
    for users in lists::keys(&needs.users) {
        let sql =
            format!("SELECT id, active, profile_rev FROM users WHERE id IN ({})", places("?", users.len()));
        let select = users.fold(statement(sql), |select, user| select.bind(user.0.as_bytes().as_slice()));
        for row in select.fetch_all(&mut *c).await? {
            let user = UserFacts { active: columns::flag(&row, 1)?, profile_rev: columns::small(&row, 2)? };
            facts.users.insert(UserId(columns::id(&row, 0)?), user);
        }
    }
    facts.rooms_of.extend(needs.joining.iter().map(|&user| (user, 0)));
    for joining in lists::keys(&needs.joining) {
        let sql = format!(
            concat!(
                "SELECT user_id, count(*) FROM memberships
                 WHERE user_id IN ({}) AND room_id <> user_id AND to_seq = ",
                open!(),
                " GROUP BY user_id"
            ),
            places("?", joining.len())
        );
        let select = joining.fold(statement(sql), |select, user| select.bind(user.0.as_bytes().as_slice()));
        for row in select.fetch_all(&mut *c).await? {
            facts.rooms_of.insert(UserId(columns::id(&row, 0)?), columns::small(&row, 1)?);
        }
    }
    Ok(())
}

fn insert_members(facts: &mut Facts, rows: &[MySqlRow]) -> Result<(), Failure> {
    for row in rows {
        let member = MemberFacts {
            role: columns::role(row, 2)?,
            from: columns::uint(row, 3)?,
            joined_at: get(row, 4)?,
        };
        facts.members.insert((RoomId(columns::id(row, 0)?), UserId(columns::id(row, 1)?)), member);
    }
    Ok(())
}

/// What a command became. One that is not there is waited for while a transaction that writes it is open,
/// which is how a COMMIT ends of which nobody heard.
///
/// # Errors
/// [`Failure::Again`] when that takes too long.
pub(super) async fn stored_txn(
    c: &mut MySqlConnection,
    user: UserId,
    txn_id: &TxnId,
) -> Result<Option<StoredTxn>, Failure> {
    let plain = bind_txn(statement(txns_of(1)), user, txn_id).fetch_optional(&mut *c).await?;
    let found = match plain {
        Some(row) => Some(row),
        None => {
            let sql = format!("{} LOCK IN SHARE MODE", txns_of(1));
            bind_txn(statement(sql), user, txn_id).fetch_optional(c).await?
        }
    };
    found.map(|row| stored(&row).map(|(_, stored)| stored)).transpose()
}

fn txns_of(count: usize) -> String {
    format!(
        "SELECT sender, txn_id, room_id, seq, at, message, fingerprint FROM events
         WHERE (txn_id, sender) IN ({})",
        places("(?,?)", count)
    )
}

fn bind_txn<'q>(select: Statement<'q>, user: UserId, txn_id: &'q TxnId) -> Statement<'q> {
    select.bind(txn_id.as_str().as_bytes()).bind(user.0.as_bytes().to_vec())
}

fn stored(row: &MySqlRow) -> Result<(UserId, StoredTxn), Failure> {
    let ack = Ack {
        txn_id: columns::txn_id(get(row, 1)?)?,
        room: RoomId(columns::id(row, 2)?),
        seq: columns::uint(row, 3)?,
        at: get(row, 4)?,
        message: columns::maybe_id(row, 5)?.map(MessageId),
    };
    let fingerprint =
        get::<&[u8]>(row, 6)?.try_into().map_err(|_| columns::unknown("a hash of another length"))?;
    Ok((UserId(columns::id(row, 0)?), StoredTxn { ack, fingerprint }))
}
