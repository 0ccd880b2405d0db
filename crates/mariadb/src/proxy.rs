//! A way to a server that can be cut at the worst moment.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Hands every byte on, until it is told to lose an answer.
pub struct Proxy {
    address: SocketAddr,
    rule: Arc<Rule>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    ended: Arc<AtomicBool>,
}

#[derive(Default)]
struct Rule {
    /// Hands the next COMMIT on and loses its answer.
    answer: AtomicBool,
    /// Loses the next COMMIT itself.
    question: AtomicBool,
}

/// `COMMIT` as a statement in text: the command's byte before it.
const COMMIT: &[u8] = b"\x03COMMIT";

impl Proxy {
    /// To a server.
    #[must_use]
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (rule, ended) = (Arc::<Rule>::default(), Arc::<AtomicBool>::default());
        let open: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let (rules, all, over) = (rule.clone(), open.clone(), ended.clone());
        thread::spawn(move || {
            for client in listener.incoming() {
                if over.load(Ordering::Acquire) {
                    return;
                }
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(server)) else { continue };
                let both = [client.try_clone().unwrap(), server.try_clone().unwrap()];
                all.lock().unwrap().extend(both);
                let (from, to, rule) =
                    (client.try_clone().unwrap(), server.try_clone().unwrap(), rules.clone());
                thread::spawn(move || hand_on(from, to, Some(&rule)));
                thread::spawn(move || hand_on(server, client, None));
            }
        });
        Self { address, rule, open, ended }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next COMMIT reaches the server, and its answer nobody.
    pub fn lose_the_next_answer(&self) {
        self.rule.answer.store(true, Ordering::Release);
    }

    /// The next COMMIT does not reach the server.
    pub fn lose_the_next_commit(&self) {
        self.rule.question.store(true, Ordering::Release);
    }

    /// Cuts every connection there is.
    pub fn cut(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            let _it_may_be_closed = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        self.cut();
        // Wakes the one that waits.
        let _it_may_have_ended = TcpStream::connect(self.address);
    }
}

/// Hands on what comes, until an end closes or the rule says so.
fn hand_on(mut from: TcpStream, mut to: TcpStream, rule: Option<&Rule>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let bytes = &buffer[..count];
        if let Some(rule) = rule
            && bytes.windows(COMMIT.len()).any(|window| window == COMMIT)
        {
            if rule.question.swap(false, Ordering::AcqRel) {
                break;
            }
            if rule.answer.swap(false, Ordering::AcqRel) {
                // The client's side first, so that no answer gets by.
                let _closed = from.shutdown(Shutdown::Both);
                let _handed_on = to.write_all(bytes);
                return;
            }
        }
        if to.write_all(bytes).is_err() {
            break;
        }
    }
    let _closed = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
