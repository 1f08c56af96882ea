//! The name of an AWS Region, checked for shape only: new Regions appear without us.

/// Why a text is no Region name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotARegion {
    /// What is wrong.
    pub message: String,
    /// What was probably meant.
    pub hint: String,
}

/// Checks `us-east-1`, `us-gov-west-1`, `eusc-de-east-1`: words of lower-case letters and a number, joined by hyphens.
pub fn check(text: &str) -> Result<(), NotARegion> {
    if is_region(text) {
        return Ok(());
    }
    let first = text.split(|c: char| c.is_whitespace() || c == '#').next().unwrap_or_default();
    if text.contains('#') && is_region(first) {
        return Err(NotARegion {
            message: format!("`{text}` is no Region: a comment has become part of the value"),
            hint: format!("write `{first}` alone, and the comment on a line of its own"),
        });
    }
    let lower = text.trim().to_lowercase();
    if is_zone(&lower) {
        let region = lower.trim_end_matches(|c: char| c.is_ascii_lowercase());
        return Err(NotARegion {
            message: format!("`{text}` is an availability zone, not a Region"),
            hint: format!("write `{region}`"),
        });
    }
    let hint = if is_region(&lower) {
        format!("write `{lower}`")
    } else {
        "a Region looks like us-east-1 or eu-central-1".to_owned()
    };
    Err(NotARegion { message: format!("`{text}` is no Region"), hint })
}

fn is_region(text: &str) -> bool {
    let words: Vec<&str> = text.split('-').collect();
    let [first, middle @ .., number] = words.as_slice() else { return false };
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    (2..=4).contains(&first.len())
        && is_word(first)
        && !middle.is_empty()
        && middle.iter().all(is_word)
        && number.len() == 1
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_zone(text: &str) -> bool {
    text.strip_suffix(|c: char| c.is_ascii_lowercase()).is_some_and(is_region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_regions_pass() {
        for region in ["us-east-1", "ap-southeast-7", "us-gov-west-1", "eusc-de-east-1", "cn-north-1"] {
            assert_eq!(check(region), Ok(()), "{region}");
        }
    }

    #[test]
    fn each_mistake_has_its_own_advice() {
        let hint = |text: &str| check(text).unwrap_err().hint;
        assert_eq!(
            hint("us-west-2 # Oregon"),
            "write `us-west-2` alone, and the comment on a line of its own"
        );
        assert_eq!(
            hint("us-west-2# Oregon"),
            "write `us-west-2` alone, and the comment on a line of its own"
        );
        assert_eq!(hint("us-east-1a"), "write `us-east-1`");
        assert_eq!(hint("US-EAST-1"), "write `us-east-1`");
        assert!(hint("Oregon").contains("looks like"));
        assert!(hint("").contains("looks like"));
    }
}
