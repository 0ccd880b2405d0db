//! The database of a Django chat moves in.
#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

mod back;
mod follow;
mod live;
mod old;
#[path = "../support/mod.rs"]
mod support;

use std::future::Pending;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use support::PATIENCE;
use support::process::{Setup, zas};
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;
use zas_core::ledger::Submission;
use zas_mariadb::Mariadb;
use zas_protocol::{Command, FileId, MessageId, RoomId, RoomKind, Seq, TxnId, UserId};
use zas_server::clock;
use zas_server::import::{self, Options, Report, Watch};
use zas_store::django::sample::{self, Broken, Did, Sample};
use zas_store::{Imported, MariaStore, PageAt, Secrets, SqliteStore, Store, mariadb};
use zas_tally::tried;

/// The longest that it takes to go through all of a large database.
const LONG: Duration = Duration::from_secs(120);
const SMALL: Sample = Sample { users: 40, rooms: 60, messages: 3_000, native_ids: false, broken: false };

fn secrets() -> Secrets {
    Secrets { fingerprint_key: [7; 32], entropy: Box::new(clock::random_ids()) }
}

fn sqlite(folder: &tempfile::TempDir) -> Arc<dyn Store> {
    let path = folder.path().join("zas.sqlite");
    Arc::new(SqliteStore::open(&path, secrets(), zas_store::Options::default()).unwrap())
}

fn options(from: &str) -> Options {
    let message_chars = zas_protocol::Limits::default().message_chars;
    Options {
        from: from.to_owned(),
        dry_run: false,
        media: "/media/".to_owned(),
        message_chars,
        keep_changes: false,
        follow: Duration::from_millis(1),
    }
}

/// Counts, and says when so many have passed.
#[derive(Default)]
struct Counted {
    passed: AtomicU64,
    stop_at: Option<u64>,
    passes: Notify,
    follows: Notify,
    looks: AtomicU64,
    looks_again: Notify,
}

impl Watch for Counted {
    fn begins(&self, _: u64) {}

    fn more(&self, messages: u64) {
        let passed = self.passed.fetch_add(messages, Ordering::AcqRel) + messages;
        if self.stop_at.is_none_or(|stop| passed >= stop) {
            self.passes.notify_one();
        }
    }

    fn compares(&self, _: u64) {}

    fn follows(&self) {
        self.follows.notify_one();
    }

    fn looked(&self) {
        self.looks.fetch_add(1, Ordering::AcqRel);
        self.looks_again.notify_one();
    }
}

async fn import_all(store: &Arc<dyn Store>, url: &str) -> Report {
    let nobody = None::<Pending<()>>;
    import::run(store, options(url), &Counted::default(), nobody).await.unwrap()
}

fn agrees(report: &Report, sample: &Sample, broken: Option<Broken>) {
    assert_eq!(report.differing().count(), 0, "{report}\n{:?}", report.differing().collect::<Vec<_>>());
    let left = |table: &str| -> u64 {
        let of = |(what, count): (&String, &u64)| what.starts_with(&format!("{table}:")).then_some(*count);
        report.left.iter().filter_map(of).sum()
    };
    let broken = broken.unwrap_or(Broken { users: 0, rooms: 0, messages: 0, reactions: 0 });
    assert_eq!(left("messages"), broken.messages, "{report}");
    assert_eq!((left("chat_rooms"), left("users")), (broken.rooms, broken.users), "{report}");
    assert_eq!(left("message_reactions"), broken.reactions, "{report}");
    let here: u64 = report.compared.iter().map(|room| room.here).sum();
    assert_eq!(here, report.messages.new + report.messages.known, "{report}");
    assert_eq!(here, report.messages.there - broken.messages, "{report}");
    assert!(here >= sample.messages as u64, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_database_moves_in_broken_rows_are_listed_and_a_second_time_changes_nothing() {
    let server = Mariadb::start();
    for native_ids in [false, true] {
        let url = server.database();
        let made = Sample { native_ids, broken: true, ..SMALL };
        let broken = sample::make(&url, &made).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = sqlite(&folder);

        let (look, watch) = (Options { dry_run: true, ..options(&url) }, Counted::default());
        let dry = import::run(&store, look, &watch, None::<Pending<()>>).await.unwrap();
        assert_eq!(store.count_users().await.unwrap(), 0, "nothing is written");
        let report = import_all(&store, &url).await;
        agrees(&report, &made, Some(broken));
        assert_eq!((dry.messages.new, &dry.left), (report.messages.new, &report.left), "{dry}");
        assert_eq!(report.users.new, 42, "{report}");
        assert_eq!(report.replies_lost, 1, "{report}");
        // `José.Pérez` and who has the name that it becomes.
        assert_eq!(report.renamed.len(), 1, "{:?}", report.renamed);

        let again = import_all(&store, &url).await;
        agrees(&again, &made, Some(broken));
        assert_eq!(
            (again.messages.new, again.users.new, again.rooms.new, again.changed),
            (0, 0, 0, 0),
            "{again}"
        );

        let ana = UserId(sample::user(0));
        let rooms = store.rooms(ana).await.unwrap();
        assert!(rooms.iter().any(|room| room.kind == RoomKind::Private));
        let kept: Vec<_> = rooms.iter().map(|room| (room.id, room.head, room.last_at, room.unread)).collect();
        assert!(kept.iter().any(|&(.., unread)| unread > 0));
        let groups: Vec<_> = rooms.iter().filter(|room| room.kind == RoomKind::Group).collect();
        assert!(groups.iter().any(|room| room.name.as_deref().is_some_and(|name| name.starts_with("Grupo"))));
        assert_eq!(report.left.get("chat_rooms.description: its text is too long"), Some(&1), "{report}");
        let shown = async |n| {
            let room = RoomId(sample::room(n));
            let member = store.roster(room).await.unwrap().unwrap().members[0].user;
            store.room(member, room).await.unwrap().unwrap()
        };
        let first = shown(0).await;
        assert_eq!(first.description, "De qué va el grupo 0");
        let picture = store.file(first.avatar.unwrap()).await.unwrap().unwrap();
        assert_eq!(picture.kind, zas_store::FileKind::RoomAvatar);
        assert!(store.file_origin(picture.id).await.unwrap().unwrap().ends_with("chats/0.jpg"));
        let cut = shown(3).await;
        assert_eq!((cut.description, cut.avatar), ("ñ".repeat(500), None));
        tried("P1", "messages of another app's database that moved in", made.messages as u64);
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_ends_anywhere_goes_on_and_into_either_engine() {
    let server = Mariadb::start();
    let url = server.database();
    let large = Sample { messages: 20_000, ..SMALL };
    sample::make(&url, &large).await.unwrap();
    for maria in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = if maria {
            let ours = server.database();
            Arc::new(MariaStore::open(&ours, secrets(), mariadb::Options::default()).await.unwrap())
        } else {
            sqlite(&folder)
        };
        let mut cuts = 0;
        for stop_at in [1, 9_000, 15_000, 19_900] {
            let watch = Counted { stop_at: Some(stop_at), ..Counted::default() };
            tokio::select! {
                done = import::run(&store, options(&url), &watch, None::<Pending<()>>) => {
                    done.unwrap();
                }
                () = watch.passes.notified() => cuts += 1,
            }
            // What was being written then ends before anything that comes after it.
            store.import(Imported::default()).await.unwrap();
        }
        let report = import_all(&store, &url).await;
        agrees(&report, &large, None);
        assert!(report.messages.known > 0, "what was brought before stays: {report}");
        tried("P1", "imports cut off", cuts);
        store.close().await;
    }
}

/// Runs an import that follows, and does `then` once it does.
async fn following<T>(
    store: &Arc<dyn Store>,
    url: &str,
    then: impl AsyncFnOnce(&Counted) -> T,
) -> (Report, T) {
    let watch = Arc::new(Counted::default());
    let (switch, switched) = oneshot::channel::<()>();
    let running = {
        let (store, watch, options) = (store.clone(), watch.clone(), options(url));
        tokio::spawn(async move {
            let switched = async {
                let _ = switched.await;
            };
            import::run(&store, options, &*watch, Some(switched)).await
        })
    };
    // After all that is there was read and written.
    timeout(LONG, watch.follows.notified()).await.unwrap();
    let done = then(&watch).await;
    switch.send(()).unwrap();
    (running.await.unwrap().unwrap(), done)
}

async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>, passes: &Notify) -> T {
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            passes.notified().await;
        }
    };
    timeout(LONG, found).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_app_still_writes_follows_until_the_switch() {
    let (_server, url) = old::filled(&SMALL).await;
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder);
    // A message of plain text that nobody has touched, and its author.
    let events = {
        import_all(&store, &url).await;
        store.log_after(RoomId(sample::room(0)), 1, 400).await.unwrap()
    };
    let plain: Vec<_> = events
        .iter()
        .filter(|event| {
            matches!(&event.body, zas_protocol::EventBody::Message { attachment: None, erased: false, .. })
        })
        .collect();
    let (edited, deleted, liked) = (plain[0], plain[1], plain[2]);
    let name = |event: &zas_protocol::Event| event.body.message().unwrap().0;
    let members = store.roster(RoomId(sample::room(0))).await.unwrap().unwrap().members;
    let leaves = members.iter().find(|member| member.user != UserId(sample::user(0))).unwrap().user;
    let later = sample::Later {
        by: sample::user(0),
        room: sample::room(0),
        said: sample::message(900_000),
        edited: name(edited),
        deleted: name(deleted),
        liked: name(liked),
        leaver: leaves.0,
    };
    let (report, ()) = following(&store, &url, async |watch| {
        sample::goes_on(&url, &later).await.unwrap();
        let said = MessageId(sample::message(900_000));
        until(async || store.event_by_message(said).await.unwrap(), &watch.passes).await;
    })
    .await;
    agrees(&report, &Sample { messages: 3_001, ..SMALL }, None);
    assert_eq!(report.messages.new, 1, "{report}");
    let states = store
        .states(UserId(sample::user(0)), edited.room, &[edited.seq, deleted.seq, liked.seq])
        .await
        .unwrap();
    assert_eq!(states[0].text.as_deref(), Some("corregido"));
    assert!(states.iter().any(|state| state.of == deleted.seq && state.deleted_at.is_some()), "{states:?}");
    let reacted = store.reacted(liked.room, &[liked.seq]).await.unwrap();
    assert_eq!(reacted.len(), 1, "{reacted:?}");
    let renamed = store.room(UserId(sample::user(0)), RoomId(sample::room(0))).await.unwrap().unwrap();
    assert_eq!(renamed.name.as_deref(), Some("Otro nombre"));
    assert_eq!(renamed.description, "Otra cosa");
    let shown = async |picture: Option<FileId>| store.file_origin(picture?).await.unwrap();
    assert_eq!(shown(renamed.avatar).await.as_deref(), Some("/media/rooms/otra.jpg"));
    assert_eq!(store.member(renamed.id, leaves).await.unwrap(), None, "who left there left here");

    // And comes back, and comes to another group besides.
    sample::joins(&url, &[sample::room(0), sample::room(3)], leaves.0).await.unwrap();
    let report = import_all(&store, &url).await;
    assert_eq!(report.differing().count(), 0, "{report}");
    for room in [renamed.id, RoomId(sample::room(3))] {
        let roster = store.roster(room).await.unwrap().unwrap();
        let sees = store.page(leaves, room, PageAt::After(0), 10_000).await.unwrap().unwrap();
        let shown: Vec<Seq> = sees.events.iter().map(|event| event.seq).collect();
        assert_eq!(shown, (1..=roster.head).collect::<Vec<_>>(), "all of it, as there: {report}");
    }
    let own_log = store.member(RoomId::own_log(leaves), leaves).await.unwrap().unwrap();
    assert!(own_log.head > 3, "left, and joined twice since: {own_log:?}");
    let changed = store.user(UserId(sample::user(0))).await.unwrap().unwrap().user;
    assert_eq!(changed.display_name, "Otra");
    assert_eq!(shown(changed.avatar).await.as_deref(), Some("/media/avatars/otra.jpg"));
    assert_eq!(import_all(&store, &url).await.changed, 0);
}

/// The order of the guide, on the program; then its people sign in with the passwords that they have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_sign_in_with_their_passwords_and_find_what_was_said() {
    let (_database, url) = old::filled(&SMALL).await;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let file = folder.path().join("report.json");
    let mut command = zas(&data);
    command.env("ZAS_IMPORT_FROM", &url).args(["import", "django", "--report"]).arg(&file);
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{done:?}");
    assert!(shown.contains("60 rooms compared, 60 hold the same on both sides."), "{shown}");
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(report["messages"]["new"], 3_000);
    let setup = Setup::new(&data);
    let server = setup.start().await;
    let ana = zas_client::Client::sign_in(&server.url, "persona0", "clave del chat").await.unwrap();
    assert_eq!(ana.me(), UserId(sample::user(0)));
    let page = ana.history(RoomId(sample::room(0)), None).await.unwrap();
    assert!(page.events.len() > 20);

    // A picture is where it was.
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let token: serde_json::Value = http
        .post(format!("{}/v1/auth/login", server.url))
        .json(&serde_json::json!({"login": "persona0@example.com", "password": "clave del chat"}))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let picture = http
        .get(format!("{}/v1/files/{}", server.url, sample::user(0)))
        .bearer_auth(token["access"].as_str().unwrap_or_else(|| panic!("{token}")))
        .send()
        .await
        .unwrap();
    assert_eq!(picture.status(), 302);
    assert_eq!(picture.headers()["location"], "/media/avatars/0.jpg");
    assert_eq!(server.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_thousand_messages_move_in() {
    let (_server, url, large) = old::large().await;
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder);
    let began = Instant::now();
    let report = import_all(&store, &url).await;
    println!("{report}\nwith the comparison {:.1} s", began.elapsed().as_secs_f64());
    agrees(&report, &large, None);
    tried("P1", "messages of another app's database that moved in", large.messages as u64);
}

/// There and back: the app gets what was said here since, under the same ids, and then both sides agree.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_said_here_goes_back_into_the_tables_that_it_came_from() {
    let database = Mariadb::start();
    let url = database.database();
    let small = Sample { broken: true, ..SMALL };
    let broken = sample::make(&url, &small).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (data, media) = (folder.path().join("data"), folder.path().join("media"));
    let export = || {
        let mut command = zas(&data);
        command.env("ZAS_EXPORT_TO", &url).args(["export", "django", "--media-dir"]).arg(&media);
        tokio::task::spawn_blocking(move || command.output().unwrap())
    };
    let mut command = zas(&data);
    command.env("ZAS_IMPORT_FROM", &url).args(["import", "django"]);
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(done.status.success(), "{done:?}");

    let setup = Setup::new(&data);
    let server = setup.start().await;
    let ana = zas_client::Client::sign_in(&server.url, "persona0", "clave del chat").await.unwrap();
    let room = RoomId(sample::room(0));
    let page = ana.history(room, None).await.unwrap();
    let said = timeout(PATIENCE, ana.send(room, "dicho aquí").await.unwrap()).await.unwrap().unwrap();
    let http = reqwest::Client::new();
    let login = serde_json::json!({"login": "persona0@example.com", "password": "clave del chat"});
    let post = |path: &str, body: serde_json::Value, token: Option<&str>| {
        let request = http.post(format!("{}{path}", server.url)).json(&body);
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        async move {
            let answer = request.send().await.unwrap();
            assert!(answer.status().is_success(), "{answer:?}");
            answer.json::<serde_json::Value>().await.unwrap()
        }
    };
    let token = post("/v1/auth/login", login, None).await["access"].as_str().unwrap().to_owned();
    let is_anas = |event: &&zas_protocol::Event| {
        event.sender == Some(ana.me())
            && matches!(&event.body, zas_protocol::EventBody::Message { attachment: None, erased: false, .. })
    };
    let mut mine = page.events.iter().filter(is_anas).map(|event| event.body.message().unwrap());
    let (edited, deleted) = (mine.next().unwrap(), mine.next().unwrap());
    let others =
        page.events.iter().find(|event| event.sender != Some(ana.me()) && event.body.message().is_some());
    let liked = others.unwrap().body.message().unwrap();
    for command in [
        serde_json::json!({"type": "edit_message", "txn_id": "e", "room": room, "message": edited, "text": "corregido"}),
        serde_json::json!({"type": "delete_message", "txn_id": "d", "room": room, "message": deleted}),
        serde_json::json!({"type": "react", "txn_id": "r", "room": room, "message": liked, "reaction": "golazo"}),
        serde_json::json!({"type": "set_room_profile", "txn_id": "p", "room": room, "profile": {"description": "dicho aquí"}}),
    ] {
        post("/v1/commands", command, Some(&token)).await;
    }
    let file: serde_json::Value = http
        .post(format!("{}/v1/files?name=acta.txt", server.url))
        .bearer_auth(&token)
        .body("los acuerdos")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let carrying = serde_json::json!({
        "type": "send", "txn_id": "f", "room": room, "text": "", "attachment": file["attachment"]["file"],
    });
    let carried = post("/v1/commands", carrying, Some(&token)).await;
    // Somebody new, and a room of theirs.
    let nueva = post(
        "/v1/auth/register",
        serde_json::json!({"username": "nueva", "email": "nueva@example.com", "password": "otra clave larga"}),
        None,
    )
    .await;
    let new_token = nueva["access"].as_str().unwrap();
    let open = serde_json::json!({"type": "open_private", "txn_id": "o", "user": ana.me()});
    let opened = post("/v1/commands", open, Some(new_token)).await;
    let hello = serde_json::json!({"type": "send", "txn_id": "h", "room": opened["room"], "text": "¡hola!"});
    post("/v1/commands", hello, Some(new_token)).await;
    assert_eq!(server.stop().await, Some(0));

    let done = export().await.unwrap();
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{done:?}");
    assert!(shown.starts_with("3 messages, 2 edited or deleted, 1 reactions,"), "{shown}");
    assert!(shown.contains("1 people, 1 rooms, 2 members who came or went, 1 files."), "{shown}");
    let again = export().await.unwrap();
    let shown = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(shown.starts_with("0 messages, 0 edited or deleted, 0 reactions, 0 read."), "{shown}");
    let copied = std::fs::read_dir(media.join("zas")).unwrap().next().unwrap().unwrap();
    assert_eq!(std::fs::read(copied.path()).unwrap(), b"los acuerdos");

    // What the app has now moves into an empty Zas, and is the same.
    let elsewhere = tempfile::tempdir().unwrap();
    let store = sqlite(&elsewhere);
    let report = import_all(&store, &url).await;
    agrees(&report, &Sample { messages: 3_003, ..small }, Some(broken));
    let place = |message| {
        let store = &store;
        async move { store.event_by_message(message).await.unwrap().unwrap() }
    };
    assert_eq!(place(said.message.unwrap()).await.at, said.at);
    let corrected = place(edited).await;
    let states = store
        .states(ana.me(), room, &[corrected.seq, place(deleted).await.seq, place(liked).await.seq])
        .await
        .unwrap();
    assert_eq!(
        states.iter().filter(|state| state.text.as_deref() == Some("corregido")).count(),
        1,
        "{states:?}"
    );
    assert_eq!(states.iter().filter(|state| state.deleted_at.is_some()).count(), 1, "{states:?}");
    assert!(states.iter().any(|state| state.mine == Some(zas_protocol::Reaction::Golazo)), "{states:?}");
    let carried = place(carried["message"].as_str().unwrap().parse().unwrap()).await;
    assert!(
        matches!(carried.body, zas_protocol::EventBody::Message { attachment: Some(_), .. }),
        "{carried:?}"
    );
    assert_eq!(store.room(ana.me(), room).await.unwrap().unwrap().description, "dicho aquí");
    assert_eq!(store.user_by_login("nueva").await.unwrap().unwrap().email, "nueva@example.com");
}

/// Has people do things here, as the server would.
async fn here(store: &Arc<dyn Store>, what: Vec<(UserId, Command)>) {
    let batch = what.into_iter().map(|(user, command)| Submission { user, command }).collect();
    for outcome in store.commit(batch, clock::now()).await.unwrap() {
        outcome.unwrap();
    }
}

fn name() -> TxnId {
    TxnId::mint(clock::now(), clock::random())
}

/// What a guide has between fences of a kind, in order.
fn blocks(guide: &str, kind: &str) -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/");
    let text = std::fs::read_to_string(format!("{path}{guide}")).unwrap();
    let mut parts = text.split("\n```");
    parts.next();
    let (mut found, mut inside) = (Vec::new(), true);
    for part in parts {
        let (first, rest) = part.split_once('\n').unwrap_or((part, ""));
        if inside && first == kind {
            found.push(rest.to_owned());
        }
        inside = !inside;
    }
    found
}

/// Each command of the guide, in its order, with its settings and its grants.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guides_commands_move_a_chat_in_and_back() {
    for kind in ["", "sh", "env", "sql", "python"] {
        let (english, spanish) = (blocks("moving-in.md", kind), blocks("mudanza.es.md", kind));
        assert_eq!(english, spanish, "both languages say the same");
        assert!(!english.is_empty(), "{kind:?}");
    }
    let (database, url) = old::filled(&SMALL).await;
    // The guide's names are `app` on the usual port; here it is another.
    let (server, name) = url.rsplit_once('/').unwrap();
    let address = server.rsplit_once('@').unwrap().1;
    for sql in blocks("moving-in.md", "sql") {
        database.execute(&sql.replace("app.*", &format!("{name}.*")));
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let key = folder.path().join("django.key");
    std::fs::write(&key, "a key that signs nothing else, of 32 characters and more").unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let settings: Vec<(String, String)> = blocks("moving-in.md", "env")
        .iter()
        .flat_map(|block| block.lines())
        .map(|line| {
            let (name_of, value) = line.split_once('=').unwrap();
            let value = value
                .replace("127.0.0.1:3306/app", &format!("{address}/{name}"))
                .replace("/etc/zas/django.key", &key.to_string_lossy());
            (name_of.to_owned(), value)
        })
        .filter(|(name, _)| name != "ZAS_DATA")
        .collect();
    let mut ran = Vec::new();
    for line in blocks("moving-in.md", "").iter().flat_map(|block| block.lines()) {
        let line = line.replace("/srv/app/media", &folder.path().join("media").to_string_lossy());
        let words: Vec<&str> = line.split_whitespace().skip(1).collect();
        if words[0] == "serve" {
            let mut setup = Setup::new(&data).arguments(&words[1..]);
            for (name, value) in &settings {
                setup = setup.environment(name, value);
            }
            let server = setup.start().await;
            zas_client::Client::sign_in(&server.url, "persona1", "clave del chat").await.unwrap();
            assert_eq!(server.stop().await, Some(0));
        } else {
            let mut command = zas(&data);
            command.envs(settings.iter().cloned()).args(&words).current_dir(folder.path());
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            let follows = words.contains(&"--follow");
            let done = tokio::task::spawn_blocking(move || {
                let mut child = command.spawn().unwrap();
                if follows {
                    let mut line = String::new();
                    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
                    assert!(line.starts_with("All is here."), "{line}");
                    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
                }
                child.wait_with_output().unwrap()
            });
            let done = done.await.unwrap();
            assert!(done.status.success(), "{line}: {done:?}");
        }
        ran.push(words[..2.min(words.len())].join(" "));
    }
    let all = [
        "config check",
        "import django",
        "import django",
        "import django",
        "serve --upstream",
        "export django",
    ];
    assert_eq!(ran, all);
}
