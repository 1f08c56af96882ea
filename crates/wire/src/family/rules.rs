//! All rules, in their order: the list that is applied is the list that is documented and tested.

use super::{
    Draft, answer, betas, caching, history, names, output, placing, reasoning, repair, sampling, tools,
};

/// One rule.
pub(super) struct Rule {
    /// The function's name: it says where the rule is written down.
    pub(super) name: &'static str,
    pub(super) apply: fn(&mut Draft<'_>),
    /// Why nothing is said of what it does.
    pub(super) silent: Option<&'static str>,
}

/// A rule that says what it does.
const fn said(name: &'static str, apply: fn(&mut Draft<'_>)) -> Rule {
    Rule { name, apply, silent: None }
}

/// A rule that changes nothing of what is meant.
const fn silent(name: &'static str, apply: fn(&mut Draft<'_>), why: &'static str) -> Rule {
    Rule { name, apply, silent: Some(why) }
}

/// Conversation first, then parameters, then what depends on both.
pub(super) const RULES: [Rule; 30] = [
    said("keep_sources", history::keep_sources),
    said("drop_blank_text", history::drop_blank_text),
    said("drop_unwelcome_reasoning", history::drop_unwelcome_reasoning),
    said("join_turns", history::join_turns),
    silent(
        "put_results_first",
        history::put_results_first,
        "the order of results and words in one turn has no meaning",
    ),
    said("speak_for_a_lone_system_prompt", history::speak_for_a_lone_system_prompt),
    said("fit_tool_names", names::fit_tool_names),
    silent("fit_tool_use_ids", names::fit_tool_use_ids, "ids pair calls with results, and they still do"),
    silent("tell_calls_apart", repair::tell_calls_apart, "ids pair calls with results, and now they do"),
    said("pair_calls_and_results", repair::pair_calls_and_results),
    said("open_with_a_user_turn", repair::open_with_a_user_turn),
    said("ask_to_go_on", repair::ask_to_go_on),
    said("declare_tools_once", repair::declare_tools_once),
    said("fit_document_names", names::fit_document_names),
    said("introduce_documents", names::introduce_documents),
    said("limit_tokens", output::limit_tokens),
    said("render", reasoning::render),
    said("declare_used_tools", tools::declare_used_tools),
    said("forbid_calls", tools::forbid_calls),
    said("relax_choice", tools::relax_choice),
    said("drop_strict", tools::drop_strict),
    said("allow_one_call_at_a_time", tools::allow_one_call_at_a_time),
    said("place_native_tools", tools::place_native_tools),
    said("fit_temperature_and_top_p", sampling::fit_temperature_and_top_p),
    said("place_top_k", sampling::place_top_k),
    said("fit_stop_sequences", sampling::fit_stop_sequences),
    said("place_cache_points", placing::place_cache_points),
    said("fit_cache_points", caching::fit_cache_points),
    said("name_betas", betas::name_betas),
    said("shape_answer", answer::shape_answer),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};

    use outcrop_catalog::{Catalog, Model};

    use super::*;
    use crate::dialect::Translated;
    use crate::family::{CachePlacement, Prepared, Terms};
    use crate::{anthropic, openai_chat};

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
    }

    /// The fixtures of both dialects, as they were translated.
    fn cases() -> Vec<(String, Translated)> {
        let mut cases = Vec::new();
        for dialect in ["chat", "messages", "rules"] {
            for entry in std::fs::read_dir(root().join("fixtures").join(dialect)).unwrap() {
                let path = entry.unwrap().path();
                let body = std::fs::read(&path).unwrap();
                let betas = ["files-api-2025-04-14", "context-1m-2025-08-07"];
                let translated = match dialect {
                    "messages" => anthropic::translate(&body, &betas),
                    _ => openai_chat::translate(&body).map(|chat| chat.translated),
                };
                cases.push((path.display().to_string(), translated.unwrap()));
            }
        }
        cases
    }

    fn models() -> Vec<Option<Model>> {
        let catalog = Catalog::built_in();
        let of = |id: &&str| Some(catalog.model(id).unwrap().as_ref().clone());
        let ids = [
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
            "anthropic.claude-opus-5-5",
            "anthropic.claude-3-haiku-20240307-v1:0",
            "amazon.nova-2-lite-v1:0",
            "openai.gpt-6-sol",
            "meta.llama3-3-70b-instruct-v1:0",
        ];
        std::iter::once(None).chain(ids.iter().map(of)).collect()
    }

    fn prepared(translated: &Translated, model: Option<&Model>, without: Option<&str>) -> Prepared {
        let terms = Terms { cache: CachePlacement::Automatic, ..Terms::default() };
        let mut draft = Draft::new(translated.clone(), model, &terms);
        for rule in RULES.iter().filter(|rule| Some(rule.name) != without) {
            (rule.apply)(&mut draft);
        }
        draft.finish().unwrap()
    }

    /// Each rule changes some request, and says so unless it has a reason not to.
    #[test]
    fn every_rule_does_something_and_says_so() {
        let (cases, models) = (cases(), models());
        let mut works: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
        for (_, translated) in &cases {
            for model in &models {
                let with = prepared(translated, model.as_ref(), None);
                for rule in &RULES {
                    let without = prepared(translated, model.as_ref(), Some(rule.name));
                    let told =
                        with.notices.iter().any(|notice| !without.notices.iter().any(|it| it == notice));
                    let entry = works.entry(rule.name).or_default();
                    entry.0 |= with.request != without.request;
                    entry.1 |= told;
                }
            }
        }
        for rule in &RULES {
            let (works, says) = works[rule.name];
            assert!(works, "no fixture needs `{}`", rule.name);
            assert!(says || rule.silent.is_some(), "`{}` says nothing", rule.name);
        }
    }

    /// The table of the documentation has each rule, and no other.
    #[test]
    fn the_documentation_has_every_rule() {
        let text = std::fs::read_to_string(root().join("../../docs/dialects.md")).unwrap();
        let (_, table) = text.split_once("\n## Repairs\n").unwrap();
        let table = table.split("\n## ").next().unwrap();
        let rows = table.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
        let first = rows.filter_map(|row| row.split(" | ").next());
        let named: Vec<&str> = first.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
        for rule in &RULES {
            assert!(named.contains(&rule.name), "`{}` is not in docs/dialects.md", rule.name);
        }
        for name in named {
            assert!(RULES.iter().any(|rule| rule.name == name), "`{name}` of docs/dialects.md is no rule");
        }
    }
}
