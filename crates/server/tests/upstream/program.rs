//! The program: its settings, its log, its own page, a backend by https.

use std::net::TcpListener;

use crate::proxy::Nginx;
use crate::support::process::{Setup, zas};
use crate::wire::{Backend, Wire};

#[tokio::test]
async fn the_program_stands_before_the_backend_that_its_settings_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "<p>Zas' own page").unwrap();
    let backend = Backend::start().await;
    let upstream = format!("http://{}", backend.address);
    let data = folder.path().join("data");

    let checked = zas(&data).env("ZAS_UPSTREAM", &upstream).args(["config", "check"]).output().unwrap();
    assert!(String::from_utf8(checked.stdout).unwrap().contains(&upstream));
    let dumped = zas(&data).args(["config", "dump", "--upstream", &upstream]).output().unwrap();
    let dumped = String::from_utf8(dumped.stdout).unwrap();
    let line = dumped.lines().find(|line| line.starts_with("upstream = ")).unwrap();
    assert!(line.contains(&upstream) && line.ends_with("# flag"), "{line}");
    let wrong = zas(&data).args(["serve", "--upstream", "127.0.0.1:8001"]).output().unwrap();
    let said = String::from_utf8(wrong.stderr).unwrap();
    assert!(!wrong.status.success() && said.lines().count() == 1, "{said}");
    assert!(said.contains("upstream: ") && said.contains("http://127.0.0.1:8001"), "{said}");

    let page = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let setup = Setup::new(&data)
        .environment("ZAS_UPSTREAM", &upstream)
        .environment("ZAS_WEB_LISTEN", &page.to_string())
        .environment("ZAS_WEB_DIR", &folder.path().to_string_lossy())
        .with_metrics();
    let server = setup.start().await;
    backend.answers_all();
    let get = async |url: String| reqwest::get(url).await.unwrap().text().await.unwrap();
    assert_eq!(get(format!("{}/", server.url)).await, "backend GET /");
    assert_eq!(get(format!("{}/metrics", server.url)).await, "backend GET /metrics");
    assert_eq!(get(format!("http://{page}/")).await, "<p>Zas' own page");
    assert_eq!(reqwest::get(format!("http://{page}/v1/state")).await.unwrap().status(), 401);
    assert_eq!(setup.metric("zas_upstream_requests_total{class=\"2xx\"}").await.to_string(), "2");
    assert_eq!(server.stop().await, Some(0));
}

#[tokio::test]
async fn an_absent_backend_is_one_line_in_the_log_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = Backend::start().await.address;
    let setup = Setup::new(folder.path()).arguments(&["--upstream", &format!("http://{nobody}")]);
    let server = setup.start().await;
    let request = reqwest::Client::new().get(format!("{}/old/?token=canary-in-query", server.url));
    let answer =
        request.header("cookie", "canary-in-cookie=1").bearer_auth("canary-in-token").send().await.unwrap();
    assert_eq!(answer.status(), 502);
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(server.stop().await, Some(0));
    let log = setup.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("upstream gave no answer")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    for said in ["WARN", "method=GET", "path=\"/old/\"", "class=\"unreachable\"", &id, "took_ms=", "refused"]
    {
        assert!(lines[0].contains(said), "{said}: {}", lines[0]);
    }
    assert!(!log.contains("canary"), "{log}");
}

#[tokio::test]
async fn a_backend_by_https_is_spoken_to_if_its_certificate_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start().await.answers_all();
    let tls = Nginx::of_the_guide().start_here(backend).await;
    let setup = Setup::new(folder.path()).arguments(&["--upstream", &tls.url()]);
    let trusting = setup.clone().environment("SSL_CERT_FILE", &tls.certificate.to_string_lossy());
    for (setup, status) in [(trusting, 200), (setup, 502)] {
        let server = setup.start().await;
        let answer = reqwest::get(format!("{}/old/?a=%2F", server.url)).await.unwrap();
        assert_eq!(answer.status(), status);
        if status == 200 {
            assert_eq!(answer.text().await.unwrap(), "backend GET /old/?a=%2F");
        }
        assert_eq!(server.stop().await, Some(0));
    }
}

#[tokio::test]
async fn what_is_under_way_is_finished_before_the_program_ends() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start().await;
    let setup = Setup::new(folder.path()).arguments(&["--upstream", &format!("http://{}", backend.address)]);
    let server = setup.start().await;
    let mut client = Wire::to(server.url.trim_start_matches("http://").parse().unwrap()).await;
    client.send_head("GET /old/ HTTP/1.1\nHost: here").await;
    let (mut wire, _) = backend.asked().await;
    server.signal(rustix::process::Signal::TERM);
    wire.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n").await;
    client.head().await;
    wire.send("done").await;
    assert_eq!(client.text(4).await, "done");
    assert_eq!(server.ended().await, Some(0));
}
