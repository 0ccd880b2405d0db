//! What a file is, by its first bytes and never by what its sender says.

use super::strip::Format;

/// How many of a file's first bytes are looked at.
pub const HEAD_BYTES: usize = 8 * 1024;

/// The type of what is not known, and of what a browser could run: a page, a drawing with script, a text
/// that pretends.
const BYTES: Kind = Kind { image: None, media_type: "application/octet-stream", ending: "" };

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// One that is shown.
    pub image: Option<Format>,
    /// Its media type.
    pub media_type: &'static str,
    /// What names of its kind end in; empty where that is not known.
    pub ending: &'static str,
}

impl Kind {
    /// What begins with these bytes, of which [`HEAD_BYTES`] are enough.
    #[must_use]
    pub fn of(head: &[u8]) -> Self {
        if let Some(format) = Format::of(head) {
            let (media_type, ending) = format.names();
            return Self { image: Some(format), media_type, ending };
        }
        let Some(found) = infer::get(head) else { return BYTES };
        let ending = found.extension();
        let media_type = match found.mime_type() {
            // Those that are shown have their whole beginning, or are none.
            "image/jpeg" | "image/png" | "image/webp" | "image/gif" => return BYTES,
            kind if kind.starts_with("text/") || kind.ends_with("+xml") => return BYTES,
            // A recording is in the box of a film.
            "video/webm" if has(head, b"A_") && !has(head, b"V_") => "audio/webm",
            "video/mp4" | "video/quicktime" if has(head, b"soun") && !has(head, b"vide") => "audio/mp4",
            // As browsers know them.
            "audio/m4a" => "audio/mp4",
            "audio/opus" => "audio/ogg",
            "audio/x-flac" => "audio/flac",
            "audio/x-wav" => "audio/wav",
            other => other,
        };
        Self { image: None, media_type, ending }
    }

    /// What to call a file whose name says nothing.
    #[must_use]
    pub fn name(self) -> String {
        let called = self.media_type.split_once('/').map_or("file", |(called, _)| called);
        let called = if matches!(called, "image" | "video" | "audio") { called } else { "file" };
        if self.ending.is_empty() { called.to_owned() } else { format!("{called}.{}", self.ending) }
    }
}

fn has(head: &[u8], part: &[u8]) -> bool {
    let head = &head[..head.len().min(HEAD_BYTES)];
    head.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use zas_protocol::Media;

    use super::*;

    #[test]
    fn a_file_is_what_it_begins_as_and_what_could_run_is_bytes() {
        let isobmff = |brand: &str, rest: &str| {
            [b"\0\0\0\x18ftyp".as_slice(), brand.as_bytes(), &[0; 12], rest.as_bytes()].concat()
        };
        let webm = |codec: &str| {
            let head =
                b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm";
            [head.as_slice(), codec.as_bytes(), &[0; 300]].concat()
        };
        let bytes = "application/octet-stream";
        for (head, media_type, name, media) in [
            (b"\xff\xd8\xff\xe0".to_vec(), "image/jpeg", "image.jpg", Media::Image),
            (b"\x89PNG\r\n\x1a\n".to_vec(), "image/png", "image.png", Media::Image),
            (b"GIF89a".to_vec(), "image/gif", "image.gif", Media::Image),
            (b"RIFF\0\0\0\0WEBP".to_vec(), "image/webp", "image.webp", Media::Image),
            (b"\x89PNGs are pictures".to_vec(), bytes, "file", Media::File),
            (b"GIFs are pictures".to_vec(), bytes, "file", Media::File),
            (isobmff("isom", "moovtrakvide"), "video/mp4", "video.mp4", Media::Video),
            (isobmff("isom", "moovtraksoun"), "audio/mp4", "audio.mp4", Media::Audio),
            (isobmff("M4A ", ""), "audio/mp4", "audio.m4a", Media::Audio),
            (isobmff("heic", ""), "image/heif", "image.heif", Media::File),
            (webm("V_VP9A_OPUS"), "video/webm", "video.webm", Media::Video),
            (webm("A_OPUS"), "audio/webm", "audio.webm", Media::Audio),
            (b"OggS\0\x02".to_vec(), "audio/ogg", "audio.ogg", Media::Audio),
            (b"%PDF-1.7".to_vec(), "application/pdf", "file.pdf", Media::File),
            (b"<!DOCTYPE html><script>alert(1)</script>".to_vec(), bytes, "file", Media::File),
            (b"<?xml version='1.0'?><svg onload='alert(1)'/>".to_vec(), bytes, "file", Media::File),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(), bytes, "file", Media::File),
            (b"#!/bin/sh\nrm -rf /".to_vec(), bytes, "file", Media::File),
            (b"hola".to_vec(), bytes, "file", Media::File),
            (Vec::new(), bytes, "file", Media::File),
        ] {
            let kind = Kind::of(&head);
            let what = String::from_utf8_lossy(&head);
            assert_eq!((kind.media_type, &*kind.name()), (media_type, name), "{what}");
            assert_eq!(Media::of(kind.media_type), media, "{what}");
            assert_eq!(kind.image.is_some(), media == Media::Image, "{what}");
        }
    }
}
