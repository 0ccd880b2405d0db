//! What a proxy takes out of headers, and what it writes into them.

use std::fmt::Write as _;
use std::net::IpAddr;

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};

use crate::auth::limits::{client_ip, is_trusted};
use crate::config::Config;

/// Of one connection alone (RFC 9110 §7.6.1), beside those that `Connection` names.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What proxies say of who asks, and backends believe; beside all that begins with `x-forwarded-`.
const CLAIMS: [&str; 5] = ["forwarded", "x-real-ip", "x-scheme", "x-url-scheme", "front-end-https"];

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// What headers take on the wire, in bytes.
pub(super) fn bytes(headers: &HeaderMap) -> usize {
    // A colon, a blank and the end of the line.
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

/// Takes out what is of this connection alone. Whom a request is for and where a message ends is of every
/// connection, whatever `Connection` names.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named = headers.get_all(header::CONNECTION).iter().flat_map(|value| {
        value.to_str().unwrap_or_default().split(',').filter_map(|name| name.trim().parse().ok())
    });
    let stays = |name: &HeaderName| matches!(*name, header::HOST | header::CONTENT_LENGTH);
    let named: Vec<HeaderName> = named.filter(|name| !stays(name)).collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

/// Whether a request says in one way what it is for: two servers that understand it differently are
/// how requests are smuggled. Its framing has been checked by whoever read it.
pub(super) fn is_strict(parts: &Parts) -> bool {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    // RFC 9112 §3.2.
    second.is_none() && (first.is_some() || parts.version < Version::HTTP_11)
}

/// Whether a request asks to become a WebSocket. No other protocol is passed on: by `h2c` requests
/// would pass that nobody here has seen.
pub(super) fn asks_for_socket(parts: &Parts) -> bool {
    parts.method == Method::GET && parts.version == Version::HTTP_11 && is_websocket(&parts.headers)
}

/// Whether a message asks for that protocol, or agrees to it.
pub(super) fn is_websocket(headers: &HeaderMap) -> bool {
    let mut wanted = headers.get_all(header::UPGRADE).iter();
    let only = wanted.next().filter(|_| wanted.next().is_none());
    let upgrades = headers.get_all(header::CONNECTION).iter().any(|value| {
        let mut options = value.to_str().unwrap_or_default().split(',');
        options.any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
    });
    upgrades && only.is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Whether a request has been passed on by `name` already.
pub(super) fn has_passed(headers: &HeaderMap, name: &str) -> bool {
    headers.get_all(header::VIA).iter().any(|value| {
        let mut hops = value.to_str().unwrap_or_default().split(',');
        hops.any(|hop| hop.split_whitespace().nth(1) == Some(name))
    })
}

/// Says that a request has been passed on by `name` (RFC 9110 §7.6.3).
pub(super) fn add_via(headers: &mut HeaderMap, version: Version, name: &str) {
    let version = if version == Version::HTTP_10 { "1.0" } else { "1.1" };
    append(headers, header::VIA, &format!("{version} {name}"));
}

/// Says who asks, for which host and by which scheme. What a listed proxy says stays, and the proxy is
/// added to it; what anybody else says is taken out, in every spelling that a backend takes for it.
pub(super) fn say_who_asks(headers: &mut HeaderMap, peer: IpAddr, config: &Config) {
    let peer = peer.to_canonical();
    let believed = is_trusted(peer, &config.trusted_proxies);
    let claims: Vec<HeaderName> = headers.keys().filter(|name| is_claim(name, believed)).cloned().collect();
    for name in claims {
        headers.remove(name);
    }
    let client = client_ip(headers, peer, &config.trusted_proxies);
    let said = |text: &str| HeaderValue::from_str(text).ok();
    let is_https = config.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    let scheme = if is_https { "https" } else { "http" };
    let host = headers.get(header::HOST).cloned();
    for (name, value) in
        [(REAL_IP, said(&client.to_string())), (FORWARDED_PROTO, said(scheme)), (FORWARDED_HOST, host)]
    {
        if let (false, Some(value)) = (headers.contains_key(&name), value) {
            headers.insert(name, value);
        }
    }
    append(headers, FORWARDED_FOR, &peer.to_string());
    if headers.contains_key(header::FORWARDED) {
        // RFC 7239 §6: a colon is quoted, IPv6 in brackets.
        let node = if peer.is_ipv6() { format!("for=\"[{peer}]\"") } else { format!("for={peer}") };
        append(headers, header::FORWARDED, &node);
    }
}

/// Whether a header is to be taken out: a claim of somebody who is not believed, or one that is written
/// with `_`, which no proxy writes and WSGI takes for the one with `-`.
fn is_claim(name: &HeaderName, believed: bool) -> bool {
    let dashed = name.as_str().replace('_', "-");
    (dashed.starts_with("x-forwarded-") || CLAIMS.contains(&dashed.as_str()))
        && (!believed || dashed != name.as_str())
}

/// Adds an element to a list that may be there already, in one line or several.
fn append(headers: &mut HeaderMap, name: HeaderName, element: &str) {
    let mut list = String::new();
    for value in headers.get_all(&name) {
        // What is no text is nobody's to read.
        if let Ok(text) = value.to_str() {
            let _ = write!(list, "{text}, ");
        }
    }
    list.push_str(element);
    if let Ok(value) = HeaderValue::from_str(&list) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for &(name, value) in pairs {
            map.append(name, HeaderValue::from_static(value));
        }
        map
    }

    fn shown(headers: &HeaderMap) -> Vec<String> {
        let mut shown: Vec<String> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        shown.sort();
        shown
    }

    #[test]
    fn what_is_of_one_connection_goes_no_further_and_the_rest_stays() {
        let mut headers = map(&[
            ("connection", "keep-alive, X-One"),
            ("connection", "x-two,, \"no name\""),
            ("connection", "host, Content-Length"),
            ("host", "here"),
            ("content-length", "4"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("x-three", "3"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("trailer", "x"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("proxy-authorization", "Basic x"),
            ("proxy-connection", "close"),
            ("cookie", "a=1"),
        ]);
        strip_hop_by_hop(&mut headers);
        assert_eq!(shown(&headers), ["content-length: 4", "cookie: a=1", "host: here", "x-three: 3"]);
    }

    #[test]
    fn who_is_not_believed_says_nothing_of_who_asks() {
        let mut headers = map(&[
            ("host", "chat.example.com"),
            ("x-forwarded-for", "6.6.6.6"),
            ("x_forwarded_for", "6.6.6.6"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-prefix", "/evil"),
            ("x_real-ip", "6.6.6.6"),
            ("x-real-ip", "6.6.6.6"),
            ("forwarded", "for=6.6.6.6"),
            ("front-end-https", "on"),
        ]);
        say_who_asks(&mut headers, "203.0.113.5".parse().unwrap(), &Config::new(""));
        assert_eq!(
            shown(&headers),
            [
                "host: chat.example.com",
                "x-forwarded-for: 203.0.113.5",
                "x-forwarded-host: chat.example.com",
                "x-forwarded-proto: http",
                "x-real-ip: 203.0.113.5",
            ]
        );
    }

    #[test]
    fn a_listed_proxy_is_believed_and_added_to_the_list() {
        let mut config = Config::new("");
        config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let mut headers = map(&[
            ("host", "inside"),
            ("x-forwarded-for", "203.0.113.5"),
            ("x-forwarded-for", "10.2.2.2"),
            ("x_forwarded_proto", "http"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "chat.example.com"),
            ("forwarded", "for=203.0.113.5;proto=https"),
        ]);
        say_who_asks(&mut headers, "fd00::7".parse().unwrap(), &config);
        assert_eq!(
            shown(&headers),
            [
                "forwarded: for=203.0.113.5;proto=https, for=\"[fd00::7]\"",
                "host: inside",
                "x-forwarded-for: 203.0.113.5, 10.2.2.2, fd00::7",
                "x-forwarded-host: chat.example.com",
                "x-forwarded-proto: https",
                "x-real-ip: 203.0.113.5",
            ]
        );
        // One that says nothing.
        config.public_url = Some("https://chat.example.com".to_owned());
        let mut headers = map(&[("host", "chat.example.com")]);
        say_who_asks(&mut headers, "::ffff:10.1.1.1".parse().unwrap(), &config);
        assert_eq!(headers["x-forwarded-for"], "10.1.1.1");
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert!(!headers.contains_key("forwarded"));
    }

    #[test]
    fn a_request_that_comes_round_is_known_by_its_name() {
        let mut headers = map(&[("via", "1.1 edge"), ("via", "1.1 other (Caddy)")]);
        assert!(!has_passed(&headers, "zas-1"));
        add_via(&mut headers, Version::HTTP_10, "zas-1");
        assert_eq!(headers["via"], "1.1 edge, 1.1 other (Caddy), 1.0 zas-1");
        assert!(
            has_passed(&headers, "zas-1") && !has_passed(&headers, "zas-2") && !has_passed(&headers, "zas")
        );
    }

    #[test]
    fn only_one_host_is_one_and_only_a_websocket_is_asked_for() {
        let parts = |version, pairs: &[(&'static str, &'static str)]| {
            let mut request = http::Request::new(());
            *request.version_mut() = version;
            *request.headers_mut() = map(pairs);
            request.into_parts().0
        };
        assert!(is_strict(&parts(Version::HTTP_11, &[("host", "a")])));
        assert!(is_strict(&parts(Version::HTTP_10, &[])));
        assert!(!is_strict(&parts(Version::HTTP_11, &[])));
        assert!(!is_strict(&parts(Version::HTTP_11, &[("host", "a"), ("host", "a")])));
        let socket = [("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")];
        assert!(asks_for_socket(&parts(Version::HTTP_11, &socket)));
        assert!(!asks_for_socket(&parts(Version::HTTP_10, &socket)));
        for upgrade in ["h2c", "websocket, h2c", ""] {
            assert!(
                !asks_for_socket(&parts(Version::HTTP_11, &[socket[0], ("upgrade", upgrade)])),
                "{upgrade}"
            );
        }
        assert!(!asks_for_socket(&parts(Version::HTTP_11, &[socket[1]])), "nothing says that it is meant");
    }
}
