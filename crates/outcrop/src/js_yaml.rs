//! Which plain scalars js-yaml reads as something other than text.
//!
//! LibreChat reads its file with js-yaml 4, whose default schema is YAML 1.2's with underscores in numbers and with dates. A value that is text there
//! must be text here, and the other way round: `no` is text, `1_000` and `2026-11-21` are not. `tests/clients/node/yaml.test.mjs`
//! holds this module to js-yaml itself.

/// Whether a scalar, as it stands in the file from its first character on, is text. `value` is what it was read as.
pub fn is_text(written: &str, value: &str) -> bool {
    let mut rest = written.trim_start();
    loop {
        let word = rest.split([' ', '\t', '\n', '\r']).next().unwrap_or_default();
        match word.chars().next() {
            Some('!') if matches!(word, "!" | "!!str" | "!<tag:yaml.org,2002:str>") => return true,
            Some('!') => return false,
            Some('&') => rest = rest[word.len()..].trim_start(),
            Some('"' | '\'' | '|' | '>') => return true,
            _ => return !is_plain_other(value),
        }
    }
}

/// The text of a key of an object: `String(key)` of what js-yaml reads. `None` for a date, whose text depends on where the
/// machine is, for nothing at all (`~`) and for what is no finite number, which nobody means, and for a tag of another kind.
pub fn key(written: &str, value: &str) -> Option<String> {
    let is_tagged = written.trim_start().starts_with('!');
    match value {
        _ if is_text(written, value) => Some(value.to_owned()),
        _ if is_tagged || is_date(value) || is_null(value) => None,
        _ if is_bool(value) => Some(value.to_lowercase()),
        _ => number(value).map(javascript),
    }
}

/// The number that a scalar of [`is_integer`] or [`is_float`] means.
fn number(value: &str) -> Option<f64> {
    let digits = value.replace('_', "").to_lowercase();
    let plain = unsigned(&digits);
    let radix = match plain.get(..2).filter(|_| is_integer(value)) {
        Some("0b") => Some(2),
        Some("0o") => Some(8),
        Some("0x") => Some(16),
        _ => None,
    };
    let size = match radix {
        Some(radix) => plain[2..]
            .chars()
            .filter_map(|digit| digit.to_digit(radix))
            .fold(0.0, |sum, digit| sum * f64::from(radix) + f64::from(digit)),
        None => plain.parse().ok()?,
    };
    Some(if digits.starts_with('-') { -size } else { size })
}

/// A number as JavaScript writes it (ECMA-262, Number::toString): the fewest digits that mean it, with an exponent from 10²¹
/// on and below 10⁻⁶.
fn javascript(number: f64) -> String {
    let sign = if number < 0.0 { "-" } else { "" };
    let size = number.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return format!("{sign}{size}");
    }
    let shortest = format!("{size:e}");
    match shortest.split_once("e-") {
        Some(_) => format!("{sign}{shortest}"),
        None => format!("{sign}{}", shortest.replace('e', "e+")),
    }
}

fn is_plain_other(value: &str) -> bool {
    is_null(value) || is_bool(value) || is_integer(value) || is_float(value) || is_date(value)
}

fn is_null(value: &str) -> bool {
    matches!(value, "" | "~" | "null" | "Null" | "NULL")
}

fn is_bool(value: &str) -> bool {
    matches!(value, "true" | "True" | "TRUE" | "false" | "False" | "FALSE")
}

/// `12`, `-1_000`, `0b101`, `0o17`, `0x1F`.
fn is_integer(value: &str) -> bool {
    let unsigned = unsigned(value);
    let (digits, radix) = match unsigned.get(..2) {
        Some("0b") => (&unsigned[2..], 2),
        Some("0o") => (&unsigned[2..], 8),
        Some("0x") => (&unsigned[2..], 16),
        _ if unsigned.starts_with('_') => return false,
        _ => (unsigned, 10),
    };
    digits.chars().any(|c| c.is_digit(radix))
        && digits.chars().all(|c| c.is_digit(radix) || c == '_')
        && !digits.ends_with('_')
}

/// `1.5`, `1_000.5e3`, `.5`, `-.inf`, `.NaN`. A sign before a bare point makes it text.
fn is_float(value: &str) -> bool {
    if matches!(value, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    if matches!(unsigned(value), ".inf" | ".Inf" | ".INF") {
        return true;
    }
    let (mantissa, exponent) = match value.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (value, None),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = unsigned(exponent);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let mantissa_fits = match mantissa.strip_prefix('.') {
        Some(fraction) => !fraction.is_empty() && digits(fraction),
        None => {
            let (whole, fraction) = unsigned(mantissa).split_once('.').unwrap_or((unsigned(mantissa), ""));
            whole.starts_with(|c: char| c.is_ascii_digit()) && digits(whole) && digits(fraction)
        }
    };
    exponent_fits && mantissa_fits && !value.ends_with('_')
}

fn unsigned(value: &str) -> &str {
    value.strip_prefix(['+', '-']).unwrap_or(value)
}

/// `2026-11-21`, `2026-11-21T10:00:00Z`, `2026-1-2 10:00:00.5 +01:00`.
fn is_date(value: &str) -> bool {
    let end = value.find(['T', 't', ' ', '\t']).unwrap_or(value.len());
    let (day, time) = value.split_at(end);
    let parts: Vec<&str> = day.split('-').collect();
    let [year, month, date] = parts.as_slice() else { return false };
    let length = |text: &str, lengths: &[usize]| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if time.is_empty() {
        return length(year, &[4]) && length(month, &[2]) && length(date, &[2]);
    }
    let is_day = length(year, &[4]) && length(month, &[1, 2]) && length(date, &[1, 2]);
    let time = time.strip_prefix(['T', 't']).unwrap_or_else(|| time.trim_start_matches([' ', '\t']));
    is_day && is_time(time)
}

fn is_time(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let clock = text.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(text.len());
    let (clock, mut rest) = text.split_at(clock);
    let parts: Vec<&str> = clock.split(':').collect();
    let [hours, minutes, seconds] = parts.as_slice() else { return false };
    if !matches!(hours.len(), 1 | 2) || minutes.len() != 2 || seconds.len() != 2 {
        return false;
    }
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    let zone = rest.trim_start_matches([' ', '\t']);
    match zone.strip_prefix(['+', '-']) {
        None => zone == "Z" || rest.is_empty(),
        Some(offset) => {
            let (hours, minutes) = offset.split_once(':').unwrap_or((offset, "00"));
            matches!(hours.len(), 1 | 2) && digits(hours) && minutes.len() == 2 && digits(minutes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_key_is_read_as() {
        for (written, read) in [
            ("a", "a"),
            ("'0x1F'", "0x1F"),
            ("0x1F", "31"),
            ("-0b101", "-5"),
            ("0o17", "15"),
            ("1_000", "1000"),
            ("007", "7"),
            ("+1", "1"),
            ("-0", "0"),
            ("1.", "1"),
            (".5", "0.5"),
            ("1e3", "1000"),
            ("12e20", "1.2e+21"),
            ("1e-7", "1e-7"),
            ("-1.5e-7", "-1.5e-7"),
            ("0.000001", "0.000001"),
            ("99999999999999999999", "100000000000000000000"),
            ("TRUE", "true"),
            ("no", "no"),
        ] {
            assert_eq!(key(written, written.trim_matches('\'')).as_deref(), Some(read), "{written}");
        }
        for refused in ["2026-11-21", "~", "-.inf", ".NaN"] {
            assert_eq!(key(refused, refused), None, "{refused}");
        }
        assert_eq!(key("!!binary aGk=", "hi"), None);
    }

    #[test]
    fn what_js_yaml_reads_as_text() {
        for text in [
            "no",
            "yes",
            "on",
            "off",
            "y",
            "tRue",
            "nUll",
            "0X1F",
            "0B1",
            "0xfg",
            "-.5",
            "+.5",
            "_1",
            "1_",
            "1e",
            "1,000",
            "2026-1-2",
            "10:30",
            "1.2.3",
            "v1:0",
            "2026-11-21T10",
            "2026-11-21T1:2:3",
            "2026-11-21T10:00:00X",
            "",
        ] {
            assert_eq!(is_text(text, text), !text.is_empty(), "{text}");
        }
        for other in [
            "~",
            "null",
            "True",
            "FALSE",
            "0",
            "00",
            "08",
            "-1",
            "1_000",
            "1__0",
            "0x1F",
            "0x_1",
            "0o17",
            "0b101",
            "1.",
            ".5",
            "1.5e-3",
            "1_000.5",
            ".1_0",
            "-.inf",
            ".NaN",
            "2026-11-21",
            "2026-13-45",
            "2026-1-2T10:00:00Z",
            "2026-11-21 10:00:00",
            "2026-11-21T10:00:00.5 +01:00",
        ] {
            assert!(!is_text(other, other), "{other}");
            assert!(is_text(&format!("'{other}'"), other) && is_text(&format!("!!str {other}"), other));
            assert!(!is_text(&format!("&anchor {other}"), other), "{other}");
        }
        assert!(!is_text("!!binary aGk=", "hi") && !is_text("!foo bar", "bar"));
    }
}
