//! What the server makes of what stands before it: whose address it counts, and whether people came by
//! https.

use reqwest::Method;
use zas_protocol::rest::Connection;

use super::reach::Reached;
use super::who::Standing;
use super::{ANSWER, Site};
use crate::doctor::{Finding, bad, good, mind};

/// An address that nobody has (RFC 5737).
const NOBODY: &str = "192.0.2.1";
/// What is forwarded, in nginx's words.
const NGINX: &str = "nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";

/// Findings on the address and the cookies.
pub(super) async fn look(site: &Site, reached: &Reached, standing: &Standing) -> Vec<Finding> {
    let Standing::Accepted { connection: plain, .. } = standing else { return Vec::new() };
    let mut findings = vec![address(plain, claiming(site).await.as_ref(), reached.proxy.is_some())];
    findings.extend(cookie(site, plain));
    findings
}

/// As the server sees a request that claims to come from somebody else.
async fn claiming(site: &Site) -> Option<Connection> {
    let request =
        site.request(Method::GET, "v1/me/connection").header("x-forwarded-for", NOBODY).timeout(ANSWER);
    request.send().await.ok()?.json().await.ok()
}

fn address(plain: &Connection, claiming: Option<&Connection>, proxy: bool) -> Finding {
    let seen = &plain.address;
    if claiming.is_some_and(|claiming| claiming.address == NOBODY) {
        if plain.address_trusted && (plain.forwarded || !proxy) {
            return mind(
                "clients",
                format!(
                    "this machine, {seen}, is itself in trusted_proxies and may name any address: look from another \
                     one, and list only proxies there"
                ),
            );
        }
        return bad(
            "clients",
            format!(
                "whoever asks may choose the address that limits count against: the proxy passes on what clients say in \
                 X-Forwarded-For. {NGINX}"
            ),
        );
    }
    match (plain.peer_trusted, plain.forwarded) {
        (true, true) => good("clients", format!("have addresses of their own; this one is seen as {seen}")),
        (false, true) => bad(
            "clients",
            format!(
                "all share one address, {seen}, and its limits on signing in: Zas doesn't believe the proxy. \
                 trusted_proxies (ZAS_TRUSTED_PROXIES={seen})"
            ),
        ),
        (true, false) => bad(
            "clients",
            format!(
                "all share one address, {seen}, and its limits on signing in: the proxy doesn't say theirs. {NGINX}"
            ),
        ),
        (false, false) if proxy => bad(
            "clients",
            format!(
                "all share one address, {seen}, and its limits on signing in: the proxy doesn't say theirs. {NGINX} and \
                 in Zas trusted_proxies (ZAS_TRUSTED_PROXIES={seen})"
            ),
        ),
        (false, false) => good("clients", format!("come without a proxy; this one is seen as {seen}")),
    }
}

fn cookie(site: &Site, plain: &Connection) -> Option<Finding> {
    match (site.base.scheme() == "https", plain.secure) {
        (true, true) => Some(good("cookies", "for https alone")),
        (true, false) => Some(mind(
            "cookies",
            "the sign-in cookie would go over plain http, too: set public_url (ZAS_PUBLIC_URL=https://…), or let the \
             proxy say it (nginx: proxy_set_header X-Forwarded-Proto $scheme)",
        )),
        (false, true) => Some(mind(
            "cookies",
            "the sign-in cookie is for https alone, so that a browser here forgets it at each reload: open the https \
             address, or cookie_secure = \"never\" in a trusted network",
        )),
        (false, false) => None,
    }
}
