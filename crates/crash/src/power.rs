//! What may be on a disk after a power cut.
//!
//! What a file system must keep, and no more (POSIX `fsync`, and SQLite's own assumption that a write
//! leaves the bytes beside it alone, `SQLITE_POWERSAFE_OVERWRITE`):
//!
//! - What was written to a file before a sync of it returned is there after it.
//! - Each later write, truncation, creation and deletion may be there or not, whatever became of the
//!   others; a write may also be there in some of its sectors alone.
//! - Where a write was lost and a later one made the file longer, there is nothing but zeros, or what was
//!   in those sectors before they belonged to the file.
//! - Creations and deletions are sure once their folder was synced.
//! - After a sync that failed, what it was to make sure may be lost for good: a later sync that succeeds
//!   says nothing of it (the kernel has forgotten that those pages were never written).
//!
//! A disk that lies about a sync is not promised anything.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// Something that happened to a disk.
#[derive(Debug, Clone)]
pub enum Op {
    /// A name leads to a file; it is empty, if nothing was written to it yet.
    Create {
        /// The name.
        name: String,
        /// The file.
        file: u64,
    },
    /// A name leads nowhere any more.
    Delete {
        /// The name.
        name: String,
    },
    /// Bytes were written.
    Write {
        /// Into which file.
        file: u64,
        /// From which byte on.
        offset: usize,
        /// The bytes.
        data: Arc<[u8]>,
    },
    /// A file was given a size.
    Truncate {
        /// Which.
        file: u64,
        /// In bytes.
        size: usize,
    },
    /// A sync of a file returned well.
    Sync {
        /// Which.
        file: u64,
    },
    /// A sync of a file failed.
    SyncFailed {
        /// Which.
        file: u64,
    },
    /// A sync of the folder returned well.
    SyncFolder,
    /// So much was acknowledged.
    Mark(u64),
}

/// Numbers from a seed.
pub struct Chance(blake3::OutputReader);

impl Chance {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self(blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof())
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes) % n
    }

    /// One of `n` places.
    pub fn index(&mut self, n: usize) -> usize {
        usize::try_from(self.below(n as u64)).unwrap_or(0)
    }
}

/// The least that a disk writes whole, in bytes.
const SECTOR: usize = 512;

/// What becomes of something that no sync made sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    There,
    Lost,
    /// Each sector for itself, drawn from this seed.
    Torn(u64),
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, data: Arc<[u8]> },
    Truncate { size: usize },
}

/// A change of a file that its base does not hold yet.
#[derive(Debug, Clone)]
struct Later {
    /// Its place in the record.
    at: usize,
    change: Change,
    sure: bool,
    /// A sync that was to make it sure failed.
    doomed: bool,
}

/// A file: what is sure, and what came later.
#[derive(Debug, Clone, Default)]
struct Content {
    base: Vec<u8>,
    later: Vec<Later>,
}

impl Content {
    fn sync(&mut self) {
        for later in &mut self.later {
            later.sure |= !later.doomed;
        }
        // What comes after something unsure waits for it, so that all is applied in its order.
        let sure = self.later.iter().take_while(|later| later.sure).count();
        for later in self.later.drain(..sure) {
            apply(&mut self.base, &later.change, Fate::There);
        }
    }

    fn with(&self, fates: &BTreeMap<usize, Fate>) -> Vec<u8> {
        let mut bytes = self.base.clone();
        for later in &self.later {
            let fate = if later.sure { Fate::There } else { fates[&later.at] };
            apply(&mut bytes, &later.change, fate);
        }
        bytes
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change, fate: Fate) {
    match (change, fate) {
        (_, Fate::Lost) => {}
        (Change::Truncate { size }, _) => bytes.resize(*size, 0),
        (Change::Write { offset, data }, Fate::There) => put(bytes, *offset, data),
        (Change::Write { offset, data }, Fate::Torn(seed)) => {
            let mut chance = Chance::new(seed);
            let mut from = 0;
            while from < data.len() {
                let to = data.len().min((offset + from) / SECTOR * SECTOR + SECTOR - offset);
                let new_to_the_file = offset + from >= bytes.len();
                match chance.below(3) {
                    0 => put(bytes, offset + from, &data[from..to]),
                    1 if new_to_the_file => put(bytes, offset + from, &vec![0xa5; to - from]),
                    _ => {}
                }
                from = to;
            }
        }
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    if bytes.len() < offset + data.len() {
        bytes.resize(offset + data.len(), 0);
    }
    bytes[offset..offset + data.len()].copy_from_slice(data);
}

/// The files of a folder after a power cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image(BTreeMap<String, Vec<u8>>);

impl Image {
    /// Writes the files into a folder.
    ///
    /// # Errors
    /// What writing may fail with.
    pub fn write(&self, folder: &Path) -> std::io::Result<()> {
        self.0.iter().try_for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes))
    }

    fn hash(&self) -> blake3::Hash {
        let mut hash = blake3::Hasher::new();
        for (name, bytes) in &self.0 {
            hash.update(name.as_bytes()).update(&[0]).update(&bytes.len().to_le_bytes()).update(bytes);
        }
        hash.finalize()
    }
}

/// A moment at which the power may go.
#[derive(Debug, Clone, Default)]
pub struct Cut {
    /// How much was acknowledged by then.
    pub acknowledged: u64,
    files: BTreeMap<u64, Content>,
    names: BTreeMap<String, u64>,
    /// Creations (with the file) and deletions that are not sure, with their places in the record.
    renamed: Vec<(usize, String, Option<u64>)>,
}

impl Cut {
    fn step(&mut self, at: usize, op: &Op) {
        match op {
            Op::Create { name, file } => {
                self.files.entry(*file).or_default();
                self.renamed.push((at, name.clone(), Some(*file)));
            }
            Op::Delete { name } => self.renamed.push((at, name.clone(), None)),
            Op::Write { file, offset, data } => {
                self.later(at, *file, Change::Write { offset: *offset, data: data.clone() });
            }
            Op::Truncate { file, size } => self.later(at, *file, Change::Truncate { size: *size }),
            Op::Sync { file } => self.files.entry(*file).or_default().sync(),
            Op::SyncFailed { file } => {
                for later in &mut self.files.entry(*file).or_default().later {
                    later.doomed |= !later.sure;
                }
            }
            Op::SyncFolder => {
                for (_, name, file) in self.renamed.drain(..) {
                    rename(&mut self.names, &name, file);
                }
            }
            Op::Mark(acknowledged) => self.acknowledged = *acknowledged,
        }
    }

    fn later(&mut self, at: usize, file: u64, change: Change) {
        let later = Later { at, change, sure: false, doomed: false };
        self.files.entry(file).or_default().later.push(later);
    }

    /// The places of all that is not sure, in order.
    fn unsure(&self) -> Vec<usize> {
        let names = self.renamed.iter().map(|(at, ..)| *at);
        let changes = self.files.values().flat_map(|content| &content.later);
        let mut places: Vec<usize> =
            names.chain(changes.filter(|later| !later.sure).map(|later| later.at)).collect();
        places.sort_unstable();
        places
    }

    fn image(&self, fates: &BTreeMap<usize, Fate>) -> Image {
        let mut names = self.names.clone();
        for (at, name, file) in &self.renamed {
            if fates[at] != Fate::Lost {
                rename(&mut names, name, *file);
            }
        }
        Image(names.into_iter().map(|(name, file)| (name, self.files[&file].with(fates))).collect())
    }

    /// Legal states of the disk, no two alike. All there are where little is unsure. Else: nothing and all of
    /// it; every beginning, alone and with a torn write after it; all but one; one alone; and `samples`
    /// drawn at random, each from a different share of what was written.
    pub fn images(&self, chance: &mut Chance, samples: u64) -> Vec<Image> {
        let unsure = self.unsure();
        let n = unsure.len();
        let mut plans: Vec<Vec<Fate>> = Vec::new();
        let pick = |of: &dyn Fn(usize) -> bool| -> Vec<Fate> {
            (0..n).map(|i| if of(i) { Fate::There } else { Fate::Lost }).collect()
        };
        if n <= 5 {
            plans.extend((0_u32..1 << n).map(|set| pick(&|i| set & 1 << i != 0)));
        } else {
            plans.extend((0..=n).map(|first| pick(&|i| i < first)));
            plans.extend((0..n).map(|one| pick(&|i| i != one)));
            plans.extend((0..n).map(|one| pick(&|i| i == one)));
        }
        for torn in 0..n {
            let mut plan = pick(&|i| i < torn);
            plan[torn] = Fate::Torn(chance.below(u64::MAX));
            plans.push(plan);
        }
        for _ in 0..samples {
            let share = 1 + chance.below(9);
            let fate = |_| match chance.below(10) {
                draw if draw < share => Fate::There,
                draw if draw % 2 == 0 => Fate::Torn(chance.below(u64::MAX)),
                _ => Fate::Lost,
            };
            plans.push((0..n).map(fate).collect());
        }
        let mut seen = BTreeSet::new();
        plans
            .into_iter()
            .map(|plan| self.image(&unsure.iter().copied().zip(plan).collect()))
            .filter(|image| seen.insert(*image.hash().as_bytes()))
            .collect()
    }
}

fn rename(names: &mut BTreeMap<String, u64>, name: &str, file: Option<u64>) {
    match file {
        Some(file) => names.insert(name.to_owned(), file),
        None => names.remove(name),
    };
}

/// The moments just before something becomes sure, and the end. What a cut at any other moment may
/// leave, one of these may leave too, with at least as much acknowledged.
pub fn cuts(record: &[Op]) -> impl Iterator<Item = Cut> {
    let mut now = Cut::default();
    record.iter().map(Some).chain([None]).enumerate().filter_map(move |(at, op)| {
        let sure = matches!(op, None | Some(Op::Sync { .. } | Op::SyncFailed { .. } | Op::SyncFolder));
        let cut = sure.then(|| now.clone());
        op.inspect(|op| now.step(at, op));
        cut
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: u64 = 0;

    fn create() -> [Op; 2] {
        [Op::Create { name: "a".to_owned(), file: FILE }, Op::SyncFolder]
    }

    fn write(offset: usize, byte: u8, bytes: usize) -> Op {
        Op::Write { file: FILE, offset, data: vec![byte; bytes].into() }
    }

    /// What file `a` may hold at the end; `None` where it may be missing.
    fn ends(record: impl IntoIterator<Item = Op>) -> BTreeSet<Option<Vec<u8>>> {
        let record: Vec<Op> = record.into_iter().collect();
        let images = cuts(&record).last().unwrap().images(&mut Chance::new(1), 200);
        images.into_iter().map(|mut image| image.0.remove("a")).collect()
    }

    fn set<const N: usize>(of: [&[u8]; N]) -> BTreeSet<Option<Vec<u8>>> {
        of.into_iter().map(|bytes| Some(bytes.to_vec())).collect()
    }

    #[test]
    fn what_was_synced_is_in_every_image_and_what_was_not_may_be_or_not() {
        let synced = create().into_iter().chain([write(0, 1, 2), Op::Sync { file: FILE }]);
        assert_eq!(ends(synced.clone()), set([&[1, 1]]));
        let more = synced.chain([write(1, 2, 1), write(2, 3, 1)]);
        // The third byte is also what was in its sector before, where it came into the file torn.
        let all = set([&[1, 1], &[1, 2], &[1, 1, 3], &[1, 2, 3], &[1, 1, 0xa5], &[1, 2, 0xa5]]);
        assert_eq!(ends(more), all);
    }

    #[test]
    fn a_file_may_be_missing_until_its_folder_is_synced() {
        let [made, folder] = create();
        assert!(ends([made.clone(), Op::Sync { file: FILE }]).contains(&None));
        let gone = [made, folder, Op::Delete { name: "a".to_owned() }];
        assert_eq!(ends(gone.clone()), set([&[]]).into_iter().chain([None]).collect());
        assert_eq!(ends(gone.into_iter().chain([Op::SyncFolder])), BTreeSet::from([None]));
    }

    #[test]
    fn after_a_failed_sync_a_later_one_makes_nothing_sure_that_the_first_was_asked_for() {
        let record = create().into_iter().chain([
            write(0, 1, 1),
            Op::SyncFailed { file: FILE },
            write(1, 2, 1),
            Op::Sync { file: FILE },
        ]);
        assert_eq!(ends(record), set([&[1, 2], &[0, 2], &[0xa5, 2]]));
    }

    #[test]
    fn a_torn_write_is_there_in_some_sectors_and_beside_it_nothing_changes() {
        let old = create().into_iter().chain([write(0, 1, 3 * SECTOR), Op::Sync { file: FILE }]);
        let torn = ends(old.chain([write(100, 2, 2 * SECTOR)]));
        assert_eq!(torn.len(), 8, "two whole sectors and a piece of two, each old or new");
        for bytes in torn.into_iter().flatten() {
            assert!(bytes[..100].iter().chain(&bytes[100 + 2 * SECTOR..]).all(|byte| *byte == 1));
        }
    }

    #[test]
    fn every_moment_before_something_becomes_sure_is_a_cut_and_knows_what_was_acknowledged() {
        let record = create().into_iter().chain([
            write(0, 1, 1),
            Op::Sync { file: FILE },
            Op::Mark(1),
            write(1, 2, 1),
        ]);
        let record: Vec<Op> = record.collect();
        let marks: Vec<u64> = cuts(&record).map(|cut| cut.acknowledged).collect();
        assert_eq!(marks, [0, 0, 1]);
    }
}
