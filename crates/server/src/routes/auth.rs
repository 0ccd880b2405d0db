//! Signing in and out. The web client keeps its refresh token in a cookie that no script reads:
//! with the header `X-Zas-Cookie: 1` the token goes into it and is taken from it. A page of
//! another origin cannot send that header without our leave, so a cookie alone changes nothing.
//! `X-Zas-Profile` names one of several people at one browser, each with a cookie of their own.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use zas_protocol::ErrorCode;
use zas_protocol::rest::{ChangePassword, Device, Devices, Login, RefreshRequest, Register, Tokens};

use crate::app::App;
use crate::auth::extract::{Authed, ClientAddress};
use crate::auth::tokens::REFRESH_SECONDS;
use crate::clock;
use crate::config::CookieSecure;
use crate::error::ApiError;
use crate::json::JsonBody;

/// The paths that the cookie is sent to.
const COOKIE_PATH: &str = "/v1/auth";

/// Makes an account and signs in.
#[utoipa::path(post, path = "/v1/auth/register", tag = "accounts", request_body = Register, security(()),
    responses((status = 200, body = Tokens), (status = 400, body = zas_protocol::ErrorBody),
        (status = 429, body = zas_protocol::ErrorBody)))]
pub async fn register(
    State(app): State<App>,
    address: ClientAddress,
    headers: HeaderMap,
    JsonBody(form): JsonBody<Register>,
) -> Result<Response, ApiError> {
    address.may_sign_in(&app)?;
    let tokens = app.auth.register(form, clock::now()).await?;
    Ok(with_cookie(&app, &headers, tokens))
}

/// Signs in by username or email.
#[utoipa::path(post, path = "/v1/auth/login", tag = "accounts", request_body = Login, security(()),
    responses((status = 200, body = Tokens), (status = 400, body = zas_protocol::ErrorBody),
        (status = 429, body = zas_protocol::ErrorBody)))]
pub async fn login(
    State(app): State<App>,
    address: ClientAddress,
    headers: HeaderMap,
    JsonBody(form): JsonBody<Login>,
) -> Result<Response, ApiError> {
    address.may_sign_in(&app)?;
    let tokens = app.auth.sign_in(form, clock::now()).await?;
    Ok(with_cookie(&app, &headers, tokens))
}

/// Exchanges a refresh token for the next pair; for 60 s it gives the same pair again. A browser
/// that asks by cookie and has none gets a 204: not knowing whether one is signed in is no fault,
/// and a page cannot look. A cookie that is refused is taken away.
#[utoipa::path(post, path = "/v1/auth/refresh", tag = "accounts", request_body = RefreshRequest, security(()),
    responses((status = 200, body = Tokens), (status = 204), (status = 401, body = zas_protocol::ErrorBody)))]
pub async fn refresh(
    State(app): State<App>,
    headers: HeaderMap,
    JsonBody(form): JsonBody<RefreshRequest>,
) -> Result<Response, ApiError> {
    let by_cookie = if form.refresh.is_none() { cookie_name(&headers)? } else { None };
    let Some(token) = presented(&headers, form)? else {
        return if by_cookie.is_some() {
            Ok(StatusCode::NO_CONTENT.into_response())
        } else {
            Err(ErrorCode::Unauthenticated.into())
        };
    };
    match exchange(&app, &token).await {
        Ok(tokens) => Ok(with_cookie(&app, &headers, tokens)),
        Err(error) => {
            let over = matches!(error.code, ErrorCode::Unauthenticated | ErrorCode::Revoked);
            let mut response = error.into_response();
            if let Some(name) = by_cookie.filter(|_| over) {
                set_cookie(&app, &headers, &mut response, &name, "", 0);
            }
            Ok(response)
        }
    }
}

/// Exchanges a refresh token, which costs one of its person's reads; by either contract.
///
/// # Errors
/// Those of [`crate::auth::Auth::refresh`]; [`ErrorCode::RateLimited`].
pub async fn exchange(app: &App, token: &str) -> Result<Tokens, ApiError> {
    let now = clock::now();
    let claims = app.auth.read_refresh(token, now)?;
    app.gate.read(claims.user_id, clock::steady()).map_err(ApiError::too_soon)?;
    app.auth.refresh(claims, now).await
}

/// Signs the device of a refresh token out.
#[utoipa::path(post, path = "/v1/auth/logout", tag = "accounts", request_body = RefreshRequest, security(()),
    responses((status = 204)))]
pub async fn logout(
    State(app): State<App>,
    headers: HeaderMap,
    JsonBody(form): JsonBody<RefreshRequest>,
) -> Result<Response, ApiError> {
    if let Some(token) = presented(&headers, form)? {
        app.auth.sign_out_by_token(&token).await?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(name) = cookie_name(&headers)? {
        set_cookie(&app, &headers, &mut response, &name, "", 0);
    }
    Ok(response)
}

/// Changes one's password; every other device is signed out.
#[utoipa::path(post, path = "/v1/auth/password", tag = "accounts", request_body = ChangePassword,
    responses((status = 204), (status = 400, body = zas_protocol::ErrorBody)))]
pub async fn password(
    State(app): State<App>,
    Authed(identity): Authed,
    address: ClientAddress,
    JsonBody(form): JsonBody<ChangePassword>,
) -> Result<StatusCode, ApiError> {
    address.may_sign_in(&app)?;
    app.auth.change_password(&identity, form).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// One's devices that are signed in.
#[utoipa::path(get, path = "/v1/me/devices", tag = "accounts", responses((status = 200, body = Devices)))]
pub async fn devices(State(app): State<App>, Authed(identity): Authed) -> Result<Json<Devices>, ApiError> {
    let rows = app.store.devices(identity.user).await?;
    let devices = rows
        .into_iter()
        .map(|row| Device {
            current: row.id == identity.device,
            id: row.id,
            name: row.name,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        })
        .collect();
    Ok(Json(Devices { devices }))
}

/// Signs out a device of one's own.
#[utoipa::path(delete, path = "/v1/me/devices/{device}", tag = "accounts", params(("device" = String, Path)),
    responses((status = 204), (status = 404, body = zas_protocol::ErrorBody)))]
pub async fn sign_out_device(
    State(app): State<App>,
    Authed(identity): Authed,
    Path(device): Path<String>,
) -> Result<StatusCode, ApiError> {
    let device = device.parse().map_err(|_| ErrorCode::NotFound)?;
    app.auth.sign_out_own(identity.user, device).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Signs out every device of one's own but the one that asks.
#[utoipa::path(delete, path = "/v1/me/devices", tag = "accounts", responses((status = 204)))]
pub async fn sign_out_others(
    State(app): State<App>,
    Authed(identity): Authed,
) -> Result<StatusCode, ApiError> {
    app.auth.sign_out_everywhere(identity.user, Some(identity.device)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Answers with tokens. A client that keeps its refresh token in the cookie does not see it.
pub fn with_cookie(app: &App, headers: &HeaderMap, mut tokens: Tokens) -> Response {
    let name = match cookie_name(headers) {
        Ok(Some(name)) => name,
        Ok(None) => return Json(tokens).into_response(),
        Err(error) => return error.into_response(),
    };
    let refresh = tokens.refresh.take().unwrap_or_default();
    let mut response = Json(tokens).into_response();
    set_cookie(app, headers, &mut response, &name, &refresh, REFRESH_SECONDS);
    response
}

/// The refresh token that a request presents: in its body, else in its cookie.
fn presented(headers: &HeaderMap, form: RefreshRequest) -> Result<Option<String>, ApiError> {
    if form.refresh.is_some() {
        return Ok(form.refresh);
    }
    Ok(cookie_name(headers)?.and_then(|name| cookie(headers, &name)))
}

/// The cookie that a request wants used, if any.
fn cookie_name(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    if headers.get("x-zas-cookie").is_none_or(|value| value != "1") {
        return Ok(None);
    }
    let Some(profile) = headers.get("x-zas-profile") else {
        return Ok(Some("zas_refresh".to_owned()));
    };
    let profile = profile.to_str().unwrap_or_default();
    let ok = (1..=16).contains(&profile.len())
        && profile.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if ok { Ok(Some(format!("zas_refresh_{profile}"))) } else { Err(ErrorCode::BadRequest.into()) }
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(found, value)| (found == name && !value.is_empty()).then(|| value.to_owned()))
}

/// Sets the cookie for `seconds`; 0 takes it away. Name and value are of characters that a header
/// and a cookie may hold: a JWT is base64url and dots.
fn set_cookie(
    app: &App,
    headers: &HeaderMap,
    response: &mut Response,
    name: &str,
    value: &str,
    seconds: i64,
) {
    let secure = if is_secure(app, headers) { "; Secure" } else { "" };
    let cookie =
        format!("{name}={value}; Path={COOKIE_PATH}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// Whether the browser came by https. Who forges the header locks out nobody but themselves.
pub(crate) fn is_secure(app: &App, headers: &HeaderMap) -> bool {
    match app.config.cookie_secure {
        CookieSecure::Always => true,
        CookieSecure::Never => false,
        CookieSecure::Auto => {
            app.config.public_url.as_deref().is_some_and(|url| url.starts_with("https://"))
                || headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https")
        }
    }
}
