//! Pictures made here: PNG files from pixels, and letters small enough to be written down.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// A picture in RGB.
pub struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

/// Red, green and blue.
pub type Color = [u8; 3];

impl Picture {
    /// One colour everywhere.
    pub fn new(width: usize, height: usize, color: Color) -> Self {
        Self { width, height, pixels: color.repeat(width * height) }
    }

    /// Fills a rectangle; what is outside the picture is left out.
    pub fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, color: Color) {
        for row in y..(y + height).min(self.height) {
            for column in x..(x + width).min(self.width) {
                let at = (row * self.width + column) * 3;
                self.pixels[at..at + 3].copy_from_slice(&color);
            }
        }
    }

    /// Writes a line of text with its upper left corner at `x`, `y`, each dot `scale` pixels wide.
    pub fn write(&mut self, text: &str, x: usize, y: usize, scale: usize, color: Color) {
        for (at, letter) in text.chars().enumerate() {
            let rows = glyph(letter);
            for (row, bits) in rows.into_iter().enumerate() {
                for column in 0..LETTER_WIDTH {
                    if bits >> (LETTER_WIDTH - 1 - column) & 1 == 1 {
                        let left = x + (at * (LETTER_WIDTH + 1) + column) * scale;
                        self.fill(left, y + row * scale, scale, scale, color);
                    }
                }
            }
        }
    }

    /// As a PNG file (RFC 2083).
    pub fn png(&self) -> Vec<u8> {
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
        for row in self.pixels.chunks(self.width * 3) {
            // Each row begins with its filter: none.
            packed.write_all(&[0]).and_then(|()| packed.write_all(row)).expect("memory takes everything");
        }
        let packed = packed.finish().expect("memory takes everything");
        let size = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        // Eight bits, RGB, and the only methods of compression, filtering and interlacing that are needed.
        let header = [&size(self.width)[..], &size(self.height), &[8, 2, 0, 0, 0]].concat();
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        for (kind, data) in [(b"IHDR", &header), (b"IDAT", &packed), (b"IEND", &Vec::new())] {
            file.extend_from_slice(&size(data.len()));
            let mut sum = flate2::Crc::new();
            sum.update(kind);
            sum.update(data);
            file.extend_from_slice(kind);
            file.extend_from_slice(data);
            file.extend_from_slice(&sum.sum().to_be_bytes());
        }
        file
    }
}

/// How wide a letter is, in dots.
pub const LETTER_WIDTH: usize = 3;

/// The dots of a letter, row by row: three wide, five high. Capitals stand for small letters; what is not here is a box.
fn glyph(letter: char) -> [u8; 5] {
    match letter.to_ascii_uppercase() {
        ' ' => [0, 0, 0, 0, 0],
        '0' => [7, 5, 5, 5, 7],
        '1' => [2, 6, 2, 2, 7],
        '2' => [7, 1, 7, 4, 7],
        '3' => [7, 1, 7, 1, 7],
        '4' => [5, 5, 7, 1, 1],
        '5' => [7, 4, 7, 1, 7],
        '6' => [7, 4, 7, 5, 7],
        '7' => [7, 1, 1, 1, 1],
        '8' => [7, 5, 7, 5, 7],
        '9' => [7, 5, 7, 1, 7],
        'A' => [2, 5, 7, 5, 5],
        'B' => [6, 5, 6, 5, 6],
        'C' => [3, 4, 4, 4, 3],
        'D' => [6, 5, 5, 5, 6],
        'E' => [7, 4, 6, 4, 7],
        'F' => [7, 4, 6, 4, 4],
        'G' => [3, 4, 5, 5, 3],
        'H' => [5, 5, 7, 5, 5],
        'I' => [7, 2, 2, 2, 7],
        'J' => [1, 1, 1, 5, 2],
        'K' => [5, 5, 6, 5, 5],
        'L' => [4, 4, 4, 4, 7],
        'M' => [5, 7, 7, 5, 5],
        'N' => [6, 5, 5, 5, 5],
        'O' => [2, 5, 5, 5, 2],
        'P' => [6, 5, 6, 4, 4],
        'Q' => [2, 5, 5, 6, 3],
        'R' => [6, 5, 6, 5, 5],
        'S' => [3, 4, 2, 1, 6],
        'T' => [7, 2, 2, 2, 2],
        'U' => [5, 5, 5, 5, 7],
        'V' => [5, 5, 5, 5, 2],
        'W' => [5, 5, 7, 7, 5],
        'X' => [5, 5, 2, 5, 5],
        'Y' => [5, 5, 2, 2, 2],
        'Z' => [7, 1, 2, 4, 7],
        '.' => [0, 0, 0, 0, 2],
        ':' => [0, 2, 0, 2, 0],
        '-' => [0, 0, 7, 0, 0],
        '_' => [0, 0, 0, 0, 7],
        '/' => [1, 1, 2, 4, 4],
        ',' => [0, 0, 0, 2, 4],
        '(' => [1, 2, 2, 2, 1],
        ')' => [4, 2, 2, 2, 4],
        '%' => [5, 1, 2, 4, 5],
        _ => [7, 7, 7, 7, 7],
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_png_holds_the_pixels() {
        let mut picture = Picture::new(4, 3, [255, 255, 255]);
        picture.fill(1, 1, 10, 1, [1, 2, 3]);
        let file = picture.png();
        assert_eq!(&file[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(&file[12..24], b"IHDR\0\0\0\x04\0\0\0\x03");
        assert_eq!(&file[file.len() - 12..], b"\0\0\0\0IEND\xae\x42\x60\x82");
        let data = file.windows(4).position(|kind| kind == b"IDAT").unwrap() + 4;
        let mut rows = Vec::new();
        flate2::read::ZlibDecoder::new(&file[data..]).read_to_end(&mut rows).unwrap();
        assert_eq!(rows.len(), 3 * (1 + 4 * 3));
        assert_eq!(&rows[13..26], [0, 255, 255, 255, 1, 2, 3, 1, 2, 3, 1, 2, 3]);
    }
}
