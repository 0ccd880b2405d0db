//! Images without what they say besides their pixels. What is stored is put together from the parts
//! that draw the image, each known by name, so that nothing survives that nobody has thought of: no
//! EXIF, no XMP, no comment, no thumbnail, no second file behind the first. The pixels stay as they were
//! compressed, and an animation stays one; nothing is decoded, so that a bomb costs no more than its
//! bytes here.
//!
//! An image that its EXIF says is to be turned is turned, which takes decoding it: a JPEG is compressed
//! once more then.
//!
//! To add a format: a module here, a variant of [`Format`], its media type in
//! [`Media::of`](zas_protocol::Media::of). What is of no format here (SVG, HEIC, TIFF) is no image but a
//! file like any other, with its bytes as sent.

mod gif;
mod jpeg;
mod png;
#[cfg(test)]
mod tests;
mod webp;

use image::ImageFormat;
use image::metadata::Orientation;
use zas_protocol::ErrorCode;

use super::picture;

/// The longest colour profile that is kept, in bytes as stored. Those of cameras and screens have some
/// thousand; one of half a mebibyte is a print shop's, or none.
const PROFILE_BYTES: usize = 512 * 1024;

/// The formats of what is shown as an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// ITU T.81, with JFIF or EXIF around.
    Jpeg,
    /// W3C PNG, animated too.
    Png,
    /// RFC 9649.
    Webp,
    /// GIF89a.
    Gif,
}

impl Format {
    /// The format that some bytes begin in.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            _ if head.starts_with(png::SIGNATURE) => Some(Self::Png),
            _ => None,
        }
    }

    /// Its media type and the ending of its files.
    #[must_use]
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Jpeg => ("image/jpeg", "jpg"),
            Self::Png => ("image/png", "png"),
            Self::Webp => ("image/webp", "webp"),
            Self::Gif => ("image/gif", "gif"),
        }
    }
}

/// An image as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stripped {
    /// Nothing but what draws it.
    pub bytes: Vec<u8>,
    /// Turned, it may have another than before.
    pub format: Format,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// The parts of an image that draw it.
#[derive(Debug)]
struct Parts {
    bytes: Vec<u8>,
    width: u32,
    height: u32,
    orientation: Orientation,
    /// A still image that is drawn in another orientation has to be decoded.
    moves: bool,
    /// The pixels are not of red, green and blue, which a decoder makes them, so that their profile does
    /// not fit any more.
    in_ink: bool,
}

/// Takes an image apart and puts together what draws it. Run it in a pool: it holds the image twice,
/// and `max_pixels` × 8 bytes twice where it has to turn it.
///
/// # Errors
/// [`ErrorCode::ImageInvalid`] for what is damaged, cut off or not what it begins as, or has more than
/// `max_pixels`, which are counted before anything is decoded.
pub fn strip(sent: &[u8], format: Format, max_pixels: u64) -> Result<Stripped, ErrorCode> {
    let parts = match format {
        Format::Jpeg => jpeg::parts(sent),
        Format::Png => png::parts(sent),
        Format::Webp => webp::parts(sent),
        Format::Gif => gif::parts(sent),
    };
    let parts = parts.ok_or(ErrorCode::ImageInvalid)?;
    let pixels = picture::within(parts.width.into(), parts.height.into(), max_pixels)?;
    if parts.moves || parts.orientation == Orientation::NoTransforms {
        let Parts { bytes, width, height, .. } = parts;
        return Ok(Stripped { bytes, format, width, height });
    }
    let (kind, opaque_as) = match format {
        Format::Jpeg => (ImageFormat::Jpeg, Format::Jpeg),
        Format::Png => (ImageFormat::Png, Format::Png),
        // Of WebP only the lossless kind can be written here, which is no kind for a photo.
        Format::Webp => (ImageFormat::WebP, Format::Jpeg),
        // Nothing says of a GIF how it is to be turned.
        Format::Gif => return Err(ErrorCode::ImageInvalid),
    };
    let turned = picture::turned(&parts.bytes, kind, pixels, parts.orientation, !parts.in_ink);
    let (image, profile) = turned.map_err(|error| {
        tracing::debug!(%error, "an image that can't be turned");
        ErrorCode::ImageInvalid
    })?;
    let format = if picture::shows_through(&image) { Format::Png } else { opaque_as };
    let bytes = picture::written(&image, format == Format::Png, profile);
    let bytes = bytes.map_err(|_| ErrorCode::ImageInvalid)?;
    Ok(Stripped { bytes, format, width: image.width(), height: image.height() })
}

/// What EXIF says of the orientation. Some write the header of a JPEG's segment before it elsewhere too.
fn orientation(exif: &[u8]) -> Orientation {
    let tiff = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    Orientation::from_exif_chunk(tiff).unwrap_or(Orientation::NoTransforms)
}

/// Takes so many bytes off the front.
fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}
