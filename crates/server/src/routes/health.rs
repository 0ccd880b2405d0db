//! `/healthz`: the process lives. `/readyz`: it can take traffic.

use axum::extract::State;
use http::StatusCode;

use crate::app::App;

/// Always 200 while the process can answer at all.
#[utoipa::path(get, path = "/healthz", tag = "operation", security(()), responses((status = 200)))]
pub async fn live() -> &'static str {
    "ok\n"
}

/// 200 while the database answers and the server is not draining; 503 otherwise.
#[utoipa::path(get, path = "/readyz", tag = "operation", security(()), responses((status = 200), (status = 503)))]
pub async fn ready(State(app): State<App>) -> (StatusCode, &'static str) {
    if *app.draining.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n");
    }
    match app.store.health().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "database\n")
        }
    }
}
