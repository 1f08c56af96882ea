//! Log files of any size, read line by line in little memory: pushed in as they come, unpacked on the way.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use flate2::write::MultiGzDecoder;

/// A longer line is no record of Bedrock's: bodies of over 100 KB are kept beside the log (reference `bedrock.md` §7.1).
const LONGEST_LINE: usize = 32 * 1024 * 1024;
/// How much of a file is read at once.
const CHUNK: usize = 64 * 1024;
/// How a gzip file begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Takes a file's bytes in pieces and hands its lines on.
pub struct Unpacker<F: FnMut(&[u8])> {
    form: Form<F>,
}

/// What the first bytes said.
enum Form<F: FnMut(&[u8])> {
    /// Fewer than two bytes so far.
    Unknown(Vec<u8>, Lines<F>),
    Plain(Lines<F>),
    Gzip(Box<MultiGzDecoder<Lines<F>>>),
    /// While it changes.
    Nothing,
}

impl<F: FnMut(&[u8])> Unpacker<F> {
    /// Lines go to `each`, without their ends.
    pub fn new(each: F) -> Self {
        Self { form: Form::Unknown(Vec::new(), Lines { each, partial: Vec::new(), is_skipping: false }) }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// The file is broken gzip.
    pub fn push(&mut self, piece: &[u8]) -> io::Result<()> {
        match &mut self.form {
            Form::Plain(lines) => lines.write_all(piece),
            Form::Gzip(decoder) => decoder.write_all(piece),
            Form::Unknown(begun, _) if begun.len() + piece.len() < GZIP.len() => {
                begun.extend_from_slice(piece);
                Ok(())
            }
            Form::Unknown(..) | Form::Nothing => self.begin(piece),
        }
    }

    fn begin(&mut self, piece: &[u8]) -> io::Result<()> {
        let Form::Unknown(mut begun, lines) = std::mem::replace(&mut self.form, Form::Nothing) else {
            return Ok(());
        };
        begun.extend_from_slice(piece);
        self.form = match begun.starts_with(&GZIP) {
            true => Form::Gzip(Box::new(MultiGzDecoder::new(lines))),
            false => Form::Plain(lines),
        };
        self.push(&begun)
    }

    /// Ends the file: a last line may lack its end.
    ///
    /// # Errors
    /// The gzip breaks off.
    pub fn finish(self) -> io::Result<()> {
        let mut lines = match self.form {
            Form::Unknown(begun, mut lines) => {
                lines.write_all(&begun)?;
                lines
            }
            Form::Plain(lines) => lines,
            Form::Gzip(decoder) => decoder.finish()?,
            Form::Nothing => return Ok(()),
        };
        lines.end();
        Ok(())
    }
}

/// Cuts bytes into lines.
struct Lines<F: FnMut(&[u8])> {
    each: F,
    partial: Vec<u8>,
    /// In a line that is too long.
    is_skipping: bool,
}

impl<F: FnMut(&[u8])> Lines<F> {
    fn end(&mut self) {
        if !self.is_skipping && !self.partial.is_empty() {
            (self.each)(self.partial.trim_ascii());
        }
        self.partial.clear();
        self.is_skipping = false;
    }
}

impl<F: FnMut(&[u8])> Write for Lines<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            // Most lines are whole in the piece, and are handed on without being copied.
            if self.partial.is_empty() && !self.is_skipping {
                (self.each)(rest[..end].trim_ascii());
            } else {
                self.partial.extend_from_slice(&rest[..end]);
                self.end();
            }
            rest = &rest[end + 1..];
        }
        self.partial.extend_from_slice(rest);
        if self.partial.len() > LONGEST_LINE {
            self.is_skipping = true;
            self.partial = Vec::new();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a file from its beginning to its end.
///
/// # Errors
/// It cannot be read, or is broken gzip.
pub fn read_file(path: &Path, each: impl FnMut(&[u8])) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut unpacker = Unpacker::new(each);
    let mut piece = vec![0; CHUNK];
    loop {
        match file.read(&mut piece)? {
            0 => return unpacker.finish(),
            length => unpacker.push(&piece[..length])?,
        }
    }
}

/// The files that paths stand for: of a folder, all in it, at any depth, in the order of their names.
///
/// # Errors
/// A path cannot be looked at.
pub fn files(paths: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for path in paths {
        if path.is_dir() {
            let mut inside: Vec<PathBuf> =
                std::fs::read_dir(path)?.map(|entry| entry.map(|it| it.path())).collect::<io::Result<_>>()?;
            inside.sort();
            all.extend(files(&inside)?);
        } else {
            all.push(path.clone());
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn lines(bytes: &[u8], step: usize) -> Vec<String> {
        let mut found = Vec::new();
        let mut unpacker = Unpacker::new(|line| found.push(String::from_utf8_lossy(line).into_owned()));
        bytes.chunks(step).for_each(|piece| unpacker.push(piece).unwrap());
        unpacker.finish().unwrap();
        found
    }

    #[test]
    fn lines_come_whole_however_the_bytes_are_cut() {
        let text = b"one\r\ntwo\n\nfour";
        let several = [packed(b"one\ntw"), packed(b"o\n\nfour")].concat();
        for step in [1, 2, 3, 5, 100] {
            assert_eq!(lines(text, step), ["one", "two", "", "four"], "{step}");
            assert_eq!(lines(&packed(text), step), ["one", "two", "", "four"], "{step}");
            assert_eq!(lines(&several, step), ["one", "two", "", "four"], "{step}");
        }
        assert_eq!(lines(b"", 1), Vec::<String>::new());
        assert_eq!(lines(b"x", 1), ["x"]);
    }

    #[test]
    fn broken_gzip_is_an_error() {
        let whole = packed(b"one\ntwo\n");
        let mut unpacker = Unpacker::new(|_| ());
        unpacker.push(&whole[..whole.len() - 3]).unwrap();
        assert!(unpacker.finish().is_err());
        let mut unpacker = Unpacker::new(|_| ());
        assert!(unpacker.push(&[0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]).is_err());
    }

    /// What is kept does not grow with the file: only an unfinished line is.
    #[test]
    fn memory_does_not_grow_with_the_file() {
        let line = format!("{{\"modelId\":\"m\",\"body\":\"{}\"}}\n", "x".repeat(1000));
        let piece = packed(line.repeat(100).as_bytes());
        let mut count = 0_u64;
        let mut unpacker = Unpacker::new(|_| count += 1);
        for _ in 0..200 {
            unpacker.push(&piece).unwrap();
            let Form::Gzip(decoder) = &unpacker.form else { panic!("it is gzip") };
            assert!(decoder.get_ref().partial.capacity() <= 2 * line.len());
        }
        unpacker.finish().unwrap();
        assert_eq!(count, 20_000);
    }

    #[test]
    fn a_line_without_end_is_passed_over() {
        let mut found = Vec::new();
        let mut unpacker = Unpacker::new(|line| found.push(line.len()));
        unpacker.push(b"one\n").unwrap();
        let piece = vec![b'x'; 1024 * 1024];
        for _ in 0..40 {
            unpacker.push(&piece).unwrap();
        }
        unpacker.push(b"\ntwo\n").unwrap();
        unpacker.finish().unwrap();
        assert_eq!(found, [3, 3]);
    }
}
