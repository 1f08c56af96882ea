//! Files, variables and credentials, through the binary.

use serde_json::{Value, json};

use super::{Verdict, same};
use crate::outcrop::{Outcrop, Run};

/// `${VAR}`: the text as an alias' target comes out as LibreChat's function returns it.
pub fn expansion(row: &Value) -> Verdict {
    let input = row["input"].as_str().or(row["input"][0].as_str()).expect("a text");
    if row["fn"] == "isSensitiveEnvVar" {
        let shown = with_alias(&format!("${{{input}}}")).env(input, "value").run();
        return same("refused", &(shown.code != 0), &row["expected"].as_bool().expect("a verdict"));
    }
    let mut outcrop = with_alias(input);
    for (name, value) in row["env"].as_object().into_iter().flatten() {
        outcrop = outcrop.env(name, value.as_str().unwrap_or_default());
    }
    let run = outcrop.run();
    let expected = row["expected"].as_str().unwrap_or_default();
    if expected.is_empty() && run.stderr.contains("`aliases.it` is empty") {
        return Ok(()); // expanded to nothing, which is then no identifier
    }
    let shown = document(run)?;
    same("text", &shown["layers"][0]["aliases"]["it"].as_str().unwrap_or_default(), &expected)
}

fn with_alias(text: &str) -> Outcrop {
    let file = json!({ "aliases": { "it": text } }).to_string();
    Outcrop::new(&["config", "show", "--json"]).file("outcrop.yaml", &file)
}

fn document(run: Run) -> Result<Value, String> {
    if run.code != 0 {
        return Err(run.stderr);
    }
    Ok(serde_json::from_str(&run.stdout).expect("JSON"))
}

/// `endpoints.bedrock`: taken or refused as LibreChat's schema does. Every JSON document is a YAML document.
pub fn schema(row: &Value) -> Verdict {
    let run = Outcrop::new(&["config", "check"]).file("librechat.yaml", &row["input"].to_string()).run();
    same("accepted", &(run.code == 0), &row["ok"].as_bool().expect("a verdict"))
}

/// What is configured: credentials by their source, Region, address, profile and guardrail. Parameters are in
/// [`super::parameters`], and the pace of a stream is the chat application's.
pub fn initialize(row: &Value) -> Verdict {
    let input = &row["input"];
    let mut outcrop = Outcrop::new(&["config", "show", "--resolved", "--json"]);
    if input["yaml_endpoints_bedrock"].is_object() {
        let file = json!({ "endpoints": { "bedrock": input["yaml_endpoints_bedrock"] } });
        outcrop = outcrop.file("librechat.yaml", &file.to_string());
    }
    for (name, value) in row["env"].as_object().into_iter().flatten() {
        outcrop = outcrop.env(name, value.as_str().unwrap_or_default());
    }
    let run = outcrop.run();
    if let Some(error) = row["error"].as_str() {
        return if run.code != 0 && run.stderr.contains(error) {
            Ok(())
        } else {
            Err(format!("not refused: {error}"))
        };
    }
    let shown = document(run)?;
    let theirs = &row["expected"]["llmConfig"];
    same("region", &shown["region"]["value"], &theirs["region"])?;
    same("credentials", &kind_of_ours(&shown), &kind_of_theirs(theirs))?;
    let ours = shown["upstream"]["runtime"]["value"].as_str().map(|url| url.trim_start_matches("https://"));
    let host = theirs["endpointHost"].as_str().or(theirs["client"]["endpointHost"].as_str());
    same("address", &ours, &host)?;
    if theirs["client"]["requestHandler"].is_object() {
        return Err("it goes through a proxy".to_owned());
    }
    same(
        "profile",
        &profile_of(&shown, theirs["model"].as_str().unwrap_or_default()),
        &theirs["applicationInferenceProfile"].as_str(),
    )?;
    same("guardrail", &shown["guardrail"], &theirs["guardrailConfig"])
}

fn profile_of<'a>(shown: &'a Value, model: &str) -> Option<&'a str> {
    shown["layers"][0]["inferenceProfiles"][model].as_str()
}

fn kind_of_ours(shown: &Value) -> &'static str {
    let described = shown["credentials"].as_str().unwrap_or_default();
    [
        ("API key", "bearer"),
        ("access keys", "keys"),
        ("profile `", "profile"),
        ("chain", "chain"),
        ("none", "none"),
    ]
    .into_iter()
    .find(|(word, _)| described.contains(word))
    .map_or("?", |(_, kind)| kind)
}

fn kind_of_theirs(config: &Value) -> &'static str {
    let has = |name: &str| !config[name].is_null() || !config["client"][name].is_null();
    match () {
        () if has("token") => "bearer",
        () if has("credentials") => "keys",
        () if has("profile") => "profile",
        () => "chain",
    }
}

/// `BEDROCK_AWS_MODELS` and the file's list: what is offered, in order.
pub fn model_list(row: &Value) -> Verdict {
    match row["fn"].as_str().expect("a name") {
        "getBedrockModels" if row["env"]["BEDROCK_AWS_MODELS"].is_string() => {
            let shown = document(with_variables(&row["env"]).run())?;
            same("models", &shown["layers"][0]["models"], &row["expected"])
        }
        "endpointsConfig.bedrock.availableRegions" => {
            let file =
                json!({ "endpoints": { "bedrock": { "availableRegions": row["input"] } } }).to_string();
            let outcrop = Outcrop::new(&["config", "show", "--json"]).file("librechat.yaml", &file);
            same("regions", &document(outcrop.run())?["availableRegions"], &row["expected"])
        }
        "appConfig.bedrock" => {
            let file = json!({ "endpoints": { "bedrock": row["input"] } }).to_string();
            let run = Outcrop::new(&["config", "check"]).file("librechat.yaml", &file).run();
            same("taken", &run.code, &0)
        }
        other => Err(format!("{other}: LibreChat's own list or user interface")),
    }
}

fn with_variables(variables: &Value) -> Outcrop {
    let outcrop = Outcrop::new(&["config", "show", "--json"]);
    let pairs = variables.as_object().into_iter().flatten();
    pairs.fold(outcrop, |outcrop, (name, value)| outcrop.env(name, value.as_str().unwrap_or_default()))
}

/// A friendly name's model is known and has the abilities of the table; the environment chooses the credentials and Region.
pub fn better_chatbot(row: &Value) -> Verdict {
    if row["fn"] == "alias" {
        let id = row["expected"]["model_id"].as_str().expect("an id");
        let run = Outcrop::new(&["explain", id, "--json", "--offline", "--region", "us-east-1"]).run();
        let ours = document(run)?;
        same("target", &ours["target"].as_str(), &Some(id))?;
        same("images", &ours["capabilities"]["images"], &row["expected"]["image_input"])?;
        return same("tools", &ours["capabilities"]["tools"], &row["expected"]["tool_calling_in_doc"]);
    }
    let run = with_variables(&row["env"]).run();
    match &row["expected"] {
        Value::String(text) if text.starts_with("error") => same("refused", &(run.code != 0), &true),
        Value::String(_) => {
            Err("Better Chatbot disables the provider; here AWS's own chain is next".to_owned())
        }
        expected => {
            let shown = document(run)?;
            let temporary = shown["credentials"].as_str().is_some_and(|it| it.starts_with("temporary"));
            same("session token", &temporary, &expected["sessionToken"].is_string())?;
            same("region", &shown["region"]["value"], &expected["region"])
        }
    }
}
