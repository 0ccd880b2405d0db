//! One cell of the matrix: who asks, and a group with everyone who can stand to it in some way.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use zas_protocol::{Ack, Command, DeviceId, ErrorCode, FileId, RoomId, UserId};
use zas_server::clock;
use zas_server::committer::Outcome;
use zas_server::config::Config;
use zas_store::FileKind;

use crate::support::{Person, Server};

/// An access token lives an hour, and clocks may differ by 30 s.
const LONG_AGO: i64 = (3_600 + 31) * 1_000_000;

/// How whoever asks stands to the group, and what they show for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Shows no token.
    Nobody,
    /// Has never been in it.
    Stranger,
    /// Was in it and was removed.
    ExMember,
    Member,
    Admin,
    Owner,
    /// A member whose account is disabled.
    Disabled,
    /// A member whose device was signed out.
    SignedOut,
    /// A member whose token has expired.
    Expired,
    /// A member who shows the refresh token in place of the access token.
    Refresh,
}

impl Caller {
    pub(crate) const ALL: [Self; 10] = [
        Self::Nobody,
        Self::Stranger,
        Self::ExMember,
        Self::Member,
        Self::Admin,
        Self::Owner,
        Self::Disabled,
        Self::SignedOut,
        Self::Expired,
        Self::Refresh,
    ];

    /// How they are refused everything that takes a session; `None` for who has one.
    pub(crate) const fn refusal(self) -> Option<ErrorCode> {
        match self {
            Self::Nobody | Self::Expired | Self::Refresh => Some(ErrorCode::Unauthenticated),
            Self::Disabled | Self::SignedOut => Some(ErrorCode::Revoked),
            Self::Stranger | Self::ExMember | Self::Member | Self::Admin | Self::Owner => None,
        }
    }
}

/// The cells of a row: each caller with their letter.
pub(crate) fn cells(letters: &str) -> impl Iterator<Item = (Caller, char)> + use<> {
    assert_eq!(letters.len(), Caller::ALL.len(), "{letters}: a letter for each caller");
    let letters: Vec<char> = letters.chars().collect();
    Caller::ALL.into_iter().zip(letters)
}

/// A server with what all cells on it share.
pub(crate) struct Stage {
    pub(crate) server: Server,
    /// A picture that none of a cell's people put up.
    file: FileId,
}

impl Stage {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// Over the model of the store, which a suite of its own holds equal to the database; a soak has the
    /// time for the database itself.
    pub(crate) async fn with(configure: impl FnOnce(&mut Config)) -> Self {
        let is_soak = zas_tally::amount(1) > 1;
        let server = if is_soak { Server::on_disk(configure).await } else { Server::with(configure).await };
        Self::on(server).await
    }

    /// Over the database.
    pub(crate) async fn on_disk() -> Self {
        Self::on(Server::on_disk(|_| {}).await).await
    }

    async fn on(server: Server) -> Self {
        let painter = person(&server, "painter").await;
        let file = picture(&server, painter.id).await;
        Self { server, file }
    }
}

/// What is said and written in the group, and in no other place.
pub(crate) const SECRET: &str = "secreto";

/// The people and rooms of a cell.
pub(crate) struct Cast<'a> {
    pub(crate) server: &'a Server,
    pub(crate) caller: Caller,
    /// What the caller shows.
    pub(crate) token: Option<String>,
    pub(crate) me: UserId,
    pub(crate) room: RoomId,
    /// A private room of the caller and somebody who is in no other.
    pub(crate) aside: RoomId,
    pub(crate) friend: UserId,
    pub(crate) owner: UserId,
    pub(crate) admin: UserId,
    pub(crate) guest: UserId,
    /// A plain member with a session.
    pub(crate) peer: Person,
    /// By the placeholder that stands for it in paths and bodies.
    names: BTreeMap<&'static str, String>,
}

impl<'a> Cast<'a> {
    pub(crate) async fn new(stage: &'a Stage, caller: Caller) -> Self {
        let server = &stage.server;
        let peer = person(server, "peer").await;
        let [owner, admin, ex, guest, gone, friend] = people(server).await;
        let me = match caller {
            Caller::Owner => owner,
            Caller::ExMember => ex,
            _ => person(server, "me").await.id,
        };
        let mut members = vec![peer.id, admin, ex];
        if !matches!(caller, Caller::Nobody | Caller::Stranger | Caller::ExMember | Caller::Owner) {
            members.push(me);
        }
        let members = serde_json::to_string(&members).unwrap();
        let group = format!(r#"{{"type":"create_group","name":"Grupo {SECRET}","members":{members}}}"#);
        let room = does(server, owner, &group).await.room;
        does(server, owner, &set_role(room, admin)).await;
        if caller == Caller::Admin {
            does(server, owner, &set_role(room, me)).await;
        }
        let remove = format!(r#"{{"type":"remove_member","room":"{room}","user":"{ex}"}}"#);
        does(server, owner, &remove).await;
        let said = format!(r#"{{"type":"send","room":"{room}","text":"un {SECRET}"}}"#);
        let message = does(server, peer.id, &said).await.message.unwrap();
        let private = does(server, owner, &open_private(peer.id)).await.room;
        let aside = does(server, friend, &open_private(me)).await.room;
        server.app.auth.disable(gone).await.unwrap();

        let now = clock::now();
        let issued_at = if caller == Caller::Expired { now - LONG_AGO } else { now };
        let tokens = server.app.auth.open_device(me, "test", issued_at).await.unwrap();
        match caller {
            Caller::Disabled => assert!(server.app.auth.disable(me).await.unwrap()),
            Caller::SignedOut => server.app.auth.sign_out(tokens.device).await.unwrap(),
            _ => {}
        }
        let refresh = tokens.refresh.unwrap();
        let token = match caller {
            Caller::Nobody => None,
            Caller::Refresh => Some(refresh.clone()),
            _ => Some(tokens.access),
        };
        let username = server.app.store.user(peer.id).await.unwrap().unwrap().user.username;
        let peers_device = server.app.store.devices(peer.id).await.unwrap()[0].id;
        // Nobody has the signature of another file.
        let signed = if caller == Caller::Nobody { FileId::mint(now, clock::random()) } else { stage.file };
        let names = [
            ("room", room.to_string()),
            ("chat", room.to_string()),
            ("private", private.to_string()),
            ("message", message.to_string()),
            ("me", me.to_string()),
            ("peer", peer.id.to_string()),
            ("user", peer.id.to_string()),
            ("username", username),
            ("admin", admin.to_string()),
            ("owner", owner.to_string()),
            ("guest", guest.to_string()),
            ("gone", gone.to_string()),
            ("device", peers_device.to_string()),
            ("own_device", tokens.device.to_string()),
            ("file", stage.file.to_string()),
            ("signature", server.app.files.sign(me, signed, now)),
            ("refresh", if caller == Caller::Nobody { "nothing".to_owned() } else { refresh }),
        ];
        let names = names.into_iter().collect();
        Self { server, caller, token, me, room, aside, friend, owner, admin, guest, peer, names }
    }

    /// Files for messages: one that the group's message carries, one of a message that is deleted, one
    /// that a plain member has not sent, and one of the caller's own.
    pub(crate) async fn put_files_up(&mut self) {
        let now = clock::now();
        let put = async |user: UserId| {
            let letter = futures_util::stream::iter([Ok(bytes::Bytes::from("una carta"))]);
            let (files, store) = (&self.server.app.files, &self.server.app.store);
            files.put_attachment(store, user, "carta.txt", letter, now).await.unwrap().id
        };
        let peer = self.peer.id;
        let (carried, erased) = (put(peer).await, put(peer).await);
        let (unsent, mine) = (put(peer).await, put(self.me).await);
        let send = |file| format!(r#"{{"type":"send","room":"{{room}}","text":"","attachment":"{file}"}}"#);
        self.does(peer, &send(carried)).await;
        let message = self.does(peer, &send(erased)).await.message.unwrap();
        let delete = format!(r#"{{"type":"delete_message","room":"{{room}}","message":"{message}"}}"#);
        self.does(peer, &delete).await;
        // Nobody has the signature of another file.
        let signed = if self.caller == Caller::Nobody { unsent } else { carried };
        let signed = self.server.app.files.sign(self.me, signed, now);
        let files = [("carried", carried), ("erased", erased), ("unsent", unsent), ("mine", mine)];
        self.names.extend(files.map(|(name, file)| (name, file.to_string())));
        self.names.insert("signed", signed);
    }

    /// A template with its placeholders filled in; `{nowhere}` is an id that nothing has.
    pub(crate) fn fill(&self, template: &str) -> String {
        let named =
            |text: String, (name, value): (&&str, &String)| text.replace(&format!("{{{name}}}"), value);
        self.names.iter().fold(template.to_owned(), named).replace("{nowhere}", &nowhere())
    }

    /// The same with nothing in it that is there, but for whom the signature names.
    pub(crate) fn fill_with_nothing(&self, template: &str) -> String {
        let ids = self.names.keys().filter(|name| !matches!(**name, "signature" | "signed" | "refresh"));
        let template = template.replace("{username}", "nobody_at_all");
        ids.chain([&"nowhere"]).fold(template, |text, name| text.replace(&format!("{{{name}}}"), &nowhere()))
    }

    /// A command of somebody, which has to be stored.
    pub(crate) async fn does(&self, user: UserId, template: &str) -> Ack {
        does(self.server, user, &self.fill(template)).await
    }
}

/// An id that nothing has.
fn nowhere() -> String {
    RoomId::mint(clock::now(), clock::random()).to_string()
}

fn open_private(user: UserId) -> String {
    format!(r#"{{"type":"open_private","user":"{user}"}}"#)
}

fn set_role(room: RoomId, user: UserId) -> String {
    format!(r#"{{"type":"set_role","room":"{room}","user":"{user}","role":"admin"}}"#)
}

/// A fresh name for a command.
pub(crate) fn txn_id() -> String {
    DeviceId::mint(clock::now(), clock::random()).to_string()
}

/// A command with a fresh name.
pub(crate) fn named(command: &str) -> Value {
    let mut command: Value = serde_json::from_str(command).unwrap_or_else(|why| panic!("{why}: {command}"));
    command["txn_id"] = txn_id().into();
    command
}

async fn does(server: &Server, user: UserId, command: &str) -> Ack {
    let command: Command = serde_json::from_value(named(command)).unwrap();
    match server.app.committer.execute(user, command.clone()).await {
        Outcome::Stored(ack) => ack,
        Outcome::Refused(nack) => panic!("{command:?}: {nack:?}"),
    }
}

async fn people<const N: usize>(server: &Server) -> [UserId; N] {
    let mut ids = [UserId::mint(0, [0; 10]); N];
    for id in &mut ids {
        *id = person(server, "other").await.id;
    }
    ids
}

async fn person(server: &Server, called: &str) -> Person {
    static COUNT: AtomicU64 = AtomicU64::new(2);
    server.person(&format!("{called}_{}", COUNT.fetch_add(1, Ordering::Relaxed))).await
}

/// A picture that somebody put up.
async fn picture(server: &Server, user: UserId) -> FileId {
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(1, 1).write_to(&mut png, image::ImageFormat::Png).unwrap();
    let png = png.into_inner().into();
    server.app.files.put_avatar(&*server.app.store, user, FileKind::Avatar, png, clock::now()).await.unwrap()
}
