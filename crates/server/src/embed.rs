//! The web client inside the binary. Hashed assets are immutable; `index.html` is never cached
//! and carries the page's policy; an asset that is not there is a 404, never the page.

use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri, header};
use rust_embed::RustEmbed;
use zas_protocol::ErrorCode;

use crate::error::ApiError;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web/app/dist"]
#[allow_missing = true]
struct Embedded;

/// The policy of the page: our own scripts alone, no frames, no plugins. Styles may be inline,
/// since the list places its rows by `style`.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' blob: data:; font-src 'self'; media-src 'self' blob:; connect-src 'self' ws: wss:; \
     manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Where the web client comes from.
#[derive(Debug, Clone)]
pub enum Web {
    /// What was built into the binary.
    Embedded,
    /// A folder, read at each request (`ZAS_WEB_DIR`).
    Folder(PathBuf),
}

impl Web {
    /// The folder that `ZAS_WEB_DIR` names, else what is embedded.
    #[must_use]
    pub fn from_env() -> Self {
        match std::env::var_os("ZAS_WEB_DIR") {
            Some(folder) if !folder.is_empty() => Self::Folder(folder.into()),
            _ => Self::Embedded,
        }
    }

    /// Whether there is a page to show.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.read("index.html").is_some()
    }

    fn read(&self, path: &str) -> Option<Cow<'static, [u8]>> {
        match self {
            Self::Embedded => Embedded::get(path).map(|file| file.data),
            Self::Folder(folder) => {
                let relative = Path::new(path);
                let plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
                let file = folder.join(relative);
                (plain && file.is_file()).then(|| std::fs::read(file).ok().map(Cow::Owned)).flatten()
            }
        }
    }

    /// Answers a GET that no route took.
    #[must_use]
    pub fn serve(&self, uri: &Uri, headers: &HeaderMap) -> Response {
        let path = uri.path().trim_start_matches('/');
        let is_asset = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
        if path.starts_with("v1/") {
            return ApiError::from(ErrorCode::NotFound).into_response();
        }
        if is_asset { self.asset(path, headers) } else { self.page() }
    }

    fn asset(&self, path: &str, headers: &HeaderMap) -> Response {
        let gzip = headers
            .get(header::ACCEPT_ENCODING)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.contains("gzip"));
        let packed = gzip.then(|| self.read(&format!("{path}.gz"))).flatten();
        let encoding = packed.is_some().then_some("gzip");
        let Some(data) = packed.or_else(|| self.read(path)) else {
            return ApiError::from(ErrorCode::NotFound).into_response();
        };
        let hashed = path.starts_with("assets/");
        let cache = if hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
        let mut response = Response::builder()
            .header(header::CONTENT_TYPE, media_type(path))
            .header(header::CACHE_CONTROL, cache)
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .header(header::VARY, "accept-encoding");
        if let Some(encoding) = encoding {
            response = response.header(header::CONTENT_ENCODING, encoding);
        }
        response.body(body(data)).unwrap_or_default()
    }

    fn page(&self) -> Response {
        let (status, data) = match self.read("index.html") {
            Some(data) => (StatusCode::OK, data),
            None => (StatusCode::SERVICE_UNAVAILABLE, Cow::Borrowed(MISSING.as_bytes())),
        };
        Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
            .header(header::CACHE_CONTROL, "no-cache")
            .header(header::CONTENT_SECURITY_POLICY, PAGE_POLICY)
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .header(header::REFERRER_POLICY, "no-referrer")
            .body(body(data))
            .unwrap_or_default()
    }
}

/// What is embedded is shared with the binary's own memory, not copied.
fn body(data: Cow<'static, [u8]>) -> Body {
    match data {
        Cow::Borrowed(data) => Body::from(Bytes::from_static(data)),
        Cow::Owned(data) => Body::from(data),
    }
}

const MISSING: &str = "<!doctype html><html lang=es><meta charset=utf-8><title>Zas</title>\
<meta name=viewport content=\"width=device-width\"><body>\
<h1>Zas</h1><p>El servidor funciona, pero la página web no está construida. Instala Node 20 y ejecuta \
<code>make run</code>.<p lang=en>The server runs, but the web page is not built. Install Node 20 and run \
<code>make run</code>.";

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "ico" => "image/x-icon",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "txt" => "text/plain; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Web) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("assets")).unwrap();
        std::fs::write(folder.path().join("index.html"), "<p>page").unwrap();
        std::fs::write(folder.path().join("assets/app-1.js"), "1").unwrap();
        std::fs::write(folder.path().join("assets/app-1.js.gz"), "packed").unwrap();
        let web = Web::Folder(folder.path().to_owned());
        (folder, web)
    }

    #[test]
    fn routes_of_the_app_give_the_page_and_missing_assets_do_not() {
        let (_folder, web) = folder();
        let get = |path: &str| web.serve(&path.parse().unwrap(), &HeaderMap::new());
        assert_eq!(get("/r/abc").status(), 200);
        assert!(get("/").headers().contains_key(header::CONTENT_SECURITY_POLICY));
        assert_eq!(get("/assets/none.js").status(), 404);
        assert_eq!(get("/v1/none").status(), 404);
        assert_eq!(get("/../Cargo.toml").status(), 404);
        assert_eq!(
            get("/assets/app-1.js").headers()[header::CACHE_CONTROL],
            "public, max-age=31536000, immutable"
        );
    }

    #[test]
    fn a_packed_asset_goes_to_who_can_unpack_it() {
        let (_folder, web) = folder();
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, "br, gzip".parse().unwrap());
        let uri: Uri = "/assets/app-1.js".parse().unwrap();
        assert_eq!(web.serve(&uri, &headers).headers()[header::CONTENT_ENCODING], "gzip");
        assert!(!web.serve(&uri, &HeaderMap::new()).headers().contains_key(header::CONTENT_ENCODING));
    }

    #[test]
    fn without_a_built_page_the_server_says_so() {
        let empty = tempfile::tempdir().unwrap();
        let web = Web::Folder(empty.path().to_owned());
        assert!(!web.is_there());
        assert_eq!(web.serve(&"/".parse().unwrap(), &HeaderMap::new()).status(), 503);
    }
}
