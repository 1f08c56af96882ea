//! The rules of the models: what a translated request must look like for the model it goes to.
//!
//! Facts about models are data in the catalog; a quirk is one named function here, with its source. Nothing is changed
//! without a notice.

use outcrop_catalog::Model;

use crate::Notices;
use crate::bedrock::ConverseRequest;
use crate::dialect::{ToolNames, Translated};

/// A request as it goes to Bedrock.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The body of `Converse` or `ConverseStream`.
    pub request: ConverseRequest,
    /// What was dropped, clamped or rewritten, by the dialect and by the rules.
    pub notices: Notices,
    /// Tool names to put back into the answer ([`crate::dialect::Answer::tool_names`]).
    pub tool_names: ToolNames,
}

/// Makes the request that the model takes. `model: None` (unknown to the catalog) passes everything through unclamped.
pub fn apply(translated: Translated, _model: Option<&Model>) -> Prepared {
    let Translated { request, intent: _, notices } = translated;
    Prepared { request, notices, tool_names: ToolNames::default() }
}
