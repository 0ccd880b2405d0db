//! WebP (RFC 9649): a RIFF file of chunks. An extended one says in its first chunk how large its canvas
//! is and what else there is.

use image::metadata::Orientation;

use super::{PROFILE_BYTES, Parts, orientation, take};

/// Bits of an extended file's first byte: colours by a profile, something shows through, it moves.
const PROFILE: u8 = 0x20;
const ALPHA: u8 = 0x10;
const MOVES: u8 = 0x02;
/// Where that byte lies in what is written.
const FLAGS_AT: usize = 20;

type Size = (u32, u32);

pub(super) fn parts(sent: &[u8]) -> Option<Parts> {
    let length = u32::from_le_bytes(*sent.get(4..)?.first_chunk()?);
    let end = usize::try_from(length).ok()?.checked_add(8)?;
    let mut rest = sent.get(12..end)?;
    let mut bytes = Vec::with_capacity(sent.len());
    bytes.extend(b"RIFF\0\0\0\0WEBP");
    let (kind, data) = chunk(&mut rest)?;
    let (size, turned, moves) = if kind == b"VP8X" {
        let &[flags, _, _, _, ref sides @ ..] = data.first_chunk::<10>()?;
        write(&mut bytes, b"VP8X", &[&[flags & (ALPHA | MOVES), 0, 0, 0], &sides[..]].concat());
        let canvas = (side(sides)?, side(&sides[3..])?);
        (canvas, extended(rest, canvas, &mut bytes)?, flags & MOVES != 0)
    } else {
        write(&mut bytes, kind, data);
        (drawn(kind, data)?, Orientation::NoTransforms, false)
    };
    let length = u32::try_from(bytes.len() - 8).ok()?;
    bytes[4..8].copy_from_slice(&length.to_le_bytes());
    let (width, height) = size;
    Some(Parts { bytes, width, height, orientation: turned, moves, in_ink: false })
}

/// The chunks after the first; how they say the image is to be turned.
fn extended(mut rest: &[u8], canvas: Size, bytes: &mut Vec<u8>) -> Option<Orientation> {
    let (mut turned, mut images) = (Orientation::NoTransforms, 0);
    while !rest.is_empty() {
        let (kind, data) = chunk(&mut rest)?;
        match kind {
            b"ICCP" if data.len() <= PROFILE_BYTES => {
                bytes[FLAGS_AT] |= PROFILE;
                write(bytes, kind, data);
            }
            b"ANIM" if data.len() == 6 => write(bytes, kind, data),
            b"ALPH" => write(bytes, kind, data),
            b"VP8 " | b"VP8L" => {
                fits(drawn(kind, data)?, canvas)?;
                images += 1;
                write(bytes, kind, data);
            }
            b"ANMF" => {
                images += 1;
                write(bytes, kind, &moving(data, canvas)?);
            }
            b"EXIF" => turned = orientation(data),
            _ => {}
        }
    }
    (images > 0).then_some(turned)
}

/// A frame of an animation: where it goes, how large it is, how long it is shown, and its image.
fn moving(data: &[u8], canvas: Size) -> Option<Vec<u8>> {
    let (head, mut rest) = data.split_at_checked(16)?;
    let mut bytes = head.to_vec();
    let frame = (side(&head[6..])?, side(&head[9..])?);
    fits(frame, canvas)?;
    while !rest.is_empty() {
        let (kind, data) = chunk(&mut rest)?;
        match kind {
            b"ALPH" => write(&mut bytes, kind, data),
            b"VP8 " | b"VP8L" => {
                fits(drawn(kind, data)?, frame)?;
                write(&mut bytes, kind, data);
            }
            _ => {}
        }
    }
    Some(bytes)
}

fn fits(size: Size, within: Size) -> Option<()> {
    (size.0 <= within.0 && size.1 <= within.1).then_some(())
}

/// How large an image says it is (RFC 6386 §9.1; RFC 9649 §3.4).
fn drawn(kind: &[u8], data: &[u8]) -> Option<Size> {
    match (kind, data) {
        (b"VP8 ", &[_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..]) => {
            let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
            Some((side(w0, w1), side(h0, h1)))
        }
        (b"VP8L", &[0x2f, a, b, c, d, ..]) => {
            let bits = u32::from_le_bytes([a, b, c, d]);
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        _ => None,
    }
}

/// A side that is written as one less, in three bytes.
fn side(data: &[u8]) -> Option<u32> {
    let &[a, b, c] = data.first_chunk()?;
    Some(u32::from_le_bytes([a, b, c, 0]) + 1)
}

/// The next chunk: its kind and its data. One of odd length has a byte behind it, which some leave out
/// at the end.
fn chunk<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let head = take(rest, 8)?;
    let length = u32::from_le_bytes(*head[4..].first_chunk()?) as usize;
    let data = take(rest, length)?;
    if length % 2 == 1 {
        take(rest, 1.min(rest.len()))?;
    }
    Some((&head[..4], data))
}

fn write(bytes: &mut Vec<u8>, kind: &[u8], data: &[u8]) {
    // What was read has a length of four bytes, and nothing written is longer.
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    bytes.extend(kind);
    bytes.extend(length.to_le_bytes());
    bytes.extend(data);
    if data.len() % 2 == 1 {
        bytes.push(0);
    }
}
