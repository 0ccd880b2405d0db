//! Nothing is wrong, and nothing is found.

use serde_json::{Value, json};

use crate::look::{Doctor, configured, server};
use crate::proxy::{self, Nginx};
use crate::support::process::{PASSWORD, zas};

/// All that is looked at, in its order on the screen.
const ALL: [&str; 10] =
    ["address", "server", "clock", "token", "socket", "stream", "poll", "idle", "uploads", "clients"];

#[tokio::test]
async fn nothing_is_found_behind_nginx_by_the_guide() {
    let (server, ada) = server().await;
    let nginx = Nginx::of_the_guide().start(server.address).await;
    let report = Doctor::through(&nginx).holding(&ada.token).staying(2).look().await;
    report.is_good();
    assert_eq!(report.subjects(), [&ALL[..], &["cookies"]].concat());
    assert!(report.text("address").contains("HTTP/2"), "{report:#?}");
    assert!(report.text("server").contains("nginx"), "{report:#?}");
    assert!(report.text("idle").contains("socket, stream, poll"), "{report:#?}");
    assert!(report.text("clients").contains("127.0.0.1"), "{report:#?}");
}

#[tokio::test]
async fn nothing_is_found_behind_caddy_by_the_guide() {
    let (server, ada) = configured(|config| {
        config.trusted_proxies = vec!["127.0.0.1".parse::<std::net::IpAddr>().unwrap().into()];
    })
    .await;
    let caddy = proxy::caddy(server.address).await;
    let report = Doctor::through(&caddy).holding(&ada.token).staying(2).look().await;
    report.is_good();
}

#[tokio::test]
async fn nothing_is_found_without_a_proxy() {
    let (server, ada) = server().await;
    let report = Doctor::at(&server.url("")).holding(&ada.token).staying(1).look().await;
    report.is_good();
    assert_eq!(report.subjects(), ALL);
}

#[tokio::test]
async fn a_stranger_learns_what_strangers_reach() {
    let (server, _) = server().await;
    let nginx = Nginx::of_the_guide().start(server.address).await;
    let report = Doctor::through(&nginx).look().await;
    report.is_good();
    assert_eq!(report.subjects(), ["address", "server", "clock", "socket"]);
}

#[tokio::test]
async fn the_doctor_signs_in_and_leaves_no_device_behind() {
    let (server, _) = server().await;
    let form =
        json!({"username": "eva", "email": "eva@example.org", "password": PASSWORD, "device_name": "phone"});
    let answer = server.http.post(server.url("/v1/auth/register")).json(&form).send().await.unwrap();
    let registered: Value = answer.json().await.unwrap();
    let nginx = Nginx::of_the_guide().start(server.address).await;
    let account = |password| {
        Doctor::through(&nginx).environment("ZAS_LOGIN", "eva").environment("ZAS_PASSWORD", password)
    };
    account(PASSWORD).look().await.is_good();
    account("not hers").look().await.finds(&[("sign-in", "bad", &["wrong username or password"])]);
    let devices =
        server.http.get(server.url("/v1/me/devices")).bearer_auth(registered["access"].as_str().unwrap());
    let listed: Value = devices.send().await.unwrap().json().await.unwrap();
    let names: Vec<_> = listed["devices"].as_array().unwrap().iter().map(|device| &device["name"]).collect();
    assert_eq!(names, ["phone"]);
}

#[tokio::test]
async fn people_read_one_line_for_each_finding() {
    let (server, ada) = server().await;
    let url = server.url("");
    let output = tokio::task::spawn_blocking(move || {
        let mut command = zas(std::path::Path::new("nowhere"));
        command.args(["doctor", "--url", &url, "--idle", "0", "--token", &ada.token]);
        command.output().unwrap()
    });
    let output = output.await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert_eq!(said.lines().count(), ALL.len() - 1, "{said}");
    assert!(said.lines().all(|line| line.starts_with("ok    ")), "{said}");
    assert!(said.contains("\nok    socket     opens"), "{said}");
}
