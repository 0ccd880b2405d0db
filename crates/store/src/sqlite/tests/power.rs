//! The power goes at any moment, and what no sync made sure is on the disk, or is not, or is torn. What
//! is acknowledged is there, once, and nothing else but what the database held at some moment.
//!
//! A new kind of what a store does is a step of [`workload`](super::workload).

use std::collections::BTreeMap;

use zas_crash::Disk;
use zas_crash::power::{Chance, Image, Op, cuts};

use super::workload::{Subject, Workload};
use super::*;
use crate::migrate;

/// What is wrong with the database that a power cut left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wrong {
    /// Something acknowledged is missing; else it is as it was at an earlier moment.
    Lost,
    /// It cannot be opened, contradicts itself, or is as it never was.
    Damaged,
}

/// Runs the whole workload on a disk, closing and reopening it in its middle, with the writer's
/// `synchronous` as it is or another.
async fn record(workload: &Workload, synchronous: Option<&'static str>) -> Vec<Op> {
    let folder = workload::folder();
    let disk = Disk::under(folder.path()).unwrap();
    let path = folder.path().join("zas.db");
    let open = async || {
        let subject = Subject::open(&path).await.unwrap();
        if let Some(value) = synchronous {
            let set = move |writer: &mut Connection| writer.pragma_update(None, "synchronous", value);
            on_writer(&subject.store, set).await.unwrap();
        }
        subject
    };
    let mut subject = open().await;
    for (number, step) in workload.steps.iter().enumerate() {
        subject.run(number, step).await.unwrap();
        disk.mark(number as u64 + 1);
        if number == workload.steps.len() / 2 {
            subject.store.close().await;
            subject = open().await;
        }
    }
    assert_eq!(subject.digest().await.unwrap(), *workload.digests.last().unwrap());
    disk.record()
}

/// Opens what a power cut left, compares it with what is acknowledged, and goes on from there.
pub(super) async fn examine(
    image: &Image,
    within: &Path,
    workload: &Workload,
    acknowledged: usize,
) -> Result<(), (Wrong, String)> {
    let folder = tempfile::tempdir_in(within).unwrap();
    image.write(folder.path()).unwrap();
    let damaged = |what: &dyn std::fmt::Display| (Wrong::Damaged, what.to_string());
    let subject = Subject::open(&folder.path().join("zas.db")).await.map_err(|error| damaged(&error))?;
    if let Some(damage) = subject.damage().await.map_err(|error| damaged(&error))? {
        return Err(damaged(&damage));
    }
    let found = subject.digest().await.map_err(|error| damaged(&error))?;
    let Some(moment) = workload.moment(found, acknowledged..=acknowledged + 1) else {
        let earlier = workload.moment(found, 0..acknowledged);
        return Err(match earlier {
            Some(earlier) => (Wrong::Lost, format!("{acknowledged} acknowledged, {earlier} there")),
            None => damaged(&format_args!("{acknowledged} acknowledged, and it is as it never was")),
        });
    };
    // What was acknowledged last is sent again, and what was on its way.
    for number in moment.saturating_sub(2)..workload.steps.len().min(acknowledged + 1) {
        let step = &workload.steps[number];
        if number < moment && !matches!(step, workload::Step::Batch(_)) {
            continue;
        }
        let acks = subject.run(number, step).await.map_err(|error| damaged(&error))?;
        if acks != workload.acks[number] {
            return Err(damaged(&format_args!("step {number} was answered otherwise when sent again")));
        }
    }
    let after = subject.digest().await.map_err(|error| damaged(&error))?;
    let all = (acknowledged + 1).min(workload.steps.len());
    if after != workload.digests[all] {
        return Err(damaged(&"sending again did not lead to where it was going"));
    }
    subject.store.close().await;
    Ok(())
}

/// Every legal image of every moment of a record: how many there were, and what was wrong, with how often
/// and the first of each.
async fn survey(workload: &Workload, record: &[Op], samples: u64) -> (u64, BTreeMap<Wrong, (u64, String)>) {
    let mut chance = Chance::new(zas_tally::seed(1));
    let mut wrong = BTreeMap::new();
    let mut tried = 0;
    let folder = workload::folder();
    let _unsynced = Disk::unrecorded(folder.path()).unwrap();
    for cut in cuts(record) {
        for image in cut.images(&mut chance, samples) {
            tried += 1;
            let acknowledged = usize::try_from(cut.acknowledged).unwrap();
            if let Err((kind, what)) = examine(&image, folder.path(), workload, acknowledged).await {
                wrong.entry(kind).or_insert((0, what)).0 += 1;
            }
        }
    }
    (tried, wrong)
}

#[tokio::test]
async fn a_power_cut_at_any_moment_loses_nothing_acknowledged_and_doubles_nothing() {
    let workload = Workload::new(3).await;
    let record = record(&workload, None).await;
    let (tried, wrong) = survey(&workload, &record, zas_tally::amount(8)).await;
    assert_eq!(wrong, BTreeMap::new(), "of {tried}");
    zas_tally::tried("P1", "states of the disk after a power cut", tried);
}

/// Shows that the rig above can see a loss: SQLite's own documentation says that this setting has it.
#[tokio::test]
async fn without_a_sync_at_each_commit_a_power_cut_is_seen_to_lose_what_was_acknowledged() {
    let workload = Workload::new(1).await;
    let record = record(&workload, Some("NORMAL")).await;
    let (tried, wrong) = survey(&workload, &record, 2).await;
    let kinds: Vec<Wrong> = wrong.keys().copied().collect();
    assert_eq!(kinds, [Wrong::Lost], "of {tried}: {wrong:?}");
}

/// Shows that the rig above can see damage.
#[tokio::test]
async fn without_any_sync_a_power_cut_is_seen_to_damage_the_database() {
    let workload = Workload::new(1).await;
    let record = record(&workload, Some("OFF")).await;
    let (tried, wrong) = survey(&workload, &record, 2).await;
    assert!(wrong.contains_key(&Wrong::Damaged), "of {tried}: {wrong:?}");
}

/// A database as an older program left it, with somebody in it.
fn older(path: &Path, version: usize) {
    let mut connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    open::migrate(&mut connection, &migrate::SQLITE[..1]).unwrap();
    connection
        .execute_batch(
            "INSERT INTO users (id, username, email, display_name, search_name, password_hash, created_at)
             VALUES (zeroblob(16), 'ana', 'ana', 'Ana', 'ana', '', 1);
             INSERT INTO rooms (id, kind, head, created_at) VALUES (zeroblob(16), 'group', 50, 1);
             WITH RECURSIVE place (seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM place WHERE seq < 50)
             INSERT INTO events (room_id, seq, at, kind, sender, txn_id, fingerprint, message, body)
             SELECT zeroblob(16), seq, seq, 'message', zeroblob(16), 't' || seq, x'00',
                    CAST(printf('%016d', seq) AS BLOB), printf('%0400d', seq) FROM place",
        )
        .unwrap();
    open::migrate(&mut connection, &migrate::SQLITE[..version]).unwrap();
}

#[tokio::test]
async fn a_power_cut_while_a_database_is_made_or_brought_up_to_date_is_mended_by_opening_it_again() {
    let mut chance = Chance::new(zas_tally::seed(5));
    let mut tried = 0;
    for version in 0..migrate::SQLITE.len() {
        let folder = workload::folder();
        let disk = Disk::under(folder.path()).unwrap();
        let path = folder.path().join("zas.db");
        if version > 0 {
            older(&path, version);
        }
        disk.mark(1);
        let store = store(&path);
        let brought_up_to_date = store.read(workload::digest).await.unwrap();
        disk.mark(2);
        let images_folder = workload::folder();
        let _unsynced = Disk::unrecorded(images_folder.path()).unwrap();
        for cut in cuts(&disk.record()).filter(|cut| cut.acknowledged > 0) {
            for image in cut.images(&mut chance, zas_tally::amount(8)) {
                let folder = tempfile::tempdir_in(images_folder.path()).unwrap();
                image.write(folder.path()).unwrap();
                let subject = Subject::open(&folder.path().join("zas.db")).await.unwrap();
                assert_eq!(subject.damage().await.unwrap(), None);
                assert_eq!(subject.digest().await.unwrap(), brought_up_to_date, "from version {version}");
                subject.store.close().await;
                tried += 1;
            }
        }
    }
    zas_tally::tried(
        "P22",
        "states of the disk after a power cut while a schema was made or migrated",
        tried,
    );
}
