//! How a file is answered: its headers, and the part that is asked for (RFC 9110 §13, §14).

use std::fmt::Write as _;
use std::ops::Range;

use http::{HeaderMap, header};
use zas_protocol::{FileId, Media};
use zas_store::{FileKind, FileRow};

/// What is done with a request for a file of which it may be only a part that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// These bytes: 206.
    Some(Range<u64>),
    /// It ends before: 416.
    Beyond,
    /// Who asks has it already: 304.
    Known,
}

/// The name of a file's bytes, which never change.
#[must_use]
pub fn etag(id: FileId) -> String {
    format!("\"{id}\"")
}

/// What a request asks for of a file of so many bytes. Several ranges at once are answered whole, as
/// what is no range is.
#[must_use]
pub fn part(headers: &HeaderMap, etag: &str, bytes: u64) -> Part {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(known) = text(header::IF_NONE_MATCH)
        && known.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == etag)
    {
        return Part::Known;
    }
    let unchanged = text(header::IF_RANGE).is_none_or(|held| held.trim() == etag);
    match text(header::RANGE).filter(|_| unchanged).and_then(|range| parse(range, bytes)) {
        None => Part::Whole,
        Some(range) if range.is_empty() => Part::Beyond,
        Some(range) => Part::Some(range),
    }
}

/// One range of bytes, empty when none of them are there; `None` for what is no single range.
fn parse(range: &str, bytes: u64) -> Option<Range<u64>> {
    let (unit, range) = range.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // More digits than a number has are beyond any end.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    match (first, last) {
        ("", last) => Some(bytes.saturating_sub(number(last)?)..bytes),
        (first, "") => Some(number(first)?..bytes),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then(|| first..last.saturating_add(1).min(bytes))
        }
    }
}

/// The `Content-Disposition` of a file (RFC 6266): what a browser draws without running it is shown in
/// place, all else is saved.
#[must_use]
pub fn disposition(row: &FileRow) -> String {
    match row.kind {
        FileKind::Avatar | FileKind::RoomAvatar => "attachment; filename=\"avatar\"".to_owned(),
        FileKind::Attachment => {
            let how = if Media::of(&row.media_type) == Media::File { "attachment" } else { "inline" };
            let plain = |c: char| c == ' ' || (c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%'));
            let ascii: String = row.name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
            let mut value = format!("{how}; filename=\"{ascii}\"");
            if ascii != row.name {
                value.push_str("; filename*=UTF-8''");
                for byte in row.name.bytes() {
                    // The characters that need no escape (RFC 8187 §3.2.1).
                    if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
                        value.push(char::from(byte));
                    } else {
                        // Writing to a String cannot fail.
                        let _ = write!(value, "%{byte:02X}");
                    }
                }
            }
            value
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use zas_protocol::UserId;

    use super::*;

    const TAG: &str = "\"tag\"";

    fn asked(headers: &[(header::HeaderName, &'static str)], bytes: u64) -> Part {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        part(&headers.collect(), TAG, bytes)
    }

    #[test]
    fn one_range_is_answered_by_itself_and_what_is_none_whole() {
        for (range, answer) in [
            ("bytes=0-0", Part::Some(0..1)),
            ("bytes=0-9", Part::Some(0..10)),
            ("bytes=0-10", Part::Some(0..10)),
            ("bytes=3-", Part::Some(3..10)),
            ("bytes=9-", Part::Some(9..10)),
            ("bytes=-1", Part::Some(9..10)),
            ("bytes=-10", Part::Some(0..10)),
            ("bytes=-11", Part::Some(0..10)),
            ("Bytes = 1-2", Part::Some(1..3)),
            ("bytes=5-99999999999999999999999", Part::Some(5..10)),
            ("bytes=10-", Part::Beyond),
            ("bytes=10-20", Part::Beyond),
            ("bytes=99999999999999999999999-", Part::Beyond),
            ("bytes=-0", Part::Beyond),
            ("bytes=2-1", Part::Whole),
            ("bytes=0-0,2-3", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes", Part::Whole),
            ("lines=0-1", Part::Whole),
            ("", Part::Whole),
        ] {
            assert_eq!(asked(&[(header::RANGE, range)], 10), answer, "{range:?}");
        }
        assert_eq!(asked(&[], 10), Part::Whole);
        assert_eq!(asked(&[(header::RANGE, "bytes=0-")], 0), Part::Beyond, "nothing has no first byte");
    }

    #[test]
    fn what_is_held_already_is_not_sent_again_and_of_another_file_there_is_no_part() {
        let range = (header::RANGE, "bytes=0-1");
        for (held, answer) in [
            ((header::IF_RANGE, TAG), Part::Some(0..2)),
            ((header::IF_RANGE, "\"other\""), Part::Whole),
            ((header::IF_RANGE, "W/\"tag\""), Part::Whole),
            ((header::IF_RANGE, "Sat, 28 Nov 2026 00:00:00 GMT"), Part::Whole),
            ((header::IF_NONE_MATCH, TAG), Part::Known),
            ((header::IF_NONE_MATCH, "\"a\", W/\"tag\""), Part::Known),
            ((header::IF_NONE_MATCH, "*"), Part::Known),
            ((header::IF_NONE_MATCH, "\"a\""), Part::Some(0..2)),
        ] {
            assert_eq!(asked(&[range.clone(), held.clone()], 10), answer, "{held:?}");
        }
    }

    #[test]
    fn a_name_is_one_header_whatever_is_in_it_and_only_what_is_drawn_is_shown_in_place() {
        let said = |media_type: &str, name: &str| {
            disposition(&FileRow {
                id: FileId::mint(0, [0; 10]),
                user: UserId::mint(0, [0; 10]),
                kind: FileKind::Attachment,
                name: name.to_owned(),
                media_type: media_type.to_owned(),
                bytes: 0,
                width: 0,
                height: 0,
                at: 0,
                message: None,
            })
        };
        for (media_type, how) in [
            ("image/png", "inline"),
            ("video/mp4", "inline"),
            ("audio/ogg", "inline"),
            ("image/svg+xml", "attachment"),
            ("image/heif", "attachment"),
            ("text/html", "attachment"),
            ("application/pdf", "attachment"),
            ("application/octet-stream", "attachment"),
        ] {
            assert_eq!(said(media_type, "a b.x"), format!("{how}; filename=\"a b.x\""), "{media_type}");
        }
        for (name, value) in [
            ("niño.txt", "filename=\"ni_o.txt\"; filename*=UTF-8''ni%C3%B1o.txt"),
            ("a\"b\\c%41.txt", "filename=\"a_b_c_41.txt\"; filename*=UTF-8''a%22b%5Cc%2541.txt"),
            ("a\r\nx: y", "filename=\"a__x: y\"; filename*=UTF-8''a%0D%0Ax%3A%20y"),
            ("a;b'c.txt", "filename=\"a;b'c.txt\""),
        ] {
            assert_eq!(said("text/plain", name), format!("attachment; {value}"));
        }
    }
}
