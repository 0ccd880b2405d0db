//! Administration from the prompt. An [`Order`] goes to the running server, over the loopback
//! listener of the metrics and with the key of the data folder, so that what it closes closes at
//! once; without a server it is carried out on the database.
//!
//! To add an order: a variant of [`Order`], its arm in [`carry_out`], its subcommand in `cli`.

mod ask;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zas_protocol::limits::ANONYMOUS_BODY_BYTES;
use zas_protocol::rest::Register;
use zas_protocol::{ErrorCode, Language, UserId};
use zas_store::{Store, StoreError, UserRow};

pub use self::ask::order;

use crate::app::App;
use crate::auth::Auth;
use crate::auth::api_keys::API_KEYS;
use crate::auth::extract::bearer;
use crate::clock;
use crate::config::issuers::is_name;
use crate::error::ApiError;
use crate::json;

/// Where orders go on the listener of the metrics.
const PATH: &str = "/admin";
/// Accounts read at a time.
const PAGE: u32 = 500;

/// What an administrator may order. Users are named by username or email.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// Makes an account.
    CreateUser {
        /// Its username.
        username: String,
        /// Its email.
        email: String,
        /// What they are called; empty for the username.
        display_name: String,
        /// Its password.
        password: String,
        /// Whether they administer the server.
        admin: bool,
    },
    /// Disables an account.
    Disable {
        /// Whose.
        user: String,
    },
    /// Enables an account.
    Enable {
        /// Whose.
        user: String,
    },
    /// Signs all devices of somebody out.
    SignOut {
        /// Whose.
        user: String,
    },
    /// Makes somebody an administrator.
    MakeAdmin {
        /// Whom.
        user: String,
    },
    /// Makes a key of the server-side API.
    CreateKey {
        /// What it is called.
        name: String,
    },
    /// Makes a key worthless.
    RevokeKey {
        /// What it is called.
        name: String,
    },
    /// Lists the keys by name.
    ListKeys,
    /// Lists all accounts.
    ListUsers,
    /// What the database is and how durable.
    ReportDatabase,
}

/// The route of the loopback listener.
pub fn routes() -> Router<App> {
    Router::new().route(PATH, post(answer)).layer(DefaultBodyLimit::max(ANONYMOUS_BODY_BYTES))
}

/// Answers in plain text: this listener is for the prompt alone.
async fn answer(State(app): State<App>, headers: HeaderMap, body: bytes::Bytes) -> (StatusCode, String) {
    if !bearer(&headers).is_some_and(|key| app.auth.admin_key().matches(key)) {
        return (StatusCode::UNAUTHORIZED, "this is not the key of this server".to_owned());
    }
    let Some(order) = json::parse(&body) else {
        return (
            StatusCode::BAD_REQUEST,
            "this server is of another version and does not know that".to_owned(),
        );
    };
    match carry_out(&app.auth, &*app.store, order).await {
        Ok(text) => (StatusCode::OK, text),
        Err(sentence) => (StatusCode::BAD_REQUEST, sentence),
    }
}

/// Carries an order out; what to show, or a sentence that says why not.
async fn carry_out(auth: &Auth, store: &dyn Store, order: Order) -> Result<String, String> {
    match order {
        Order::CreateUser { username, email, display_name, password, admin } => {
            let form = Register { username, email, display_name, password, device_name: String::new() };
            let username = form.username.to_lowercase();
            auth.create_user(form, admin, clock::now()).await.map_err(|error| sentence(&error))?;
            Ok(format!("{username} can sign in now."))
        }
        Order::Disable { user } => {
            let row = find(store, &user).await?;
            auth.disable(row.user.id).await.map_err(|error| sentence(&error))?;
            Ok(format!("{} is disabled and signed out everywhere.", row.user.username))
        }
        Order::Enable { user } => {
            let row = find(store, &user).await?;
            auth.enable(row.user.id).await.map_err(|error| sentence(&error))?;
            Ok(format!("{} can sign in again.", row.user.username))
        }
        Order::SignOut { user } => {
            let row = find(store, &user).await?;
            let count =
                auth.sign_out_everywhere(row.user.id, None).await.map_err(|error| sentence(&error))?;
            Ok(format!("{}: devices signed out: {count}.", row.user.username))
        }
        Order::MakeAdmin { user } => {
            let row = find(store, &user).await?;
            store.set_admin(row.user.id, true).await.map_err(|error| error.to_string())?;
            Ok(format!("{} administers the server now.", row.user.username))
        }
        Order::CreateKey { name } => {
            if !is_name(&name) {
                return Err(format!("{name:?} is no name for a key; use 1 to 32 of a-z, 0-9, - and _"));
            }
            let key = auth.api_keys().create(&name, clock::now()).await.map_err(|error| error.to_string())?;
            key.ok_or_else(|| format!("there is a key of the name {name:?}, or there are {API_KEYS} already"))
        }
        Order::RevokeKey { name } => match auth.api_keys().revoke(&name).await {
            Ok(true) => Ok(format!("{name} opens nothing any more.")),
            Ok(false) => Err(format!("there is no key {name:?}; `zas keys list` shows all")),
            Err(error) => Err(error.to_string()),
        },
        Order::ListKeys => list_keys(store).await.map_err(|error| error.to_string()),
        Order::ListUsers => list(store).await.map_err(|error| error.to_string()),
        Order::ReportDatabase => {
            let report = store.report().await.map_err(|error| error.to_string())?;
            let pairs: Vec<String> = report.iter().map(|(name, value)| format!("{name} {value}")).collect();
            Ok(pairs.join(", "))
        }
    }
}

/// The account of a username or an email.
pub(crate) async fn find(store: &dyn Store, user: &str) -> Result<UserRow, String> {
    let login = user.trim().trim_start_matches('@').to_lowercase();
    let row = store.user_by_login(&login).await.map_err(|error| error.to_string())?;
    row.ok_or_else(|| format!("there is no user {login:?}; `zas admin user list` shows all"))
}

async fn list(store: &dyn Store) -> Result<String, StoreError> {
    let mut lines = Vec::new();
    let mut after: Option<UserId> = None;
    loop {
        let page = store.accounts(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.user.id);
        lines.extend(page.iter().map(line));
    }
    Ok(if lines.is_empty() { "There are no users yet.".to_owned() } else { lines.join("\n") })
}

async fn list_keys(store: &dyn Store) -> Result<String, StoreError> {
    let keys = store.api_keys().await?;
    let made = |at| Timestamp::from_microsecond(at).map_or_else(|_| String::new(), |at| at.to_string());
    let lines: Vec<String> =
        keys.iter().map(|key| format!("{:<32}  made {}", key.name, made(key.created_at))).collect();
    Ok(if lines.is_empty() { "There are no keys yet.".to_owned() } else { lines.join("\n") })
}

fn line(row: &UserRow) -> String {
    let state = match (row.active, row.admin) {
        (false, _) => "disabled",
        (true, true) => "admin",
        (true, false) => "",
    };
    let line =
        format!("{:<30}  {:<8}  {:<32}  {}", row.user.username, state, row.email, row.user.display_name);
    line.trim_end().to_owned()
}

/// What to tell the person at the prompt.
fn sentence(error: &ApiError) -> String {
    let sentence = error.code.sentence(Language::En);
    match (&error.detail, error.code) {
        (Some(detail), ErrorCode::Internal | ErrorCode::StorageFull | ErrorCode::Overloaded) => {
            format!("{sentence} ({detail})")
        }
        _ => sentence.to_owned(),
    }
}
