//! Who asks: signing in, what the server says to the token, and whether clocks agree.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use zas_client::prompt::Credentials;
use zas_protocol::rest::{Connection, Login, RefreshRequest, Tokens};
use zas_protocol::{ErrorCode, Micros};

use super::reach::Reached;
use super::{ANSWER, Site, refusal};
use crate::clock;
use crate::doctor::{Finding, bad, good, mind};

const SECOND: Micros = 1_000_000;
/// What the server forgives a token, and what two clocks may differ by, in seconds.
const LEEWAY_SECONDS: i64 = 30;

/// A sign-in of the doctor's own, which it ends.
pub(super) struct Session {
    refresh: String,
}

impl Session {
    /// Leaves no device behind in the account's list.
    pub(super) async fn leave(self, site: &Site) {
        let form = RefreshRequest { refresh: Some(self.refresh) };
        // If it fails the device is listed until its week is over.
        let _ = site.request(Method::POST, "v1/auth/logout").json(&form).timeout(ANSWER).send().await;
    }
}

/// Takes the token that was given, or signs in for one.
pub(super) async fn enter(
    site: &mut Site,
    credentials: &Credentials,
    findings: &mut Vec<Finding>,
) -> Option<Session> {
    let (login, password) = match credentials {
        Credentials::Token(token) => {
            site.token = Some(token.clone());
            return None;
        }
        Credentials::Password { login, password } => (login.clone(), password.clone()),
    };
    let form = Login { login, password, device_name: "zas doctor".to_owned() };
    let Ok(response) = site.request(Method::POST, "v1/auth/login").json(&form).timeout(ANSWER).send().await
    else {
        findings.push(bad("sign-in", "no answer came"));
        return None;
    };
    let status = response.status().as_u16();
    if status != 200 {
        findings.push(match refusal(response).await.map(|body| body.code) {
            Some(ErrorCode::BadCredentials) => bad("sign-in", "wrong username or password"),
            Some(ErrorCode::RateLimited) => bad(
                "sign-in",
                "too many attempts from the address that the server sees; if they are not yours, all clients may \
                 share one address: give a token (ZAS_TOKEN) and look again",
            ),
            Some(code) => bad("sign-in", format!("refused: {}", code.name())),
            None => bad("sign-in", format!("something before Zas answers {status} in its place")),
        });
        return None;
    }
    let Ok(tokens) = response.json::<Tokens>().await else {
        findings.push(bad("sign-in", "the answer was changed on the way: it must pass as it is"));
        return None;
    };
    site.token = Some(tokens.access);
    tokens.refresh.map(|refresh| Session { refresh })
}

/// What the server says to the token.
pub(super) enum Standing {
    /// There is none.
    Nobody,
    /// It is good.
    Accepted {
        /// How the request arrived.
        connection: Connection,
        /// How far the server's clock was ahead of this machine's then.
        ahead: Micros,
    },
    /// The server refuses it.
    Refused(ErrorCode),
    /// No answer, or one of something else, with its status.
    Elsewhere(Option<StatusCode>),
}

impl Standing {
    pub(super) const fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted { .. })
    }
}

/// Asks with the token.
pub(super) async fn ask(site: &Site) -> Standing {
    if site.token.is_none() {
        return Standing::Nobody;
    }
    let Ok(response) = site.request(Method::GET, "v1/me/connection").timeout(ANSWER).send().await else {
        return Standing::Elsewhere(None);
    };
    let status = response.status();
    if status == StatusCode::OK {
        let Ok(connection) = response.json::<Connection>().await else {
            return Standing::Elsewhere(Some(status));
        };
        let ahead = connection.now - clock::now();
        return Standing::Accepted { connection, ahead };
    }
    refusal(response).await.map_or(Standing::Elsewhere(Some(status)), |body| Standing::Refused(body.code))
}

/// How the server's clock is to this machine's: by what it says itself, else by the `Date` of what
/// stands before it.
pub(super) fn clock(standing: &Standing, reached: &Reached) -> Finding {
    let ahead = match standing {
        Standing::Accepted { ahead, .. } => Some(*ahead),
        _ => reached.ahead,
    };
    let Some(ahead) = ahead else { return mind("clock", "no answer says what time it is there") };
    let seconds = ahead / SECOND;
    if seconds.abs() <= LEEWAY_SECONDS {
        return good("clock", "agrees with this machine's");
    }
    mind(
        "clock",
        format!(
            "the server's is {} this machine's: tokens expire early or late and times are shown wrong; set both by \
             NTP (timedatectl set-ntp true)",
            apart(seconds)
        ),
    )
}

fn apart(seconds: i64) -> String {
    let way = if seconds > 0 { "ahead of" } else { "behind" };
    format!("{} {way}", span(seconds))
}

fn span(seconds: i64) -> String {
    match seconds.abs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}

/// The finding on the token, if one was given. A socket carries it in a frame, so that one which is
/// welcomed there and nowhere else lost its header on the way.
pub(super) fn token(
    site: &Site,
    standing: &Standing,
    reached: &Reached,
    welcomed_on_socket: bool,
) -> Option<Finding> {
    let token = site.token.as_deref()?;
    Some(match standing {
        Standing::Nobody => return None,
        Standing::Accepted { connection, .. } => good("token", accepted(token, connection.now)),
        Standing::Refused(_) if welcomed_on_socket => bad(
            "token",
            "the proxy takes the Authorization header away: let it pass (nginx: no proxy_set_header Authorization)",
        ),
        Standing::Refused(code) => {
            let now = clock::now();
            refused(token, *code, now + reached.ahead.unwrap_or_default(), now)
        }
        Standing::Elsewhere(Some(status)) => bad(
            "token",
            format!("something before Zas answers {} to a request that has one", status.as_u16()),
        ),
        Standing::Elsewhere(None) => bad("token", "no answer came to a request that has one"),
    })
}

/// What a token says of itself; whether it is true only the server knows.
#[derive(Deserialize)]
struct Claims {
    exp: i64,
    token_type: Option<String>,
}

fn claims(token: &str) -> Option<Claims> {
    let mut parts = token.split('.');
    let payload = parts.nth(1)?;
    parts.next()?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

fn accepted(token: &str, server_now: Micros) -> String {
    let left = claims(token).map(|claims| claims.exp - server_now / SECOND);
    left.map_or_else(|| "accepted".to_owned(), |left| format!("accepted, for {} more", span(left.max(0))))
}

fn refused(token: &str, code: ErrorCode, server_now: Micros, local_now: Micros) -> Finding {
    if code == ErrorCode::Revoked {
        return bad("token", "its device was signed out, or its account disabled: sign in again");
    }
    if code != ErrorCode::Unauthenticated {
        return bad("token", format!("refused: {}", code.name()));
    }
    let Some(claims) = claims(token) else {
        return bad("token", "it is no token of Zas (a JWT); was it copied whole?");
    };
    if claims.token_type.as_deref() == Some("refresh") {
        return bad("token", "it is a refresh token: give the access token");
    }
    let over = server_now / SECOND - claims.exp;
    if over < LEEWAY_SECONDS {
        return bad(
            "token",
            "its signature is not this server's: it is another server's, or the keys were changed since (keys/ in the \
             data folder); sign in again",
        );
    }
    let apart_by = (server_now - local_now) / SECOND;
    if claims.exp > local_now / SECOND && apart_by > LEEWAY_SECONDS {
        let clocks = apart(apart_by);
        return bad(
            "token",
            format!(
                "expired {} ago by the server's clock, which is {clocks} this machine's: set both by NTP",
                span(over)
            ),
        );
    }
    bad("token", format!("expired {} ago: they last an hour; sign in again", span(over)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn token(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    fn verdict(token: &str, code: ErrorCode, server_ahead: i64) -> String {
        let finding = refused(token, code, (NOW + server_ahead) * SECOND, NOW * SECOND);
        assert_eq!(finding.verdict, crate::doctor::Verdict::Bad);
        finding.text
    }

    #[test]
    fn a_refused_token_is_told_why() {
        let lasting = |seconds: i64| token(&format!(r#"{{"exp":{},"token_type":"access"}}"#, NOW + seconds));
        let plain = |token: &str| verdict(token, ErrorCode::Unauthenticated, 0);
        assert!(plain(&lasting(600)).contains("signature"));
        // The server forgives 30 s, so that it is not time that it refuses.
        assert!(plain(&lasting(-29)).contains("signature"));
        assert!(plain(&lasting(-30)).starts_with("expired 30 s ago: "));
        assert!(plain(&lasting(-7_200)).starts_with("expired 2 h ago: "));
        assert!(plain("abc").contains("no token of Zas"));
        assert!(plain(&token(r#"{"exp":1,"token_type":"refresh"}"#)).contains("refresh token"));
        assert!(verdict(&lasting(600), ErrorCode::Revoked, 0).contains("signed out"));
        let skewed = verdict(&lasting(600), ErrorCode::Unauthenticated, 900);
        assert!(
            skewed.starts_with("expired 5 min ago by the server's clock, which is 15 min ahead of"),
            "{skewed}"
        );
    }
}
