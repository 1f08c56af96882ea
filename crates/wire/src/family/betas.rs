//! Anthropic's beta features: which of them a model takes on Bedrock, and under which name.

use outcrop_catalog::{Beta, Model};

use super::{Draft, Family};
use crate::Notices;
use crate::lesson::{self, Refused};

/// Where a body with beta features goes: they are not taken everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Converse,
    InvokeModel,
}

/// Beta features are named in Claude's native `anthropic_beta`; other models have none.
///
/// Source: `bedrock.md` §6.1 (body `anthropic_beta`).
pub(super) fn name_betas(draft: &mut Draft<'_>) {
    let betas = std::mem::take(&mut draft.intent.betas);
    if betas.is_empty() {
        return;
    }
    if !matches!(draft.family(), Family::Anthropic | Family::Unknown) {
        return draft.notices.dropped("anthropic-beta", "the model is not Claude");
    }
    let refused = draft.terms.refused;
    draft.betas = welcome_betas(betas, draft.model, Way::Converse, refused, &mut draft.notices);
    if !draft.betas.is_empty() {
        draft.fields.set("anthropic_beta", &draft.betas);
    }
}

/// Whether the data say that the model takes it, there or elsewhere.
pub fn vouches_for(model: &Model, beta: &str) -> bool {
    let names_it =
        |known: &Beta| matches!(known, Beta::Renamed(names) if names.iter().any(|name| name == beta));
    matches!(model.betas.get(beta), Some(Beta::Accepted | Beta::InvokeOnly))
        || model.betas.values().any(names_it)
}

/// The betas that the model takes there, by the names it takes, without those that it has refused; one that nobody says
/// anything about passes.
///
/// Source: the catalog's `betas` (litellm's table, and what was measured against the service: "invalid beta flag").
pub(crate) fn welcome_betas(
    betas: Vec<String>,
    model: Option<&Model>,
    way: Way,
    refused: &[Refused],
    notices: &mut Notices,
) -> Vec<String> {
    let betas = welcome_by_the_data(betas, model, way, notices);
    lesson::welcome_betas(betas, refused, notices)
}

fn welcome_by_the_data(
    betas: Vec<String>,
    model: Option<&Model>,
    way: Way,
    notices: &mut Notices,
) -> Vec<String> {
    let Some(model) = model else { return betas };
    let mut welcome: Vec<String> = Vec::with_capacity(betas.len());
    for beta in betas {
        match (model.betas.get(&beta), way) {
            (None | Some(Beta::Accepted), _) | (Some(Beta::InvokeOnly), Way::InvokeModel) => {
                add(&mut welcome, beta)
            }
            (Some(Beta::Renamed(names)), Way::InvokeModel) => {
                let done = format!("`{beta}` is {} on Bedrock", names.join(" and "));
                notices.push("rewritten", "anthropic-beta", done);
                names.iter().for_each(|name| add(&mut welcome, name.clone()));
            }
            (Some(Beta::InvokeOnly | Beta::Renamed(_)), Way::Converse) => {
                let done =
                    format!("`{beta}`: Bedrock takes it with InvokeModel only, and this goes by Converse");
                notices.push("dropped", "anthropic-beta", done);
            }
            (Some(Beta::Refused), _) => {
                let done = format!("`{beta}`: Bedrock does not take it for this model");
                notices.push("dropped", "anthropic-beta", done);
            }
        }
    }
    welcome
}

fn add(betas: &mut Vec<String>, beta: String) {
    if !betas.contains(&beta) {
        betas.push(beta);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        let renamed = Beta::Renamed(vec!["new-1".to_owned(), "ok".to_owned()]);
        let betas =
            [("ok", Beta::Accepted), ("invoke", Beta::InvokeOnly), ("no", Beta::Refused), ("old", renamed)];
        let mut model = Model::unknown("anthropic.claude-x");
        model.betas = betas.map(|(name, beta)| (name.to_owned(), beta)).into();
        model
    }

    fn sent(way: Way) -> (Vec<String>, Vec<String>) {
        let mut notices = Notices::default();
        let asked = ["ok", "invoke", "no", "old", "unheard-of", "ok"].map(str::to_owned).to_vec();
        let sent = welcome_betas(asked, Some(&model()), way, &[], &mut notices);
        (sent, notices.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn each_beta_that_does_not_go_out_is_named() {
        let (sent_there, told) = sent(Way::InvokeModel);
        assert_eq!(sent_there, ["ok", "invoke", "new-1", "unheard-of"]);
        assert_eq!(
            told,
            [
                "dropped anthropic-beta: `no`: Bedrock does not take it for this model",
                "rewritten anthropic-beta: `old` is new-1 and ok on Bedrock",
            ]
        );
        let (sent_there, told) = sent(Way::Converse);
        assert_eq!(sent_there, ["ok", "unheard-of"]);
        assert_eq!(told.len(), 3, "{told:?}");
        let asked = vec!["no".to_owned()];
        assert!(["ok", "invoke", "new-1"].iter().all(|beta| vouches_for(&model(), beta)));
        assert!(!["no", "old", "unheard-of"].iter().any(|beta| vouches_for(&model(), beta)));
        assert_eq!(welcome_betas(asked.clone(), None, Way::Converse, &[], &mut Notices::default()), asked);
    }
}
