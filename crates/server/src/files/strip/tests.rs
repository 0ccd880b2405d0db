//! Images that say more than their pixels, by every way there is to say it.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageEncoder as _, ImageFormat, Rgb, RgbImage};
use proptest::prelude::*;

use super::*;

const MAX: u64 = 40_000_000;
const SECRET: &str = "41.3851N 2.1734E calle Secreta 7";

/// The left half red, the right half blue.
fn halves(width: u32, height: u32) -> DynamicImage {
    let half = |x, _| if x < width / 2 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) };
    RgbImage::from_fn(width, height, half).into()
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    image.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

/// EXIF (TIFF 6.0): an orientation, and a description that must not survive.
fn exif(orientation: u16) -> Vec<u8> {
    let mut tiff = b"MM\0\x2a\0\0\0\x08\0\x02\x01\x12\0\x03\0\0\0\x01".to_vec();
    tiff.extend(orientation.to_be_bytes());
    tiff.extend(b"\0\0\x01\x0e\0\x02");
    tiff.extend(u32::try_from(SECRET.len()).unwrap().to_be_bytes());
    tiff.extend(b"\0\0\0\x26\0\0\0\0");
    tiff.extend(SECRET.as_bytes());
    tiff
}

fn with_segment(jpeg: &[u8], marker: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xff, marker], &length, data, &jpeg[2..]].concat()
}

fn png_chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = !0_u32;
    for &byte in kind.iter().chain(data) {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    [&length, &kind[..], data, &(!crc).to_be_bytes()].concat()
}

/// A PNG with a chunk of one's own after its header.
fn with_chunk(png: &[u8], kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    [&png[..33], &png_chunk(kind, data), &png[33..]].concat()
}

fn riff_chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap().to_le_bytes();
    let pad: &[u8] = if data.len() % 2 == 1 { &[0] } else { &[] };
    [&kind[..], &length, data, pad].concat()
}

fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = chunks.concat();
    let length = u32::try_from(body.len() + 4).unwrap().to_le_bytes();
    [b"RIFF".as_slice(), &length, b"WEBP", &body].concat()
}

/// An extended WebP of 16 × 12 pixels with further chunks before and after its image.
fn extended(flags: u8, before: &[Vec<u8>], after: &[Vec<u8>]) -> Vec<u8> {
    let simple = encoded(&halves(16, 12), ImageFormat::WebP);
    let head = riff_chunk(b"VP8X", &[flags, 0, 0, 0, 15, 0, 0, 11, 0, 0]);
    riff(&[&[head], before, &[simple[12..].to_vec()], after].concat())
}

/// A WebP that moves, with a comment in a frame.
fn moving_webp() -> Vec<u8> {
    let simple = encoded(&halves(16, 12), ImageFormat::WebP);
    let frame = [
        &[0, 0, 0, 0, 0, 0, 15, 0, 0, 11, 0, 0, 100, 0, 0, 0][..],
        &simple[12..],
        &riff_chunk(b"note", SECRET.as_bytes()),
    ]
    .concat();
    let frame = riff_chunk(b"ANMF", &frame);
    let head = riff_chunk(b"VP8X", &[0x0e, 0, 0, 0, 15, 0, 0, 11, 0, 0]);
    riff(&[
        head,
        riff_chunk(b"ANIM", &[0; 6]),
        frame.clone(),
        frame,
        riff_chunk(b"EXIF", &exif(6)),
        riff_chunk(b"XMP ", SECRET.as_bytes()),
    ])
}

/// A GIF of one red pixel, twice, with what it says between.
fn moving_gif(extensions: &[Vec<u8>]) -> Vec<u8> {
    let screen = b"GIF89a\x01\0\x01\0\x80\0\0\xff\0\0\0\0\0";
    let timing = b"\x21\xf9\x04\0\x0a\0\0\0";
    let frame = b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0";
    [screen.as_slice(), &extensions.concat(), timing, frame, timing, frame, b";"].concat()
}

fn gif_extension(label: u8, blocks: &[&[u8]]) -> Vec<u8> {
    let blocks: Vec<u8> =
        blocks.iter().flat_map(|data| [&[u8::try_from(data.len()).unwrap()], *data].concat()).collect();
    [&[0x21, label][..], &blocks, &[0]].concat()
}

/// Images that say more than their pixels, each with the same image that does not.
fn talkative() -> Vec<(&'static str, Format, Vec<u8>, Vec<u8>)> {
    let jpeg = encoded(&halves(16, 12), ImageFormat::Jpeg);
    let png = encoded(&halves(16, 12), ImageFormat::Png);
    let webp = encoded(&halves(16, 12), ImageFormat::WebP);
    let secret = SECRET.as_bytes();
    let page = format!("<html><script>alert('{SECRET}')</script></html>");
    let jpeg_exif = [b"Exif\0\0".as_slice(), &exif(1)].concat();
    let xmp = [b"http://ns.adobe.com/xap/1.0/\0".as_slice(), secret].concat();
    let mut thumbnail = jpeg.clone();
    assert_eq!(&thumbnail[2..11], b"\xff\xe0\0\x10JFIF\0");
    thumbnail.splice(18..20, [1, 11]);
    thumbnail.splice(20..20, secret.iter().copied().chain([b'!']));
    thumbnail[5] += 33;
    let text = [b"Comment\0".as_slice(), secret].concat();
    let loops = gif_extension(0xff, &[b"NETSCAPE2.0", &[1, 0, 0]]);
    let gif = moving_gif(std::slice::from_ref(&loops));
    let gif_with = |extension: Vec<u8>| moving_gif(&[loops.clone(), extension]);
    let mut rows = vec![
        ("a thumbnail in a jpeg's header", Format::Jpeg, thumbnail, jpeg.clone()),
        ("a page behind a jpeg", Format::Jpeg, [&jpeg, page.as_bytes()].concat(), jpeg.clone()),
        (
            "a second jpeg behind a jpeg",
            Format::Jpeg,
            [&jpeg[..], &with_segment(&jpeg, 0xe1, &jpeg_exif)].concat(),
            jpeg.clone(),
        ),
        ("a page behind a png", Format::Png, [&png, page.as_bytes()].concat(), png.clone()),
        ("a page behind a webp", Format::Webp, [&webp, page.as_bytes()].concat(), webp.clone()),
        (
            "exif in a webp",
            Format::Webp,
            extended(0x08, &[], &[riff_chunk(b"EXIF", &exif(1))]),
            extended(0, &[], &[]),
        ),
        (
            "xmp in a webp",
            Format::Webp,
            extended(0x04, &[], &[riff_chunk(b"XMP ", secret)]),
            extended(0, &[], &[]),
        ),
        (
            "an unknown chunk in a webp",
            Format::Webp,
            extended(0, &[riff_chunk(b"seCr", secret)], &[]),
            extended(0, &[], &[]),
        ),
        ("a comment in a gif", Format::Gif, gif_with(gif_extension(0xfe, &[secret])), gif.clone()),
        ("a text in a gif", Format::Gif, gif_with(gif_extension(0x01, &[&[0; 12], secret])), gif.clone()),
        ("xmp in a gif", Format::Gif, gif_with(gif_extension(0xff, &[b"XMP DataXMP", secret])), gif.clone()),
        (
            "a repetition that says more",
            Format::Gif,
            gif_with(gif_extension(0xff, &[b"NETSCAPE2.0", secret])),
            gif.clone(),
        ),
        ("a page behind a gif", Format::Gif, [&gif, page.as_bytes()].concat(), gif.clone()),
    ];
    for (what, marker, data) in [
        ("exif in a jpeg", 0xe1, &jpeg_exif),
        ("xmp in a jpeg", 0xe1, &xmp),
        ("a thumbnail in a jpeg", 0xe0, &[b"JFXX\0\x10".as_slice(), secret].concat()),
        ("iptc in a jpeg", 0xed, &[b"Photoshop 3.0\x008BIM\x04\x04".as_slice(), secret].concat()),
        ("further pictures in a jpeg", 0xe2, &[b"MPF\0".as_slice(), secret].concat()),
        ("a comment in a jpeg", 0xfe, &secret.to_vec()),
        ("an unknown segment in a jpeg", 0xef, &secret.to_vec()),
    ] {
        rows.push((what, Format::Jpeg, with_segment(&jpeg, marker, data), jpeg.clone()));
    }
    for (what, kind, data) in [
        ("exif in a png", b"eXIf", &exif(1)),
        ("a text in a png", b"tEXt", &text),
        ("a packed text in a png", b"zTXt", &text),
        ("xmp in a png", b"iTXt", &text),
        ("the time in a png", b"tIME", &secret.to_vec()),
        ("an unknown chunk in a png", b"seCr", &secret.to_vec()),
        ("a palette that is none", b"tRNS", &secret.repeat(20)),
    ] {
        rows.push((what, Format::Png, with_chunk(&png, kind, data), png.clone()));
    }
    rows
}

#[test]
fn what_an_image_says_besides_its_pixels_is_gone_and_the_pixels_are_as_they_were() {
    for (what, format, sent, plain) in talkative() {
        assert!(String::from_utf8_lossy(&sent).contains("Secreta"), "{what}");
        assert_eq!(Format::of(&sent), Some(format), "{what}");
        let stripped = strip(&sent, format, MAX).unwrap_or_else(|why| panic!("{what}: {why:?}"));
        assert_eq!(stripped.bytes, plain, "{what}");
        assert_eq!(stripped.format, format, "{what}");
        if format != Format::Gif {
            assert_eq!((stripped.width, stripped.height), (16, 12), "{what}");
            let (sent, kept) = (image::load_from_memory(&sent), image::load_from_memory(&stripped.bytes));
            assert_eq!(sent.unwrap(), kept.unwrap(), "{what}");
        }
    }
}

#[test]
fn what_moves_goes_on_moving() {
    let gif = strip(&moving_gif(&[]), Format::Gif, MAX).unwrap();
    assert_eq!((gif.bytes, gif.width, gif.height), (moving_gif(&[]), 1, 1));
    let webp = strip(&moving_webp(), Format::Webp, MAX).unwrap();
    assert_eq!((webp.width, webp.height, webp.format), (16, 12, Format::Webp));
    assert_eq!(webp.bytes[20], 0x02, "it moves, and has neither EXIF nor XMP");
    let text = String::from_utf8_lossy(&webp.bytes).into_owned();
    assert_eq!((text.matches("ANMF").count(), text.matches("VP8L").count()), (2, 2));
    assert!(!text.contains("Secreta") && !text.contains("note"), "not in a frame either");
    let png = encoded(&halves(16, 12), ImageFormat::Png);
    let moving = with_chunk(&with_chunk(&png, b"acTL", &[0, 0, 0, 1, 0, 0, 0, 0]), b"eXIf", &exif(6));
    let kept = strip(&moving, Format::Png, MAX).unwrap();
    assert_eq!((kept.width, kept.height), (16, 12), "an animation is not turned");
    assert!(String::from_utf8_lossy(&kept.bytes).contains("acTL"));
}

#[test]
fn an_image_that_its_exif_turns_is_turned() {
    let image = halves(64, 32);
    let jpeg = encoded(&image, ImageFormat::Jpeg);
    let jpeg =
        |orientation| with_segment(&jpeg, 0xe1, &[b"Exif\0\0".as_slice(), &exif(orientation)].concat());
    let png = with_chunk(&encoded(&image, ImageFormat::Png), b"eXIf", &exif(6));
    let simple = encoded(&image, ImageFormat::WebP);
    let head = riff_chunk(b"VP8X", &[0x08, 0, 0, 0, 63, 0, 0, 31, 0, 0]);
    let webp = riff(&[head, simple[12..].to_vec(), riff_chunk(b"EXIF", &exif(6))]);
    for (sent, format, stored) in [
        (jpeg(6), Format::Jpeg, Format::Jpeg),
        (png, Format::Png, Format::Png),
        (webp, Format::Webp, Format::Jpeg),
    ] {
        let turned = strip(&sent, format, MAX).unwrap();
        assert_eq!((turned.width, turned.height, turned.format), (32, 64, stored));
        assert!(!String::from_utf8_lossy(&turned.bytes).contains("Secreta"));
        let pixels = image::load_from_memory(&turned.bytes).unwrap().to_rgb8();
        assert_eq!(pixels.dimensions(), (32, 64));
        // A quarter clockwise: what was left is now above.
        assert!(pixels.get_pixel(16, 8).0[0] > 200, "red above");
        assert!(pixels.get_pixel(16, 56).0[2] > 200, "blue below");
    }
    for orientation in [0, 1, 9] {
        assert_eq!(strip(&jpeg(orientation), Format::Jpeg, MAX).unwrap().width, 64, "{orientation}");
    }
}

#[test]
fn colours_stay_as_they_were_meant_unless_their_profile_is_none() {
    let profile = |bytes: usize| {
        let mut jpeg = Vec::new();
        let mut encoder = JpegEncoder::new(&mut jpeg);
        encoder.set_icc_profile(vec![7; bytes]).unwrap();
        encoder.encode_image(&halves(16, 12)).unwrap();
        jpeg
    };
    let small = profile(100_000);
    assert_eq!(strip(&small, Format::Jpeg, MAX).unwrap().bytes, small);
    let turned = with_segment(&small, 0xe1, &[b"Exif\0\0".as_slice(), &exif(6)].concat());
    let turned = strip(&turned, Format::Jpeg, MAX).unwrap();
    assert!(turned.bytes.windows(100).any(|some| some == [7; 100]), "a turned one has it too");
    assert!(
        strip(&profile(2 * PROFILE_BYTES), Format::Jpeg, MAX).unwrap().bytes.len() <= PROFILE_BYTES + 2_000
    );
    let webp = |bytes: usize| extended(0x20, &[riff_chunk(b"ICCP", &vec![7; bytes])], &[]);
    for (bytes, kept) in [(PROFILE_BYTES - 1, true), (PROFILE_BYTES, true), (PROFILE_BYTES + 1, false)] {
        let stripped = strip(&webp(bytes), Format::Webp, MAX).unwrap().bytes;
        assert_eq!((stripped.len() > bytes, stripped[20] & 0x20 != 0), (kept, kept), "{bytes}");
        let png = with_chunk(&encoded(&halves(16, 12), ImageFormat::Png), b"iCCP", &vec![7; bytes]);
        assert_eq!(strip(&png, Format::Png, MAX).unwrap().bytes.len() > bytes, kept, "{bytes}");
    }
}

#[test]
fn so_many_pixels_are_taken_and_one_more_is_not_whatever_says_how_many() {
    let mut all = vec![
        (Format::Jpeg, encoded(&halves(16, 12), ImageFormat::Jpeg)),
        (Format::Png, encoded(&halves(16, 12), ImageFormat::Png)),
        (Format::Webp, encoded(&halves(16, 12), ImageFormat::WebP)),
        (Format::Webp, extended(0, &[], &[])),
        (Format::Webp, moving_webp()),
    ];
    // Drawn beyond its screen.
    let mut gif = moving_gif(&[]);
    let frame = gif.iter().position(|&byte| byte == 0x2c).unwrap();
    gif[frame + 1..frame + 9].copy_from_slice(&[12, 0, 8, 0, 4, 0, 4, 0]);
    all.push((Format::Gif, gif));
    for (format, sent) in all {
        for (limit, fits) in [(16 * 12 + 1, true), (16 * 12, true), (16 * 12 - 1, false)] {
            assert_eq!(strip(&sent, format, limit).is_ok(), fits, "{format:?} {limit}");
        }
    }
}

#[test]
fn an_image_that_hides_its_size_is_none() {
    let jpeg = encoded(&halves(16, 12), ImageFormat::Jpeg);
    let start = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    let frame = &jpeg[start + 4..start + 2 + usize::from(jpeg[start + 3])];
    assert_eq!(strip(&with_segment(&jpeg, 0xc0, frame), Format::Jpeg, MAX), Err(ErrorCode::ImageInvalid));
    let png = encoded(&halves(16, 12), ImageFormat::Png);
    assert!(strip(&with_chunk(&png, b"IHDR", &png[16..29]), Format::Png, MAX).is_err());
    // A canvas that is smaller than what is on it.
    let mut webp = extended(0, &[], &[]);
    webp[24] = 14;
    assert!(strip(&webp, Format::Webp, MAX).is_err());
    let mut webp = moving_webp();
    webp[24] = 14;
    assert!(strip(&webp, Format::Webp, MAX).is_err());
}

#[test]
fn what_is_cut_off_anywhere_or_begins_as_an_image_and_is_none_is_refused() {
    let whole = [
        (Format::Jpeg, encoded(&halves(16, 12), ImageFormat::Jpeg)),
        (Format::Png, encoded(&halves(16, 12), ImageFormat::Png)),
        (Format::Webp, encoded(&halves(16, 12), ImageFormat::WebP)),
        (Format::Webp, moving_webp()),
        (Format::Gif, moving_gif(&[])),
    ];
    for (format, sent) in &whole {
        for end in 0..sent.len() {
            let cut = strip(&sent[..end], *format, MAX);
            assert_eq!(cut, Err(ErrorCode::ImageInvalid), "{format:?} up to {end} of {}", sent.len());
        }
    }
    let script = b"<script>alert(1)</script>";
    for head in [&b"\xff\xd8\xff\xe0"[..], b"\x89PNG\r\n\x1a\n", b"RIFF\x20\0\0\0WEBP", b"GIF89a/*"] {
        let page = [head, script].concat();
        assert!(strip(&page, Format::of(&page).unwrap(), MAX).is_err());
    }
}

#[test]
fn a_bomb_is_not_unpacked() {
    // 40 megapixels of nothing in a few kilobytes are within the limit, and stay packed.
    let flat = encoded(&RgbImage::new(8_000, 5_000).into(), ImageFormat::Png);
    assert_eq!(strip(&flat, Format::Png, MAX).unwrap().bytes, flat);
    assert!(strip(&flat, Format::Png, MAX - 1).is_err());
}

proptest! {
    #[test]
    fn damaged_anywhere_it_is_refused_or_stays_as_it_is_when_stripped_again(
        which in 0_usize..5,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let (format, mut sent) = [
            (Format::Jpeg, with_segment(&encoded(&halves(16, 12), ImageFormat::Jpeg), 0xe1, &[b"Exif\0\0".as_slice(), &exif(3)].concat())),
            (Format::Png, with_chunk(&encoded(&halves(16, 12), ImageFormat::Png), b"tEXt", b"a\0b")),
            (Format::Webp, extended(0x2c, &[riff_chunk(b"ICCP", b"abc")], &[riff_chunk(b"EXIF", &exif(1))])),
            (Format::Webp, moving_webp()),
            (Format::Gif, moving_gif(&[gif_extension(0xfe, &[b"abc"])])),
            ][which].clone();
        for (at, byte) in flips {
            let at = at.index(sent.len());
            sent[at] = byte;
        }
        if let Ok(stripped) = strip(&sent, format, MAX) {
            prop_assert_eq!(strip(&stripped.bytes, stripped.format, MAX), Ok(stripped));
        }
    }
}
