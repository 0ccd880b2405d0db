//! JPEG (ITU T.81 annex B): segments, and scans of compressed pixels between them.

use image::metadata::Orientation;

use super::{PROFILE_BYTES, Parts, orientation, take};

const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;

/// Everything up to the first end of an image; what phones put behind it (a second picture, a film, a
/// map of brightness) is left.
pub(super) fn parts(sent: &[u8]) -> Option<Parts> {
    let mut rest = sent.strip_prefix(&[0xff, START])?;
    let mut bytes = Vec::with_capacity(sent.len());
    bytes.extend([0xff, START]);
    let (mut frame, mut scans, mut profile) = (None, false, 0);
    let mut turned = None;
    loop {
        let marker = marker(&mut rest)?;
        match marker {
            END => break,
            // They have no length, and no place between segments.
            0x01 | 0xd0..=0xd7 => continue,
            0x00 | START => return None,
            _ => {}
        }
        let length = u16::from_be_bytes(*rest.first_chunk()?);
        let segment = take(&mut rest, length.into())?;
        let data = segment.get(2..)?;
        let keep = match marker {
            // Tables; the interval of restarts.
            0xc4 | 0xcc | 0xdb | 0xdd => true,
            // A frame, of which there is one: a second one could be larger than the first said.
            0xc0..=0xcf if marker != 0xc8 => {
                let &[_, high, low, wide, narrow, components, ..] = data else { return None };
                let size = (u16::from_be_bytes([wide, narrow]), u16::from_be_bytes([high, low]));
                if frame.replace((size, components)).is_some() {
                    return None;
                }
                true
            }
            SCAN => frame.is_some(),
            0xe0 => {
                if let Some(jfif) = data.get(..12).filter(|data| data.starts_with(b"JFIF\0")) {
                    // Without the thumbnail, whose sides are the last two bytes.
                    bytes.extend([0xff, marker, 0, 16]);
                    bytes.extend(jfif);
                    bytes.extend([0, 0]);
                }
                false
            }
            0xe1 => {
                if data.starts_with(b"Exif\0\0") && turned.is_none() {
                    turned = Some(orientation(data));
                }
                false
            }
            0xe2 if data.starts_with(b"ICC_PROFILE\0") => {
                profile += data.len();
                profile <= PROFILE_BYTES
            }
            // How the colours are coded.
            0xee => data.starts_with(b"Adobe") && data.len() == 12,
            _ => false,
        };
        if keep {
            bytes.extend([0xff, marker]);
            bytes.extend(segment);
        }
        if marker == SCAN && keep {
            let end = scan_end(rest)?;
            bytes.extend(take(&mut rest, end)?);
            scans = true;
        }
    }
    let ((width, height), components) = frame.filter(|_| scans)?;
    bytes.extend([0xff, END]);
    Some(Parts {
        bytes,
        width: width.into(),
        height: height.into(),
        orientation: turned.unwrap_or(Orientation::NoTransforms),
        moves: false,
        in_ink: components == 4,
    })
}

/// The next marker, with what may fill up before it.
fn marker(rest: &mut &[u8]) -> Option<u8> {
    if take(rest, 1)? != [0xff] {
        return None;
    }
    loop {
        match take(rest, 1)? {
            [0xff] => {}
            &[marker] => return Some(marker),
            _ => return None,
        }
    }
}

/// Where the compressed pixels end: before the next marker that is no restart. An 0xff of theirs is
/// followed by a zero.
fn scan_end(data: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += data.get(at..)?.iter().position(|&byte| byte == 0xff)?;
        match data.get(at + 1)? {
            0x00 | 0xd0..=0xd7 => at += 2,
            0xff => at += 1,
            _ => return Some(at),
        }
    }
}
