//! PNG (W3C PNG, third edition, §5): a signature, then chunks of length, kind, data and check sum.

use image::metadata::Orientation;

use super::{PROFILE_BYTES, Parts, orientation, take};

pub(super) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

pub(super) fn parts(sent: &[u8]) -> Option<Parts> {
    let mut rest = sent.strip_prefix(SIGNATURE)?;
    let mut bytes = Vec::with_capacity(sent.len());
    bytes.extend(SIGNATURE);
    let (mut size, mut pixels, mut moves) = (None, false, false);
    let mut turned = Orientation::NoTransforms;
    loop {
        let length = u32::from_be_bytes(*rest.first_chunk()?) as usize;
        let chunk = take(&mut rest, length.checked_add(12)?)?;
        let (kind, data) = (&chunk[4..8], &chunk[8..8 + length]);
        if (kind == b"IHDR") != size.is_none() {
            return None;
        }
        match kind {
            b"IHDR" => {
                let side = |at: usize| Some(u32::from_be_bytes(*data.get(at..)?.first_chunk()?));
                size = Some((side(0)?, side(4)?));
            }
            b"IDAT" => pixels = true,
            b"acTL" => moves = true,
            b"eXIf" => turned = orientation(data),
            _ => {}
        }
        if longest(kind).is_some_and(|longest| length <= longest) {
            bytes.extend(chunk);
        }
        if kind == b"IEND" {
            break;
        }
    }
    let (width, height) = size.filter(|_| pixels)?;
    Some(Parts { bytes, width, height, orientation: turned, moves, in_ink: false })
}

/// How long a chunk may be that draws; `None` for one that does not.
fn longest(kind: &[u8]) -> Option<usize> {
    Some(match kind {
        b"IHDR" => 13,
        b"PLTE" => 3 * 256,
        b"IDAT" | b"fdAT" => usize::MAX,
        b"IEND" => 0,
        b"tRNS" => 256,
        // Colours.
        b"iCCP" => PROFILE_BYTES,
        b"cHRM" => 32,
        b"gAMA" | b"cICP" | b"sBIT" => 4,
        b"sRGB" => 1,
        b"mDCV" => 24,
        b"cLLI" => 8,
        // The shape of a pixel.
        b"pHYs" => 9,
        // How an animation goes, and each of its frames.
        b"acTL" => 8,
        b"fcTL" => 26,
        _ => return None,
    })
}
