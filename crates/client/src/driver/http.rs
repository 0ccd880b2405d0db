//! Requests: sign-in, first state, pages, commands, and the tokens that they carry.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zas_protocol::limits::PAGE_EVENTS;
use zas_protocol::rest::{
    FeedRequest, Found, Login, Page, PageQuery, RefreshRequest, RoomState, Signals, State, Tokens, User,
};
use zas_protocol::{Ack, Command, ErrorBody, ErrorCode, Nack, RoomId, Seq, Signal, UserId};

use crate::engine::{Fetch, FetchError};

/// An answer takes at most this long; streams and polls have their own time.
const REQUEST: Duration = Duration::from_secs(10);
/// A connection takes at most this long to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server refused.
    #[error("{message} ({})", code.name())]
    Refused {
        /// Why.
        code: ErrorCode,
        /// A sentence for a person.
        message: String,
        /// Not before this long, in milliseconds.
        retry_after_ms: Option<u64>,
        /// For [`ErrorCode::TxnConflict`]: what the name already stands for.
        first: Option<Box<Ack>>,
    },
    /// There was no answer, or none that could be read.
    #[error("no answer from the server: {0}")]
    Network(#[from] reqwest::Error),
    /// What is asked for cannot be: said in words.
    #[error("{0}")]
    Invalid(String),
    /// The client was closed, or its outbox is full.
    #[error("the client takes no more: {0}")]
    Closed(&'static str),
}

impl Error {
    /// The server's refusal, if it is one.
    #[must_use]
    pub const fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }
}

/// The tokens of one device. Never printed.
#[derive(Default)]
struct Session {
    access: String,
    refresh: Option<String>,
}

/// One server, one signed-in device.
pub(crate) struct Http {
    base: reqwest::Url,
    client: reqwest::Client,
    session: Mutex<Session>,
}

impl Http {
    /// # Errors
    /// [`Error::Invalid`] when the address is none.
    pub(crate) fn new(url: &str) -> Result<Self, Error> {
        let mut base: reqwest::Url =
            url.parse().map_err(|_| Error::Invalid(format!("not an address: {url}")))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(Error::Invalid(format!("an address starts with http:// or https://: {url}")));
        }
        base.set_path(&format!("{}/", base.path().trim_end_matches('/')));
        // One version of HTTP for all: a socket is an upgrade of HTTP/1.1.
        let client = reqwest::Client::builder().http1_only().connect_timeout(CONNECT).build()?;
        Ok(Self { base, client, session: Mutex::default() })
    }

    pub(crate) fn access(&self) -> String {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).access.clone()
    }

    pub(crate) fn keep(&self, access: &str, refresh: Option<&str>) {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        *session = Session { access: access.to_owned(), refresh: refresh.map(str::to_owned) };
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path()));
        self.client.request(method, url)
    }

    fn authorized(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).header(AUTHORIZATION, format!("Bearer {}", self.access())).timeout(REQUEST)
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &(impl Serialize + Sync),
    ) -> Result<T, Error> {
        read(self.authorized(Method::GET, path).query(query).send().await?).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, Error> {
        read(self.authorized(Method::POST, path).json(body).send().await?).await
    }

    pub(crate) async fn sign_in(&self, login: &Login) -> Result<Tokens, Error> {
        let tokens: Tokens = self.post("v1/auth/login", login).await?;
        self.keep(&tokens.access, tokens.refresh.as_deref());
        Ok(tokens)
    }

    /// A fresh access token; a device without a refresh token has none.
    pub(crate) async fn refresh(&self) -> Result<(), Error> {
        let refresh = self.session.lock().unwrap_or_else(PoisonError::into_inner).refresh.clone();
        let Some(refresh) = refresh else {
            let code = ErrorCode::Unauthenticated;
            let message = "the access token has expired".to_owned();
            return Err(Error::Refused { code, message, retry_after_ms: None, first: None });
        };
        let tokens: Tokens =
            self.post("v1/auth/refresh", &RefreshRequest { refresh: Some(refresh.clone()) }).await?;
        self.keep(&tokens.access, tokens.refresh.as_deref().or(Some(&refresh)));
        Ok(())
    }

    pub(crate) async fn state(&self) -> Result<State, Error> {
        self.get("v1/state", &()).await
    }

    pub(crate) async fn room(&self, room: RoomId) -> Result<RoomState, Error> {
        self.get(&format!("v1/rooms/{room}"), &()).await
    }

    pub(crate) async fn user(&self, user: UserId) -> Result<User, Error> {
        self.get(&format!("v1/users/{user}"), &()).await
    }

    pub(crate) async fn search(&self, query: &str) -> Result<Found, Error> {
        self.get("v1/users", &[("q", query)]).await
    }

    pub(crate) async fn history(&self, room: RoomId, before: Option<Seq>) -> Result<Page, Error> {
        let query = PageQuery { before, limit: Some(PAGE_EVENTS), ..PageQuery::default() };
        self.get(&format!("v1/rooms/{room}/events"), &query).await
    }

    pub(crate) async fn page(&self, room: RoomId, fetch: Fetch) -> Result<Page, FetchError> {
        let mut query = PageQuery { limit: Some(PAGE_EVENTS), ..PageQuery::default() };
        match fetch {
            Fetch::Newest => {}
            Fetch::After(seq) => query.after = Some(seq),
            Fetch::Before(seq) => query.before = Some(seq),
        }
        self.get(&format!("v1/rooms/{room}/events"), &query).await.map_err(|error| match error.code() {
            Some(ErrorCode::NotFound) => FetchError::NotFound,
            _ => FetchError::Later,
        })
    }

    /// `None` when there was no answer, so that the outcome is not known.
    pub(crate) async fn command(&self, command: &Command) -> Option<Result<Ack, Nack>> {
        match self.post::<Ack>("v1/commands", command).await {
            Ok(ack) => Some(Ok(ack)),
            Err(Error::Refused { code, retry_after_ms, first, .. }) => {
                Some(Err(Nack { txn_id: command.txn_id().clone(), code, retry_after_ms, first }))
            }
            Err(_) => None,
        }
    }

    pub(crate) async fn say(&self, signals: Vec<Signal>) -> Result<(), Error> {
        let response = self.authorized(Method::POST, "v1/signals").json(&Signals { signals }).send().await?;
        accepted(response).await.map(drop)
    }

    /// The feed without a socket; a stream has no time limit of its own.
    pub(crate) async fn feed(
        &self,
        request: &FeedRequest,
        accept: &'static str,
        limit: Option<Duration>,
    ) -> Result<Response, Error> {
        let mut builder = self
            .request(Method::POST, "v1/feed")
            .header(AUTHORIZATION, format!("Bearer {}", self.access()))
            .header(ACCEPT, accept)
            .json(request);
        if let Some(limit) = limit {
            builder = builder.timeout(limit);
        }
        accepted(builder.send().await?).await
    }
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Error> {
    Ok(accepted(response).await?.json().await?)
}

/// Turns a refusal into an error. One without our body (a proxy's) is an outage, not a refusal.
async fn accepted(response: Response) -> Result<Response, Error> {
    let status = response.status();
    let Err(error) = response.error_for_status_ref() else { return Ok(response) };
    match response.json::<ErrorBody>().await {
        Ok(ErrorBody { code, message, retry_after_ms, first, .. }) => {
            Err(Error::Refused { code, message, retry_after_ms, first })
        }
        Err(_) if status == StatusCode::UNAUTHORIZED => Err(Error::Refused {
            code: ErrorCode::Unauthenticated,
            message: "not signed in".to_owned(),
            retry_after_ms: None,
            first: None,
        }),
        Err(_) => Err(error.into()),
    }
}
