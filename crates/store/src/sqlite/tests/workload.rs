//! What a store is put through while the power goes or the disk fails: steps, each one transaction. A
//! step draws the same ids each time it is run, so that one run in peace says what the database must
//! hold after each of them.

use std::sync::atomic::AtomicU64;

use rusqlite::types::ValueRef;

use super::*;

/// All that a database holds, schema and rows.
pub(super) type Digest = [u8; 32];

const MARTA: UserId = UserId(Uuid::from_u128(3));

/// So small that a few commits fill it, and so that every rig sees many checkpoints.
const CHECKPOINT_PAGES: i32 = 40;
/// Pages that the writer keeps in memory: a large transaction is in the file before its COMMIT.
const CACHE_PAGES: i64 = 10;

/// A folder for a database: in memory where the platform has that, since some thousand are made and a
/// real sync in each would take minutes.
pub(super) fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// One transaction.
#[derive(Debug, Clone)]
pub(super) enum Step {
    User(NewUser),
    Device(DeviceRow),
    Batch(Vec<Submission>),
    Positions(Vec<(RoomId, Position)>),
}

/// The steps, and how the run in peace went.
pub(super) struct Workload {
    pub(super) steps: Vec<Step>,
    /// After none, one, … of the steps.
    pub(super) digests: Vec<Digest>,
    /// Of each step.
    pub(super) acks: Vec<Vec<Ack>>,
}

/// An open store that draws the ids of a step.
pub(super) struct Subject {
    pub(super) store: SqliteStore,
    drawn: Arc<AtomicU64>,
}

impl Subject {
    pub(super) async fn open(path: &Path) -> Result<Self, StoreError> {
        let drawn = Arc::new(AtomicU64::new(0));
        let next = drawn.clone();
        let entropy = Box::new(move || {
            let mut bytes = [0; 10];
            bytes[2..].copy_from_slice(&next.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            bytes
        });
        let secrets = Secrets { fingerprint_key: [7; 32], entropy };
        let store = SqliteStore::open(path, secrets, Options { readers: 1, ..Options::default() })?;
        let stopped = store.stopped.clone();
        on_writer(&store, move |writer| {
            writer.pragma_update(None, "cache_size", CACHE_PAGES)?;
            checkpoint_at(writer, CHECKPOINT_PAGES, &stopped)
        })
        .await?;
        Ok(Self { store, drawn })
    }

    pub(super) async fn run(&self, number: usize, step: &Step) -> Result<Vec<Ack>, StoreError> {
        self.drawn.store(number as u64 * 10_000, Ordering::Relaxed);
        match step.clone() {
            Step::User(user) => match self.store.create_user(user).await {
                Ok(_) => Ok(Vec::new()),
                Err(CreateUserError::Store(error)) => Err(error),
                Err(taken) => panic!("{taken}"),
            },
            Step::Device(device) => self.store.create_device(device).await.map(|()| Vec::new()),
            Step::Positions(positions) => self.store.put_positions(positions).await.map(|()| Vec::new()),
            Step::Batch(batch) => {
                let outcomes = self.store.commit(batch, NOW + number as i64 * 1_000_000).await?;
                Ok(outcomes.into_iter().map(|outcome| outcome.unwrap().ack).collect())
            }
        }
    }

    pub(super) async fn digest(&self) -> Result<Digest, StoreError> {
        self.store.read(digest).await
    }

    /// What SQLite finds wrong with the file.
    pub(super) async fn damage(&self) -> Result<Option<String>, StoreError> {
        let found = |c: &Connection| -> Result<Option<String>, StoreError> {
            let verdict: String = c.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
            let dangling = c.prepare("PRAGMA foreign_key_check")?.exists([])?;
            Ok(if dangling { Some("a row refers to none".to_owned()) } else { Some(verdict) }
                .filter(|verdict| verdict != "ok"))
        };
        self.store.read(found).await
    }
}

pub(super) fn digest(c: &Connection) -> Result<Digest, StoreError> {
    let mut hash = blake3::Hasher::new();
    let tables = c
        .prepare("SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY type = 'table' DESC, name")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(String, String)>>>()?;
    for (name, sql) in tables {
        hash.update(sql.as_bytes());
        if !sql.starts_with("CREATE TABLE") {
            continue;
        }
        let mut select = c.prepare(&format!("SELECT * FROM {name}"))?;
        let columns = select.column_count();
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                match row.get_ref(column)? {
                    ValueRef::Null => hash.update(b"n"),
                    ValueRef::Integer(value) => hash.update(b"i").update(&value.to_le_bytes()),
                    ValueRef::Real(value) => hash.update(b"r").update(&value.to_le_bytes()),
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                        hash.update(b"b").update(&bytes.len().to_le_bytes()).update(bytes)
                    }
                };
            }
        }
    }
    Ok(*hash.finalize().as_bytes())
}

impl Workload {
    /// The first steps alone make people and rooms; then so many rounds of talk follow.
    pub(super) async fn new(rounds: usize) -> Self {
        let folder = folder();
        let subject = Subject::open(&folder.path().join("zas.db")).await.unwrap();
        let digests = vec![subject.digest().await.unwrap()];
        let mut peace = Peace { subject, work: Self { steps: Vec::new(), digests, acks: Vec::new() } };
        let (private, group) = peace.people_and_rooms().await;
        for round in 0..rounds {
            peace.talk(private, group, round).await;
        }
        peace.check_the_logs(&[private, group]).await;
        peace.work
    }

    /// The moment, of those `within`, in which this is what the database holds.
    pub(super) fn moment(&self, digest: Digest, mut within: impl Iterator<Item = usize>) -> Option<usize> {
        within.find(|moment| self.digests.get(*moment) == Some(&digest))
    }
}

/// The run in peace.
struct Peace {
    subject: Subject,
    work: Workload,
}

impl Peace {
    async fn step(&mut self, step: Step) -> Vec<Ack> {
        let acks = self.subject.run(self.work.steps.len(), &step).await.unwrap();
        self.work.steps.push(step);
        self.work.acks.push(acks.clone());
        self.work.digests.push(self.subject.digest().await.unwrap());
        acks
    }

    async fn one(&mut self, user: UserId, command: Command) -> Ack {
        self.step(Step::Batch(vec![Submission { user, command }])).await.remove(0)
    }

    async fn people_and_rooms(&mut self) -> (RoomId, RoomId) {
        for (id, name) in [(ANA, "ana"), (LUIS, "luis"), (MARTA, "marta")] {
            self.step(Step::User(person(id, name))).await;
        }
        let device = DeviceRow {
            id: DeviceId(Uuid::from_u128(9)),
            user: ANA,
            name: "phone".to_owned(),
            refresh_jti: "jti".to_owned(),
            refresh_issued_at: NOW,
            created_at: NOW,
            last_used_at: NOW,
        };
        self.step(Step::Device(device)).await;
        let open = Command::OpenPrivate { txn_id: TxnId::new("open").unwrap(), user: LUIS };
        let private = self.one(ANA, open).await.room;
        let create = Command::CreateGroup {
            txn_id: TxnId::new("create").unwrap(),
            name: "grupo".to_owned(),
            members: vec![LUIS, MARTA],
            profile: None,
        };
        (private, self.one(ANA, create).await.room)
    }

    async fn talk(&mut self, private: RoomId, group: RoomId, round: usize) {
        let say = |user, room, name: &str, length: usize| {
            let command = message(room, &format!("{name}-{round}"), length);
            Submission { user, command }
        };
        self.step(Step::Batch(vec![say(ANA, private, "a", 5)])).await;
        let seq = self.step(Step::Batch(vec![say(LUIS, private, "l", 300)])).await[0].seq;
        let position = Position { user: ANA, delivered: seq, read: seq, delivered_at: NOW, read_at: NOW };
        self.step(Step::Positions(vec![(private, position)])).await;
        let two_rooms = (0..8).map(|n| {
            let (user, room) = if n % 2 == 0 { (ANA, private) } else { (MARTA, group) };
            say(user, room, &format!("b{n}"), 40 * n)
        });
        self.step(Step::Batch(two_rooms.collect())).await;
        let rename = Command::RenameRoom {
            txn_id: TxnId::new(&format!("rename-{round}")).unwrap(),
            room: group,
            name: format!("grupo {round}"),
        };
        self.one(ANA, rename).await;
        // More pages than the writer keeps in memory.
        let large = (0..12).map(|n| say(LUIS, group, &format!("large{n}"), 3_900));
        self.step(Step::Batch(large.collect())).await;
        for n in 0..3 {
            self.step(Step::Batch(vec![say(MARTA, group, &format!("m{n}"), 100)])).await;
        }
    }

    /// What the digests stand for: each log is gapless, and each command once in it.
    async fn check_the_logs(&self, rooms: &[RoomId]) {
        for &room in rooms {
            let page =
                self.subject.store.page(ANA, room, PageAt::After(0), 1_000_000).await.unwrap().unwrap();
            let seqs: Vec<Seq> = page.events.iter().map(|event| event.seq).collect();
            assert_eq!(seqs, (1..=page.head).collect::<Vec<_>>());
            let mut names: Vec<_> = page.events.iter().map(|event| (event.sender, &event.txn_id)).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), seqs.len());
        }
    }
}
