//! How much one may do: a [`Gate`] for all transports, and whose address a request comes from.
//! The buckets are `zas_core::rate`'s; addresses have them too, since that one is bounded and is
//! given the time.
//!
//! To add a kind: a field of [`Gate`], its rate in [`Gate::new`], its method.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use ipnet::IpNet;
use zas_core::rate::{Limiter, Rate};
use zas_protocol::{Limits, Micros, UserId};

/// Users and addresses whose buckets are not full, for each kind.
const BUCKETS: usize = 100_000;
/// Pictures of themselves and of groups a minute for one user: each is decoded and drawn anew.
const AVATARS_PER_MINUTE: u32 = 6;

/// The budgets of users and addresses.
pub struct Gate {
    commands: Mutex<Limiter<UserId>>,
    reads: Mutex<Limiter<UserId>>,
    signals: Mutex<Limiter<UserId>>,
    avatars: Mutex<Limiter<UserId>>,
    uploads: Mutex<Limiter<UserId>>,
    sign_ins: Mutex<Limiter<IpAddr>>,
    server: Mutex<Limiter<String>>,
}

impl Gate {
    /// Full budgets of these sizes. Only commands have a burst of their own; the other kinds may
    /// spend a minute's worth at once.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        fn limiter<K: Ord + Clone>(per_minute: u32, burst: u32) -> Mutex<Limiter<K>> {
            Mutex::new(Limiter::new(Rate { per_minute, burst }, BUCKETS))
        }
        Self {
            commands: limiter(limits.commands_per_minute, limits.commands_burst),
            reads: limiter(limits.reads_per_minute, limits.reads_per_minute),
            signals: limiter(limits.signals_per_minute, limits.signals_per_minute),
            avatars: limiter(AVATARS_PER_MINUTE, AVATARS_PER_MINUTE),
            uploads: limiter(limits.uploads_per_minute, limits.uploads_per_minute),
            sign_ins: limiter(limits.sign_ins_per_minute, limits.sign_ins_per_minute),
            server: limiter(limits.server_requests_per_minute, limits.server_requests_per_minute),
        }
    }

    /// Takes one changing command.
    ///
    /// # Errors
    /// How long until there is one again.
    pub fn command(&self, user: UserId, now: Micros) -> Result<(), Duration> {
        take(&self.commands, now, &user)
    }

    /// Takes one reading request.
    ///
    /// # Errors
    /// How long until there is one again.
    pub fn read(&self, user: UserId, now: Micros) -> Result<(), Duration> {
        take(&self.reads, now, &user)
    }

    /// Takes one signal; without one left it is to be dropped silently.
    pub fn signal(&self, user: UserId, now: Micros) -> bool {
        take(&self.signals, now, &user).is_ok()
    }

    /// Takes one picture of a person or a group.
    ///
    /// # Errors
    /// How long until there is one again.
    pub fn avatar(&self, user: UserId, now: Micros) -> Result<(), Duration> {
        take(&self.avatars, now, &user)
    }

    /// Takes one file that is to be sent.
    ///
    /// # Errors
    /// How long until there is one again.
    pub fn upload(&self, user: UserId, now: Micros) -> Result<(), Duration> {
        take(&self.uploads, now, &user)
    }

    /// Takes one request with a key of the server-side API.
    ///
    /// # Errors
    /// How long until there is one again.
    pub fn server(&self, key: &str, now: Micros) -> Result<(), Duration> {
        take(&self.server, now, &key.to_owned())
    }

    /// Takes one attempt to sign in or register from an address. A provider gives each customer
    /// a /64 (RFC 6177), which therefore counts as one address.
    ///
    /// # Errors
    /// How long until there is one again.
    pub fn sign_in(&self, address: IpAddr, now: Micros) -> Result<(), Duration> {
        let address = match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
            v4 @ IpAddr::V4(_) => v4,
        };
        take(&self.sign_ins, now, &address)
    }
}

fn take<K: Ord + Clone>(limiter: &Mutex<Limiter<K>>, now: Micros, key: &K) -> Result<(), Duration> {
    // A bucket is whole at every moment, so a panic elsewhere leaves it usable.
    limiter.lock().unwrap_or_else(PoisonError::into_inner).check(now, key).map_err(Duration::from_millis)
}

/// Whether an address is a listed proxy's.
#[must_use]
pub fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|network| network.contains(&address))
}

/// The address of who asks: the peer's, or what a listed proxy says in `X-Forwarded-For`. That
/// header is read from its end, since only what our own proxies appended can be believed.
#[must_use]
pub fn client_ip(headers: &HeaderMap, peer: IpAddr, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return peer;
    }
    let mut client = peer;
    let hops =
        headers.get_all("x-forwarded-for").iter().rev().flat_map(|value| {
            value.to_str().unwrap_or_default().rsplit(',').map(str::trim).collect::<Vec<_>>()
        });
    for hop in hops {
        let Ok(address) = hop.parse::<IpAddr>() else { break };
        client = address.to_canonical();
        if !is_trusted(client, trusted) {
            break;
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = 1_000_000_000;

    fn user(n: u8) -> UserId {
        UserId::mint(0, [n; 10])
    }

    /// How many pass at once before one is refused.
    fn passes(mut take: impl FnMut() -> bool) -> u32 {
        let mut passed = 0;
        while take() {
            passed += 1;
        }
        passed
    }

    #[test]
    fn each_kind_has_its_limit_and_a_budget_of_its_own() {
        let limits = Limits::default();
        let gate = Gate::new(&limits);
        assert_eq!(passes(|| gate.command(user(1), NOW).is_ok()), limits.commands_burst);
        assert_eq!(passes(|| gate.read(user(1), NOW).is_ok()), limits.reads_per_minute);
        assert_eq!(passes(|| gate.signal(user(1), NOW)), limits.signals_per_minute);
        assert_eq!(passes(|| gate.avatar(user(1), NOW).is_ok()), AVATARS_PER_MINUTE);
        assert_eq!(passes(|| gate.upload(user(1), NOW).is_ok()), limits.uploads_per_minute);
        let address = IpAddr::from([192, 0, 2, 1]);
        assert_eq!(passes(|| gate.sign_in(address, NOW).is_ok()), limits.sign_ins_per_minute);
        assert!(gate.command(user(2), NOW).is_ok(), "another user has all of theirs");
        let wait = gate.command(user(1), NOW).unwrap_err();
        assert_eq!(wait, Duration::from_millis(500));
        assert!(gate.command(user(1), NOW + 500_000).is_ok());
    }

    #[test]
    fn a_customer_s_whole_ipv6_network_is_one_address() {
        let gate = Gate::new(&Limits { sign_ins_per_minute: 1, ..Limits::default() });
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(gate.sign_in(address("2001:db8::1"), NOW).is_ok());
        assert!(gate.sign_in(address("2001:db8::ffff:2"), NOW).is_err());
        assert!(gate.sign_in(address("2001:db8:0:1::1"), NOW).is_ok());
        assert!(gate.sign_in(address("192.0.2.1"), NOW).is_ok());
        assert!(gate.sign_in(address("::ffff:192.0.2.1"), NOW).is_err(), "the same, mapped");
    }

    #[test]
    fn only_a_listed_proxy_is_believed_and_only_from_the_end() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "127.0.0.1/32".parse().unwrap()];
        let client = |peer: &str, headers: &[&str]| {
            let mut map = HeaderMap::new();
            for value in headers {
                map.append("x-forwarded-for", value.parse().unwrap());
            }
            client_ip(&map, peer.parse().unwrap(), &trusted).to_string()
        };
        assert_eq!(client("203.0.113.5", &["1.1.1.1"]), "203.0.113.5");
        assert_eq!(client("10.1.2.3", &[]), "10.1.2.3");
        assert_eq!(client("10.1.2.3", &["203.0.113.5"]), "203.0.113.5");
        assert_eq!(client("::ffff:10.1.2.3", &["203.0.113.5"]), "203.0.113.5");
        assert_eq!(client("10.1.2.3", &["6.6.6.6, 203.0.113.5, 10.9.9.9"]), "203.0.113.5");
        assert_eq!(client("10.1.2.3", &["6.6.6.6", "203.0.113.5"]), "203.0.113.5");
        assert_eq!(client("10.1.2.3", &["203.0.113.5, nonsense"]), "10.1.2.3");
        assert_eq!(client("10.1.2.3", &["10.4.4.4, 10.5.5.5"]), "10.4.4.4", "all of them ours");
    }
}
