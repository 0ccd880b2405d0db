//! Giving an order: to the server that runs, else to the database.

use std::time::Duration;

use http::StatusCode;
use zas_store::StoreError;

use super::{Order, PATH, carry_out};
use crate::auth::Auth;
use crate::auth::keys::{self, Keys};
use crate::config::Config;
use crate::database;

/// A server that does not answer by then is stuck.
const PATIENCE: Duration = Duration::from_secs(10);

/// Has an order carried out; what to show.
///
/// # Errors
/// A sentence for the prompt.
pub async fn order(config: &Config, order: Order) -> Result<String, String> {
    match ask_server(config, &order).await? {
        Some(answer) => Ok(answer),
        None => on_database(config, order).await,
    }
}

/// What the running server answers; `None` when none runs on this data folder.
async fn ask_server(config: &Config, order: &Order) -> Result<Option<String>, String> {
    let key = keys::read(&keys::path(&config.data, "admin")).map_err(|error| error.to_string())?;
    let (Some(address), Some(key)) = (config.metrics_listen, key) else { return Ok(None) };
    let client = reqwest::Client::builder()
        // The key goes to this machine and nowhere else.
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .map_err(|error| error.to_string())?;
    let url = format!("http://{address}{PATH}");
    let response = match client.post(url).bearer_auth(key.to_base64()).json(order).send().await {
        Ok(response) => response,
        Err(error) if error.is_connect() => return Ok(None),
        Err(error) => return Err(format!("the server at {address} does not answer: {error}")),
    };
    let status = response.status();
    let text =
        response.text().await.map_err(|error| format!("the server at {address} went away: {error}"))?;
    match status {
        StatusCode::OK => Ok(Some(text)),
        StatusCode::BAD_REQUEST => Err(text),
        // Another server of this machine: its data folder is another, and so is its key.
        _ => Ok(None),
    }
}

async fn on_database(config: &Config, order: Order) -> Result<String, String> {
    let keys = Keys::load(&config.data).map_err(|error| error.to_string())?;
    let store = database::open(config, &keys).await.map_err(|error| match error {
        StoreError::InUse(path) => format!(
            "a server has {path} open but does not answer at its metrics address; name that with --metrics-listen, \
             or stop the server"
        ),
        other => other.to_string(),
    })?;
    let answer = carry_out(&Auth::new(keys, store.clone()), &*store, order).await;
    store.close().await;
    answer
}
