//! Facts for a batch: a statement for each kind of them, however many commands it has.

use std::collections::BTreeMap;

use sqlx::mysql::MySqlRow;
use sqlx::{MySqlConnection, query};
use zas_core::ledger::{Facts, MemberFacts, Needs, RoomFacts, StoredTxn, UserFacts};
use zas_protocol::{Ack, Epoch, MessageId, RoomId, TxnId, UserId};

use super::changes;
use super::columns::{self, get, open};
use super::error::Failure;
use super::files;
use super::lists::{self, Statement, places, statement};

/// What [`maybe_stored`] reads.
macro_rules! txn_columns {
    () => {
        "e.sender, e.txn_id, e.room_id, e.seq, e.at, e.message, e.fingerprint"
    };
}

/// What a batch needs of the rooms that its commands are of, and of who sends them, is asked in one statement:
/// most need nothing else. Everything else is read after it.
pub(super) async fn load(c: &mut MySqlConnection, needs: &Needs, epoch: Epoch) -> Result<Facts, Failure> {
    let mut facts = Facts::default();
    load_rooms(c, needs, epoch, &mut facts).await?;
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
        for row in select.fetch_all(&mut *c).await? {
            let who = (RoomId(columns::id(&row, 0)?), UserId(columns::id(&row, 1)?));
            facts.members.insert(who, member(&row, 2)?);
        }
    }
    load_people(c, needs, &mut facts).await?;
    for pairs in lists::keys(&needs.pairs) {
        let sql = format!(
            "{} SELECT r.pair_low, r.pair_high, r.id FROM v
             STRAIGHT_JOIN rooms r ON r.pair_low = v.low AND r.pair_high = v.high",
            lists::table("v (low, high)", &[lists::ID, lists::ID], pairs.len())
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

/// A row of what is asked for: a room, one who may be in it, and, beside these, a name that may be taken.
#[derive(Default)]
struct Asked<'a> {
    room: Option<RoomId>,
    user: Option<UserId>,
    txn: Option<&'a (UserId, TxnId)>,
}

fn asked(needs: &Needs) -> Vec<Asked<'_>> {
    let mut rooms: BTreeMap<RoomId, Vec<UserId>> =
        needs.rooms.iter().map(|&room| (room, Vec::new())).collect();
    for &(room, user) in &needs.members {
        rooms.entry(room).or_default().push(user);
    }
    let mut asked = Vec::with_capacity(needs.members.len().max(needs.txns.len()));
    for (room, users) in rooms {
        let members = users.iter().map(|&user| Asked { room: Some(room), user: Some(user), txn: None });
        asked.extend(members);
        if users.is_empty() {
            asked.push(Asked { room: Some(room), ..Asked::default() });
        }
    }
    asked.resize_with(asked.len().max(needs.txns.len()), Asked::default);
    for (asked, txn) in asked.iter_mut().zip(&needs.txns) {
        asked.txn = Some(txn);
    }
    asked
}

/// The statement of [`load_rooms`] for so many rows.
pub(super) fn rooms_of(rows: usize) -> String {
    format!(
        concat!(
            "{} SELECT r.id, r.kind, r.head, r.last_at, r.members, v.user, u.active, u.profile_rev,
               m.role, m.from_seq, m.joined_at, ",
            txn_columns!(),
            " FROM v LEFT JOIN rooms r ON r.id = v.room LEFT JOIN users u ON u.id = v.user
             LEFT JOIN memberships m ON m.user_id = v.user AND m.room_id = v.room AND m.to_seq = ",
            open!(),
            " LEFT JOIN events e ON e.txn_id = v.txn_id AND e.sender = v.sender FOR UPDATE"
        ),
        lists::table("v (room, user, sender, txn_id)", &[lists::ID, lists::ID, lists::ID, lists::NAME], rows)
    )
}

/// Locks the rooms, in the order of their ids, then who is in them. A read that locks sees what is committed
/// now, and each membership is read after its room was locked, so that nothing of a locked room changes any
/// more. A name may be taken while a room is waited for; then the unique index refuses it, and all of this
/// runs again.
async fn load_rooms(
    c: &mut MySqlConnection,
    needs: &Needs,
    epoch: Epoch,
    facts: &mut Facts,
) -> Result<(), Failure> {
    for asked in lists::keys(&asked(needs)) {
        let sql = rooms_of(asked.len());
        let select = asked.fold(statement(sql), |select, asked| {
            select
                .bind(asked.room.map(|room| room.0.as_bytes().to_vec()))
                .bind(asked.user.map(|user| user.0.as_bytes().to_vec()))
                .bind(asked.txn.map(|(sender, _)| sender.0.as_bytes().as_slice()))
                .bind(asked.txn.map(|(_, name)| name.as_str()))
        });
        for row in select.fetch_all(&mut *c).await? {
            let room = columns::maybe_id(&row, 0)?.map(RoomId);
            let user = columns::maybe_id(&row, 5)?.map(UserId);
            if let Some(room) = room {
                let found = RoomFacts {
                    kind: columns::kind(&row, 1)?,
                    epoch,
                    head: columns::uint(&row, 2)?,
                    last_at: get(&row, 3)?,
                    members: columns::small(&row, 4)?,
                };
                facts.rooms.insert(room, found);
            }
            if let (Some(user), Some(active)) = (user, get::<Option<i64>>(&row, 6)?) {
                let found = UserFacts { active: active != 0, profile_rev: columns::small(&row, 7)? };
                facts.users.insert(user, found);
            }
            if let (Some(room), Some(user), Some(_)) = (room, user, get::<Option<i64>>(&row, 9)?) {
                facts.members.insert((room, user), member(&row, 8)?);
            }
            if let Some((user, stored)) = maybe_stored(&row, 11)? {
                facts.txns.insert((user, stored.ack.txn_id.clone()), stored);
            }
        }
    }
    Ok(())
}

async fn load_people(c: &mut MySqlConnection, needs: &Needs, facts: &mut Facts) -> Result<(), Failure> {
    let others: Vec<UserId> =
        needs.users.iter().filter(|user| !facts.users.contains_key(user)).copied().collect();
    for users in lists::keys(&others) {
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

/// A membership whose columns begin at `at`.
fn member(row: &MySqlRow, at: usize) -> Result<MemberFacts, Failure> {
    Ok(MemberFacts {
        role: columns::role(row, at)?,
        from: columns::uint(row, at + 1)?,
        joined_at: get(row, at + 2)?,
    })
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
    const FIND: &str =
        concat!("SELECT ", txn_columns!(), " FROM events e WHERE e.txn_id = ? AND e.sender = ?");
    const WAIT_AND_FIND: &str = concat!(
        "SELECT ",
        txn_columns!(),
        " FROM events e WHERE e.txn_id = ? AND e.sender = ? LOCK IN SHARE MODE"
    );
    let plain = bind_txn(query(FIND), user, txn_id).fetch_optional(&mut *c).await?;
    let found = match plain {
        Some(row) => Some(row),
        None => bind_txn(query(WAIT_AND_FIND), user, txn_id).fetch_optional(c).await?,
    };
    Ok(found.map(|row| maybe_stored(&row, 0)).transpose()?.flatten().map(|(_, stored)| stored))
}

fn bind_txn<'q>(select: Statement<'q>, user: UserId, txn_id: &'q TxnId) -> Statement<'q> {
    select.bind(txn_id.as_str().as_bytes()).bind(user.0.as_bytes().to_vec())
}

/// What became of a command, of columns from `at` on; nothing where there are none.
fn maybe_stored(row: &MySqlRow, at: usize) -> Result<Option<(UserId, StoredTxn)>, Failure> {
    let Some(user) = columns::maybe_id(row, at)?.map(UserId) else { return Ok(None) };
    let ack = Ack {
        txn_id: columns::txn_id(get(row, at + 1)?)?,
        room: RoomId(columns::id(row, at + 2)?),
        seq: columns::uint(row, at + 3)?,
        at: get(row, at + 4)?,
        message: columns::maybe_id(row, at + 5)?.map(MessageId),
    };
    let fingerprint =
        get::<&[u8]>(row, at + 6)?.try_into().map_err(|_| columns::unknown("a hash of another length"))?;
    Ok(Some((user, StoredTxn { ack, fingerprint })))
}
