//! What strangers cost, and those who read nothing.

use tokio::time::timeout;

use super::{Bystander, address};
use crate::support::process::{Running, Setup};
use crate::support::raw::{Raw, TEXT, frame};
use crate::support::{PATIENCE, Server};

/// Kilobytes of memory that the program holds.
fn resident(server: &Running) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// A frame of 64 KiB without its last byte.
fn most_of_a_frame() -> Vec<u8> {
    let mut bytes = frame(TEXT, &[b' '; 64 * 1024]);
    bytes.pop();
    bytes
}

/// A request with a body of which so many bytes come and more are announced.
fn nearly(path: &str, head: &str, come: usize, announced: usize) -> Vec<u8> {
    let mut bytes =
        format!("POST {path} HTTP/1.1\r\nhost: here\r\n{head}content-length: {announced}\r\n\r\n")
            .into_bytes();
    bytes.extend(vec![b' '; come]);
    bytes
}

/// What was sent before is read: others are answered, one after another.
async fn time_passes(server: &Running) {
    for _ in 0..20 {
        assert!(reqwest::get(format!("{}/readyz", server.url)).await.unwrap().status().is_success());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_costs_16_kib_beyond_the_socket_whatever_they_send() {
    let limits = "anonymous_sockets_per_address=10000,auth_timeout_ms=60000,header_timeout_ms=60000,body_timeout_ms=60000";
    let count = zas_tally::amount(200).min(800);
    let long_header =
        format!("GET /v1/state HTTP/1.1\r\nhost: here\r\nx: {}", "x".repeat(15 * 1024)).into_bytes();
    let forged = format!("authorization: Bearer {}\r\n", "x.y.z".repeat(100));
    let small_fragments = frame(0x01, b"").into_iter().chain(frame(0x00, b" ").repeat(10_000)).collect();
    let body = |path, head, most: usize| vec![nearly(path, head, 1, most), vec![b' '; most - 2]];
    // What is sent in steps; each is measured beside what was there before it.
    let attacks = [
        ("a large frame", true, vec![most_of_a_frame()]),
        ("as much of one as is read", true, vec![most_of_a_frame()[..8_000].to_vec()]),
        ("a frame in ten thousand fragments", true, vec![small_fragments]),
        ("ten thousand pings", true, vec![frame(0x89, &[0; 125]).repeat(10_000)]),
        ("headers", false, vec![long_header]),
        ("the body of a sign-in", false, body("/v1/auth/login", "", 8 * 1024)),
        ("a body that is too large", false, body("/v1/auth/login", "", 1024 * 1024)),
        ("a body under a forged token", false, body("/v1/commands", &forged, 255 * 1024)),
    ];
    for (what, socket, steps) in attacks {
        // A new one each time, so that none lives on what another has left.
        let folder = tempfile::tempdir().unwrap();
        let setup = Setup::new(&folder.path().join("data")).arguments(&["--limit", limits]);
        let server = setup.start().await;
        let address = address(&server.url);
        let mut strangers = Vec::new();
        for _ in 0..count {
            let raw = if socket { Raw::socket(address).await } else { Raw::connect(address).await };
            strangers.push(raw);
        }
        // The connection itself is there once something of it is read.
        for raw in &mut strangers {
            raw.send_what_fits(if socket { b"" } else { b"\r\n" }).await;
        }
        for bytes in steps {
            time_passes(&server).await;
            let before = resident(&server);
            for raw in &mut strangers {
                raw.send_what_fits(&bytes).await;
            }
            time_passes(&server).await;
            let cost = resident(&server).saturating_sub(before);
            assert!(cost <= count * 16, "{count} strangers who send {what} cost {cost} KiB");
        }
        zas_tally::tried("P15", &format!("strangers who sent {what}"), count);
    }
}

#[tokio::test]
async fn an_upload_is_counted_before_it_is_read() {
    let server = Server::start().await;
    // A picture is held whole, five mebibytes; of a file to send a part is.
    let files = zas_protocol::Limits::default().uploads_per_minute as usize;
    let paths = [
        ("/v1/me/avatar", 6),
        ("/v1/rooms/avatar", 6),
        ("/v1/files", files),
        ("/api/auth/upload-avatar/", 6),
    ];
    for (n, (path, most)) in paths.into_iter().enumerate() {
        let ana = server.person(&format!("ana{n}")).await;
        let bearer = format!("authorization: Bearer {}\r\n", ana.token);
        let head = format!("{bearer}content-type: multipart/form-data; boundary=x\r\n");
        let mut slow = Vec::new();
        let refused = loop {
            let mut raw = Raw::connect(server.address).await;
            raw.send(&nearly(path, &head, 1, 5 * 1024 * 1024)).await;
            // Others are answered meanwhile, and so is this one if it is to be refused.
            for _ in 0..3 {
                assert_eq!(server.http.get(server.url("/readyz")).send().await.unwrap().status(), 200);
            }
            if let Some(answer) = raw.answer_so_far() {
                break answer;
            }
            slow.push(raw);
            // One comes back while they are sent on a slow machine.
            assert!(slow.len() <= 2 * most, "{path}: each holds some memory");
        };
        assert_eq!(refused.status, 429, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_nobody_reads_ends_its_connection() {
    let server = Server::with(|config| config.limits.write_stall_ms = 500).await;
    let mut bystander = Bystander::of(&server).await;
    let request = b"GET /v1/state HTTP/1.1\r\nhost: here\r\n\r\n";
    let mut raw = Raw::with_a_small_window(server.address).await;
    // While its answers wait the server reads no further requests, so that both would wait for ever.
    timeout(PATIENCE, raw.send_until_it_ends(&request.repeat(1_000))).await.expect("the server ends it");
    bystander.is_well().await;
    // Who reads slowly gets everything.
    let mut raw = Raw::with_a_small_window(server.address).await;
    raw.send(&request.repeat(50)).await;
    for _ in 0..50 {
        // The next is read when another's request was answered.
        bystander.is_well().await;
        assert_eq!(raw.answer().await.expect("an answer").status, 401);
    }
}
