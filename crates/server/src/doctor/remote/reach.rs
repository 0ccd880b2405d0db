//! Whether there is a server at the address, and whether it is Zas.

use std::error::Error as _;
use std::net::IpAddr;

use reqwest::{Method, Response, StatusCode, Url, Version, header};
use zas_protocol::{ErrorBody, Micros};

use super::{ANSWER, Site, is_html};
use crate::clock;
use crate::doctor::{Finding, bad, good, mind};

/// What the first answers showed.
pub(super) struct Reached {
    /// How far the clock of what answered is ahead of this machine's, by its `Date`.
    pub(super) ahead: Option<Micros>,
    /// What stands before Zas, which names itself in no answer.
    pub(super) proxy: Option<String>,
}

/// Findings on the way there; `None` when Zas is not reached, and nothing else can be looked at.
pub(super) async fn look(site: &Site, findings: &mut Vec<Finding>) -> Option<Reached> {
    let asked = clock::now();
    let health = match site.http.get(site.address("healthz")).timeout(ANSWER).send().await {
        Ok(response) => response,
        Err(error) => {
            findings.push(unreachable(&site.base, &error));
            return None;
        }
    };
    findings.push(address(&site.base, health.version()));
    let name = |name: header::HeaderName| health.headers().get(name).and_then(|value| value.to_str().ok());
    let proxy = name(header::SERVER).or_else(|| name(header::VIA)).map(str::to_owned);
    let ahead = name(header::DATE)
        .and_then(|date| jiff::fmt::rfc2822::parse(date).ok())
        // `Date` has whole seconds.
        .map(|date| date.timestamp().as_microsecond() + 500_000 - i64::midpoint(asked, clock::now()));
    let server = match elsewhere(health).await {
        Some(finding) => Some(finding),
        None => api(site).await,
    };
    let there = server.is_none();
    findings.push(server.unwrap_or_else(|| match &proxy {
        Some(proxy) => good("server", format!("Zas, behind {proxy}")),
        None => good("server", "Zas"),
    }));
    there.then_some(Reached { ahead, proxy })
}

fn address(base: &Url, version: Version) -> Finding {
    let host = base.host_str().unwrap_or_default();
    let place = format!("{host}:{}", base.port_or_known_default().unwrap_or_default());
    let spoken = if version == Version::HTTP_2 { "HTTP/2" } else { "HTTP/1.1" };
    if base.scheme() == "https" {
        return good("address", format!("{place} answers by TLS with a good certificate, and {spoken}"));
    }
    if is_loopback(host) {
        return good("address", format!("{place} answers by {spoken}"));
    }
    mind(
        "address",
        format!(
            "{place} answers by plain {spoken}: passwords and messages can be read on the way, and browsers keep \
             notifications and offline use to https; put a certificate in front"
        ),
    )
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Why no answer came. The library's errors say it in words alone.
fn unreachable(base: &Url, error: &reqwest::Error) -> Finding {
    let host = base.host_str().unwrap_or_default();
    let port = base.port_or_known_default().unwrap_or_default();
    let why = chain(error);
    let has = |words: &[&str]| words.iter().any(|word| why.contains(word));
    if has(&["dns error", "failed to lookup"]) {
        return bad(
            "address",
            format!("the name {host} has no address; check the spelling, and its A and AAAA records"),
        );
    }
    if has(&["refused"]) {
        return bad(
            "address",
            format!("nothing listens on {host}:{port}; start the proxy (or Zas), or open the port"),
        );
    }
    if has(&["NotValidForName", "not valid for name"]) {
        return bad("tls", format!("the certificate is another name's; get one for {host}: {}", last(&why)));
    }
    if has(&["Expired", "certificate expired", "NotValidYet", "not valid yet"]) {
        return bad(
            "tls",
            format!(
                "the certificate's time is over or has not come; renew it, and check both clocks: {}",
                last(&why)
            ),
        );
    }
    if has(&["invalid peer certificate", "UnknownIssuer"]) {
        return bad(
            "tls",
            format!(
                "nobody known signed the certificate: send the whole chain (nginx: ssl_certificate fullchain.pem); one \
                 that you signed yourself every browser has to be told of ({})",
                last(&why)
            ),
        );
    }
    if has(&["InvalidContentType", "corrupt message", "tls", "TLS"]) {
        return bad(
            "tls",
            format!("no TLS is spoken on {host}:{port} (nginx: listen {port} ssl;): {}", last(&why)),
        );
    }
    if error.is_timeout() {
        return bad(
            "address",
            format!("{host}:{port} doesn't answer in time; a firewall drops what is sent to it, or it hangs"),
        );
    }
    bad("address", format!("{host}:{port} gives no answer: {}", last(&why)))
}

fn chain(error: &reqwest::Error) -> String {
    let mut why = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        why = format!("{why}: {error}");
        source = error.source();
    }
    why
}

fn last(why: &str) -> &str {
    why.rsplit(": ").next().unwrap_or(why)
}

/// What is wrong when `/healthz` is not answered as Zas does.
async fn elsewhere(response: Response) -> Option<Finding> {
    let status = response.status();
    let html = is_html(&response);
    let header =
        |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if status.is_redirection() {
        let there = header(header::LOCATION).trim_end_matches("healthz");
        return Some(bad("server", format!("it sends elsewhere: look at {there}")));
    }
    let from = match header(header::SERVER) {
        "" => "something before Zas".to_owned(),
        name => name.to_owned(),
    };
    let body = response.text().await.unwrap_or_default();
    if status == StatusCode::OK && body == "ok\n" {
        return None;
    }
    Some(match status {
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => bad(
            "server",
            format!(
                "{from} answers {}: it doesn't reach Zas; start Zas, and name the address it listens on (nginx: \
                 proxy_pass; Caddy: reverse_proxy)",
                status.as_u16()
            ),
        ),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => bad(
            "server",
            format!(
                "{from} answers {} itself: it asks for a sign-in of its own, or lets nobody in",
                status.as_u16()
            ),
        ),
        _ => bad(
            "server",
            format!(
                "{from} answers {} {}, and not Zas: this address must go to Zas whole (nginx: location / with \
                 proxy_pass)",
                status.as_u16(),
                if html { "with a page" } else { "with something else" },
            ),
        ),
    })
}

/// Whether the API is behind the address, too, and ready.
async fn api(site: &Site) -> Option<Finding> {
    let asked = site.http.get(site.address("v1/me/connection")).timeout(ANSWER).send().await;
    let zas = match asked {
        Ok(response) => response.json::<ErrorBody>().await.is_ok(),
        Err(_) => false,
    };
    if !zas {
        return Some(bad(
            "server",
            "/healthz is Zas, and /v1 is not: the proxy must pass every path on (nginx: location /)",
        ));
    }
    let ready = site.http.request(Method::GET, site.address("readyz")).timeout(ANSWER).send().await.ok()?;
    if ready.status() == StatusCode::OK {
        return None;
    }
    let why = ready.text().await.unwrap_or_default();
    Some(bad("server", format!("Zas is there and not ready: {}; its log says more", why.trim())))
}
