//! What of a client's Converse request our types do not know: relayed requests carry it, written ones cannot.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::Notices;
use crate::envelope::Members;

/// Objects whose members are few and known, by their place in the request, with these members (botocore 1.44.5,
/// `ConverseStreamRequest` and what it holds). The unions below them keep what they do not know by themselves.
const KNOWN: [(&str, &[&str]); 4] = [
    (
        "",
        &[
            "messages",
            "system",
            "inferenceConfig",
            "toolConfig",
            "guardrailConfig",
            "additionalModelRequestFields",
            "promptVariables",
            "additionalModelResponseFieldPaths",
            "requestMetadata",
            "performanceConfig",
            "serviceTier",
            "outputConfig",
        ],
    ),
    ("inferenceConfig", &["maxTokens", "temperature", "topP", "stopSequences"]),
    ("toolConfig", &["tools", "toolChoice"]),
    ("outputConfig", &["textFormat", "effort"]),
];

/// Notes each member that is not known.
pub(super) fn note_unknown(body: &[u8], notices: &mut Notices) {
    let Ok(Members(request)) = serde_json::from_slice(body) else { return };
    for (place, known) in KNOWN {
        let members = if place.is_empty() { Some(request.clone()) } else { members_of(&request, place) };
        let unknown = members
            .into_iter()
            .flatten()
            .filter(|(key, value)| !known.contains(&key.as_ref()) && value.get() != "null");
        notices.unknown(place, unknown.map(|(key, _)| key.into_owned()).collect());
    }
}

fn members_of<'a>(
    request: &[(Cow<'_, str>, &'a RawValue)],
    place: &str,
) -> Option<Vec<(Cow<'a, str>, &'a RawValue)>> {
    let (_, value) = request.iter().find(|(key, _)| key == place)?;
    serde_json::from_str(value.get()).ok().map(|Members(members)| members)
}
