//! nginx and Caddy that choose between Zas and the existing backend, as the guide configures them.

use serde_json::json;
use zas_protocol::ErrorBody;

use crate::proxy::{Nginx, Proxy, caddy_of};
use crate::support::{Server, Socket};
use crate::wire::Backend;

const GUIDE: &str = include_str!("../../../../docs/guides/beside-a-backend.md");
const GUIA: &str = include_str!("../../../../docs/guides/beside-a-backend.es.md");

/// A block of the guide in some language of code; the same in both.
fn of_the_guide(language: &str) -> String {
    let block = |guide: &str| {
        let (_, rest) = guide.split_once(&format!("```{language}\n")).expect("the guide has the block");
        rest.split_once("```").unwrap().0.to_owned()
    };
    assert_eq!(block(GUIDE), block(GUIA), "both guides say the same");
    block(GUIDE)
}

/// Through a proxy, the chat is Zas' and the rest the backend's.
async fn chooses(server: &Server, proxy: &Proxy) {
    let certificate = std::fs::read(&proxy.certificate).unwrap();
    let certificate = reqwest::Certificate::from_pem(&certificate).unwrap();
    // A browser too opens its sockets by HTTP/1.1.
    let http = reqwest::Client::builder().tls_certs_only([certificate]).http1_only().build().unwrap();
    let ana = server.person("ana").await;
    server.person("luis").await;
    for path in
        ["/", "/api/auth/login/", "/api/users/search/?q=%C3%B1", "/api/messaging2/", "/v1x", "/ws/chats/"]
    {
        let answer = http.get(proxy.url() + path).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), format!("backend GET {path}"));
    }
    let opened = http.post(proxy.url() + "/api/users/chat/luis/").bearer_auth(&ana.token).json(&json!({}));
    let opened = opened.send().await.unwrap();
    assert_eq!(opened.status(), 201);
    let opened: serde_json::Value = opened.json().await.unwrap();
    let chat = opened["chat"]["id"].as_str().unwrap();
    for slash in ["", "/"] {
        let path = format!("/api/messaging/chats/{chat}/messages{slash}");
        let sent = http.post(proxy.url() + &path).bearer_auth(&ana.token).json(&json!({"content": "hola"}));
        assert_eq!(sent.send().await.unwrap().status(), 201, "{path}");
    }
    let state = http.get(proxy.url() + "/v1/state").send().await.unwrap();
    assert_eq!(state.status(), 401);
    state.json::<ErrorBody>().await.unwrap();
    assert_eq!(http.get(proxy.url() + "/healthz").send().await.unwrap().text().await.unwrap(), "ok\n");
    for path in ["/v1/ws", &format!("/ws/chat/{chat}/?token={}", ana.token)] {
        let upgrade = http
            .get(proxy.url() + path)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-protocol", "zas.v1.json")
            .header("sec-websocket-key", "MDEyMzQ1Njc4OWFiY2RlZg==");
        assert_eq!(upgrade.send().await.unwrap().status(), 101, "{path}");
    }
    // Behind the proxy all is as it was.
    Socket::live(&server.url(""), &ana.token).await;
}

#[tokio::test]
async fn nginx_by_the_guide_chooses_between_zas_and_the_backend() {
    let server = Server::start().await;
    let backend = Backend::start().await.answers_all();
    let site = of_the_guide("nginx").replace("127.0.0.1:8001", &backend.to_string());
    let nginx = Nginx::of(&site).start_here(server.address).await;
    chooses(&server, &nginx).await;
}

#[tokio::test]
async fn caddy_by_the_guide_chooses_between_zas_and_the_backend() {
    let server = Server::start().await;
    let backend = Backend::start().await.answers_all();
    let site = of_the_guide("caddy").replace("127.0.0.1:8001", &backend.to_string());
    let caddy = caddy_of(&site, "app.example.com", server.address).await;
    chooses(&server, &caddy).await;
}
