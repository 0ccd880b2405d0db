//! The disk fails: at any sync, at any write, at any call at all. What is acknowledged stays, what is
//! refused is not there, what nobody can know is called unknown.
//!
//! A new kind of failure is a line of [`ANYTHING`], or a test of its own where more than one call
//! fails.

use rusqlite::ffi;
use zas_crash::power::{Chance, cuts};
use zas_crash::{Disk, Fault, How, Io, Watch, When};

use super::workload::{Step, Subject, Workload};
use super::*;

/// A store on a disk that fails, with how far it is in the workload.
struct Patient<'a> {
    workload: &'a Workload,
    disk: Watch,
    folder: tempfile::TempDir,
    subject: Subject,
    /// How many steps are acknowledged.
    done: usize,
}

/// How a step went.
#[derive(Debug, PartialEq, Eq)]
enum Went {
    Well,
    /// It was refused, and nothing of it is there.
    Refused(StoreError),
    /// Nobody knows.
    Unknown,
}

impl<'a> Patient<'a> {
    /// Boots under a fault; where that fails, once more without it.
    async fn boot(workload: &'a Workload, fault: Fault) -> Self {
        let folder = workload::folder();
        let disk = Disk::under(folder.path()).unwrap();
        disk.fail(fault);
        let path = folder.path().join("zas.db");
        let subject = match Subject::open(&path).await {
            Ok(subject) => subject,
            Err(_) => {
                disk.heal();
                Subject::open(&path).await.unwrap()
            }
        };
        Self { workload, disk, folder, subject, done: 0 }
    }

    /// The next step, and whether what is left of it is what its outcome says.
    async fn step(&mut self) -> Went {
        let went = match self.subject.run(self.done, &self.workload.steps[self.done]).await {
            Ok(acks) => {
                assert_eq!(acks, self.workload.acks[self.done]);
                self.done += 1;
                self.disk.mark(self.done as u64);
                Went::Well
            }
            Err(StoreError::Unknown) => Went::Unknown,
            Err(error) => Went::Refused(error),
        };
        // A fault may hit a look at the database as well; it hits once, or not at all any more.
        let seen = match self.subject.digest().await {
            Ok(seen) => seen,
            Err(_) => self.subject.digest().await.unwrap(),
        };
        assert_eq!(self.workload.moment(seen, 0..=self.done), Some(self.done), "{went:?}");
        went
    }

    fn stopped(&self) -> bool {
        self.subject.store.stopped.load(Ordering::Acquire)
    }

    /// Nothing is written any more, that is said, and reading goes on; no outcome is made up.
    async fn check_that_it_stopped(&self) {
        let store = &self.subject.store;
        assert!(self.stopped());
        assert!(matches!(store.health().await, Err(StoreError::Unavailable(_))));
        assert!(matches!(store.set_admin(ANA, true).await, Err(StoreError::Unavailable(_))));
        if let Some(Step::Batch(batch)) = self.workload.steps.get(self.done) {
            for Submission { user, command } in batch {
                assert_eq!(store.txn(*user, command.txn_id()).await, Err(StoreError::Unknown));
            }
        }
        if let Some(Step::Batch(batch)) = self.done.checked_sub(1).map(|last| &self.workload.steps[last]) {
            let Submission { user, command } = &batch[0];
            assert_eq!(
                store.txn(*user, command.txn_id()).await.unwrap().as_ref(),
                self.workload.acks[self.done - 1].first()
            );
        }
    }

    /// Ends it as a kill does, without the tidying of a file that is closed, and starts it again on a
    /// healthy disk.
    async fn restart(&mut self) {
        self.disk.fail(Fault { io: Io::Lock, when: When::From(0), how: How::Code(ffi::SQLITE_BUSY) });
        self.subject.store.close().await;
        self.disk.heal();
        self.subject = Subject::open(&self.folder.path().join("zas.db")).await.unwrap();
        assert_eq!(self.subject.damage().await.unwrap(), None);
        let found = self.subject.digest().await.unwrap();
        let moment = self.workload.moment(found, self.done..=self.done + 1);
        self.done = moment.expect("what was acknowledged, and at most what was on its way");
        // Whoever sends it again now is told that it is stored.
        self.disk.mark(self.done as u64);
    }

    /// All that is left, on a disk that does not fail any more.
    async fn finish(&mut self) {
        self.disk.heal();
        while self.done < self.workload.steps.len() {
            assert_eq!(self.step().await, Went::Well);
        }
        assert_eq!(self.subject.damage().await.unwrap(), None);
    }

    /// Some of what a power cut may leave, at the end and at a few moments before; how many.
    async fn cut_the_power(&self, chance: &mut Chance) -> u64 {
        let folder = workload::folder();
        let _unsynced = Disk::unrecorded(folder.path()).unwrap();
        let mut all: Vec<_> = cuts(&self.disk.record()).collect();
        let mut some = Vec::from_iter(all.pop());
        for _ in 0..3 {
            some.extend((!all.is_empty()).then(|| all.swap_remove(chance.index(all.len()))));
        }
        let mut tried = 0;
        for cut in some {
            let mut images = cut.images(chance, 2);
            for pick in 0..4 {
                if images.is_empty() {
                    break;
                }
                // The first one has nothing that is not sure.
                let image = images.swap_remove(if pick == 0 { 0 } else { chance.index(images.len()) });
                let acknowledged = usize::try_from(cut.acknowledged).unwrap();
                let examined = power::examine(&image, folder.path(), self.workload, acknowledged).await;
                assert_eq!(examined, Ok(()));
                tried += 1;
            }
        }
        tried
    }
}

/// How many calls of a kind the workload makes in peace, booting included.
async fn calls(workload: &Workload, io: Io) -> u64 {
    let never = Fault { io, when: When::From(u64::MAX), how: How::Code(ffi::SQLITE_IOERR) };
    let mut patient = Patient::boot(workload, never).await;
    while patient.done < workload.steps.len() {
        assert_eq!(patient.step().await, Went::Well);
    }
    patient.disk.calls(io)
}

/// Which of so many calls are tried: all, or as many as a short run has time for.
fn tries(calls: u64, short: u64) -> impl Iterator<Item = u64> {
    let tries = zas_tally::amount(short).min(calls);
    let mut chance = Chance::new(zas_tally::seed(1));
    (0..tries).map(move |nth| {
        let (from, to) = (nth * calls / tries, (nth + 1) * calls / tries);
        from + chance.below(to - from)
    })
}

#[tokio::test]
async fn after_a_sync_that_fails_the_writer_stops_says_so_and_what_it_had_is_unknown() {
    let workload = Workload::new(1).await;
    let mut chance = Chance::new(zas_tally::seed(2));
    let (mut syncs, mut states, mut unknown) = (0, 0, 0);
    for nth in tries(calls(&workload, Io::Sync).await, 60) {
        let fault = Fault { io: Io::Sync, when: When::At(nth), how: How::FAILED_SYNC };
        let mut patient = Patient::boot(&workload, fault).await;
        while patient.disk.hits() == 0 {
            let went = patient.step().await;
            unknown += u64::from(went == Went::Unknown);
            assert!(went == Went::Well || patient.disk.hits() == 1, "{went:?}");
        }
        // A boot that failed starts again by itself.
        if patient.done > 0 || patient.stopped() {
            patient.check_that_it_stopped().await;
            patient.restart().await;
        }
        patient.finish().await;
        states += patient.cut_the_power(&mut chance).await;
        syncs += 1;
    }
    assert!(unknown > 0);
    zas_tally::tried("P19", "syncs that failed", syncs);
    zas_tally::tried("P1", "states of the disk after a failed sync, a restart and a power cut", states);
}

#[tokio::test]
async fn a_disk_that_fills_at_any_write_refuses_loses_nothing_and_heals_by_itself() {
    let workload = Workload::new(1).await;
    let mut chance = Chance::new(zas_tally::seed(3));
    let (mut writes, mut refused, mut states) = (0, 0, 0);
    for nth in tries(calls(&workload, Io::Write).await, 80) {
        let code = ffi::SQLITE_FULL;
        let how = if nth % 2 == 0 { How::Code(code) } else { How::Half(code) };
        let mut patient = Patient::boot(&workload, Fault { io: Io::Write, when: When::From(nth), how }).await;
        while patient.done < workload.steps.len() {
            match patient.step().await {
                Went::Well => continue,
                Went::Refused(error) => assert_eq!(error, StoreError::Full),
                Went::Unknown => panic!("a full disk is no mystery"),
            }
            refused += 1;
            assert_eq!(patient.step().await, Went::Refused(StoreError::Full));
            assert_eq!(patient.subject.store.health().await, Ok(()));
            break;
        }
        patient.finish().await;
        if writes % 4 == 0 {
            states += patient.cut_the_power(&mut chance).await;
        }
        writes += 1;
    }
    assert!(refused > 0);
    zas_tally::tried("P19", "writes from which on the disk was full", writes);
    zas_tally::tried("P1", "states of the disk after it was full, and a power cut", states);
}

/// Each kind of call, how it fails, and how many of them a short run tries.
const ANYTHING: [(Io, How, u64); 12] = [
    (Io::Open, How::Code(ffi::SQLITE_CANTOPEN), 10),
    (Io::Read, How::Code(ffi::SQLITE_IOERR_READ), 40),
    (Io::Write, How::Code(ffi::SQLITE_IOERR_WRITE), 40),
    (Io::Write, How::Half(ffi::SQLITE_IOERR_WRITE), 40),
    (Io::Truncate, How::Code(ffi::SQLITE_IOERR_TRUNCATE), 10),
    (Io::Delete, How::Code(ffi::SQLITE_IOERR_DELETE), 10),
    (Io::Lock, How::Code(ffi::SQLITE_BUSY), 10),
    (Io::Lock, How::Code(ffi::SQLITE_IOERR_LOCK), 10),
    (Io::ShmMap, How::Code(ffi::SQLITE_IOERR_SHMMAP), 10),
    (Io::ShmLock, How::Code(ffi::SQLITE_IOERR_SHMLOCK), 40),
    (Io::WriteLock, How::Code(ffi::SQLITE_BUSY), 20),
    (Io::WriteLock, How::Code(ffi::SQLITE_IOERR_SHMLOCK), 20),
];

#[tokio::test]
async fn whatever_call_fails_what_is_acknowledged_stays_and_what_is_refused_is_not_there() {
    let workload = Workload::new(1).await;
    let mut chance = Chance::new(zas_tally::seed(4));
    let (mut tried, mut states) = (0, 0);
    for (io, how, short) in ANYTHING {
        for nth in tries(calls(&workload, io).await, short) {
            let mut patient = Patient::boot(&workload, Fault { io, when: When::At(nth), how }).await;
            while patient.done < workload.steps.len() {
                match patient.step().await {
                    Went::Well => {}
                    // Once more, as the committer does it.
                    Went::Refused(_) => assert_eq!(patient.step().await, Went::Well, "{io:?} {how:?} {nth}"),
                    Went::Unknown => {
                        patient.check_that_it_stopped().await;
                        patient.restart().await;
                    }
                }
            }
            patient.finish().await;
            if tried % 8 == 0 {
                states += patient.cut_the_power(&mut chance).await;
            }
            tried += 1;
        }
    }
    zas_tally::tried("P19", "calls of SQLite to the disk that failed", tried);
    zas_tally::tried("P1", "states of the disk after a call that failed, and a power cut", states);
}

/// The record that makes the transaction count is on the disk, and then its place in the index of the
/// log is not to be had: whoever reads does not see it, and whoever reopens does.
#[tokio::test]
async fn a_commit_that_fails_after_its_record_is_on_the_disk_is_unknown_and_not_missing() {
    let folder = workload::folder();
    let disk = Disk::under(folder.path()).unwrap();
    let path = folder.path().join("zas.db");
    let store = store(&path);
    let room = room(&store).await;
    let stopped = store.stopped.clone();
    on_writer(&store, move |writer| checkpoint_at(writer, i32::MAX, &stopped).unwrap()).await;
    let batch = |number: usize| -> Vec<Submission> {
        let command = |n: usize| message(room, &format!("t{number}-{n}"), 3_900);
        (0..256).map(|n| Submission { user: ANA, command: command(n) }).collect()
    };
    assert_eq!(store.commit(batch(0), NOW).await.map(|outcomes| outcomes.len()), Ok(256));
    // The first part of the index is there, and holds some four thousand pages.
    let grow = How::Code(ffi::SQLITE_IOERR_SHMSIZE);
    disk.fail(Fault { io: Io::ShmMap, when: When::From(0), how: grow });
    let mut number = 1;
    let failed = loop {
        match store.commit(batch(number), NOW).await {
            Ok(_) => number += 1,
            Err(error) => break error,
        }
    };
    let first = batch(number)[0].command.txn_id().clone();
    assert_eq!((failed, disk.hits()), (StoreError::Unknown, 1));
    assert_eq!(store.txn(ANA, &first).await, Err(StoreError::Unknown));
    disk.fail(Fault { io: Io::Lock, when: When::From(0), how: How::Code(ffi::SQLITE_BUSY) });
    store.close().await;
    disk.heal();
    let seq = self::store(&path).txn(ANA, &first).await.unwrap().unwrap().seq;
    assert_eq!(seq, number as u64 * 256 + 2);
}

#[tokio::test]
async fn a_lock_that_is_never_free_is_refused_as_busy_and_works_again_once_it_is() {
    let folder = workload::folder();
    let disk = Disk::under(folder.path()).unwrap();
    let store = store(&folder.path().join("zas.db"));
    let room = room(&store).await;
    disk.fail(Fault { io: Io::WriteLock, when: When::From(0), how: How::Code(ffi::SQLITE_BUSY) });
    assert_eq!(commit(&store, message(room, "a", 1)).await, Err(StoreError::Busy));
    assert_eq!(store.rooms(LUIS).await.unwrap()[0].head, 1);
    disk.heal();
    assert_eq!(commit(&store, message(room, "a", 1)).await.unwrap().unwrap().ack.seq, 2);
}
