//! Whether a server would run well on this machine, or does. Nothing is made, moved or started.
//!
//! To add a check: a function that returns a [`Finding`], its line in [`examine`].

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;

use super::{Finding, bad, good, mind};
use crate::admin::{self, Order};
use crate::auth::keys;
use crate::config::Config;
use crate::embed::Web;
use crate::upstream;

/// A server that holds this many connections needs as many open files, and some.
const OPEN_FILES: u64 = 4_096;

/// Looks at everything.
pub async fn examine(config: &Config) -> Vec<Finding> {
    vec![
        data_folder(config),
        key_files(config),
        database(config).await,
        port("listen", config.listen),
        match config.metrics_listen {
            Some(address) => port("metrics", address),
            None => mind("metrics", "off; `zas admin` then works only while the server is stopped"),
        },
        open_files(),
        web(),
        addresses(config),
    ]
    .into_iter()
    .chain(upstream(config).await)
    .collect()
}

fn data_folder(config: &Config) -> Finding {
    let shown = config.data.display();
    match std::fs::metadata(&config.data) {
        Ok(found) if !found.is_dir() => {
            bad("data", format!("{shown} is no folder; name another with --data"))
        }
        Ok(found) if found.permissions().mode() & 0o007 != 0 => {
            mind("data", format!("{shown} is open to everyone on this machine; run: chmod 750 {shown}"))
        }
        Ok(_) => good("data", shown.to_string()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            good("data", format!("{shown} is made at the first start"))
        }
        Err(error) => bad("data", format!("{shown} can't be read: {error}")),
    }
}

fn key_files(config: &Config) -> Finding {
    let mut there = 0;
    for name in keys::NAMES {
        match keys::read(&keys::path(&config.data, name)) {
            Ok(Some(_)) => there += 1,
            Ok(None) => {}
            Err(error) => return bad("keys", error.to_string()),
        }
    }
    match there {
        0 => good("keys", "made at the first start"),
        all if all == keys::NAMES.len() => good("keys", "readable by their owner alone"),
        some => mind("keys", format!("{some} of {} are there", keys::NAMES.len())),
    }
}

async fn database(config: &Config) -> Finding {
    let path = config.database();
    if !path.exists() {
        return good("database", format!("{} is made at the first start", path.display()));
    }
    match admin::order(config, Order::ReportDatabase).await {
        Ok(report) => good("database", report),
        Err(sentence) => bad("database", sentence),
    }
}

fn port(subject: &'static str, address: SocketAddr) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) => good(subject, format!("{address} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            mind(subject, format!("{address} is taken, by a server that runs already or by another program"))
        }
        Err(error) => bad(subject, format!("can't listen on {address}: {error}")),
    }
}

fn open_files() -> Finding {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    match limit.current {
        None => good("files", "no limit on open files"),
        Some(most) if most >= OPEN_FILES => good("files", format!("{most} open files")),
        Some(most) => mind(
            "files",
            format!("{most} open files, so about as many connections; raise it with: ulimit -n 65536"),
        ),
    }
}

fn web() -> Finding {
    let web = Web::from_env();
    match (&web, web.is_there()) {
        (Web::Embedded, true) => good("web page", "inside the binary"),
        (Web::Folder(folder), true) => good("web page", format!("served from {}", folder.display())),
        (_, false) => mind("web page", "not built: install Node 20.19 or later and run `make run`"),
    }
}

fn addresses(config: &Config) -> Finding {
    match (config.trusted_proxies.len(), &config.public_url) {
        (0, Some(url)) => mind(
            "proxies",
            format!(
                "{url} suggests a proxy, and none is in trusted_proxies: all clients then share the proxy's address \
                 and its sign-in limit"
            ),
        ),
        (0, None) => good("proxies", "none; an address is the peer's"),
        (count, Some(url)) => {
            good("proxies", format!("trusted: {count}; from outside look with: zas doctor --url {url}"))
        }
        (count, None) => good("proxies", format!("trusted: {count}")),
    }
}

/// Whether the existing backend answers, if there is one; what it says is its own.
async fn upstream(config: &Config) -> Option<Finding> {
    let address = config.upstream.as_ref()?;
    Some(match upstream::look(address, &config.limits).await {
        Ok(status) => good("upstream", format!("{address} answers ({})", status.as_u16())),
        Err(why) => {
            bad("upstream", format!("{address} does not answer: {why}; start the existing backend there"))
        }
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::doctor::Verdict;

    fn verdict(findings: &[Finding], subject: &str) -> Verdict {
        findings.iter().find(|finding| finding.subject == subject).unwrap().verdict
    }

    fn config(data: &std::path::Path) -> Config {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        Config { listen: free, metrics_listen: None, ..Config::new(data) }
    }

    #[tokio::test]
    async fn before_the_first_start_nothing_is_wrong_and_nothing_is_made() {
        let data = tempfile::tempdir().unwrap();
        let findings = examine(&config(&data.path().join("new"))).await;
        assert!(findings.iter().all(|finding| finding.verdict < Verdict::Bad), "{findings:?}");
        assert!(!data.path().join("new").exists());
    }

    #[tokio::test]
    async fn an_exposed_key_and_a_taken_port_are_found() {
        let data = tempfile::tempdir().unwrap();
        crate::auth::keys::Keys::load(data.path()).unwrap();
        fs::set_permissions(data.path().join("keys/access.key"), fs::Permissions::from_mode(0o644)).unwrap();
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let config = Config { listen: taken.local_addr().unwrap(), ..config(data.path()) };
        let findings = examine(&config).await;
        assert_eq!(verdict(&findings, "keys"), Verdict::Bad);
        assert_eq!(verdict(&findings, "listen"), Verdict::Mind);
    }

    #[tokio::test]
    async fn an_existing_backend_that_does_not_answer_is_found() {
        let data = tempfile::tempdir().unwrap();
        let nobody = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        let config = Config { upstream: format!("http://{nobody}").parse().ok(), ..config(data.path()) };
        let findings = examine(&config).await;
        assert_eq!(verdict(&findings, "upstream"), Verdict::Bad, "{findings:?}");
    }

    #[tokio::test]
    async fn the_database_says_how_durable_it_is() {
        let data = tempfile::tempdir().unwrap();
        let config = config(data.path());
        admin::order(&config, Order::ListUsers).await.unwrap();
        let findings = examine(&config).await;
        let database = findings.iter().find(|finding| finding.subject == "database").unwrap();
        assert_eq!(database.verdict, Verdict::Good);
        assert!(
            database.text.contains("journal_mode wal") && database.text.contains("synchronous"),
            "{database}"
        );
    }
}
