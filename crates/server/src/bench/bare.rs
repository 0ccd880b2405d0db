//! The bare loop: the same axum, socket buffers and durable commit as Zas, and nothing else. No accounts, no
//! policy, no repetition found, no cursor, no state. It speaks as much of the wire as the generator
//! does; its `hello` names a room instead of a token.
//!
//! One thread commits what has gathered, acks, and gives each message to everyone of its room, encoded
//! once. Nobody who wants all of that can be much faster with these libraries.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use futures_util::SinkExt as _;
use serde::Deserialize;
use tokio::sync::mpsc;
use zas_protocol::Limits;
use zas_protocol::frame::SUBPROTOCOL;
use zas_store::StoreError;
use zas_store::bare::{Log, Row, ServerLog};

use crate::clock;
use crate::config::Config;
use crate::feed::socket::bounded;
use crate::serve;

/// Messages of one commit, as Zas has it.
const BATCH: usize = 256;
/// Frames that wait for one connection.
const QUEUE: usize = 16_384;

/// Appends rows to a durable log and returns once they are.
type Append = Box<dyn FnMut(&[Row]) -> Result<(), StoreError> + Send>;
type Frames = mpsc::Sender<Utf8Bytes>;

/// A message on its way to the disk, and who is to hear that it is there.
struct Sent {
    room: String,
    txn_id: String,
    text: String,
    from: Frames,
}

#[derive(Clone)]
struct Bare {
    sent: mpsc::Sender<Sent>,
    rooms: Arc<Mutex<HashMap<String, Vec<Frames>>>>,
}

impl Bare {
    fn join(&self, room: String, member: Frames) {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.entry(room).or_default().push(member);
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said {
    Hello {
        room: String,
    },
    Send {
        txn_id: String,
        room: String,
        text: String,
    },
    #[serde(other)]
    Other,
}

/// Serves until the process is killed.
///
/// # Errors
/// A sentence.
pub async fn run(listener: TcpListener, config: &Config) -> Result<(), String> {
    let (file, server) = (config.data.join("bare.sqlite"), config.database_server().map(str::to_owned));
    // A thread that may wait.
    let made = tokio::task::spawn_blocking(move || -> Result<Append, StoreError> {
        Ok(match server {
            Some(url) => {
                let mut log = ServerLog::create(&url)?;
                Box::new(move |rows: &[Row]| log.append(rows))
            }
            None => {
                let mut log = Log::create(&file)?;
                Box::new(move |rows: &[Row]| log.append(rows))
            }
        })
    });
    let log = made.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let (sender, sent) = mpsc::channel(4_096);
    let bare = Bare { sent: sender, rooms: Arc::default() };
    let rooms = bare.rooms.clone();
    std::thread::spawn(move || commit(log, sent, &rooms));
    let router = Router::new().route("/v1/ws", any(upgrade)).with_state(bare);
    let server = serve::http(listener, &Limits::default()).map_err(|error| error.to_string())?;
    server.serve(router.into_make_service()).await.map_err(|error| error.to_string())
}

async fn upgrade(State(bare): State<Bare>, upgrade: WebSocketUpgrade) -> Response {
    bounded(upgrade).protocols([SUBPROTOCOL]).on_upgrade(move |socket| async move {
        let _ = serve_socket(bare, socket).await;
    })
}

async fn serve_socket(bare: Bare, mut socket: WebSocket) -> Option<()> {
    let (frames, mut outgoing) = mpsc::channel(QUEUE);
    let mut ready = Vec::new();
    loop {
        tokio::select! {
            message = socket.recv() => {
                let Message::Text(text) = message?.ok()? else { continue };
                match serde_json::from_str(&text).ok()? {
                    Said::Hello { room } => {
                        bare.join(room, frames.clone());
                        socket.send(Message::text(r#"{"type":"synced"}"#)).await.ok()?;
                    }
                    Said::Send { txn_id, room, text } => {
                        let from = frames.clone();
                        bare.sent.send(Sent { room, txn_id, text, from }).await.ok()?;
                    }
                    Said::Other => {}
                }
            }
            count = outgoing.recv_many(&mut ready, QUEUE) => {
                if count == 0 {
                    return None;
                }
                for frame in ready.drain(..) {
                    socket.feed(Message::Text(frame)).await.ok()?;
                }
                socket.flush().await.ok()?;
            }
        }
    }
}

fn commit(mut append: Append, mut sent: mpsc::Receiver<Sent>, rooms: &Mutex<HashMap<String, Vec<Frames>>>) {
    let mut heads: HashMap<String, u64> = HashMap::new();
    let mut batch = Vec::with_capacity(BATCH);
    while sent.blocking_recv_many(&mut batch, BATCH) > 0 {
        let at = clock::now();
        let (mut rows, mut senders) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for Sent { room, txn_id, text, from } in batch.drain(..) {
            let head = heads.entry(room.clone()).or_default();
            *head += 1;
            rows.push(Row { room, seq: *head, txn_id, text, at });
            senders.push(from);
        }
        append(&rows).expect("the bare loop's disk takes what it is given");
        let rooms = rooms.lock().unwrap_or_else(PoisonError::into_inner);
        for (row, sender) in rows.iter().zip(senders) {
            let ack = format!(
                r#"{{"type":"ack","txn_id":"{}","room":"{}","seq":{},"at":{at}}}"#,
                row.txn_id, row.room, row.seq
            );
            let _ = sender.try_send(ack.into());
            // The generator's texts need no escaping.
            let event: Utf8Bytes = format!(
                r#"{{"type":"event","room":"{}","seq":{},"at":{at},"txn_id":"{}","text":"{}"}}"#,
                row.room, row.seq, row.txn_id, row.text
            )
            .into();
            for member in rooms.get(&row.room).into_iter().flatten() {
                let _ = member.try_send(event.clone());
            }
        }
    }
}
