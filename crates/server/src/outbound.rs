//! Every call out of the server: keys of issuers, webhooks. One place, since a URL of the settings, or a
//! name that somebody else answers for, must not become a way into the network around the server.
//!
//! A call goes to a public address by https, or to one that `outbound_allow` lists. A name is looked up
//! once, its addresses are checked, and the connection goes to one of those: what a second look-up would
//! say (DNS rebinding) is never asked. Redirects are not followed, a proxy of the environment is not used,
//! and time and size are capped.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Response, Url};

/// A call takes no longer, with all that it waits for.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A connection is there by then.
const CONNECT: Duration = Duration::from_secs(5);

/// Why a call brought nothing. Names neither what was sent nor what was answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// It is no address that can be called.
    #[error("{0} is no http or https address")]
    Url(String),
    /// Where it leads is not public, or is asked by plain http, and is not listed.
    #[error("{0} is a private address or plain http; list the address in outbound_allow if it is meant")]
    Refused(String),
    /// The answer is longer than was asked for.
    #[error("the answer is longer than {0} bytes")]
    TooLarge(usize),
    /// It answers, and not with what was asked for.
    #[error("it answers with status {0}")]
    Status(StatusCode),
    /// Nobody answers, or not in time.
    #[error("{0}")]
    Failed(String),
}

/// Calls out, cheap to clone.
#[derive(Clone)]
pub struct Outbound {
    /// To public and listed addresses, by https alone.
    secure: Client,
    /// To listed addresses alone.
    plain: Client,
    allow: Arc<[IpNet]>,
}

impl Outbound {
    /// Calls to public addresses, and to those of `allow`.
    ///
    /// # Errors
    /// [`OutboundError::Failed`] when the system's certificates cannot be read.
    pub fn new(allow: &[IpNet]) -> Result<Self, OutboundError> {
        let allow: Arc<[IpNet]> = allow.into();
        let client = |only_listed, https_only| {
            Client::builder()
                .dns_resolver(Checked { allow: allow.clone(), only_listed })
                .https_only(https_only)
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .connect_timeout(CONNECT)
                .timeout(TIMEOUT)
                .user_agent(concat!("zas/", env!("CARGO_PKG_VERSION")))
                .build()
                .map_err(|error| OutboundError::Failed(error.to_string()))
        };
        Ok(Self { secure: client(false, true)?, plain: client(true, false)?, allow: allow.clone() })
    }

    /// The body at `url`, of at most `most` bytes.
    ///
    /// # Errors
    /// [`OutboundError`]; [`OutboundError::Status`] for any status but 200.
    pub async fn get(&self, url: &str, most: usize) -> Result<Vec<u8>, OutboundError> {
        let (client, url) = self.client(url)?;
        let response = client.get(url).send().await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(OutboundError::Status(response.status()));
        }
        read(response, most).await
    }

    /// Posts a body; the status that answers. The answer's body is not read.
    ///
    /// # Errors
    /// [`OutboundError`].
    pub async fn post(
        &self,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<StatusCode, OutboundError> {
        let (client, url) = self.client(url)?;
        let response = client.post(url).headers(headers).body(body).send().await.map_err(failed)?;
        Ok(response.status())
    }

    /// Who calls that address, if it may be called. One that is written as a number is never looked up.
    fn client(&self, url: &str) -> Result<(&Client, Url), OutboundError> {
        let refused = || OutboundError::Url(url.to_owned());
        let parsed = Url::parse(url).map_err(|_| refused())?;
        let host = parsed.host_str().ok_or_else(refused)?;
        let (client, only_listed) = match parsed.scheme() {
            "https" => (&self.secure, false),
            "http" => (&self.plain, true),
            _ => return Err(refused()),
        };
        if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>()
            && !may_reach(address, &self.allow, only_listed)
        {
            return Err(OutboundError::Refused(host.to_owned()));
        }
        Ok((client, parsed))
    }
}

async fn read(mut response: Response, most: usize) -> Result<Vec<u8>, OutboundError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > most {
            return Err(OutboundError::TooLarge(most));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The innermost cause says what is wrong. The address is left out, since a secret may be in it.
#[expect(clippy::needless_pass_by_value, reason = "used as a `map_err` function")]
fn failed(error: reqwest::Error) -> OutboundError {
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        if let Some(Unlisted(name)) = source.downcast_ref() {
            return OutboundError::Refused(name.clone());
        }
        cause = source;
    }
    OutboundError::Failed(if error.is_timeout() { "no answer in time".to_owned() } else { cause.to_string() })
}

/// A name that leads to no address that may be called.
#[derive(Debug, thiserror::Error)]
#[error("{0} leads to no public or listed address")]
struct Unlisted(String);

/// The system's look-up, and of its answers those that may be called.
struct Checked {
    allow: Arc<[IpNet]>,
    only_listed: bool,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let (allow, only_listed) = (self.allow.clone(), self.only_listed);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let may: Vec<SocketAddr> =
                found.filter(|address| may_reach(address.ip(), &allow, only_listed)).collect();
            if may.is_empty() {
                return Err(Unlisted(name.as_str().to_owned()).into());
            }
            Ok::<Addrs, _>(Box::new(may.into_iter()))
        })
    }
}

fn may_reach(address: IpAddr, allow: &[IpNet], only_listed: bool) -> bool {
    let address = address.to_canonical();
    allow.iter().any(|network| network.contains(&address)) || (!only_listed && is_public(address))
}

/// Whether an address is anybody's on the internet: what the IANA's registries of special-purpose
/// addresses (RFC 6890) call globally reachable. An IPv6 address that stands for an IPv4 one is as that.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => {
            let s = v6.segments();
            let embedded = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
            match s {
                // NAT64 (RFC 6052) and 6to4 (RFC 3056).
                [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
                    is_public_v4(embedded(high, low))
                }
                // Protocol assignments with Teredo (RFC 2928), documentation (RFC 3849, RFC 9637).
                [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
                [first, ..] => (0x2000..=0x3fff).contains(&first) && v6 != Ipv6Addr::UNSPECIFIED,
            }
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = matches!(
        (a, b, c),
        // This host, private, carrier's (RFC 6598), loopback, link-local.
        (0 | 10 | 127, ..) | (100, 64..=127, _) | (169, 254, _) | (172, 16..=31, _) | (192, 168, _)
        // Protocol assignments, 6to4 relays, documentation, benchmarks, multicast and above.
        | (192, 0, 0 | 2) | (192, 88, 99) | (198, 18..=19, _) | (198, 51, 100) | (203, 0, 113) | (224.., ..)
    );
    !special
}

#[cfg(test)]
mod tests;
