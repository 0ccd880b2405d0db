//! GIF (CompuServe GIF89a): a screen, its palette, then blocks.

use image::metadata::Orientation;

use super::{Parts, take};

const IMAGE: u8 = 0x2c;
const EXTENSION: u8 = 0x21;
const END: u8 = 0x3b;

pub(super) fn parts(sent: &[u8]) -> Option<Parts> {
    let mut rest = sent;
    let head = take(&mut rest, 13)?;
    let mut bytes = Vec::with_capacity(sent.len());
    bytes.extend(head);
    let pair = |data: &[u8], at: usize| u32::from(u16::from_le_bytes([data[at], data[at + 1]]));
    let (mut width, mut height) = (pair(head, 6), pair(head, 8));
    bytes.extend(palette(&mut rest, head[10])?);
    let mut images = 0_u32;
    loop {
        match take(&mut rest, 1)? {
            [IMAGE] => {
                let place = take(&mut rest, 9)?;
                // Some screens are smaller than what is drawn on them, and grow.
                width = width.max(pair(place, 0) + pair(place, 4));
                height = height.max(pair(place, 2) + pair(place, 6));
                bytes.push(IMAGE);
                bytes.extend(place);
                bytes.extend(palette(&mut rest, place[8])?);
                // How wide its codes are.
                bytes.extend(take(&mut rest, 1)?);
                bytes.extend(blocks(&mut rest)?);
                images += 1;
            }
            [EXTENSION] => {
                let label = take(&mut rest, 1)?;
                let data = blocks(&mut rest)?;
                let draws = match label {
                    // How long a frame is shown, and what of it shows through.
                    [0xf9] => data.len() == 6,
                    // How often it begins again; what else programs write here is theirs.
                    [0xff] => {
                        let repeats = matches!(data.get(..12), Some(b"\x0bNETSCAPE2.0" | b"\x0bANIMEXTS1.0"));
                        repeats && matches!(data.get(12..), Some([3, 1, _, _, 0]))
                    }
                    _ => false,
                };
                if draws {
                    bytes.push(EXTENSION);
                    bytes.extend(label);
                    bytes.extend(data);
                }
            }
            [END] => break,
            _ => return None,
        }
    }
    bytes.push(END);
    let (orientation, in_ink) = (Orientation::NoTransforms, false);
    (images > 0).then_some(Parts { bytes, width, height, orientation, moves: images > 1, in_ink })
}

/// The palette that a byte of flags announces.
fn palette<'a>(rest: &mut &'a [u8], flags: u8) -> Option<&'a [u8]> {
    let colors = if flags & 0x80 == 0 { 0 } else { 2 << (flags & 0x07) };
    take(rest, 3 * colors)
}

/// Blocks of up to 255 bytes, each behind its length, up to an empty one.
fn blocks<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut end = 0;
    loop {
        let length = usize::from(*rest.get(end)?);
        end += 1 + length;
        if length == 0 {
            return take(rest, end);
        }
    }
}
