//! Pictures made anew. What is stored is encoded here from pixels, so that nothing else of what
//! was sent survives: no EXIF, no position, no script, no second file behind the first.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{
    DynamicImage, GenericImageView as _, ImageDecoder, ImageEncoder as _, ImageFormat, ImageReader,
    ImageResult, Limits,
};
use zas_protocol::ErrorCode;

/// The side of a stored avatar, in pixels, at most.
pub const AVATAR_SIDE: u32 = 512;
const JPEG_QUALITY: u8 = 85;
/// Of a photo that is compressed once more since it had to be turned: higher, so that nobody sees it.
const TURNED_QUALITY: u8 = 92;
/// The most memory that a pixel takes while it is decoded: four channels of 16 bits.
const PIXEL_BYTES: u64 = 8;
/// The most memory that all else of an image takes: a colour profile, which packs to a thousandth
/// when it is none.
const BESIDES_BYTES: u64 = 4 * 1024 * 1024;

/// A picture as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Its encoding.
    pub bytes: Vec<u8>,
    /// Of which type.
    pub media_type: &'static str,
    /// Its width and height, in pixels.
    pub side: u32,
}

/// Makes an avatar of what was sent: its middle square, upright, at most [`AVATAR_SIDE`] wide;
/// PNG where something shows through, JPEG else. Holds a core and `max_pixels` × 8 bytes: run it
/// in a pool.
///
/// # Errors
/// [`ErrorCode::ImageInvalid`] for what is no JPEG, PNG or WebP by its content (what it is called
/// does not matter), is damaged, or has more than `max_pixels`, which is read before decoding.
pub fn avatar(sent: &[u8], max_pixels: u64) -> Result<Picture, ErrorCode> {
    let format = match infer::get(sent).map(|kind| kind.mime_type()) {
        Some("image/jpeg") => ImageFormat::Jpeg,
        Some("image/png") => ImageFormat::Png,
        Some("image/webp") => ImageFormat::WebP,
        _ => return Err(ErrorCode::ImageInvalid),
    };
    let claimed = imagesize::blob_size(sent).map_err(|_| ErrorCode::ImageInvalid)?;
    let pixels = within(claimed.width as u64, claimed.height as u64, max_pixels)?;
    let (image, orientation) = decode(sent, format, pixels).map_err(|error| {
        tracing::debug!(%error, "an image that can't be decoded");
        ErrorCode::ImageInvalid
    })?;
    within(image.width().into(), image.height().into(), max_pixels)?;
    let side = image.width().min(image.height()).min(AVATAR_SIDE);
    let mut square = image.resize_to_fill(side, side, FilterType::Triangle);
    drop(image);
    // A square is turned as cheaply after as before.
    square.apply_orientation(orientation);
    encode(&square).map_err(|_| ErrorCode::ImageInvalid)
}

/// How many pixels, if not too many.
pub(super) fn within(width: u64, height: u64, max_pixels: u64) -> Result<u64, ErrorCode> {
    match width.checked_mul(height) {
        Some(pixels) if (1..=max_pixels).contains(&pixels) => Ok(pixels),
        _ => Err(ErrorCode::ImageInvalid),
    }
}

/// Opens an image of so many pixels.
fn open(sent: &[u8], format: ImageFormat, pixels: u64) -> ImageResult<impl ImageDecoder> {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(pixels.saturating_mul(PIXEL_BYTES).saturating_add(BESIDES_BYTES));
    let mut reader = ImageReader::with_format(Cursor::new(sent), format);
    reader.limits(limits);
    reader.into_decoder()
}

fn decode(sent: &[u8], format: ImageFormat, pixels: u64) -> ImageResult<(DynamicImage, Orientation)> {
    let mut decoder = open(sent, format, pixels)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((DynamicImage::from_decoder(decoder)?, orientation))
}

/// Decodes an image of so many pixels and turns it; with its colour profile, if that is asked for.
pub(super) fn turned(
    sent: &[u8],
    format: ImageFormat,
    pixels: u64,
    orientation: Orientation,
    with_profile: bool,
) -> ImageResult<(DynamicImage, Option<Vec<u8>>)> {
    let mut decoder = open(sent, format, pixels)?;
    let profile = if with_profile { decoder.icc_profile()? } else { None };
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok((image, profile))
}

/// Whether something shows through an image.
pub(super) fn shows_through(image: &DynamicImage) -> bool {
    image.color().has_alpha() && image.pixels().any(|(_, _, pixel)| pixel.0[3] < u8::MAX)
}

/// Writes a turned image, as PNG or else as JPEG.
pub(super) fn written(image: &DynamicImage, png: bool, profile: Option<Vec<u8>>) -> ImageResult<Vec<u8>> {
    let mut bytes = Vec::new();
    let profile = profile.unwrap_or_default();
    if png {
        let mut encoder = PngEncoder::new(&mut bytes);
        if !profile.is_empty() {
            encoder.set_icc_profile(profile).map_err(image::ImageError::Unsupported)?;
        }
        image.write_with_encoder(encoder)?;
    } else {
        let mut encoder = JpegEncoder::new_with_quality(&mut bytes, TURNED_QUALITY);
        if !profile.is_empty() {
            encoder.set_icc_profile(profile).map_err(image::ImageError::Unsupported)?;
        }
        match image {
            DynamicImage::ImageLuma8(gray) => encoder.encode_image(gray)?,
            DynamicImage::ImageRgb8(colors) => encoder.encode_image(colors)?,
            other => encoder.encode_image(&other.to_rgb8())?,
        }
    }
    Ok(bytes)
}

fn encode(square: &DynamicImage) -> ImageResult<Picture> {
    let mut bytes = Vec::new();
    let media_type = if shows_through(square) {
        DynamicImage::from(square.to_rgba8()).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)?;
        "image/png"
    } else {
        JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).encode_image(&square.to_rgb8())?;
        "image/jpeg"
    };
    Ok(Picture { bytes, media_type, side: square.width() })
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage, Rgba, RgbaImage};

    use super::*;

    const MAX: u64 = 40_000_000;

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

    /// A JPEG with an EXIF segment (orientation as given, and a name that must not survive).
    fn with_exif(image: &DynamicImage, orientation: u16) -> Vec<u8> {
        let mut tiff = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x02".to_vec();
        tiff.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1]);
        tiff.extend(orientation.to_be_bytes());
        tiff.extend([0, 0]);
        let name = b"Secret Place 41.4N\0";
        tiff.extend([0x01, 0x0e, 0, 2]);
        tiff.extend(u32::try_from(name.len()).unwrap().to_be_bytes());
        tiff.extend(38_u32.to_be_bytes());
        tiff.extend([0, 0, 0, 0]);
        tiff.extend(name);
        let jpeg = encoded(image, ImageFormat::Jpeg);
        let mut out = jpeg[..2].to_vec();
        out.extend([0xff, 0xe1]);
        out.extend(u16::try_from(tiff.len() + 2).unwrap().to_be_bytes());
        out.extend(tiff);
        out.extend(&jpeg[2..]);
        out
    }

    fn stored(picture: &Picture) -> DynamicImage {
        image::load_from_memory(&picture.bytes).unwrap()
    }

    fn contains(haystack: &[u8], needle: &[u8]) -> bool {
        haystack.windows(needle.len()).any(|window| window == needle)
    }

    #[test]
    fn each_format_becomes_a_square_of_512_at_most() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            for (width, height, side) in
                [(700, 900, 512), (512, 512, 512), (513, 600, 512), (30, 20, 20), (1, 1, 1)]
            {
                let picture = avatar(&encoded(&halves(width, height), format), MAX).unwrap();
                assert_eq!(picture.side, side, "{format:?} {width}x{height}");
                assert_eq!(picture.media_type, "image/jpeg");
                assert_eq!(stored(&picture).dimensions(), (side, side));
            }
        }
    }

    #[test]
    fn exif_is_gone_and_what_it_said_of_the_orientation_is_done() {
        let sent = with_exif(&halves(64, 64), 6);
        assert!(contains(&sent, b"Exif") && contains(&sent, b"Secret Place"));
        let picture = avatar(&sent, MAX).unwrap();
        assert!(!contains(&picture.bytes, b"Exif") && !contains(&picture.bytes, b"Secret"));
        // Turned a quarter clockwise: what was left is now above.
        let image = stored(&picture).to_rgb8();
        assert!(image.get_pixel(60, 4).0[0] > 200, "red above");
        assert!(image.get_pixel(4, 60).0[2] > 200, "blue below");
        let upright = stored(&avatar(&with_exif(&halves(64, 64), 1), MAX).unwrap()).to_rgb8();
        assert!(upright.get_pixel(4, 60).0[0] > 200, "red on the left");
    }

    #[test]
    fn what_shows_through_stays_so() {
        let glass = RgbaImage::from_pixel(8, 8, Rgba([10, 20, 30, 40]));
        let picture = avatar(&encoded(&glass.into(), ImageFormat::Png), MAX).unwrap();
        assert_eq!(picture.media_type, "image/png");
        assert_eq!(stored(&picture).to_rgba8().get_pixel(3, 3).0, [10, 20, 30, 40]);
        let solid = RgbaImage::from_pixel(8, 8, Rgba([10, 20, 30, 255]));
        assert_eq!(avatar(&encoded(&solid.into(), ImageFormat::Png), MAX).unwrap().media_type, "image/jpeg");
    }

    #[test]
    fn what_follows_the_image_is_left_behind() {
        let mut sent = encoded(&halves(16, 16), ImageFormat::Jpeg);
        sent.extend(b"<script>alert(1)</script>");
        assert!(!contains(&avatar(&sent, MAX).unwrap().bytes, b"script"));
    }

    /// A PNG whose header claims a size; its pixels are missing.
    fn claiming(width: u32, height: u32) -> Vec<u8> {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        png.extend(width.to_be_bytes());
        png.extend(height.to_be_bytes());
        png.extend([8, 6, 0, 0, 0]);
        png.extend([0; 4]);
        png
    }

    #[test]
    fn the_limit_is_on_pixels_and_is_read_before_decoding() {
        let nine = encoded(&halves(3, 3), ImageFormat::Png);
        assert!(avatar(&nine, 10).is_ok());
        assert!(avatar(&nine, 9).is_ok());
        assert_eq!(avatar(&nine, 8), Err(ErrorCode::ImageInvalid));
        for (width, height) in [(100_000, 100_000), (u32::MAX, u32::MAX), (40_000_001, 1), (0, 5)] {
            assert_eq!(
                avatar(&claiming(width, height), MAX),
                Err(ErrorCode::ImageInvalid),
                "{width}x{height}"
            );
        }
    }

    #[test]
    fn what_is_no_image_we_take_is_refused() {
        let png = encoded(&halves(20, 20), ImageFormat::Png);
        let mut broken = png.clone();
        broken.truncate(40);
        let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>".to_vec();
        let refused: [(&str, Vec<u8>); 8] = [
            ("nothing", Vec::new()),
            ("svg", svg),
            ("html", b"<!doctype html><p>hi".to_vec()),
            ("gif", b"GIF89a\x01\0\x01\0\0\0\0;".to_vec()),
            ("a cut png", broken),
            ("a jpeg that is none", b"\xff\xd8\xff\xe0 and then words".to_vec()),
            ("a webp that is none", b"RIFF\0\0\0\0WEBPVP8 words".to_vec()),
            ("text", b"hello".to_vec()),
        ];
        for (what, sent) in refused {
            assert_eq!(avatar(&sent, MAX), Err(ErrorCode::ImageInvalid), "{what}");
        }
    }
}
