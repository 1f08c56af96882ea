//! A resolution as `outcrop explain --json` prints it: every key is there, unknown is `null`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::lane::Lanes;
use crate::resolve::{ResolvedProfile, Surface, Why};
use crate::{
    Beta, Kind, Limits, LongContext, ParameterRule, Price, PromptCaching, Reasoning, ReasoningMode,
    Resolution, Verdict,
};

/// The contract of `explain --json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation<'a> {
    identifier: &'a str,
    kind: Kind,
    target: &'a str,
    surface: Surface,
    lanes: Lanes<'a>,
    model: Option<&'a str>,
    model_name: Option<&'a str>,
    publisher: Option<&'a str>,
    profile: Option<&'a ResolvedProfile>,
    source_region: Option<&'a str>,
    destination_regions: Option<&'a [String]>,
    residency: Option<&'a Verdict>,
    capabilities: Abilities<'a>,
    parameters: Settings<'a>,
    betas: Option<&'a BTreeMap<String, Beta>>,
    limits: Limits,
    price: Rates<'a>,
    lifecycle: Option<&'a str>,
    why: &'a [Why],
    notices: &'a [String],
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Abilities<'a> {
    streaming: Option<bool>,
    tools: Option<bool>,
    forced_tools: Option<bool>,
    images: Option<bool>,
    documents: Option<bool>,
    video: Option<bool>,
    reasoning: Thinking<'a>,
    prompt_caching: Caching<'a>,
    structured_output: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Thinking<'a> {
    mode: Option<ReasoningMode>,
    min_budget: Option<u32>,
    always_on: Option<bool>,
    efforts: Option<&'a [String]>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Caching<'a> {
    supported: Option<bool>,
    min_tokens: Option<u32>,
    max_points: Option<u32>,
    ttls: Option<&'a [String]>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Settings<'a> {
    temperature: Option<&'a ParameterRule>,
    top_p: Option<&'a ParameterRule>,
    top_k: Option<&'a ParameterRule>,
    stop_sequences: Option<&'a ParameterRule>,
    conflicts: Option<&'a [Vec<String>]>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rates<'a> {
    currency: Option<&'a str>,
    unit: Option<&'a str>,
    input: Option<f64>,
    output: Option<f64>,
    cache_read: Option<f64>,
    #[serde(rename = "cacheWrite5m")]
    cache_write_5m: Option<f64>,
    #[serde(rename = "cacheWrite1h")]
    cache_write_1h: Option<f64>,
    batch_input: Option<f64>,
    batch_output: Option<f64>,
    tiers: Option<&'a BTreeMap<String, crate::Rates>>,
    long_context: Option<&'a [LongContext]>,
    per_piece: Option<&'a BTreeMap<String, f64>>,
}

impl Resolution {
    /// The resolution in the shape of `explain --json`.
    pub fn explain(&self) -> Explanation<'_> {
        self.explain_under(false)
    }

    /// The same; `converse_only` is the configuration's `lane: converse`.
    pub fn explain_under(&self, converse_only: bool) -> Explanation<'_> {
        let Self {
            identifier,
            kind,
            target,
            surface,
            model,
            profile,
            source_region,
            destination_regions,
            price,
            residency,
            why,
            notices,
            needs_lookup: _,
        } = self;
        let model = model.as_deref();
        Explanation {
            identifier,
            kind: *kind,
            target,
            surface: *surface,
            lanes: Lanes::of(self, converse_only),
            model: model.map(|model| model.id.as_str()),
            model_name: model.and_then(|model| model.name.as_deref()),
            publisher: model.and_then(|model| model.publisher.as_deref()),
            profile: profile.as_ref(),
            source_region: Some(source_region.as_str()).filter(|region| !region.is_empty()),
            destination_regions: Some(destination_regions.as_slice()).filter(|regions| !regions.is_empty()),
            residency: residency.as_ref(),
            capabilities: model.map(|model| Abilities::of(&model.capabilities)).unwrap_or_default(),
            parameters: model.map(|model| Settings::of(&model.parameters)).unwrap_or_default(),
            betas: model.map(|model| &model.betas).filter(|betas| !betas.is_empty()),
            limits: model.map(|model| model.limits).unwrap_or_default(),
            price: price.as_ref().map(Rates::of).unwrap_or_default(),
            lifecycle: model.and_then(|model| model.lifecycle.as_deref()),
            why,
            notices,
        }
    }
}

impl<'a> Abilities<'a> {
    fn of(capabilities: &'a crate::Capabilities) -> Self {
        let crate::Capabilities {
            streaming,
            tools,
            forced_tools,
            images,
            documents,
            video,
            reasoning,
            prompt_caching,
            structured_output,
        } = capabilities;
        Self {
            streaming: *streaming,
            tools: *tools,
            forced_tools: *forced_tools,
            images: *images,
            documents: *documents,
            video: *video,
            reasoning: reasoning.as_ref().map(Thinking::of).unwrap_or_default(),
            prompt_caching: prompt_caching.as_ref().map(Caching::of).unwrap_or_default(),
            structured_output: *structured_output,
        }
    }
}

impl<'a> Thinking<'a> {
    fn of(reasoning: &'a Reasoning) -> Self {
        let Reasoning { mode, min_budget, always_on, efforts } = reasoning;
        Self {
            mode: Some(*mode),
            min_budget: *min_budget,
            always_on: Some(*always_on),
            efforts: Some(efforts),
        }
    }
}

impl<'a> Caching<'a> {
    fn of(caching: &'a PromptCaching) -> Self {
        let PromptCaching { supported, min_tokens, max_points, ttls } = caching;
        Self {
            supported: Some(*supported),
            min_tokens: *min_tokens,
            max_points: *max_points,
            ttls: Some(ttls),
        }
    }
}

impl<'a> Rates<'a> {
    fn of(price: &'a Price) -> Self {
        let Price {
            currency,
            unit,
            input,
            output,
            cache_read,
            cache_write_5m,
            cache_write_1h,
            batch_input,
            batch_output,
            tiers,
            long_context,
            per_piece,
        } = price;
        Self {
            currency: Some(currency),
            unit: Some(unit),
            input: *input,
            output: *output,
            cache_read: *cache_read,
            cache_write_5m: *cache_write_5m,
            cache_write_1h: *cache_write_1h,
            batch_input: *batch_input,
            batch_output: *batch_output,
            tiers: Some(tiers),
            long_context: Some(long_context),
            per_piece: Some(per_piece),
        }
    }
}

impl<'a> Settings<'a> {
    fn of(parameters: &'a crate::Parameters) -> Self {
        let crate::Parameters { temperature, top_p, top_k, stop_sequences, conflicts } = parameters;
        Self {
            temperature: temperature.as_ref(),
            top_p: top_p.as_ref(),
            top_k: top_k.as_ref(),
            stop_sequences: stop_sequences.as_ref(),
            conflicts: Some(conflicts),
        }
    }
}
