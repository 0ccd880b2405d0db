//! Settings: where each comes from, and which are refused. A flag beats the environment, which
//! beats the file, which beats the default; [`Loaded`] remembers which one it was.
//!
//! To add one: a field of [`Settings`], which is its flag, its `ZAS_*` variable and its line in
//! `zas.toml` at once; a field of [`Config`]; its line in [`resolve`]; what is refused in
//! [`check`](Config::check).

pub mod issuers;
mod settings;
pub mod webhooks;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use zas_protocol::Limits;

use crate::upstream::Address;

pub use issuers::Issuer;
pub use settings::{Settings, Source, resolve};
pub use webhooks::Webhook;

/// When the refresh cookie is for https alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum CookieSecure {
    /// When the public address is https, or a proxy says that the request came by it.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never: for plain http in a trusted network.
    Never,
}

/// What the log looks like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// The settings in force, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where everything is kept: the database, the keys, the files.
    pub data: PathBuf,
    /// Where clients connect.
    pub listen: SocketAddr,
    /// `sqlite:PATH` for a database that is not in the data folder.
    pub database_url: Option<String>,
    /// The address that clients see, when a proxy stands before.
    pub public_url: Option<String>,
    /// Other origins whose pages may use the API and the socket, exact.
    pub allowed_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The existing backend, which answers all that is not the chat's.
    pub upstream: Option<Address>,
    /// Where Zas' own page is, when the existing backend's are at `listen`.
    pub web_listen: Option<SocketAddr>,
    /// Where metrics and administration listen, if anywhere.
    pub metrics_listen: Option<SocketAddr>,
    /// Three people and a conversation, and a way in without a password.
    pub demo: bool,
    /// Opens the demo to the local network.
    pub lan: bool,
    /// Old contract: the same text of one device to one chat by socket and by POST within two
    /// seconds is one message.
    pub join_double_sends: bool,
    /// Other backends whose access tokens are accepted.
    pub issuers: Vec<Issuer>,
    /// Who is told of what happens.
    pub webhooks: Vec<Webhook>,
    /// Private addresses that the server itself may call: for keys of issuers, and webhooks.
    pub outbound_allow: Vec<IpNet>,
    /// When the refresh cookie is for https alone.
    pub cookie_secure: CookieSecure,
    /// Which parts log how much, as `tracing` filters.
    pub log: String,
    /// What the log looks like.
    pub log_format: LogFormat,
    /// Every bound that may be moved.
    pub limits: Limits,
}

/// A setting that is refused. Says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// A setting, its value as in the file, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its name in the file.
    pub name: String,
    /// Its value in TOML; `None` where there is none.
    pub value: Option<String>,
    /// Where it came from.
    pub source: Source,
}

/// The settings in force with where each came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// Each of them, in the order of the file.
    pub said: Vec<Said>,
}

impl fmt::Display for Loaded {
    /// A file that says the same, with each line's source.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Said { name, value, source } in &self.said {
            match value {
                Some(value) => writeln!(f, "{:<56} # {source}", format!("{name} = {value}"))?,
                None => writeln!(f, "{:<56} # {source}", format!("# {name} is not set"))?,
            }
        }
        Ok(())
    }
}

impl Config {
    /// The defaults, for a data folder.
    #[must_use]
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8000)),
            database_url: None,
            public_url: None,
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            upstream: None,
            web_listen: None,
            metrics_listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 9464))),
            demo: false,
            lan: false,
            join_double_sends: true,
            issuers: Vec::new(),
            webhooks: Vec::new(),
            outbound_allow: Vec::new(),
            cookie_secure: CookieSecure::Auto,
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            limits: Limits::default(),
        }
    }

    /// The database's file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        match self.database_url.as_deref().and_then(|url| url.strip_prefix("sqlite:")) {
            Some(path) => self.data.join(Path::new(path.strip_prefix("//").unwrap_or(path))),
            None => self.data.join("zas.sqlite"),
        }
    }

    /// Refuses what would be unsafe, or cannot work.
    ///
    /// # Errors
    /// [`ConfigError`], one sentence for the prompt.
    pub fn check(&self) -> Result<(), ConfigError> {
        let refuse = |sentence: String| Err(ConfigError(sentence));
        if let Some(url) = &self.database_url {
            let scheme = url.split(':').next().unwrap_or_default();
            if scheme != "sqlite" {
                return refuse(format!(
                    "database_url: {scheme:?} is not supported by this version; use sqlite:PATH, or leave it out"
                ));
            }
            if url.len() == "sqlite:".len() {
                return refuse(
                    "database_url: say which file, as in sqlite:/var/lib/zas/zas.sqlite".to_owned(),
                );
            }
        }
        for origin in &self.allowed_origins {
            if !is_origin(origin) {
                return refuse(format!(
                    "allowed_origins: {origin:?} is no exact origin; write it as https://chat.example.com, without \
                     a path and without wildcards"
                ));
            }
        }
        if let Some(url) = &self.public_url
            && !is_origin(url.trim_end_matches('/'))
        {
            return refuse(format!(
                "public_url: {url:?} is no address; write it as https://chat.example.com"
            ));
        }
        if self.lan && !self.demo {
            return refuse("lan: it opens the demo to your network, so it needs --demo".to_owned());
        }
        if self.demo && !self.lan && !self.listen.ip().is_loopback() {
            return refuse(format!(
                "demo: anyone who reaches {} could be anyone; listen on 127.0.0.1, or add --lan to let in who scans \
                 the code",
                self.listen
            ));
        }
        if self.metrics_listen == Some(self.listen) && self.listen.port() != 0 {
            return refuse("metrics_listen: choose another port than that of listen".to_owned());
        }
        self.check_upstream()?;
        issuers::check(&self.issuers)?;
        webhooks::check(&self.webhooks)?;
        let limits = &self.limits;
        if limits.ping_ms >= limits.dead_ms {
            return refuse("limits.dead_ms: it must be longer than ping_ms".to_owned());
        }
        if limits.commit_batch == 0 || limits.commit_queue < limits.commit_batch {
            return refuse("limits.commit_queue: it must hold at least one commit_batch".to_owned());
        }
        Ok(())
    }

    fn check_upstream(&self) -> Result<(), ConfigError> {
        let refuse = |sentence: String| Err(ConfigError(sentence));
        let Some(upstream) = &self.upstream else {
            if self.web_listen.is_some() {
                return refuse(
                    "web_listen: without upstream Zas' page is where clients connect already; leave it out"
                        .to_owned(),
                );
            }
            return Ok(());
        };
        let own = [Some(self.listen), self.web_listen].into_iter().flatten();
        for own in own.filter(|own| own.port() != 0) {
            if upstream.port() == own.port() && is_own(upstream.host(), own.ip()) {
                return refuse(format!(
                    "upstream: {upstream} is where Zas itself listens; let the existing backend listen on another port"
                ));
            }
        }
        if self.demo {
            return refuse(
                "demo: it shows Zas' own page, in the place of upstream's; leave one of them out".to_owned(),
            );
        }
        let taken = [Some(self.listen), self.metrics_listen];
        if self.web_listen.is_some_and(|web| web.port() != 0 && taken.contains(&Some(web))) {
            return refuse(
                "web_listen: choose another port than those of listen and metrics_listen".to_owned(),
            );
        }
        Ok(())
    }
}

/// Whether a host is this machine's own, as far as its name tells.
fn is_own(host: &str, listen: IpAddr) -> bool {
    match host.parse::<IpAddr>() {
        Ok(host) => host == listen || host.is_unspecified() || host.is_loopback() && listen.is_unspecified(),
        Err(_) => host == "localhost" && (listen.is_loopback() || listen.is_unspecified()),
    }
}

/// Whether a text is `scheme://host[:port]`, as browsers write it (RFC 6454 §6.2).
fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<http::Uri>() else { return false };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return false };
    matches!(scheme, "http" | "https")
        && !text.contains('*')
        && text == format!("{scheme}://{authority}")
        && !authority.as_str().contains('@')
        && text.chars().all(|c| !c.is_ascii_uppercase())
}

#[cfg(test)]
mod tests;
