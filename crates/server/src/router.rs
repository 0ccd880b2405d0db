//! Every route there is. The OpenAPI document is made from this router, so a route cannot be
//! missing in it; the access matrix in turn is checked against the document.

use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::any;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate as _};
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, Ref, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zas_protocol::ErrorCode;
use zas_protocol::limits::{ANONYMOUS_BODY_BYTES, BODY_BYTES};

use crate::app::App;
use crate::body::{self, BodyTime};
use crate::error::{ApiError, render};
use crate::routes::{auth, commands, connection, feed, files, health, rooms, server, signals, state, users};
use crate::{demo, legacy, upstream};

#[derive(OpenApi)]
#[openapi(info(
    title = "Zas",
    description = "Instant chat. The feed's frames and the socket are in protocol.md beside this document."
))]
struct Document;

/// The routes with their documentation; what the server answers is this and the web client.
fn described(image_bytes: usize) -> OpenApiRouter<App> {
    let anonymous = OpenApiRouter::new()
        .routes(routes!(auth::register))
        .routes(routes!(auth::login))
        .routes(routes!(auth::refresh))
        .routes(routes!(auth::logout))
        .routes(routes!(demo::session))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .layer(DefaultBodyLimit::max(ANONYMOUS_BODY_BYTES));
    let uploads = OpenApiRouter::new()
        .routes(routes!(files::upload_avatar))
        .routes(routes!(files::upload_room_avatar))
        .layer(DefaultBodyLimit::max(image_bytes));
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(auth::password))
        .routes(routes!(auth::devices, auth::sign_out_others))
        .routes(routes!(auth::sign_out_device))
        .routes(routes!(connection::connection))
        .routes(routes!(state::state))
        .routes(routes!(rooms::room))
        .routes(routes!(rooms::events))
        .routes(routes!(rooms::message))
        .routes(routes!(commands::commands))
        .routes(routes!(signals::signals))
        .routes(routes!(feed::feed))
        .routes(routes!(feed::socket))
        .routes(routes!(users::search))
        .routes(routes!(users::user))
        .routes(routes!(server::users::upsert))
        .routes(routes!(server::users::sign_out))
        .routes(routes!(server::rooms::make_room))
        .routes(routes!(server::rooms::set_members, server::rooms::change_members))
        .routes(routes!(server::rooms::post_message))
        .routes(routes!(files::upload))
        .routes(routes!(files::file))
        .routes(routes!(files::address))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .merge(anonymous)
        .merge(uploads)
}

/// The OpenAPI document, as `spec/openapi.json` holds it.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = described(0).split_for_parts().1;
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("zas_sk_…").build();
    let schemes = &mut document.components.get_or_insert_default().security_schemes;
    schemes.insert("bearer".to_owned(), SecurityScheme::Http(bearer).into());
    schemes.insert("server_key".to_owned(), SecurityScheme::Http(key).into());
    document.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>("bearer", [])]);
    let content = Content::new(Some(Ref::from_schema_name("ErrorBody")));
    let refusal = ResponseBuilder::new().description("Refused.").content("application/json", content).build();
    for (path, item) in &mut document.paths.paths {
        let operations =
            [&mut item.get, &mut item.post, &mut item.put, &mut item.delete].into_iter().flatten();
        for operation in operations.filter(|_| path.starts_with("/v1/")) {
            operation.responses.responses.insert("default".to_owned(), refusal.clone().into());
        }
    }
    document
}

/// All that the public address answers.
pub fn router(app: App) -> Router {
    let cors = cors(&app.config.allowed_origins);
    let body_time = BodyTime::of(&app.config.limits);
    let (api, _) = described(app.config.limits.avatar_bytes).split_for_parts();
    let mut router =
        api.route("/v1/{*rest}", any(nothing)).fallback(page).method_not_allowed_fallback(wrong_method);
    router = router.merge(legacy::routes(&app.config.limits));
    if app.config.demo {
        router = router.merge(demo::routes());
    }
    let router = router
        // What people send is packed already, and its length and its parts are those of its bytes.
        .layer(CompressionLayer::new().compress_when(DefaultPredicate::new().and(is_no_file)))
        .layer(middleware::from_fn(private))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(render))
        .layer(cors)
        .layer(middleware::from_fn_with_state(body_time, body::in_time));
    // Around all layers, so that none of them is around what is passed on.
    let router = match app.upstream.clone() {
        Some(upstream) => {
            router.layer(middleware::from_fn_with_state((app.clone(), upstream), upstream::pass))
        }
        None => router,
    };
    router.with_state(app)
}

/// Files alone are answered in parts.
fn is_no_file(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    !headers.contains_key(header::ACCEPT_RANGES)
}

async fn nothing() -> ApiError {
    ErrorCode::NotFound.into()
}

async fn wrong_method() -> ApiError {
    ErrorCode::MethodNotAllowed.into()
}

async fn page(State(app): State<App>, request: Request) -> Result<Response, ApiError> {
    if app.upstream.is_some() {
        // Its pages are the existing backend's; what comes here is no path of ours.
        return Err(ErrorCode::NotFound.into());
    }
    match *request.method() {
        Method::GET | Method::HEAD => Ok(app.web.serve(request.uri(), request.headers())),
        _ => Err(ErrorCode::MethodNotAllowed.into()),
    }
}

/// A bug in one request is that request's alone.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands the payload over")]
fn panicked(payload: Box<dyn std::any::Any + Send>) -> Response {
    use axum::response::IntoResponse as _;
    let detail = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    ApiError::internal(format!("panic: {detail}")).into_response()
}

/// Nothing that names a person is kept by a cache on the way.
async fn private(request: Request, next: Next) -> Response {
    let api = request.uri().path().starts_with("/v1/") || request.uri().path().starts_with("/api/");
    let mut response = next.run(request).await;
    if api {
        let headers = response.headers_mut();
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    }
    response
}

fn cors(origins: &[String]) -> CorsLayer {
    let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::ACCEPT,
            header::ACCEPT_LANGUAGE,
            HeaderName::from_static("x-zas-cookie"),
            HeaderName::from_static("x-zas-profile"),
        ])
        .expose_headers([
            header::RETRY_AFTER,
            header::CONTENT_DISPOSITION,
            header::CONTENT_RANGE,
            HeaderName::from_static("x-request-id"),
        ])
        .max_age(Duration::from_secs(3600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_api_is_described() {
        let document = openapi();
        for path in
            ["/v1/state", "/v1/commands", "/v1/feed", "/v1/ws", "/v1/auth/login", "/v1/rooms/{room}/events"]
        {
            assert!(document.paths.paths.contains_key(path), "{path}");
        }
    }
}
