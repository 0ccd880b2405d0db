//! `/healthz`: the process lives. `/readyz`: it can take traffic.

use std::borrow::Cow;

use axum::extract::State;
use http::StatusCode;

use crate::app::App;

/// Always 200 while the process can answer at all.
#[utoipa::path(get, path = "/healthz", tag = "operation", security(()), responses((status = 200)))]
pub async fn live() -> &'static str {
    "ok\n"
}

/// 200 while the database answers and the server is not draining; 503 otherwise. What is known of the
/// existing backend is said, and does not count: the chat goes on without it.
#[utoipa::path(get, path = "/readyz", tag = "operation", security(()), responses((status = 200), (status = 503)))]
pub async fn ready(State(app): State<App>) -> (StatusCode, Cow<'static, str>) {
    if *app.draining.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n".into());
    }
    match app.store.health().await {
        Ok(()) => {
            let upstream = app.upstream.as_ref().map(|upstream| upstream.health().name());
            let said = upstream.map_or("ready\n".into(), |known| format!("ready\nupstream {known}\n").into());
            (StatusCode::OK, said)
        }
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "database\n".into())
        }
    }
}
