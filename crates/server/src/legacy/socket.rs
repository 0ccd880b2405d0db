//! `ws/chat/{id}/`: one socket for one chat. The handshake is always accepted; then its client is
//! told in words what is wrong and closed, since an HTTP 403 is what nobody could read.

use std::time::Duration;

use axum::Extension;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::{HeaderMap, header};
use serde::Deserialize;
use serde_json::{Value, json};
use zas_core::hub::{Delivery, Rung};
use zas_protocol::{ErrorCode, Event, Language, MessageId, RoomId, Seq, ServerFrame, UserId};
use zas_store::PageAt;

use super::answer::{Base, Refused, Say, Viewer, language};
use super::changes::{self, Edit, React};
use super::messages::{self, New};
use super::once::Transport;
use super::said::Said;
use super::shapes::People;
use crate::accept::Allowance;
use crate::app::App;
use crate::auth::Identity;
use crate::auth::extract::ClientAddress;
use crate::clock;
use crate::feed::mailbox::{Item, Mailbox};
use crate::feed::socket::bounded;
use crate::metrics;
use crate::routes::feed::origin_is_allowed;

const NO_TOKEN: Say = Say::new("Token no proporcionado", "Token not provided");
const BAD_TOKEN: Say = Say::new("Token inválido", "Invalid token");
const NOT_IN: Say = Say::new("No eres participante de este chat", "You are not a participant of this chat");
const BAD_JSON: Say = Say::new("Formato JSON inválido", "Invalid JSON format");
const BAD_ORIGIN: Say = Say::new(
    "El origen de esta página no está permitido: añádelo a allowed_origins",
    "This page's origin is not allowed: add it to allowed_origins",
);
const CONNECTED: Say = Say::new("Conectado exitosamente", "Connected");

/// No or no good token.
const UNAUTHENTICATED: u16 = 4401;
/// Not in the chat, or no such chat.
const FORBIDDEN: u16 = 4403;
/// The server stops (RFC 6455 §7.4.1): come back.
const GOING_AWAY: u16 = 1001;

#[derive(Deserialize)]
pub(super) struct Token {
    token: Option<String>,
    ticket: Option<String>,
}

/// For a client that has no token to show at the handshake, how long it may take to send one.
const FIRST_MESSAGE: Duration = Duration::from_secs(3);

/// What a client without a token sends first.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum First {
    Authenticate { token: String },
}

#[expect(clippy::too_many_arguments, reason = "each is a part of the request")]
pub(super) async fn socket(
    State(app): State<App>,
    Path(chat): Path<String>,
    Query(query): Query<Token>,
    ClientAddress(address): ClientAddress,
    Extension(allowance): Extension<Allowance>,
    headers: HeaderMap,
    base: Base,
    upgrade: WebSocketUpgrade,
) -> Response {
    let language = language(&headers);
    let allowed = origin_is_allowed(&headers, &app.config.allowed_origins);
    // One that is no good is as good as a token that is none.
    let redeem = |ticket: String| app.tickets.redeem(&ticket, clock::steady()).unwrap_or_default();
    let ticket = query.ticket.map(redeem);
    let token = query.token.filter(|token| !token.is_empty()).or_else(|| token_of(&headers)).or(ticket);
    // Whoever shows none here is a stranger until their first message.
    let place = match token {
        Some(_) => None,
        None => app.anonymous.enter(address, &allowance).await,
    };
    let protocol = upgrade.requested_protocols().next().cloned();
    let upgrade = match protocol.as_ref().and_then(|value| value.to_str().ok()) {
        // A browser that offered one fails without an answer to it.
        Some(protocol) => upgrade.protocols([protocol.to_owned()]),
        None => upgrade,
    };
    bounded(upgrade).on_upgrade(move |socket| async move {
        let _open = app.metrics.open(metrics::Rung::Socket);
        let stall = Duration::from_millis(app.config.limits.write_stall_ms);
        let mut socket = ChatSocket { socket, language, stall };
        let end = match allowed {
            true => {
                let token = match token {
                    Some(token) => Some(token),
                    None => socket.first_message().await,
                };
                drop(place);
                serve(&app, &mut socket, &chat, token, base).await
            }
            false => End::Refused(BAD_ORIGIN, FORBIDDEN),
        };
        socket.finish(end).await;
    })
}

/// The token in `Authorization`, or as the socket's subprotocol.
fn token_of(headers: &HeaderMap) -> Option<String> {
    let bearer = crate::auth::extract::bearer(headers).map(str::to_owned);
    bearer.or_else(|| {
        let offered = headers.get(header::SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
        offered.split(',').map(str::trim).find(|one| one.matches('.').count() == 2).map(str::to_owned)
    })
}

/// Why a socket ends.
enum End {
    /// The client went away.
    Gone,
    /// It is told and closed.
    Refused(Say, u16),
    /// The server stops.
    Drain,
}

struct ChatSocket {
    socket: WebSocket,
    language: Language,
    /// A client that reads nothing for this long is gone (`limits.write_stall_ms`).
    stall: Duration,
}

impl ChatSocket {
    async fn send(&mut self, frame: Value) -> Result<(), End> {
        self.put(Message::text(frame.to_string())).await
    }

    async fn ping(&mut self) -> Result<(), End> {
        self.put(Message::Ping(axum::body::Bytes::new())).await
    }

    async fn put(&mut self, message: Message) -> Result<(), End> {
        let sent = self.socket.send(message);
        match tokio::time::timeout(self.stall, sent).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }

    async fn say(&mut self, kind: &str, say: Say) -> Result<(), End> {
        let text = say.in_(self.language);
        self.send(json!({ "type": kind, "message": text })).await
    }

    /// The token of a client that sends it first of all.
    async fn first_message(&mut self) -> Option<String> {
        let said = tokio::time::timeout(FIRST_MESSAGE, self.socket.recv()).await.ok()??.ok()?;
        let Message::Text(text) = said else { return None };
        let First::Authenticate { token } = serde_json::from_str(&text).ok()?;
        Some(token)
    }

    async fn finish(mut self, end: End) {
        let code = match end {
            End::Gone => return,
            End::Drain => GOING_AWAY,
            End::Refused(say, code) => {
                if self.say("error", say).await.is_err() {
                    return;
                }
                code
            }
        };
        let frame = CloseFrame { code, reason: Utf8Bytes::default() };
        let farewell = self.socket.send(Message::Close(Some(frame)));
        let _ = tokio::time::timeout(Duration::from_secs(1), farewell).await;
    }
}

async fn serve(app: &App, socket: &mut ChatSocket, chat: &str, token: Option<String>, base: Base) -> End {
    let Some(token) = token else { return End::Refused(NO_TOKEN, UNAUTHENTICATED) };
    let identity = match app.auth.authenticate(&token, clock::now()).await {
        Ok(identity) => identity,
        Err(ErrorCode::Unauthenticated | ErrorCode::Revoked) => {
            return End::Refused(BAD_TOKEN, UNAUTHENTICATED);
        }
        Err(code) => return End::Refused(Say::of(code), GOING_AWAY),
    };
    let Ok(chat) = chat.parse::<RoomId>() else { return End::Refused(NOT_IN, FORBIDDEN) };
    let (mailbox, _attached) = match messages::listen(app, &identity, chat, Rung::Lasting).await {
        Ok(listening) => listening,
        Err(refused) if refused.say() == Say::of(ErrorCode::NotFound) => {
            return End::Refused(NOT_IN, FORBIDDEN);
        }
        Err(refused) => return End::Refused(refused.say(), UNAUTHENTICATED),
    };
    let head = match app.store.member(chat, identity.user).await {
        Ok(Some(member)) => member.head,
        _ => return End::Refused(NOT_IN, FORBIDDEN),
    };
    if let Err(end) = socket.say("connection_success", CONNECTED).await {
        return end;
    }
    let viewer = Viewer { user: identity.user, base };
    let mut live = Live { app, identity, viewer, chat, sent: head };
    match live.run(socket, &mailbox).await {
        Ok(()) => End::Gone,
        Err(end) => end,
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Frame {
    ChatMessage(New),
    Typing {
        is_typing: bool,
    },
    ReadMessage {
        message_id: MessageId,
    },
    ReactMessage {
        message_id: MessageId,
        #[serde(flatten)]
        react: React,
    },
    EditMessage {
        message_id: MessageId,
        #[serde(flatten)]
        edit: Edit,
    },
    DeleteMessage {
        message_id: MessageId,
    },
}

/// A socket whose client is in the chat.
struct Live<'a> {
    app: &'a App,
    identity: Identity,
    viewer: Viewer,
    chat: RoomId,
    /// The last place that was sent.
    sent: Seq,
}

impl Live<'_> {
    /// The old client never pings; its browser answers the pings it is sent.
    async fn run(&mut self, socket: &mut ChatSocket, mailbox: &Mailbox) -> Result<(), End> {
        let limits = &self.app.config.limits;
        let dead_after = Duration::from_millis(limits.dead_ms);
        let every = Duration::from_millis(limits.ping_ms);
        let mut ping = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
        // This client can't bring a fresh token, so its socket outlives the one it has.
        let lasts = self.identity.session_until.saturating_sub(clock::now());
        let expiry = tokio::time::sleep(Duration::from_micros(u64::try_from(lasts).unwrap_or(0)));
        tokio::pin!(expiry);
        let mut heard = tokio::time::Instant::now();
        loop {
            tokio::select! {
                () = &mut expiry => return Err(End::Refused(BAD_TOKEN, UNAUTHENTICATED)),
                _ = ping.tick() => {
                    if heard.elapsed() >= dead_after {
                        return Err(End::Gone);
                    }
                    socket.ping().await?;
                }
                items = mailbox.take() => {
                    for item in items {
                        self.put(socket, item).await?;
                    }
                }
                said = socket.socket.recv() => {
                    heard = tokio::time::Instant::now();
                    match said {
                        Some(Ok(Message::Text(text))) => self.hear(socket, &text).await?,
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(()),
                        Some(Ok(_)) => {}
                    }
                }
            }
        }
    }

    async fn hear(&mut self, socket: &mut ChatSocket, text: &str) -> Result<(), End> {
        let Some(said) = crate::json::parse::<Frame>(text.as_bytes()) else {
            let readable = crate::json::parse::<Value>(text.as_bytes()).is_some();
            let say = if readable { Say::of(ErrorCode::BadRequest) } else { BAD_JSON };
            return socket.say("error", say).await;
        };
        let user = self.identity.user;
        match said {
            Frame::ChatMessage(new) => {
                let said = messages::say(self.app, &self.identity, self.chat, new, Transport::Socket).await;
                Self::answer(socket, said).await?;
            }
            Frame::Typing { is_typing } => {
                if self.app.gate.signal(user, clock::steady()) {
                    self.app.hub.typing(user, self.chat, is_typing);
                }
            }
            Frame::ReadMessage { message_id } => {
                let event = self.app.store.event_by_message(message_id).await.ok().flatten();
                if let Some(event) = event.filter(|event| event.room == self.chat)
                    && self.app.gate.signal(user, clock::steady())
                {
                    self.app.hub.advance(user, self.chat, event.seq, event.seq);
                }
            }
            Frame::ReactMessage { message_id, react } => {
                let done = changes::toggle(self.app, user, self.chat, message_id, &react.reaction_type).await;
                Self::answer(socket, done).await?;
            }
            Frame::EditMessage { message_id, edit } => {
                let done = changes::edit_message(self.app, user, self.chat, message_id, edit.content).await;
                Self::answer(socket, done).await?;
            }
            Frame::DeleteMessage { message_id } => {
                let done = changes::delete_message(self.app, user, self.chat, message_id).await;
                Self::answer(socket, done).await?;
            }
        }
        Ok(())
    }

    /// What was done comes back as everyone hears it; a refusal is said to its sender alone.
    async fn answer<T>(socket: &mut ChatSocket, done: Result<T, Refused>) -> Result<(), End> {
        match done {
            Ok(_) => Ok(()),
            Err(refused) => socket.say("error", refused.say()).await,
        }
    }

    async fn put(&mut self, socket: &mut ChatSocket, item: Item) -> Result<(), End> {
        match item {
            Item::Delivery(Delivery::Event { room, seq, bytes }) if room == self.chat => {
                if seq == self.sent + 1
                    && let Ok(ServerFrame::Event(event)) = serde_json::from_slice(&bytes)
                {
                    self.sent = seq;
                    return self.tell(socket, &[event]).await;
                }
                if seq > self.sent { self.catch_up(socket).await } else { Ok(()) }
            }
            Item::Dirty(room) if room == self.chat => self.catch_up(socket).await,
            Item::Delivery(Delivery::Unfollow { room }) if room == self.chat => {
                Err(End::Refused(NOT_IN, FORBIDDEN))
            }
            Item::Delivery(Delivery::State(bytes)) => match serde_json::from_slice(&bytes) {
                Ok(frame) => self.tell_state(socket, frame).await,
                Err(_) => Ok(()),
            },
            Item::Close(_) => Err(End::Refused(BAD_TOKEN, UNAUTHENTICATED)),
            Item::Drain(_) => Err(End::Drain),
            _ => Ok(()),
        }
    }

    /// Something was missed: it is read from the store, in order.
    async fn catch_up(&mut self, socket: &mut ChatSocket) -> Result<(), End> {
        loop {
            let page =
                self.app.store.page(self.identity.user, self.chat, PageAt::After(self.sent), 100).await;
            let Ok(Some(page)) = page else { return Err(End::Refused(NOT_IN, FORBIDDEN)) };
            if page.to <= self.sent {
                return Ok(());
            }
            self.sent = page.to;
            self.tell(socket, &page.events).await?;
        }
    }

    async fn tell(&self, socket: &mut ChatSocket, events: &[Event]) -> Result<(), End> {
        match self.frames(events).await {
            Ok(frames) => {
                for frame in frames {
                    socket.send(frame).await?;
                }
                Ok(())
            }
            Err(refused) => Err(End::Refused(refused.say(), GOING_AWAY)),
        }
    }

    /// What the old contract says of events; of those that it does not know, nothing. A message that
    /// was edited is shown as it is now. What becomes of a message from before one came is not told:
    /// it would show the message.
    async fn frames(&self, events: &[Event]) -> Result<Vec<Value>, Refused> {
        let changed: Vec<Seq> = events.iter().filter_map(|event| event.body.changes()).collect();
        let changed = match &changed[..] {
            [] => Vec::new(),
            seqs => self.app.store.visible(self.viewer.user, self.chat, seqs).await?.unwrap_or_default(),
        };
        let target = |of: Seq| changed.iter().find(|message| message.seq == of);
        // Each with the message that it is of.
        let shown: Vec<(&Event, &Event)> = events
            .iter()
            .filter_map(|event| match event.body.changes() {
                Some(of) => Some((event, target(of)?)),
                None => event.body.message().map(|_| (event, event)),
            })
            .collect();
        if shown.is_empty() {
            return Ok(Vec::new());
        }
        let messages: Vec<Event> = shown.iter().map(|&(_, message)| message.clone()).collect();
        let actors = shown.iter().filter_map(|(event, _)| event.sender);
        let said = Said::load(self.app, &self.viewer, self.chat, &messages, actors).await?;
        Ok(shown.iter().filter_map(|(event, message)| said.frame(self.app, event, message)).collect())
    }

    async fn tell_state(&self, socket: &mut ChatSocket, frame: ServerFrame) -> Result<(), End> {
        match frame {
            ServerFrame::Typing { room, user, on, .. } if room == self.chat => {
                let username = self.username(user).await?;
                socket
                    .send(json!({
                        "type": "typing_status", "user_id": user, "username": username, "is_typing": on,
                    }))
                    .await
            }
            ServerFrame::Presence { of, .. } => {
                for person in of.into_iter().filter(|person| person.user != self.identity.user) {
                    let username = self.username(person.user).await?;
                    let status = if person.online { "online" } else { "offline" };
                    let frame = json!({
                        "type": "user_status", "user_id": person.user, "username": username, "status": status,
                    });
                    socket.send(frame).await?;
                }
                Ok(())
            }
            ServerFrame::Positions { room, of, .. } if room == self.chat => {
                for position in of.into_iter().filter(|at| at.user != self.identity.user && at.read > 0) {
                    self.tell_read(socket, position.user, position.read).await?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The old contract names the message that was read: the last one up to the position.
    async fn tell_read(&self, socket: &mut ChatSocket, user: UserId, read: Seq) -> Result<(), End> {
        let page = self.app.store.page(self.identity.user, self.chat, PageAt::Before(read + 1), 20).await;
        let Ok(Some(page)) = page else { return Ok(()) };
        let Some(message) = page.events.iter().rev().find_map(|event| event.body.message()) else {
            return Ok(());
        };
        let username = self.username(user).await?;
        socket
            .send(json!({
                "type": "message_read", "message_id": message, "user_id": user, "username": username,
            }))
            .await
    }

    async fn username(&self, user: UserId) -> Result<String, End> {
        let failed = |refused: Refused| End::Refused(refused.say(), GOING_AWAY);
        let people = People::load(self.app, &self.viewer, vec![user]).await.map_err(failed)?;
        Ok(people.username(user).to_owned())
    }
}
