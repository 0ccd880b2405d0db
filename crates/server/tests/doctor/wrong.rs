//! Proxies that are in the way of one thing each.

use crate::look::{Doctor, configured, server};
use crate::proxy::{Nginx, PROXY, Swallower};

#[tokio::test]
async fn an_upgrade_that_is_not_passed_on_is_named() {
    let (server, ada) = server().await;
    for line in ["proxy_set_header Upgrade", "proxy_set_header Connection", "proxy_http_version"] {
        let nginx = Nginx::of_the_guide().without(line).start(server.address).await;
        let words = &["Upgrade header was lost", "proxy_set_header Upgrade $http_upgrade"];
        Doctor::through(&nginx).holding(&ada.token).look().await.finds(&[("socket", "bad", words)]);
        // Nobody has to sign in for this.
        Doctor::through(&nginx).look().await.finds(&[("socket", "bad", words)]);
    }
}

#[tokio::test]
async fn a_socket_that_is_forbidden_on_the_way_is_named() {
    let (server, ada) = server().await;
    let nginx = Nginx::of_the_guide().with("if ($http_upgrade) { return 403; }").start(server.address).await;
    let report = Doctor::through(&nginx).holding(&ada.token).look().await;
    report.finds(&[("socket", "bad", &["something before Zas answers 403"])]);
}

#[tokio::test]
async fn a_host_that_is_changed_makes_ones_own_pages_another_sites() {
    let (server, ada) = server().await;
    let nginx = Nginx::of_the_guide()
        .changed("proxy_set_header Host", "proxy_set_header Host zas.internal;")
        .start(server.address)
        .await;
    let words = &["proxy_set_header Host $http_host", "allowed_origins", &*nginx.url()];
    Doctor::through(&nginx).holding(&ada.token).look().await.finds(&[("socket", "bad", words)]);
}

#[tokio::test]
async fn pages_of_another_site_have_to_be_allowed() {
    const SITE: &str = "https://app.example.com";
    let (server, ada) = server().await;
    let nginx = Nginx::of_the_guide().start(server.address).await;
    let doctor = |site| Doctor::through(&nginx).holding(&ada.token).arguments(&["--origin", site]);
    let words = &["ZAS_ALLOWED_ORIGINS=https://app.example.com"];
    doctor(SITE).look().await.finds(&[("socket", "bad", words)]);

    let (server, ada) = configured(|config| config.allowed_origins = vec![SITE.to_owned()]).await;
    let nginx = Nginx::of_the_guide().start(server.address).await;
    Doctor::through(&nginx).holding(&ada.token).arguments(&["--origin", SITE]).look().await.is_good();
}

#[tokio::test]
async fn a_subprotocol_that_is_lost_is_named() {
    let (server, ada) = server().await;
    let lost = r#"proxy_set_header Sec-WebSocket-Protocol "";"#;
    let nginx = Nginx::of_the_guide().with(lost).start(server.address).await;
    let report = Doctor::through(&nginx).holding(&ada.token).look().await;
    report.finds(&[("socket", "bad", &["subprotocol", "Sec-WebSocket-Protocol"])]);
}

#[tokio::test]
async fn frames_that_are_swallowed_after_the_handshake_are_named() {
    let (server, ada) = server().await;
    let swallower = Swallower::start(server.address).await;
    let url = format!("http://{}", swallower.address);
    let words = &["no frame comes through"];
    let (somebody, nobody) =
        tokio::join!(Doctor::at(&url).holding(&ada.token).look(), Doctor::at(&url).look());
    somebody.finds(&[("socket", "bad", words)]);
    nobody.finds(&[("socket", "bad", words)]);
}

#[tokio::test]
async fn a_stream_that_is_held_back_is_named() {
    let (server, ada) = server().await;
    // nginx holds back what it reads by HTTP/1.0, its default, unless Zas' own header tells it not to.
    let by_http_1_0 = |more: &str| {
        let feed =
            format!("location /v1/feed {{ proxy_pass http://127.0.0.1:8000; {more} }}\n    location / {{");
        Nginx::of_the_guide().changed("location / {", &feed)
    };
    let nginx = by_http_1_0("").start(server.address).await;
    Doctor::through(&nginx).holding(&ada.token).look().await.is_good();

    let nginx = by_http_1_0("proxy_ignore_headers X-Accel-Buffering;").start(server.address).await;
    let report = Doctor::through(&nginx).holding(&ada.token).look().await;
    report.finds(&[("stream", "bad", &["held back", "proxy_buffering off", "proxy_ignore_headers"])]);
}

#[tokio::test]
async fn a_stream_that_is_compressed_is_to_be_minded() {
    let (server, ada) = server().await;
    let compressed = "gzip on; gzip_types text/event-stream; gzip_proxied any; gzip_min_length 1;";
    let nginx = Nginx::of_the_guide().with(compressed).start(server.address).await;
    let report = Doctor::through(&nginx).holding(&ada.token).look().await;
    report.finds(&[("stream", "mind", &["compressed", "gzip_types"])]);
}

#[tokio::test]
async fn connections_that_are_cut_while_nobody_speaks_are_named_with_the_time() {
    let (server, ada) = server().await;
    let nginx = Nginx::of_the_guide()
        .changed("proxy_read_timeout", "proxy_read_timeout 2s;")
        .start(server.address)
        .await;
    let doctor = || Doctor::through(&nginx).holding(&ada.token);
    let words = &["cut after", "socket, stream, poll", "proxy_read_timeout 90s"];
    let report = doctor().staying(8).look().await;
    report.finds(&[("idle", "bad", words)]);
    let seconds = report.text("idle").split(' ').find_map(|word| word.parse::<u64>().ok());
    assert!(seconds.is_some_and(|seconds| (1..=3).contains(&seconds)), "{report:#?}");
    // Who doesn't stay sees nothing of it.
    doctor().staying(0).look().await.is_good();
}

#[tokio::test]
async fn a_body_that_the_proxy_refuses_is_named() {
    let (server, ada) = server().await;
    for size in ["client_max_body_size 1m;", ""] {
        let nginx = Nginx::of_the_guide().changed("client_max_body_size", size).start(server.address).await;
        let report = Doctor::through(&nginx).holding(&ada.token).look().await;
        report.finds(&[("uploads", "bad", &["5 MiB", "413", "client_max_body_size 6m"])]);
    }
}

#[tokio::test]
async fn clients_that_share_the_proxys_address_are_named_with_what_is_missing() {
    const FORWARDED: &str = "proxy_set_header X-Forwarded-For";
    let says_it = || Nginx::of_the_guide();
    let passes_it_on = || Nginx::of_the_guide().without(FORWARDED);
    let drops_it = || Nginx::of_the_guide().changed(FORWARDED, r#"proxy_set_header X-Forwarded-For "";"#);
    let if_none = || {
        let map = "map $http_x_forwarded_for $first_said { '' $remote_addr; default $http_x_forwarded_for; }\nserver {";
        Nginx::of_the_guide()
            .changed(FORWARDED, "proxy_set_header X-Forwarded-For $first_said;")
            .changed("server {", map)
    };
    let listed = |address: &str| vec![address.parse::<std::net::IpAddr>().unwrap().into()];
    let setting = format!("ZAS_TRUSTED_PROXIES={PROXY}");
    let shared = format!("share one address, {PROXY}");
    let choose = "may choose the address";
    let header = "$proxy_add_x_forwarded_for";
    for (trusts, nginx, words) in [
        (false, says_it(), vec![&*shared, &*setting]),
        (false, passes_it_on(), vec![&*shared, &*setting, header]),
        (false, drops_it(), vec![&*shared, &*setting, header]),
        (true, drops_it(), vec![&*shared, header]),
        (true, passes_it_on(), vec![choose, header]),
        (true, if_none(), vec![choose, header]),
    ] {
        let proxies = if trusts { listed(PROXY) } else { Vec::new() };
        let (server, ada) = configured(|config| config.trusted_proxies = proxies).await;
        let nginx = nginx.start(server.address).await;
        let report = Doctor::through(&nginx).holding(&ada.token).look().await;
        report.finds(&[("clients", "bad", &words)]);
    }
}

#[tokio::test]
async fn a_machine_that_may_name_any_address_cannot_tell_whether_others_may() {
    let (server, ada) = configured(|config| {
        config.trusted_proxies = vec!["127.0.0.1".parse::<std::net::IpAddr>().unwrap().into()];
    })
    .await;
    let nginx = Nginx::of_the_guide().start_here(server.address).await;
    for doctor in [Doctor::through(&nginx), Doctor::at(&server.url(""))] {
        let report = doctor.holding(&ada.token).look().await;
        report.finds(&[("clients", "mind", &["127.0.0.1", "look from another one"])]);
    }
}

#[tokio::test]
async fn a_cookie_that_would_go_over_plain_http_is_to_be_minded() {
    let (server, ada) = server().await;
    let nginx =
        Nginx::of_the_guide().without("proxy_set_header X-Forwarded-Proto").start(server.address).await;
    let report = Doctor::through(&nginx).holding(&ada.token).look().await;
    report.finds(&[("cookies", "mind", &["ZAS_PUBLIC_URL", "X-Forwarded-Proto"])]);

    let url = |url: &str| Some(url.to_owned());
    let (server, ada) = configured(|config| config.public_url = url("https://chat.example.com")).await;
    let nginx =
        Nginx::of_the_guide().without("proxy_set_header X-Forwarded-Proto").start(server.address).await;
    Doctor::through(&nginx).holding(&ada.token).look().await.is_good();
    let plain = Doctor::at(&server.url("")).holding(&ada.token).look().await;
    plain.finds(&[("cookies", "mind", &["forgets it at each reload"])]);
}
