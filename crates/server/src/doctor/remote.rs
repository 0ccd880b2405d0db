//! Whether clients reach a server well through what stands before it. Real connections are made, as a
//! browser makes them, on each rung; what is wrong is named by its cause, with the line to change in
//! nginx or Caddy where it is known. One cause is one finding: what follows from it is left out.
//!
//! | module | what |
//! |---|---|
//! | [`reach`] | name, connection, certificate; that Zas answers, and not something else |
//! | [`who`] | signing in; why a token is refused; clocks |
//! | [`socket`], [`feed`] | the three rungs |
//! | [`idle`] | how long each of them lives without a word |
//! | [`caller`] | what the server makes of the proxy: addresses, cookies |
//! | [`uploads`] | how much may be sent at once |
//!
//! To add a check: a function that returns a [`Finding`] in one of them, its line in [`examine`], and a
//! configuration that is wrong in this way in `tests/doctor`.

mod caller;
mod feed;
mod idle;
mod reach;
mod socket;
mod uploads;
mod who;

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, Url, redirect};
use zas_client::prompt::Credentials;
use zas_protocol::rest::State;
use zas_protocol::{ErrorBody, Hello, RoomId};

use super::{Finding, bad};

/// A connection takes at most this long to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// An answer takes at most this long.
const ANSWER: Duration = Duration::from_secs(10);
/// The first frames of a rung take at most this long. A client gives them 1.5 s before it begins the
/// next rung beside it; a slow line is no fault of the proxy.
const FIRST_FRAMES: Duration = Duration::from_secs(4);

/// What to look at, and as whom.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address that people open, e.g. `https://chat.example.com`.
    pub url: String,
    /// Who asks; without it only what strangers reach is looked at.
    pub credentials: Option<Credentials>,
    /// The origin of pages that connect; without it the address's own.
    pub origin: Option<String>,
    /// How long to stay connected on each rung after all else; zero leaves that out.
    pub idle: Duration,
}

/// A server from outside.
struct Site {
    base: Url,
    origin: String,
    /// As browsers ask: HTTP/2 where it is offered.
    http: Client,
    /// For sockets, which are upgrades of HTTP/1.1.
    upgrades: Client,
    token: Option<String>,
}

impl Site {
    fn new(options: &Options) -> Result<Self, String> {
        let mut base: Url = options.url.parse().map_err(|_| format!("not an address: {}", options.url))?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(format!("an address starts with http:// or https://: {}", options.url));
        }
        base.set_path(&format!("{}/", base.path().trim_end_matches('/')));
        base.set_query(None);
        let client = || Client::builder().connect_timeout(CONNECT).redirect(redirect::Policy::none());
        Ok(Self {
            origin: options.origin.clone().unwrap_or_else(|| base.origin().ascii_serialization()),
            http: client().build().map_err(|error| error.to_string())?,
            upgrades: client().http1_only().build().map_err(|error| error.to_string())?,
            base,
            token: None,
        })
    }

    fn address(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path()));
        url
    }

    /// A request with the token, if there is one.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, self.address(path));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// What a client has that has just read its first state, so that nothing is sent to it but news.
    async fn hello(&self) -> Result<Hello, Finding> {
        let unread =
            |_| bad("state", "GET /v1/state gives no answer that can be read: it must pass as it is");
        let response = self.request(Method::GET, "v1/state").timeout(ANSWER).send().await.map_err(unread)?;
        let state: State = response.json().await.map_err(unread)?;
        let own = std::iter::once((state.own_log.room, (state.own_log.epoch, state.own_log.head)));
        let rooms = state.rooms.iter().map(|room| -> (RoomId, _) { (room.id, (room.epoch, room.head)) });
        Ok(Hello { token: None, cursor: Some(own.chain(rooms).collect()), seen: None })
    }
}

/// Whether an answer went through Zas, which gives each an id.
fn is_ours(response: &Response) -> bool {
    response.headers().contains_key("x-request-id") && !is_html(response)
}

fn is_html(response: &Response) -> bool {
    let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html"))
}

/// A refusal of ours, or `None` when something before the server answered in its place.
async fn refusal(response: Response) -> Option<ErrorBody> {
    response.json().await.ok()
}

/// Looks at everything that can be looked at: what cannot work without something that does not is left
/// out.
///
/// # Errors
/// An address that is none, in words.
pub async fn examine(options: Options) -> Result<Vec<Finding>, String> {
    let mut site = Site::new(&options)?;
    let mut findings = Vec::new();
    let Some(reached) = reach::look(&site, &mut findings).await else { return Ok(findings) };
    let session = match &options.credentials {
        Some(credentials) => who::enter(&mut site, credentials, &mut findings).await,
        None => None,
    };
    let standing = who::ask(&site).await;
    let hello = if standing.is_accepted() {
        site.hello().await.map_err(|finding| findings.push(finding)).ok()
    } else {
        None
    };
    let (socket, stream, poll, uploads, caller) = tokio::join!(
        socket::look(&site, options.idle),
        feed::stream(&site, hello.as_ref(), options.idle),
        feed::poll(&site, hello.as_ref(), options.idle),
        uploads::look(&site, &standing),
        caller::look(&site, &reached, &standing),
    );
    findings.push(who::clock(&standing, &reached));
    findings.extend(who::token(&site, &standing, &reached, socket.welcomed));
    findings.push(socket.finding);
    let mut quiets = Vec::from_iter(socket.quiet);
    for rung in [stream, poll].into_iter().flatten() {
        findings.push(rung.finding);
        quiets.extend(rung.quiet);
    }
    findings.extend(idle::judge(&quiets));
    findings.extend(uploads);
    findings.extend(caller);
    if let Some(session) = session {
        session.leave(&site).await;
    }
    Ok(findings)
}
