//! Avatars that are bombs, two files at once, damaged, or tell where they were taken.

use std::io::Cursor;

use image::codecs::png::PngEncoder;
use image::{DynamicImage, ImageEncoder as _, ImageFormat, Rgb, RgbImage};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::json;
use zas_server::files::picture::{AVATAR_SIDE, avatar};

use super::{Bystander, is_a_refusal, runner};
use crate::support::Server;

const MAX_PIXELS: u64 = 40_000_000;

fn photo(width: u32, height: u32) -> DynamicImage {
    let pixel = |x: u32, y: u32| Rgb([(x % 251) as u8, (y % 241) as u8, (x * y % 239) as u8]);
    RgbImage::from_fn(width, height, pixel).into()
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    image.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

/// A PNG chunk (its check sum is not looked at before the chunk itself is).
fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = !0_u32;
    for &byte in kind.iter().chain(data) {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    let mut chunk = u32::try_from(data.len()).unwrap().to_be_bytes().to_vec();
    chunk.extend(kind);
    chunk.extend(data);
    chunk.extend((!crc).to_be_bytes());
    chunk
}

/// A PNG with a chunk of one's own after its header.
fn with_chunk(png: &[u8], kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let header = 8 + 25;
    [&png[..header], &chunk(kind, data), &png[header..]].concat()
}

/// A JPEG with a segment of one's own after its start.
fn with_segment(jpeg: &[u8], marker: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xff, marker], &length, data, &jpeg[2..]].concat()
}

/// A PNG whose colour profile is so many zeros, which pack to a thousandth.
fn with_profile(bytes: usize) -> Vec<u8> {
    let mut png = Vec::new();
    let mut encoder = PngEncoder::new(&mut png);
    encoder.set_icc_profile(vec![0; bytes]).unwrap();
    encoder.write_image(&[200; 3 * 64], 8, 8, image::ExtendedColorType::Rgb8).unwrap();
    png
}

const SECRET: &str = "41.3851N 2.1734E calle Secreta 7";

/// Good pictures that carry more than pixels; they are taken, and only the pixels.
fn talkative() -> Vec<(&'static str, Vec<u8>)> {
    let jpeg = encoded(&photo(64, 48), ImageFormat::Jpeg);
    let png = encoded(&photo(64, 48), ImageFormat::Png);
    let webp = encoded(&photo(64, 48), ImageFormat::WebP);
    let exif = [b"Exif\0\0MM\0\x2a\0\0\0\x08\0\0\0\0\0\0", SECRET.as_bytes()].concat();
    let xmp =
        format!("http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>{SECRET}<script>alert(1)</script></x:xmpmeta>");
    let text = format!("Comment\0{SECRET}");
    let page = format!("<html><script>alert('{SECRET}')</script></html>");
    let zip = [b"PK\x03\x04".as_slice(), SECRET.as_bytes()].concat();
    vec![
        ("exif in a jpeg", with_segment(&jpeg, 0xe1, &exif)),
        ("xmp in a jpeg", with_segment(&jpeg, 0xe1, xmp.as_bytes())),
        ("a comment in a jpeg", with_segment(&jpeg, 0xfe, SECRET.as_bytes())),
        ("iptc in a jpeg", with_segment(&jpeg, 0xed, SECRET.as_bytes())),
        ("exif in a png", with_chunk(&png, b"eXIf", &exif[6..])),
        ("a text in a png", with_chunk(&png, b"tEXt", text.as_bytes())),
        ("an unknown chunk in a png", with_chunk(&png, b"seCr", SECRET.as_bytes())),
        ("a page behind a jpeg", [&jpeg[..], page.as_bytes()].concat()),
        ("a page behind a png", [&png[..], page.as_bytes()].concat()),
        ("a page behind a webp", [&webp[..], page.as_bytes()].concat()),
        ("an archive behind a png", [&png[..], &zip].concat()),
        ("a script in a jpeg's comment", with_segment(&jpeg, 0xfe, format!("*/={SECRET};/*").as_bytes())),
    ]
}

/// What is no picture that we take, whatever it says it is.
fn refused() -> Vec<(&'static str, Vec<u8>)> {
    let png = encoded(&photo(32, 32), ImageFormat::Png);
    let svg = "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>";
    let huge = |width: u32, height: u32| {
        let mut header = width.to_be_bytes().to_vec();
        header.extend(height.to_be_bytes());
        header.extend([8, 6, 0, 0, 0]);
        [b"\x89PNG\r\n\x1a\n".as_slice(), &chunk(b"IHDR", &header), &png[33..]].concat()
    };
    let isobmff = |brand: &str| [b"\0\0\0\x18ftyp".as_slice(), brand.as_bytes(), &[0; 200]].concat();
    vec![
        ("nothing", vec![]),
        ("svg", svg.into()),
        ("svg behind a declaration", format!("<?xml version='1.0'?><!DOCTYPE svg>{svg}").into()),
        ("svg that begins as a png", [b"\x89PNG\r\n\x1a\n".as_slice(), svg.as_bytes()].concat()),
        ("a page that begins as a jpeg", b"\xff\xd8\xff\xe0<html><script>alert(1)</script>".to_vec()),
        ("a page that begins as a gif", b"GIF89a/*<script>alert(1)</script>*/=1;".to_vec()),
        ("a bitmap", [b"BM".as_slice(), &[0; 60]].concat()),
        ("a tiff", [b"II*\0\x08\0\0\0".as_slice(), &[0; 60]].concat()),
        ("an icon", [b"\0\0\x01\0\x01\0".as_slice(), &[0; 60]].concat()),
        ("heic", isobmff("heic")),
        ("avif", isobmff("avif")),
        ("a film", isobmff("isom")),
        ("a program", [b"\x7fELF".as_slice(), &[0; 60]].concat()),
        ("postscript", b"%!PS-Adobe-3.0 EPSF-3.0\nquit".to_vec()),
        ("a png of 2^64 pixels", huge(u32::MAX, u32::MAX)),
        ("a png of 40,000,001 pixels", huge(40_000_001, 1)),
        ("a png without width", huge(0, 32)),
        ("a png that is larger than its data", huge(6_000, 6_000)),
        ("a png without its end", png[..png.len() / 2].to_vec()),
        (
            "a riff that is too large",
            b"RIFF\xff\xff\xff\xffWEBPVP8L\xff\xff\xff\xff/\xff\xff\xff\xff".to_vec(),
        ),
    ]
}

impl Server {
    async fn put_avatar(&self, username: &str, bytes: Vec<u8>) -> (u16, serde_json::Value, String) {
        // Each is another's: one may put up six a minute.
        let person = self.person(username).await;
        let request = self.http.post(self.url("/v1/me/avatar")).bearer_auth(&person.token);
        let answer = request.header("content-type", "image/png").body(bytes).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap(), person.token)
    }
}

#[tokio::test]
async fn a_picture_s_pixels_are_kept_and_all_else_that_it_says_is_gone() {
    let server = Server::start().await;
    let talkative = talkative();
    for (n, (what, bytes)) in talkative.iter().enumerate() {
        assert!(String::from_utf8_lossy(bytes).contains("41.3851N"), "{what}");
        let (status, uploaded, token) = server.put_avatar(&format!("ana{n}"), bytes.clone()).await;
        assert_eq!(status, 200, "{what}: {uploaded}");
        let url = server.url(&format!("/v1/files/{}", uploaded["file"].as_str().unwrap()));
        let answer = server.http.get(url).bearer_auth(&token).send().await.unwrap();
        let headers = answer.headers().clone();
        let is = |name: &str, value: &str| assert_eq!(headers[name], value, "{what}");
        is("content-type", "image/jpeg");
        is("x-content-type-options", "nosniff");
        is("content-security-policy", "default-src 'none'; sandbox");
        is("content-disposition", "attachment; filename=\"avatar\"");
        let stored = answer.bytes().await.unwrap();
        let text = String::from_utf8_lossy(&stored).into_owned();
        for trace in ["41.3851N", "Secreta", "Exif", "xmpmeta", "script", "PK\u{3}\u{4}"] {
            assert!(!text.contains(trace), "{trace} of {what} is stored");
        }
        let picture = image::load_from_memory(&stored).unwrap();
        assert_eq!((picture.width(), picture.height()), (48, 48), "{what}");
    }
    zas_tally::tried("P24", "pictures that say more than their pixels", talkative.len() as u64);
}

#[tokio::test]
async fn what_is_no_picture_is_refused_in_words_whatever_it_is_called() {
    let server = Server::start().await;
    let mut bystander = Bystander::of(&server).await;
    let refused = refused();
    for (n, (what, bytes)) in refused.iter().enumerate() {
        let (status, body, _) = server.put_avatar(&format!("ana{n}"), bytes.clone()).await;
        assert_eq!((status, &body["code"]), (400, &json!("image_invalid")), "{what}");
        is_a_refusal(status, &body);
    }
    bystander.is_well().await;
    zas_tally::tried("P24", "uploads that are no picture", refused.len() as u64);
}

#[test]
fn a_bomb_is_cut_short_or_harmless() {
    // 40 megapixels are within the limit and pack to nothing; one pixel more is not decoded.
    let flat = encoded(&RgbImage::new(8_000, 5_000).into(), ImageFormat::Png);
    assert!(flat.len() < 1_000_000, "{}", flat.len());
    assert_eq!(avatar(&flat, MAX_PIXELS).unwrap().side, AVATAR_SIDE);
    assert!(avatar(&flat, MAX_PIXELS - 1).is_err());
    drop(flat);
    // A profile of 256 MiB in a quarter of one: nobody needs it, so that it is never unpacked whole.
    let before = peak();
    let bomb = with_profile(256 * 1024 * 1024);
    let made = peak();
    assert!(bomb.len() < 5 * 1024 * 1024, "{}", bomb.len());
    let _ = avatar(&bomb, MAX_PIXELS);
    let cost = peak() - made;
    assert!(cost < 64 * 1024, "it cost {cost} KiB, and {} to make", made - before);
    zas_tally::tried("P15", "pictures that unpack to a thousand times their size", 3);
}

/// The most memory that this process has held, in kilobytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_picture_damaged_anywhere_is_refused_or_made_anew_and_never_a_panic() {
    let count = zas_tally::amount(300);
    let mut runner = runner(25);
    let good: Vec<Vec<u8>> = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP]
        .into_iter()
        .map(|format| encoded(&photo(40, 30), format))
        .collect();
    let damage = (
        prop::sample::select(good),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        prop::option::of(any::<prop::sample::Index>()),
    );
    for _ in 0..count {
        let (mut bytes, flips, cut) = damage.new_tree(&mut runner).unwrap().current();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(picture) = avatar(&bytes, MAX_PIXELS) {
            let again = image::load_from_memory(&picture.bytes).expect("what is stored is a picture");
            assert_eq!((again.width(), again.height()), (picture.side, picture.side));
        }
    }
    zas_tally::tried("P24", "damaged pictures", count);
}
