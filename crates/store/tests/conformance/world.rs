//! People, a clock and a store for a case to play with.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use async_trait::async_trait;
use zas_core::ledger::{Decided, Refusal, Submission};
use zas_protocol::rest::{Page, Room};
use zas_protocol::{Ack, Command, ErrorCode, Micros, RoomId, TxnId, UserId};
use zas_store::{NewUser, Outcome, PageAt, PasswordHash, Secrets, Store};

/// An engine under test; dropped with what it holds.
#[async_trait]
pub(crate) trait Backend: Send + Sync + 'static {
    /// Opens the same data each time.
    async fn open(&self) -> Arc<dyn Store>;
    /// Makes a constraint refuse every message with this text.
    fn refuse_text(&self, text: &str);
}

pub(crate) mod memory {
    use std::sync::{Arc, Mutex};

    use zas_store::{MemoryStore, Model, Store};

    pub(crate) struct Engine(Arc<Mutex<Model>>);

    impl Default for Engine {
        fn default() -> Self {
            Self(Arc::new(Mutex::new(Model::new(super::secrets()))))
        }
    }

    #[async_trait::async_trait]
    impl super::Backend for Engine {
        async fn open(&self) -> Arc<dyn Store> {
            Arc::new(MemoryStore::over(self.0.clone()))
        }

        fn refuse_text(&self, text: &str) {
            self.0.lock().unwrap().refuse_text(Some(text.to_owned()));
        }
    }
}

pub(crate) mod sqlite {
    use std::path::PathBuf;
    use std::sync::Arc;

    use tempfile::TempDir;
    use zas_store::{Options, SqliteStore, Store};

    pub(crate) struct Engine(TempDir);

    impl Engine {
        fn path(&self) -> PathBuf {
            self.0.path().join("zas.db")
        }
    }

    impl Default for Engine {
        fn default() -> Self {
            Self(tempfile::tempdir().unwrap())
        }
    }

    #[async_trait::async_trait]
    impl super::Backend for Engine {
        async fn open(&self) -> Arc<dyn Store> {
            Arc::new(SqliteStore::open(&self.path(), super::secrets(), Options::default()).unwrap())
        }

        fn refuse_text(&self, text: &str) {
            let connection = rusqlite::Connection::open(self.path()).unwrap();
            let trigger = format!(
                "CREATE TRIGGER refuse BEFORE INSERT ON events WHEN NEW.body LIKE '%{text}%'
                 BEGIN SELECT RAISE(ABORT, 'refused by the test'); END"
            );
            connection.execute_batch(&trigger).unwrap();
        }
    }
}

pub(crate) mod mariadb {
    use std::sync::Arc;

    use zas_mariadb::Mariadb;
    use zas_store::mariadb::Options;
    use zas_store::{MariaStore, Store};

    pub(crate) struct Engine {
        server: Mariadb,
        url: String,
    }

    impl Default for Engine {
        fn default() -> Self {
            let server = Mariadb::start();
            Self { url: server.database(), server }
        }
    }

    #[async_trait::async_trait]
    impl super::Backend for Engine {
        async fn open(&self) -> Arc<dyn Store> {
            Arc::new(MariaStore::open(&self.url, super::secrets(), Options::default()).await.unwrap())
        }

        fn refuse_text(&self, text: &str) {
            self.server.execute(&format!(
                "ALTER TABLE zas0.events ADD CONSTRAINT refuse CHECK (body NOT LIKE '%{text}%')"
            ));
        }
    }
}

/// Different each time, also after reopening.
fn secrets() -> Secrets {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    Secrets {
        fingerprint_key: [7; 32],
        entropy: Box::new(|| {
            let mut bytes = [0; 10];
            bytes[2..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            bytes
        }),
    }
}

pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    backend: Box<dyn Backend>,
    clock: AtomicI64,
    next: AtomicU64,
}

pub(crate) const START: Micros = 1_700_000_000_000_000;

impl World {
    pub(crate) async fn new(backend: impl Backend) -> Self {
        let store = backend.open().await;
        Self { backend: Box::new(backend), store, clock: AtomicI64::new(START), next: AtomicU64::new(0) }
    }

    /// The time, one millisecond later at each look.
    pub(crate) fn now(&self) -> Micros {
        self.clock.fetch_add(1_000, Ordering::Relaxed)
    }

    pub(crate) fn set_clock(&self, now: Micros) {
        self.clock.store(now, Ordering::Relaxed);
    }

    pub(crate) fn refuse_text(&self, text: &str) {
        self.backend.refuse_text(text);
    }

    /// Closes the store and opens the same data again.
    pub(crate) async fn reopen(&mut self) {
        self.store.close().await;
        self.store = self.backend.open().await;
    }

    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A name that no command had.
    pub(crate) fn txn(&self) -> TxnId {
        TxnId::new(&format!("txn-{}", self.number())).unwrap()
    }

    pub(crate) fn new_user(&self, name: &str) -> NewUser {
        let at = self.now();
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.number().to_be_bytes());
        NewUser {
            id: UserId::mint(at, random),
            username: name.to_owned(),
            skeleton: name.to_owned(),
            email: format!("{name}@example.org"),
            display_name: name.to_owned(),
            password_hash: PasswordHash("$argon2id$".to_owned()),
            admin: false,
            at,
        }
    }

    pub(crate) async fn user(&self, name: &str) -> UserId {
        let user = self.new_user(name);
        self.store.create_user(user).await.unwrap().user.id
    }

    pub(crate) async fn submit(&self, user: UserId, command: Command) -> Outcome {
        let batch = vec![Submission { user, command }];
        self.store.commit(batch, self.now()).await.unwrap().remove(0)
    }

    pub(crate) async fn ok(&self, user: UserId, command: Command) -> Decided {
        self.submit(user, command).await.unwrap()
    }

    pub(crate) async fn refused(&self, user: UserId, command: Command) -> ErrorCode {
        let Refusal { code, .. } = self.submit(user, command).await.unwrap_err();
        code
    }

    pub(crate) fn message(&self, room: RoomId, text: &str) -> Command {
        Command::text(self.txn(), room, None, text.to_owned())
    }

    pub(crate) async fn send(&self, user: UserId, room: RoomId, text: &str) -> Ack {
        self.ok(user, self.message(room, text)).await.ack
    }

    pub(crate) async fn private(&self, user: UserId, other: UserId) -> RoomId {
        self.ok(user, Command::OpenPrivate { txn_id: self.txn(), user: other }).await.ack.room
    }

    /// A group; the first owns it.
    pub(crate) async fn group(&self, members: &[UserId]) -> RoomId {
        let (&owner, others) = members.split_first().unwrap();
        let command = Command::CreateGroup {
            txn_id: self.txn(),
            name: "grupo".to_owned(),
            members: others.to_vec(),
            profile: None,
        };
        self.ok(owner, command).await.ack.room
    }

    pub(crate) async fn add(&self, by: UserId, room: RoomId, user: UserId) -> Ack {
        self.ok(by, Command::AddMember { txn_id: self.txn(), room, user }).await.ack
    }

    pub(crate) async fn remove(&self, by: UserId, room: RoomId, user: UserId) -> Ack {
        self.ok(by, Command::RemoveMember { txn_id: self.txn(), room, user }).await.ack
    }

    pub(crate) async fn room(&self, user: UserId, room: RoomId) -> Room {
        self.store.room(user, room).await.unwrap().unwrap()
    }

    /// A page, checked: each of its places is an event or in a skip, in order.
    pub(crate) async fn page(&self, user: UserId, room: RoomId, at: PageAt, limit: u32) -> Page {
        let page = self.store.page(user, room, at, limit).await.unwrap().unwrap();
        assert!(page.events.len() <= limit as usize, "{at:?} {limit}: {} events", page.events.len());
        let mut places: Vec<u64> = page.events.iter().map(|event| event.seq).collect();
        assert!(places.is_sorted(), "{at:?}: {places:?}");
        places.extend(page.skips.iter().flat_map(|&(from, to)| from..=to));
        places.sort_unstable();
        assert_eq!(places, (page.from..=page.to).collect::<Vec<_>>(), "{at:?} {limit}");
        page
    }

    pub(crate) async fn events(&self, user: UserId, room: RoomId) -> Vec<zas_protocol::Event> {
        let mut events = Vec::new();
        loop {
            let after = events.last().map_or(0, |event: &zas_protocol::Event| event.seq);
            let page = self.page(user, room, PageAt::After(after), 100).await;
            events.extend(page.events);
            if page.to == page.head {
                return events;
            }
        }
    }
}
