//! CBOR (RFC 8949) as far as Smithy's RPC protocol uses it: JSON's values, and times as tag 1.

use serde_json::{Map, Number, Value};

use super::node::Node;

/// Reads a document as JSON's values; a time becomes its number of seconds. `None` when it is broken.
pub(super) fn read(bytes: &[u8]) -> Option<Value> {
    let mut reader = Reader { rest: bytes };
    let value = reader.value(0)?;
    reader.rest.is_empty().then_some(value)
}

/// Deeper than any request; a bound on what a hostile document can do.
const DEEPEST: usize = 32;
/// The additional information that stands for "until a break".
const INDEFINITE: u8 = 31;
const BREAK: u8 = 0xff;

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        let initial = self.byte()?;
        let (major, info) = (initial >> 5, initial & 31);
        match major {
            0 => Some(self.number(info)?.into()),
            1 => Some((-1 - i64::try_from(self.number(info)?).ok()?).into()),
            2 | 3 => Some(Value::String(self.text(major, info)?)),
            4 => {
                let mut items = Vec::new();
                let count = self.count(info)?;
                while self.goes_on(count, items.len())? {
                    items.push(self.value(depth + 1)?);
                }
                Some(Value::Array(items))
            }
            5 => self.map(info, depth),
            6 => {
                self.number(info)?;
                self.value(depth + 1)
            }
            _ => self.simple(info),
        }
    }

    fn map(&mut self, info: u8, depth: usize) -> Option<Value> {
        let mut members = Map::new();
        let count = self.count(info)?;
        let mut read = 0;
        while self.goes_on(count, read)? {
            let Value::String(name) = self.value(depth + 1)? else { return None };
            members.insert(name, self.value(depth + 1)?);
            read += 1;
        }
        Some(Value::Object(members))
    }

    /// The number of items, or `None` inside when a break ends them.
    fn count(&mut self, info: u8) -> Option<Option<u64>> {
        if info == INDEFINITE { Some(None) } else { self.number(info).map(Some) }
    }

    fn goes_on(&mut self, count: Option<u64>, read: usize) -> Option<bool> {
        match count {
            Some(count) => Some((read as u64) < count),
            None if *self.rest.first()? == BREAK => {
                self.byte()?;
                Some(false)
            }
            None => Some(true),
        }
    }

    fn text(&mut self, major: u8, info: u8) -> Option<String> {
        if info != INDEFINITE {
            let length = usize::try_from(self.number(info)?).ok()?;
            return String::from_utf8(self.take(length)?.to_vec()).ok();
        }
        let mut whole = String::new();
        loop {
            match self.byte()? {
                BREAK => return Some(whole),
                piece if piece >> 5 == major && piece & 31 != INDEFINITE => {
                    whole.push_str(&self.text(major, piece & 31)?);
                }
                _ => return None,
            }
        }
    }

    fn simple(&mut self, info: u8) -> Option<Value> {
        let float = |number: f64| Number::from_f64(number).map(Value::Number);
        match info {
            20 => Some(false.into()),
            21 => Some(true.into()),
            22 | 23 => Some(Value::Null),
            25 => float(half(u16::from_be_bytes(self.take(2)?.try_into().ok()?))),
            26 => float(f32::from_be_bytes(self.take(4)?.try_into().ok()?).into()),
            27 => float(f64::from_be_bytes(self.take(8)?.try_into().ok()?)),
            _ => None,
        }
    }

    fn number(&mut self, info: u8) -> Option<u64> {
        match info {
            0..24 => Some(info.into()),
            24..=27 => {
                let bytes = self.take(1 << (info - 24))?;
                Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
            }
            _ => None,
        }
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn take(&mut self, length: usize) -> Option<&[u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }
}

fn half(bits: u16) -> f64 {
    let (sign, exponent, fraction) = (bits >> 15, bits >> 10 & 31, f64::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(i32::from(exponent) - 25),
    };
    if sign == 1 { -size } else { size }
}

/// Writes a document.
pub(super) fn write(node: &Node, out: &mut Vec<u8>) {
    match node {
        Node::Text(text) => {
            head(3, text.len() as u64, out);
            out.extend_from_slice(text.as_bytes());
        }
        Node::Number(number) => {
            out.push(0xfb);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Node::Time(seconds) => {
            head(6, 1, out);
            write(&Node::Number(*seconds as f64), out);
        }
        Node::List(items) => {
            head(4, items.len() as u64, out);
            items.iter().for_each(|item| write(item, out));
        }
        Node::Map(members) => {
            head(5, members.len() as u64, out);
            for (name, value) in members {
                write(&Node::Text((*name).to_owned()), out);
                write(value, out);
            }
        }
    }
}

fn head(major: u8, number: u64, out: &mut Vec<u8>) {
    let major = major << 5;
    match number {
        0..24 => out.push(major | number as u8),
        24..=0xff => out.extend_from_slice(&[major | 24, number as u8]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&(number as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend_from_slice(&(number as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_examples_of_the_standard_are_read() {
        for (hex, value) in [
            ("00", json!(0)),
            ("1903e8", json!(1000)),
            ("1b000000e8d4a51000", json!(1_000_000_000_000_u64)),
            ("3903e7", json!(-1000)),
            ("f93c00", json!(1.0)),
            ("f9c400", json!(-4.0)),
            ("f90001", json!(5.960_464_477_539_063e-8)),
            ("fa47c35000", json!(100_000.0)),
            ("fb3ff199999999999a", json!(1.1)),
            ("f4", json!(false)),
            ("f6", json!(null)),
            ("c11a514b67b0", json!(1_363_896_240)),
            ("62c3bc", json!("ü")),
            ("8301820203820405", json!([1, [2, 3], [4, 5]])),
            ("9f018202039f0405ffff", json!([1, [2, 3], [4, 5]])),
            ("bf61610161629f0203ffff", json!({"a": 1, "b": [2, 3]})),
            ("7f657374726561646d696e67ff", json!("streaming")),
            ("a26161016162820203", json!({"a": 1, "b": [2, 3]})),
        ] {
            let bytes: Vec<u8> = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect();
            assert_eq!(read(&bytes), Some(value), "{hex}");
            assert_eq!(read(&bytes[..bytes.len() - 1]), None, "{hex}");
        }
        assert_eq!(read(&[0x81; 10_000]), None);
        assert_eq!(read(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), None);
    }

    #[test]
    fn what_is_written_is_read() {
        let node = Node::Map(vec![
            ("text", Node::Text("x".repeat(70_000))),
            ("list", Node::List((0..300).map(|at| Node::Number(f64::from(at))).collect())),
            ("at", Node::Time(1_700_000_000)),
        ]);
        let mut bytes = Vec::new();
        write(&node, &mut bytes);
        let value = read(&bytes).unwrap();
        assert_eq!(value["text"].as_str().unwrap().len(), 70_000);
        assert_eq!(value["list"][299], json!(299.0));
        assert_eq!(value["at"], json!(1_700_000_000.0));
    }
}
