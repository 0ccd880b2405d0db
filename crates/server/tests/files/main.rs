//! What messages carry (P25): what is fetched is what was sent, by who can see the message and nobody else,
//! and nothing of a person that they did not mean to send. What happens to the program itself meanwhile is
//! in [`program`].
#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

#[path = "../support/mod.rs"]
mod support;

mod program;

use std::io::Cursor;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, StatusCode};
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};
use support::raw::Raw;
use support::{PATIENCE, Person, Server};
use tokio::time::timeout;
use zas_protocol::{ErrorCode, FileId};
use zas_server::clock;
use zas_server::error::ApiError;
use zas_server::files::{hold, sweep};

/// Bytes that are of no type and of no pattern.
fn bytes(count: usize, seed: u8) -> Vec<u8> {
    let mut state = u32::from(seed) + 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..count).map(|_| next()).collect()
}

struct Fetched {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Fetched {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn fetched(request: reqwest::RequestBuilder) -> Fetched {
    let answer = timeout(PATIENCE, request.send()).await.unwrap().unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    Fetched { status, headers, body: answer.bytes().await.unwrap() }
}

impl Server {
    async fn upload(&self, person: &Person, name: &str, sent: Vec<u8>) -> (u16, Value) {
        let request = self.http.post(self.url("/v1/files")).query(&[("name", name)]);
        // What it is called here is not asked for.
        let request = request.bearer_auth(&person.token).header("content-type", "image/png");
        let answer = request.body(sent).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// An upload that is taken.
    async fn uploaded(&self, person: &Person, name: &str, sent: Vec<u8>) -> Value {
        let (status, body) = self.upload(person, name, sent).await;
        assert_eq!(status, 200, "{name}: {body}");
        body["attachment"].clone()
    }

    async fn send_file(&self, person: &Person, room: &str, attachment: &Value) -> Value {
        let file = &attachment["file"];
        let send = json!({"type": "send", "txn_id": file, "room": room, "text": "", "attachment": file});
        self.command(person, send).await
    }

    async fn fetch(&self, person: &Person, attachment: &Value) -> Fetched {
        let path = format!("/v1/files/{}", attachment["file"].as_str().unwrap());
        fetched(self.http.get(self.url(&path)).bearer_auth(&person.token)).await
    }

    /// All files below the folder of blobs, those under way too.
    fn blobs(&self) -> Vec<PathBuf> {
        blobs(&self.app.config.data)
    }
}

fn blobs(data: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in std::fs::read_dir(data.join("files")).unwrap() {
        let folder = folder.unwrap().path();
        found.extend(std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()));
    }
    found
}

fn id(attachment: &Value) -> FileId {
    attachment["file"].as_str().unwrap().parse().unwrap()
}

async fn until(mut so: impl FnMut() -> bool) {
    let wait = async {
        while !so() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, wait).await.expect("it comes to that in time");
}

#[tokio::test]
async fn what_is_fetched_is_what_was_sent_to_the_byte_and_never_runs_here() {
    let server = Server::start().await;
    let page = b"<!DOCTYPE html><script>alert(document.cookie)</script>".to_vec();
    let drawing = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".to_vec();
    let film = [b"\0\0\0\x18ftypisom\0\0\x02\0isommp41moov...vide".as_slice(), &bytes(300_000, 1)].concat();
    let sound = [b"OggS\0\x02".as_slice(), &bytes(20_000, 2)].concat();
    let letter = [b"%PDF-1.7\n".as_slice(), &bytes(9_000, 3)].concat();
    let plain = "application/octet-stream";
    for (n, (name, sent, media, media_type, how)) in [
        ("nada", vec![], "file", plain, "attachment"),
        ("una.txt", b"hola".to_vec(), "file", plain, "attachment"),
        ("página.html", page, "file", plain, "attachment"),
        ("foto.png", drawing, "file", plain, "attachment"),
        ("carta.pdf", letter, "file", "application/pdf", "attachment"),
        ("mezcla.bin", bytes(1_000_000, 4), "file", plain, "attachment"),
        ("playa.mp4", film, "video", "video/mp4", "inline"),
        ("voz.ogg", sound, "audio", "audio/ogg", "inline"),
    ]
    .into_iter()
    .enumerate()
    {
        // Each is another's: one may put up six a minute.
        let ana = server.person(&format!("ana{n}")).await;
        let attachment = server.uploaded(&ana, name, sent.clone()).await;
        let what = json!({"file": attachment["file"], "name": name, "media": media, "media_type": media_type,
            "bytes": sent.len()});
        assert_eq!(attachment, what);
        let got = server.fetch(&ana, &attachment).await;
        assert_eq!((got.status, &got.body[..]), (StatusCode::OK, &sent[..]), "{name}");
        assert_eq!(got.header("content-type"), media_type, "{name}");
        assert_eq!(got.header("content-length"), sent.len().to_string(), "{name}");
        assert!(got.header("content-disposition").starts_with(how), "{name}");
        assert_eq!(got.header("x-content-type-options"), "nosniff");
        assert_eq!(got.header("content-security-policy"), "default-src 'none'; sandbox");
        assert_eq!(got.header("cache-control"), "private, max-age=3600, immutable");
        let vary: Vec<&str> =
            got.headers.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
        assert!(vary.contains(&"authorization"), "another person at the same browser asks again: {vary:?}");
        assert_eq!(server.app.store.file_bytes(ana.id).await.unwrap(), sent.len() as u64);
        zas_tally::tried("P25", "files compared with what was sent", 1);
    }
}

#[tokio::test]
async fn a_name_is_kept_without_what_misleads_and_a_nameless_file_gets_one() {
    let server = Server::start().await;
    let long = format!("{}.jpeg", "ñ".repeat(200));
    let gif = b"GIF89a\x01\0\x01\0\0\0\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0;".to_vec();
    for (n, (name, sent, kept)) in [
        ("../../etc/passwd", b"x".to_vec(), "passwd"),
        ("..\\..\\boot.ini", b"x".to_vec(), "boot.ini"),
        ("a\r\nSet-Cookie: b=c.txt", b"x".to_vec(), "a Set-Cookie: b=c.txt"),
        ("foto\u{202e}gnp.exe", b"x".to_vec(), "fotognp.exe"),
        (&long, b"x".to_vec(), &format!("{}.jpeg", "ñ".repeat(125))),
        ("", gif, "image.gif"),
        ("...", b"x".to_vec(), "file"),
        ("\u{200b}/", b"%PDF-1.7".to_vec(), "file.pdf"),
        ("\"; filename=\"otro.exe", b"x".to_vec(), "\"; filename=\"otro.exe"),
    ]
    .into_iter()
    .enumerate()
    {
        let ana = server.person(&format!("ana{n}")).await;
        let attachment = server.uploaded(&ana, name, sent).await;
        assert_eq!(attachment["name"], kept, "{name:?}");
        let disposition = server.fetch(&ana, &attachment).await;
        let disposition = disposition.header("content-disposition");
        assert_eq!(disposition.matches("filename=\"").count(), 1, "{disposition}");
        assert!(!disposition.contains(['\r', '\n']), "{disposition}");
    }
    let ana = server.person("ana").await;
    let answer = server.http.post(server.url("/v1/files")).bearer_auth(&ana.token).body("x").send().await;
    let body: Value = answer.unwrap().json().await.unwrap();
    assert_eq!(body["attachment"]["name"], "file", "nobody has to name it");
}

#[tokio::test]
async fn a_part_is_answered_by_itself_and_what_is_held_already_by_nothing() {
    let server = Server::start().await;
    let ana = server.person("ana").await;
    let sent = bytes(100_000, 5);
    let attachment = server.uploaded(&ana, "x", sent.clone()).await;
    let url = server.url(&format!("/v1/files/{}", attachment["file"].as_str().unwrap()));
    let get = |headers: &[(&'static str, String)]| {
        let request = server.http.get(&url).bearer_auth(&ana.token);
        // A part of what is packed would be a part of something else.
        let request = request.header("accept-encoding", "gzip, br");
        fetched(headers.iter().fold(request, |request, (name, value)| request.header(*name, value)))
    };
    let tag = get(&[]).await.header("etag").to_owned();
    for (range, part) in [
        ("bytes=0-0", Some(0..1)),
        ("bytes=0-99999", Some(0..100_000)),
        ("bytes=99999-", Some(99_999..100_000)),
        ("bytes=50000-200000", Some(50_000..100_000)),
        ("bytes=-10", Some(99_990..100_000)),
        ("bytes=-200000", Some(0..100_000)),
        ("bytes=0-0,5-6", None),
        ("bytes=x", None),
    ] {
        let got = get(&[("range", range.to_owned())]).await;
        assert_eq!(got.header("accept-ranges"), "bytes");
        assert_eq!((got.header("content-encoding"), got.header("etag")), ("", &*tag));
        match part {
            Some(part) => {
                assert_eq!(got.status, StatusCode::PARTIAL_CONTENT, "{range}");
                assert_eq!(got.body, sent[part.clone()], "{range}");
                let said = format!("bytes {}-{}/100000", part.start, part.end - 1);
                assert_eq!(got.header("content-range"), said);
                assert_eq!(got.header("content-length"), part.len().to_string());
            }
            None => assert_eq!((got.status, &got.body[..]), (StatusCode::OK, &sent[..]), "{range}"),
        }
    }
    for range in ["bytes=100000-", "bytes=-0", "bytes=200000-300000"] {
        let got = get(&[("range", range.to_owned())]).await;
        assert_eq!((got.status, got.body.len()), (StatusCode::RANGE_NOT_SATISFIABLE, 0), "{range}");
        assert_eq!(got.header("content-range"), "bytes */100000");
    }
    for (held, status) in [(&*tag, 206), ("\"other\"", 200)] {
        let got = get(&[("range", "bytes=1-2".to_owned()), ("if-range", held.to_owned())]).await;
        assert_eq!(got.status, status, "{held}");
    }
    let got = get(&[("if-none-match", tag)]).await;
    assert_eq!((got.status, got.body.len()), (StatusCode::NOT_MODIFIED, 0));
    let head = fetched(server.http.head(&url).bearer_auth(&ana.token)).await;
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (StatusCode::OK, "100000", 0));
}

#[tokio::test]
async fn who_can_see_the_message_fetches_its_file_and_nobody_else() {
    let server = Server::on_disk(|_| {}).await;
    let mut people = Vec::new();
    for name in ["ana", "luis", "mia", "eva", "leo"] {
        people.push(server.person(name).await);
    }
    let [ana, luis, mia, eva, leo] = &people[..] else { unreachable!() };
    let group = json!({"type": "create_group", "txn_id": "g", "name": "G", "members": [luis.id, mia.id]});
    let room = server.command(ana, group).await["room"].as_str().unwrap().to_owned();
    let attachment = server.uploaded(ana, "x", bytes(5_000, 6)).await;
    let path = format!("/v1/files/{}", attachment["file"].as_str().unwrap());
    let nothing = server.get(eva, &format!("/v1/files/{}", FileId::mint(0, [9; 10]))).await.1;
    let signed = |person: &Person| {
        let address = server.app.files.address(person.id, id(&attachment), clock::now());
        fetched(server.http.get(server.url(&address.address)))
    };
    // By token, by an address signed for them, and whether they are given one.
    let may = async |person: &Person| {
        let by_token = server.fetch(person, &attachment).await;
        let (given, address) = server.get(person, &format!("{path}/address")).await;
        let statuses = [by_token.status.as_u16(), signed(person).await.status.as_u16(), given];
        if by_token.status == 200 {
            assert_eq!(by_token.body, bytes(5_000, 6));
            let url = server.url(address["address"].as_str().unwrap());
            assert_eq!(fetched(server.http.get(url)).await.body, by_token.body);
            let ends_in = address["expires_at"].as_i64().unwrap() - clock::now();
            assert!((3_600_000_000..=7_200_000_000).contains(&ends_in), "{ends_in}");
        } else {
            let mut said: Value = serde_json::from_slice(&by_token.body).unwrap();
            said["request_id"] = nothing["request_id"].clone();
            assert_eq!(said, nothing, "it is as if it were not there");
        }
        assert!(statuses.iter().all(|&status| status == statuses[0]), "{statuses:?}");
        statuses[0] == 200
    };
    assert!(may(ana).await, "one's own that is not sent yet");
    assert!(!may(luis).await, "nobody else's");

    let steal =
        json!({"type": "send", "txn_id": "s", "room": room, "text": "", "attachment": attachment["file"]});
    assert_eq!(server.post(luis, "/v1/commands", steal).await.0, 404, "nobody sends what another has put up");
    let sent = server.send_file(ana, &room, &attachment).await;
    let add = json!({"type": "add_member", "txn_id": "a", "room": room, "user": leo.id});
    server.command(ana, add).await;
    assert!(may(ana).await && may(luis).await && may(mia).await, "who was there when it was sent");
    assert!(!may(eva).await, "not a stranger");
    assert!(!may(leo).await, "not who came later");
    let remove = json!({"type": "remove_member", "txn_id": "r", "room": room, "user": mia.id});
    server.command(ana, remove).await;
    assert!(!may(mia).await, "not who was removed, with an address from before either");
    let add = json!({"type": "add_member", "txn_id": "b", "room": room, "user": mia.id});
    server.command(ana, add).await;
    assert!(may(mia).await, "who is back sees what they saw");

    let delete = json!({"type": "delete_message", "txn_id": "d", "room": room, "message": sent["message"]});
    server.command(ana, delete).await;
    for person in [ana, luis, mia] {
        assert!(!may(person).await, "nor anyone once the message is deleted");
    }
    assert_eq!(server.blobs().len(), 1, "its bytes are there until they are swept");
    assert_eq!(server.app.files.sweep(&*server.app.store, clock::now()).await.unwrap(), 1);
    assert_eq!(server.blobs(), [] as [PathBuf; 0]);
}

/// The orientation that a photo has, and where it was taken.
const EXIF: &[u8] =
    b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0GPS 41.3851N 2.1734E";

#[tokio::test]
async fn a_photo_does_not_tell_where_it_was_taken_and_is_upright() {
    let server = Server::start().await;
    let ana = server.person("ana").await;
    let photo = RgbImage::from_fn(64, 32, |x, _| if x < 32 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) });
    let mut jpeg = Cursor::new(Vec::new());
    photo.write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
    let jpeg = jpeg.into_inner();
    let length = u16::try_from(EXIF.len() + 2).unwrap().to_be_bytes();
    for (orientation, size) in [(1, (64, 32)), (6, (32, 64))] {
        let mut exif = EXIF.to_vec();
        exif[25] = orientation;
        let sent = [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat();
        let attachment = server.uploaded(&ana, "playa.jpg", sent).await;
        assert_eq!(
            (&attachment["media"], &attachment["media_type"]),
            (&json!("image"), &json!("image/jpeg"))
        );
        assert_eq!((&attachment["width"], &attachment["height"]), (&json!(size.0), &json!(size.1)));
        let got = server.fetch(&ana, &attachment).await;
        assert_eq!(got.header("content-disposition"), "inline; filename=\"playa.jpg\"");
        assert_eq!(attachment["bytes"], got.body.len());
        let text = String::from_utf8_lossy(&got.body);
        assert!(!text.contains("Exif") && !text.contains("41.3851N"));
        if orientation == 1 {
            assert_eq!(got.body, jpeg, "its pixels are not compressed once more");
        } else {
            let turned = image::load_from_memory(&got.body).unwrap().to_rgb8();
            assert!(turned.get_pixel(16, 8).0[0] > 200 && turned.get_pixel(16, 56).0[2] > 200);
        }
    }
    for (what, sent) in [
        ("a page that begins as a jpeg", b"\xff\xd8\xff\xe0<html><script>alert(1)</script>".to_vec()),
        ("a photo that is cut off", jpeg[..jpeg.len() - 10].to_vec()),
    ] {
        let (status, body) = server.upload(&ana, "x.jpg", sent).await;
        assert_eq!((status, &body["code"]), (400, &json!("image_invalid")), "{what}");
    }
    assert_eq!(server.blobs().len(), 2, "what is refused leaves nothing");
}

#[tokio::test]
async fn who_goes_away_while_they_upload_leaves_nothing_behind() {
    let server = Server::start().await;
    let ana = server.person("ana").await;
    let photo = b"\xff\xd8\xff\xe0".to_vec();
    for first in [photo, b"no photo".to_vec()] {
        let mut raw = Raw::connect(server.address).await;
        let head = format!(
            "POST /v1/files HTTP/1.1\r\nhost: here\r\nauthorization: Bearer {}\r\ncontent-length: 2000000\r\n\r\n",
            ana.token
        );
        raw.send(head.as_bytes()).await;
        let is_photo = first[0] == 0xff;
        raw.send(&[first, bytes(1_000_000, 7)].concat()).await;
        if is_photo {
            // What is to be stripped has no name anywhere.
            assert_eq!(server.blobs(), [] as [PathBuf; 0]);
        } else {
            until(|| server.blobs().len() == 1).await;
        }
        drop(raw);
        until(|| server.blobs().is_empty()).await;
        assert_eq!(server.app.store.file_bytes(ana.id).await.unwrap(), 0);
    }
    // Whoever reads it: a form of the old contract fails in its own way.
    let broken = stream::iter([Ok(Bytes::from(bytes(600_000, 8))), Err(ErrorCode::BadRequest)]);
    let broken = broken.map(|part| part.map_err(ApiError::from));
    let put = server.app.files.put_attachment(&server.app.store, ana.id, "x", broken, clock::now()).await;
    assert_eq!(put.unwrap_err().code, ErrorCode::BadRequest);
    until(|| server.blobs().is_empty()).await;
}

#[tokio::test]
async fn what_nobody_sends_is_forgotten_after_a_day_and_not_while_a_backup_copies() {
    let server = Server::on_disk(|_| {}).await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let room = server.private_room(&ana, &luis).await;
    let (sent, unsent) =
        (server.uploaded(&ana, "a", b"a".to_vec()).await, server.uploaded(&ana, "b", b"b".to_vec()).await);
    server.send_file(&ana, &room, &sent).await;
    let store = &*server.app.store;
    let sweep = async |now| server.app.files.sweep(store, now).await.unwrap();
    let day = clock::now() + sweep::UNSENT;
    assert_eq!(sweep(day - 60_000_000).await, 0, "not within a day");
    let copying = hold::keep(&server.app.config.data.join("files")).unwrap();
    assert_eq!(sweep(day + 60_000_000).await, 0, "not while a backup copies");
    assert_eq!(server.fetch(&ana, &unsent).await.status, 200);
    drop(copying);
    assert_eq!(sweep(day + 60_000_000).await, 1);
    assert_eq!(server.fetch(&ana, &unsent).await.status, 404);
    assert_eq!(server.blobs().len(), 1);
    assert_eq!(server.fetch(&luis, &sent).await.body, "a");
    let send = json!({"type": "send", "txn_id": "n", "room": room, "text": "", "attachment": unsent["file"]});
    assert_eq!(server.post(&ana, "/v1/commands", send).await.0, 404);
    assert_eq!(store.file_bytes(ana.id).await.unwrap(), 1);
}
