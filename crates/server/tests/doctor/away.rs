//! Zas is not there at all, or not by TLS: the one finding is all there is to say.

use crate::look::{Doctor, server};
use crate::proxy::{Nginx, free_address};

#[tokio::test]
async fn what_answers_in_place_of_zas_is_named() {
    let (server, _) = server().await;
    let page = r#"default_type text/html; return 200 "<!doctype html><title>Welcome</title>";"#;
    let somewhere = "return 301 https://chat.example.org/;";
    let own_sign_in = "return 401;";
    for (instead, words) in [
        (page, vec!["nginx", "200 with a page", "and not Zas"]),
        (somewhere, vec!["it sends elsewhere: look at https://chat.example.org/"]),
        (own_sign_in, vec!["401 itself"]),
        ("return 500;", vec!["answers 500"]),
    ] {
        let nginx = Nginx::of_the_guide().with(instead).start(server.address).await;
        let report = Doctor::through(&nginx).look().await;
        report.finds(&[("server", "bad", &words)]);
        assert_eq!(report.subjects(), ["address", "server"]);
    }
}

#[tokio::test]
async fn a_proxy_that_passes_not_all_on_is_named() {
    let (server, _) = server().await;
    let nginx = Nginx::of_the_guide()
        .changed("location / {", "location /v1/ { return 404; }\n    location / {")
        .start(server.address)
        .await;
    Doctor::through(&nginx).look().await.finds(&[("server", "bad", &["/v1 is not"])]);
}

#[tokio::test]
async fn a_proxy_before_nothing_is_named() {
    let nginx = Nginx::of_the_guide().start(free_address()).await;
    Doctor::through(&nginx).look().await.finds(&[("server", "bad", &["502", "start Zas", "proxy_pass"])]);
}

#[tokio::test]
async fn a_server_that_is_stopping_is_named() {
    let (server, _) = server().await;
    let nginx = Nginx::of_the_guide().start(server.address).await;
    server.drain.send_replace(true);
    Doctor::through(&nginx).look().await.finds(&[("server", "bad", &["not ready: draining"])]);
}

#[tokio::test]
async fn an_address_without_a_server_is_named() {
    let refused = Doctor::at(&format!("http://{}", free_address())).look().await;
    refused.finds(&[("address", "bad", &["nothing listens"])]);
    let unknown = Doctor::at("http://zas.invalid").look().await;
    unknown.finds(&[("address", "bad", &["zas.invalid has no address"])]);
}

#[tokio::test]
async fn a_certificate_that_browsers_refuse_is_named() {
    let (server, _) = server().await;
    let nginx = Nginx::of_the_guide().start(server.address).await;
    Doctor::at(&nginx.url()).look().await.finds(&[("tls", "bad", &["nobody known signed"])]);

    let by_name = Doctor::at(&format!("https://localhost:{}", nginx.address.port()));
    let report = by_name.environment("SSL_CERT_FILE", &nginx.certificate.to_string_lossy()).look().await;
    report.finds(&[("tls", "bad", &["another name's", "localhost"])]);

    // It lasts two days.
    for day in ["-1d", "+3d"] {
        let report = Doctor::through(&nginx).on_a_clock(day).look().await;
        report.finds(&[("tls", "bad", &["time is over or has not come"])]);
    }

    let plain = Doctor::at(&format!("https://{}", server.address)).look().await;
    plain.finds(&[("tls", "bad", &["no TLS is spoken"])]);
}
