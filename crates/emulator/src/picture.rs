//! How large a picture is, from its first bytes: PNG, GIF, JPEG and WebP. Nothing is decoded.

use base64::Engine as _;

/// The bytes of base64 text; empty when it is none.
pub(crate) fn decoded(base64: &str) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(base64).unwrap_or_default()
}

/// Width and height in pixels; `None` for what is no picture, or not a whole header of one.
pub(crate) fn dimensions(bytes: &[u8]) -> Option<(u32, u32)> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some((be(bytes, 16, 4)?, be(bytes, 20, 4)?)),
        [b'G', b'I', b'F', b'8', ..] => Some((le(bytes, 6, 2)?, le(bytes, 8, 2)?)),
        [0xff, 0xd8, ..] => jpeg(bytes),
        [b'R', b'I', b'F', b'F', ..] => webp(bytes),
        _ => None,
    }
}

/// Goes from segment to segment until the one that begins a frame.
fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    while *bytes.get(at)? == 0xff {
        let marker = *bytes.get(at + 1)?;
        let is_frame = matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
        if is_frame {
            return Some((be(bytes, at + 7, 2)?, be(bytes, at + 5, 2)?));
        }
        at += 2 + usize::try_from(be(bytes, at + 2, 2)?).ok()?;
    }
    None
}

/// The three kinds of WebP: lossy, lossless, extended.
fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    match bytes.get(12..16)? {
        b"VP8 " => Some((le(bytes, 26, 2)? & 0x3fff, le(bytes, 28, 2)? & 0x3fff)),
        b"VP8L" => {
            let bits = le(bytes, 21, 4)?;
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8X" => Some((le(bytes, 24, 3)? + 1, le(bytes, 27, 3)? + 1)),
        _ => None,
    }
}

fn be(bytes: &[u8], at: usize, length: usize) -> Option<u32> {
    Some(bytes.get(at..at + length)?.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

fn le(bytes: &[u8], at: usize, length: usize) -> Option<u32> {
    Some(bytes.get(at..at + length)?.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_tell_their_size_and_other_bytes_do_not() {
        let png = [&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], &[0, 0, 4, 0], &[0, 0, 3, 0]].concat();
        assert_eq!(dimensions(&png), Some((1024, 768)));
        assert_eq!(dimensions(b"GIF89a\x0a\0\x14\0"), Some((10, 20)));
        let jpeg = [0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xc0, 0, 17, 8, 0x1f, 0x41, 0, 5, 3];
        assert_eq!(dimensions(&jpeg), Some((5, 8001)));
        let extended = [&b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0"[..], &[9, 0, 0], &[19, 0, 0]].concat();
        assert_eq!(dimensions(&extended), Some((10, 20)));
        for bytes in
            [&b""[..], b"\x89PNG", b"GIF8", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\xff\xff", b"RIFF", b"text"]
        {
            assert_eq!(dimensions(bytes), None, "{bytes:?}");
        }
    }
}
