//! Tokens that are refused, and clocks that differ.

use zas_protocol::Micros;
use zas_server::clock;

use crate::look::{Doctor, server};
use crate::proxy::Nginx;

const HOUR: Micros = 3_600_000_000;

#[tokio::test]
async fn a_token_that_is_refused_is_told_why() {
    let (server, ada) = server().await;
    let nginx = Nginx::of_the_guide().start(server.address).await;
    let at = |at: Micros| server.app.auth.open_device(ada.id, "test", at);
    let old = at(clock::now() - 3 * HOUR).await.unwrap();
    let signed_out = at(clock::now()).await.unwrap();
    server.app.auth.sign_out(signed_out.device).await.unwrap();
    let (_other, stranger) = self::server().await;
    for (token, word) in [
        (&*old.access, "expired 2 h ago"),
        (old.refresh.as_deref().unwrap(), "refresh token"),
        (&*stranger.token, "signature is not this server's"),
        (&*signed_out.access, "signed out"),
        ("not-a-token", "no token of Zas"),
    ] {
        let report = Doctor::through(&nginx).holding(token).look().await;
        report.finds(&[("token", "bad", &[word])]);
    }
}

#[tokio::test]
async fn a_token_that_the_proxy_takes_away_is_told_from_a_bad_one() {
    let (server, ada) = server().await;
    let taken =
        Nginx::of_the_guide().with(r#"proxy_set_header Authorization "";"#).start(server.address).await;
    let report = Doctor::through(&taken).holding(&ada.token).look().await;
    report.finds(&[("token", "bad", &["takes the Authorization header away"])]);

    let refused = r#"if ($http_authorization) { return 403; }"#;
    let refused = Nginx::of_the_guide().with(refused).start(server.address).await;
    let report = Doctor::through(&refused).holding(&ada.token).look().await;
    report.finds(&[("token", "bad", &["answers 403"])]);
}

#[tokio::test]
async fn clocks_that_differ_are_told_by_how_much() {
    let (server, ada) = server().await;
    let nginx = Nginx::of_the_guide().start(server.address).await;
    let doctor = || Doctor::through(&nginx).holding(&ada.token);
    doctor().on_a_clock("+20s").look().await.is_good();
    let ahead = doctor().on_a_clock("+630s").look().await;
    ahead.finds(&[("clock", "mind", &["10 min behind this machine's", "NTP"])]);
    // By the `Date` of what answers, where nobody is signed in.
    let stranger = Doctor::at(&server.url("")).on_a_clock("-90s").look().await;
    stranger.finds(&[("clock", "mind", &["s ahead of this machine's"])]);
}
