//! Running the doctor, and what it found.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use zas_server::config::Config;

use crate::proxy::{PROXY, Proxy};
use crate::support::process::zas;
use crate::support::{Person, Server};

/// A server that believes the proxy, and somebody on it.
pub(crate) async fn server() -> (Server, Person) {
    configured(|_| {}).await
}

pub(crate) async fn configured(configure: impl FnOnce(&mut Config)) -> (Server, Person) {
    let server = Server::with(|config| {
        config.trusted_proxies = vec![PROXY.parse::<std::net::IpAddr>().unwrap().into()];
        configure(config);
    })
    .await;
    let ada = server.person("ada").await;
    (server, ada)
}

#[derive(Debug, Deserialize)]
pub(crate) struct Found {
    subject: String,
    verdict: String,
    text: String,
}

/// What one run said.
#[derive(Debug)]
pub(crate) struct Report {
    findings: Vec<Found>,
    failed: bool,
}

/// How to run it.
pub(crate) struct Doctor {
    command: Command,
    idle: u64,
    secret: Option<String>,
}

impl Doctor {
    pub(crate) fn at(url: &str) -> Self {
        let mut command = zas(Path::new("nowhere"));
        command.args(["doctor", "--json", "--url", url]);
        // Unless a test says otherwise nobody waits.
        Self { command, idle: 0, secret: None }
    }

    /// Through a proxy, whose certificate is trusted.
    pub(crate) fn through(proxy: &Proxy) -> Self {
        Self::at(&proxy.url()).environment("SSL_CERT_FILE", &proxy.certificate.to_string_lossy())
    }

    /// How long to stay on each rung.
    pub(crate) fn staying(mut self, seconds: u64) -> Self {
        self.idle = seconds;
        self
    }

    pub(crate) fn environment(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn arguments(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// As somebody, by a token that must not show anywhere.
    pub(crate) fn holding(mut self, token: &str) -> Self {
        self.secret = Some(token.to_owned());
        self.environment("ZAS_TOKEN", token)
    }

    /// On a machine whose clock is set; Debian's package `faketime` does it.
    pub(crate) fn on_a_clock(self, set: &str) -> Self {
        let found = Command::new("find").args(["/usr/lib", "-name", "libfaketime.so.1"]).output().unwrap();
        let found = String::from_utf8(found.stdout).unwrap();
        let library = found.lines().next().expect("libfaketime is installed");
        let doctor = self.environment("LD_PRELOAD", library).environment("FAKETIME", set);
        doctor.environment("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }

    pub(crate) async fn look(mut self) -> Report {
        self.command.args(["--idle", &self.idle.to_string()]);
        let output = tokio::task::spawn_blocking(move || self.command.output().unwrap()).await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        if let Some(secret) = self.secret {
            assert!(!said.contains(&secret) && !errors.contains(&secret), "the token is shown");
        }
        let findings = serde_json::from_str(&said).unwrap_or_else(|_| panic!("findings: {said} {errors}"));
        Report { findings, failed: output.status.code() == Some(1) }
    }
}

impl Report {
    /// Nothing is wrong.
    pub(crate) fn is_good(&self) {
        self.finds(&[]);
    }

    /// Exactly this is wrong: subject, verdict, and what its sentence says.
    pub(crate) fn finds(&self, expected: &[(&str, &str, &[&str])]) {
        let wrong: Vec<&Found> = self.findings.iter().filter(|found| found.verdict != "good").collect();
        let named: Vec<_> = wrong.iter().map(|found| (&*found.subject, &*found.verdict)).collect();
        let wanted: Vec<_> = expected.iter().map(|&(subject, verdict, _)| (subject, verdict)).collect();
        assert_eq!(named, wanted, "{self:#?}");
        for (found, (_, _, words)) in wrong.iter().zip(expected) {
            for word in *words {
                assert!(found.text.contains(word), "{word:?} in {found:?}");
            }
        }
        let bad = wrong.iter().any(|found| found.verdict == "bad");
        assert_eq!(self.failed, bad, "the status says whether something doesn't work: {self:#?}");
    }

    /// The sentence on a subject.
    pub(crate) fn text(&self, subject: &str) -> &str {
        &self.findings.iter().find(|found| found.subject == subject).unwrap().text
    }

    /// What was looked at.
    pub(crate) fn subjects(&self) -> Vec<&str> {
        self.findings.iter().map(|found| &*found.subject).collect()
    }
}
