//! One struct for the three places that settings are written in, and how they are laid over each
//! other.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use zas_protocol::Limits;

use super::issuers::{Issuer, Signing, THE_ONE};
use super::{Config, ConfigError, CookieSecure, Loaded, LogFormat, Said, Webhook};

/// The data folder, unless another is named.
const DATA: &str = "zas-data";

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The command line.
    Flag,
    /// A `ZAS_*` variable.
    Environment,
    /// The file.
    File,
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::File => "file",
            Self::Default => "default",
        })
    }
}

/// What one place says; absent where it says nothing.
#[derive(Debug, Clone, Default, Deserialize, clap::Args)]
#[serde(default, deny_unknown_fields)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// Where everything is kept [default: zas-data]
    #[arg(long, value_name = "DIR", env = "ZAS_DATA", global = true)]
    #[serde(skip)]
    pub data: Option<PathBuf>,
    /// Settings file [default: DIR/zas.toml, if there is one]
    #[arg(long, value_name = "FILE", env = "ZAS_CONFIG", global = true)]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Where clients connect [default: 127.0.0.1:8000]
    #[arg(long, value_name = "ADDRESS", env = "ZAS_LISTEN", global = true)]
    pub listen: Option<SocketAddr>,
    /// Database, as sqlite:PATH [default: DIR/zas.sqlite]
    #[arg(long, value_name = "URL", env = "ZAS_DATABASE_URL", global = true)]
    pub database_url: Option<String>,
    /// The address that clients see, behind a proxy
    #[arg(long, value_name = "URL", env = "ZAS_PUBLIC_URL", global = true)]
    pub public_url: Option<String>,
    /// Other origins whose pages may connect, exact
    #[arg(long, value_name = "ORIGINS", value_delimiter = ',', env = "ZAS_ALLOWED_ORIGINS", global = true)]
    pub allowed_origins: Option<Vec<String>>,
    /// Proxies whose X-Forwarded-For is believed: addresses or networks
    #[arg(long, value_name = "NETWORKS", value_delimiter = ',', env = "ZAS_TRUSTED_PROXIES", global = true)]
    pub trusted_proxies: Option<Vec<String>>,
    /// The existing backend, as http://127.0.0.1:8001: it answers all that is not the chat's
    #[arg(long, value_name = "URL", env = "ZAS_UPSTREAM", global = true)]
    pub upstream: Option<String>,
    /// Where Zas' own page is, since upstream's are where clients connect
    #[arg(long, value_name = "ADDRESS", env = "ZAS_WEB_LISTEN", global = true)]
    pub web_listen: Option<SocketAddr>,
    /// Where metrics and administration listen, or "off" [default: 127.0.0.1:9464]
    #[arg(long, value_name = "ADDRESS", env = "ZAS_METRICS_LISTEN", global = true)]
    pub metrics_listen: Option<String>,
    /// Three people and a conversation, to look around without an account
    #[arg(
        long,
        env = "ZAS_DEMO",
        global = true,
        num_args = 0..=1,
        default_missing_value = "true",
        require_equals = true,
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    pub demo: Option<bool>,
    /// Opens the demo to the local network, for who scans the code
    #[arg(
        long,
        env = "ZAS_LAN",
        global = true,
        num_args = 0..=1,
        default_missing_value = "true",
        require_equals = true,
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    pub lan: Option<bool>,
    /// Old contract: the same text by socket and by POST within 2 s is one message [default: true]
    #[arg(
        long,
        env = "ZAS_JOIN_DOUBLE_SENDS",
        global = true,
        num_args = 0..=1,
        default_missing_value = "true",
        require_equals = true,
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    pub join_double_sends: Option<bool>,
    /// The secret that your backend signs access tokens with (HS256), which are then accepted here
    #[arg(long, value_name = "FILE", env = "ZAS_ISSUER_KEY_FILE", global = true)]
    pub issuer_key_file: Option<PathBuf>,
    /// That backend's UUIDs are the user ids here
    #[arg(
        long,
        env = "ZAS_ISSUER_HOME",
        global = true,
        num_args = 0..=1,
        default_missing_value = "true",
        require_equals = true,
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    pub issuer_home: Option<bool>,
    /// Private addresses or networks that the server may call, for keys of issuers and webhooks
    #[arg(long, value_name = "NETWORKS", value_delimiter = ',', env = "ZAS_OUTBOUND_ALLOW", global = true)]
    pub outbound_allow: Option<Vec<String>>,
    /// When the sign-in cookie is for https alone [default: auto]
    #[arg(long, env = "ZAS_COOKIE_SECURE", global = true)]
    pub cookie_secure: Option<CookieSecure>,
    /// What to log, as in "info,zas_server=debug" [default: info]
    #[arg(long, value_name = "FILTER", env = "ZAS_LOG", global = true)]
    pub log: Option<String>,
    /// How to log it [default: text]
    #[arg(long, env = "ZAS_LOG_FORMAT", global = true)]
    pub log_format: Option<LogFormat>,
    /// Moves a limit, as in commands_per_minute=600
    #[arg(long, value_name = "NAME=VALUE", value_delimiter = ',', env = "ZAS_LIMIT", global = true)]
    #[serde(skip)]
    pub limit: Option<Vec<String>>,
    #[arg(skip)]
    pub(super) issuers: Option<Vec<Issuer>>,
    #[arg(skip)]
    pub(super) webhooks: Option<Vec<Webhook>>,
    #[arg(skip)]
    pub(super) limits: Option<toml::Table>,
}

impl Settings {
    /// What a file says.
    ///
    /// # Errors
    /// [`ConfigError`] with the line that cannot be read.
    pub fn from_toml(text: &str, path: &Path) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let message = error.message().lines().next().unwrap_or_default();
            ConfigError(format!("{}, line {line}: {message}", path.display()))
        })
    }
}

/// Lays the prompt's settings (flags and environment, told apart by `source`) over the file's
/// over the defaults, and checks the whole.
///
/// # Errors
/// [`ConfigError`], one sentence for the prompt.
pub fn resolve(prompt: Settings, source: impl Fn(&str) -> Source) -> Result<Loaded, ConfigError> {
    let data = prompt.data.clone().unwrap_or_else(|| PathBuf::from(DATA));
    let file = read_file(prompt.config.as_deref(), &data)?;
    let mut said = vec![Said {
        name: "data".to_owned(),
        value: Some(rendered(&data)),
        source: if prompt.data.is_some() { source("data") } else { Source::Default },
    }];
    let default = Config::new(data);
    let mut lay = Layers { said: &mut said, source: &source };

    let lan = lay.over("lan", prompt.lan, file.lan, default.lan);
    let listen = if lan { SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8000)) } else { default.listen };
    let metrics = default.metrics_listen.map_or_else(|| "off".to_owned(), |address| address.to_string());
    let config = Config {
        lan,
        demo: lay.over("demo", prompt.demo, file.demo, default.demo),
        listen: lay.over("listen", prompt.listen, file.listen, listen),
        database_url: lay.over_none("database_url", prompt.database_url, file.database_url),
        public_url: lay.over_none("public_url", prompt.public_url, file.public_url),
        allowed_origins: lay.over(
            "allowed_origins",
            prompt.allowed_origins,
            file.allowed_origins,
            default.allowed_origins,
        ),
        trusted_proxies: networks(
            "trusted_proxies",
            &lay.over("trusted_proxies", prompt.trusted_proxies, file.trusted_proxies, Vec::new()),
        )?,
        upstream: lay
            .over_none("upstream", prompt.upstream, file.upstream)
            .map(|text| text.parse().map_err(|wrong| ConfigError(format!("upstream: {wrong}"))))
            .transpose()?,
        web_listen: lay.over_none("web_listen", prompt.web_listen, file.web_listen),
        metrics_listen: address_or_off(&lay.over(
            "metrics_listen",
            prompt.metrics_listen,
            file.metrics_listen,
            metrics,
        ))?,
        join_double_sends: lay.over(
            "join_double_sends",
            prompt.join_double_sends,
            file.join_double_sends,
            default.join_double_sends,
        ),
        issuers: lay.issuers(
            (prompt.issuer_key_file, file.issuer_key_file),
            (prompt.issuer_home, file.issuer_home),
            file.issuers,
        )?,
        webhooks: lay.over("webhooks", None, file.webhooks, Vec::new()),
        outbound_allow: networks(
            "outbound_allow",
            &lay.over("outbound_allow", prompt.outbound_allow, file.outbound_allow, Vec::new()),
        )?,
        cookie_secure: lay.over(
            "cookie_secure",
            prompt.cookie_secure,
            file.cookie_secure,
            default.cookie_secure,
        ),
        log: lay.over("log", prompt.log, file.log, default.log),
        log_format: lay.over("log_format", prompt.log_format, file.log_format, default.log_format),
        limits: lay.limits(prompt.limit.unwrap_or_default(), file.limits.unwrap_or_default())?,
        data: default.data,
    };
    config.check()?;
    Ok(Loaded { config, said })
}

/// The file that was named, which must be there; else the one in the data folder, if it is.
fn read_file(named: Option<&Path>, data: &Path) -> Result<Settings, ConfigError> {
    let path = named.map_or_else(|| data.join("zas.toml"), Path::to_owned);
    match std::fs::read_to_string(&path) {
        Ok(text) => Settings::from_toml(&text, &path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
            Ok(Settings::default())
        }
        Err(error) => Err(ConfigError(format!("{} can't be read: {error}", path.display()))),
    }
}

struct Layers<'a, F> {
    said: &'a mut Vec<Said>,
    source: &'a F,
}

impl<F: Fn(&str) -> Source> Layers<'_, F> {
    fn over<T: Serialize>(&mut self, name: &str, prompt: Option<T>, file: Option<T>, default: T) -> T {
        let (value, source) = match (prompt, file) {
            (Some(value), _) => (value, (self.source)(name)),
            (None, Some(value)) => (value, Source::File),
            (None, None) => (default, Source::Default),
        };
        self.said.push(Said { name: name.to_owned(), value: Some(rendered(&value)), source });
        value
    }

    fn over_none<T: Serialize>(&mut self, name: &str, prompt: Option<T>, file: Option<T>) -> Option<T> {
        if prompt.is_none() && file.is_none() {
            self.said.push(Said { name: name.to_owned(), value: None, source: Source::Default });
            return None;
        }
        let wrapped = |value: Option<T>| value.map(Some);
        self.over(name, wrapped(prompt), wrapped(file), None)
    }

    /// The issuers of the file, and before them the one that is a key alone.
    fn issuers(
        &mut self,
        key: (Option<PathBuf>, Option<PathBuf>),
        home: (Option<bool>, Option<bool>),
        listed: Option<Vec<Issuer>>,
    ) -> Result<Vec<Issuer>, ConfigError> {
        let key_file = self.over_none("issuer_key_file", key.0, key.1);
        let home = self.over("issuer_home", home.0, home.1, false);
        let listed = self.over("issuers", None, listed, Vec::new());
        if home && key_file.is_none() {
            let why = "issuer_home: it says whose ids are ours, so it needs issuer_key_file";
            return Err(ConfigError(why.to_owned()));
        }
        let the_one = key_file.map(|file| Issuer {
            home,
            key_file: Some(file),
            ..Issuer::new(THE_ONE, Signing::HS256)
        });
        Ok(the_one.into_iter().chain(listed).collect())
    }

    /// The limits: each name by itself.
    fn limits(&mut self, prompt: Vec<String>, file: toml::Table) -> Result<Limits, ConfigError> {
        let unreadable = |error: &dyn fmt::Display| ConfigError(format!("limits: {error}"));
        let mut limits = toml::Table::try_from(Limits::default()).map_err(|error| unreadable(&error))?;
        let mut from = BTreeMap::new();
        for (name, value) in file {
            from.insert(name.clone(), Source::File);
            limits.insert(name, value);
        }
        for pair in &prompt {
            let parsed = pair.split_once('=').and_then(|(name, value)| {
                value.trim().replace('_', "").parse::<i64>().ok().map(|value| (name.trim(), value))
            });
            let Some((name, value)) = parsed else {
                return Err(ConfigError(format!("limit: {pair:?} is not NAME=VALUE with a whole number")));
            };
            from.insert(name.to_owned(), (self.source)("limit"));
            limits.insert(name.to_owned(), toml::Value::Integer(value));
        }
        for (name, value) in &limits {
            self.said.push(Said {
                name: format!("limits.{name}"),
                value: Some(value.to_string()),
                source: from.get(name).copied().unwrap_or(Source::Default),
            });
        }
        limits.try_into().map_err(|error: toml::de::Error| unreadable(&error.message()))
    }
}

/// A value as the file would say it.
fn rendered(value: &impl Serialize) -> String {
    toml::Value::try_from(value).map(|value| value.to_string()).unwrap_or_default()
}

fn networks(name: &str, texts: &[String]) -> Result<Vec<IpNet>, ConfigError> {
    texts
        .iter()
        .map(|text| {
            let text = text.trim();
            let address = || text.parse::<std::net::IpAddr>().map(IpNet::from);
            text.parse::<IpNet>().or_else(|_| address()).map_err(|_| {
                ConfigError(format!("{name}: {text:?} is no address or network, as in 10.0.0.0/8"))
            })
        })
        .collect()
}

fn address_or_off(text: &str) -> Result<Option<SocketAddr>, ConfigError> {
    if text == "off" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        ConfigError(format!(
            "metrics_listen: {text:?} is no address with a port; write 127.0.0.1:9464, or off"
        ))
    })
}
