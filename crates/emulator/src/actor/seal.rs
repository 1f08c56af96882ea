//! Signed and encrypted reasoning: what the emulator gives out must come back unchanged.
//!
//! Reasoning of real models cannot be checked here. It is taken when it looks like theirs, so that recorded
//! conversations go through; anything else is refused as the service refuses it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};

/// How signatures of the emulator begin: letters of base64, as in real ones.
const OWN_SIGNATURE: &str = "OutcropEmulator";
/// How redacted reasoning of the emulator begins, once decoded.
const OWN_REDACTED: &[u8] = b"OutcropEmulatorRedacted";
/// No secret: it only tells reasoning of an emulator from reasoning that was edited on the way.
const SIGNING_KEY: &[u8] = b"outcrop emulator reasoning signature v1";
/// Shorter ones are none of a real model (recorded: 200 bytes and more).
const SHORTEST_REAL: usize = 64;
/// How real ones begin (recorded): field 2 of a protocol-buffers message.
const FIRST_OF_REAL: u8 = 0x12;
const MAC_LENGTH: usize = 32;

/// Signs reasoning, so that it can be checked when it comes back.
pub(crate) fn sign(reasoning: &str) -> String {
    format!("{OWN_SIGNATURE}{}", BASE64.encode(mac(reasoning.as_bytes())))
}

/// Reasoning that only the emulator can read.
pub(crate) fn redacted(reasoning: &str) -> String {
    let hidden: Vec<u8> = reasoning.bytes().map(|byte| byte ^ 0x5a).collect();
    BASE64.encode([OWN_REDACTED, &mac(&hidden), &hidden].concat())
}

/// Whether a signature belongs to these words, or looks like one of a real model.
pub(crate) fn is_genuine(reasoning: &str, signature: &str) -> bool {
    signature == sign(reasoning) || (!signature.starts_with(OWN_SIGNATURE) && looks_real(signature))
}

/// Whether redacted reasoning is as the emulator wrote it, or looks like a real model's.
pub(crate) fn is_genuine_redacted(data: &str) -> bool {
    let Ok(bytes) = BASE64.decode(data) else { return false };
    match bytes.strip_prefix(OWN_REDACTED) {
        Some(rest) => {
            rest.split_at_checked(MAC_LENGTH).is_some_and(|(found, hidden)| found == mac(hidden).as_slice())
        }
        None => bytes.len() >= SHORTEST_REAL,
    }
}

fn looks_real(signature: &str) -> bool {
    BASE64
        .decode(signature)
        .is_ok_and(|bytes| bytes.len() >= SHORTEST_REAL && bytes.first() == Some(&FIRST_OF_REAL))
}

fn mac(bytes: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SIGNING_KEY).expect("HMAC takes keys of any length");
    mac.update(bytes);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_is_not_genuine() {
        let signature = sign("I think");
        assert!(is_genuine("I think", &signature));
        assert!(!is_genuine("I thought", &signature));
        let reversed: String = signature.chars().rev().collect();
        for changed in ["", "x", "tampered", &signature[1..], &signature.replace('E', "F"), &reversed] {
            assert!(!is_genuine("I think", changed), "{changed}");
        }
        let data = redacted("secret");
        assert!(is_genuine_redacted(&data));
        let mut bytes = BASE64.decode(&data).expect("base64");
        *bytes.last_mut().expect("not empty") ^= 1;
        assert!(!is_genuine_redacted(&BASE64.encode(bytes)));
        assert!(!is_genuine_redacted("not base64!"));
    }
}
