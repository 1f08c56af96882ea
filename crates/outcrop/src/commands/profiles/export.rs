//! `outcrop profiles import|export`: the account's profiles as a file, for ourselves, Terraform or CloudFormation.
//!
//! AWS does not tell what a profile was copied from. What is written is a source whose copy routes to the same models, so
//! that `outcrop profiles plan` finds nothing to do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use outcrop_bedrock::control::InferenceProfile;
use outcrop_catalog::ApplicationProfile;
use serde::Serialize;
use serde_json::{Value, json};

use super::account::Account;
use super::entry::Entry;
use super::plan;
use super::source::{self, Origins, partition};
use crate::args::{Export, ExportFormat, Global, Import};
use crate::commands::confirm::confirm;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::{paper, progress};

/// Writes `profiles.yaml` from what is there.
pub async fn import(global: &Global, settings: &Settings, import: &Import) -> Result<(), Failure> {
    let Import { file, regions, filter, yes } = import;
    let (found, left_out) = look(settings, regions, filter.as_deref()).await?;
    match file {
        None if global.json => paper::json(&found)?,
        None => print(&yaml(&found))?,
        Some(path) => {
            if path.exists() {
                confirm(*yes, &format!("overwrite {}", path.display()))?;
            }
            write(path, &yaml(&found))?;
            paper::say(&format!("{} profiles are in {}", found.len(), path.display()));
        }
    }
    report(&left_out)
}

/// Prints what is there in another tool's language.
pub async fn export(global: &Global, settings: &Settings, export: &Export) -> Result<(), Failure> {
    let Export { format, regions, filter } = export;
    let (found, left_out) = look(settings, regions, filter.as_deref()).await?;
    match format {
        _ if global.json => paper::json(&found)?,
        ExportFormat::Yaml => print(&yaml(&found))?,
        ExportFormat::Terraform => print(&terraform(&found))?,
        ExportFormat::Cloudformation => {
            one_region(&found)?;
            paper::json(&cloudformation(&found))?;
        }
    }
    report(&left_out)
}

/// A profile that can be made again.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    name: String,
    region: String,
    account: String,
    arn: String,
    id: String,
    /// A model id or a system profile id.
    from: String,
    /// The same as an ARN.
    from_arn: String,
    /// Other sources whose copies would route alike.
    or_from: Vec<String>,
    description: Option<String>,
    tags: BTreeMap<String, String>,
}

/// Everything in the Regions asked for (or that of the configuration), and why the rest cannot be made again.
async fn look(
    settings: &Settings,
    regions: &[String],
    filter: Option<&str>,
) -> Result<(Vec<Found>, Vec<String>), Failure> {
    let regions: BTreeSet<&str> = match regions {
        [] => BTreeSet::from([settings.region.value.as_str()]),
        some => some.iter().map(String::as_str).collect(),
    };
    let (mut found, mut left_out) = (Vec::new(), Vec::new());
    for region in regions {
        let account = Account::open(settings, region).await?;
        let own = account.own().await?;
        let chosen = own
            .into_iter()
            .filter(|profile| filter.is_none_or(|text| Entry::of_aws(profile.clone(), None).holds(text)));
        let chosen: Vec<_> = chosen.collect();
        let bar = progress::bar(chosen.len() as u64, &format!("reading the profiles of {region}"));
        for profile in chosen {
            bar.inc(1);
            let tags = account.tags(&profile.inference_profile_arn).await?;
            match Found::of(profile, tags, region) {
                Ok(it) => found.push(it),
                Err(why) => left_out.push(why),
            }
        }
        bar.finish_and_clear();
    }
    Ok((found, left_out))
}

impl Found {
    fn of(profile: InferenceProfile, tags: BTreeMap<String, String>, region: &str) -> Result<Self, String> {
        let id = profile.id().to_owned();
        let account = profile.account().unwrap_or_default().to_owned();
        let InferenceProfile { inference_profile_arn: arn, inference_profile_name, description, .. } =
            profile.clone();
        let name = inference_profile_name.unwrap_or_else(|| id.clone());
        let origins = source::origins(ApplicationProfile::from(profile), region);
        let Some(Origins { model, mut same }) = origins else {
            return Err(format!("{name} ({arn}): the model behind it is not known"));
        };
        if same.is_empty() {
            return Err(format!("{name} ({arn}): nothing that can be copied routes {model} as it does"));
        }
        let from = same.remove(0);
        let from_arn = if from == model {
            format!("arn:{}:bedrock:{region}::foundation-model/{model}", partition(region))
        } else {
            format!("arn:{}:bedrock:{region}:{account}:inference-profile/{from}", partition(region))
        };
        // AWS's own tags cannot be set by anybody else, and ours are not for a file.
        let tags = tags.into_iter().filter(|(key, _)| !plan::is_reserved(key)).collect();
        Ok(Self {
            name,
            region: region.to_owned(),
            account,
            arn,
            id,
            from,
            from_arn,
            or_from: same,
            description,
            tags,
        })
    }
}

fn report(left_out: &[String]) -> Result<(), Failure> {
    left_out.iter().for_each(|why| paper::say(why));
    match left_out {
        [] => Ok(()),
        some => Err(Failure::new(format!("{} profiles were left out", some.len()))
            .hint("keep them as they are: `apply` without --prune does not touch them")),
    }
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = paper::out();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Beside it first, so that a crash leaves the old file or the new one.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let beside = path.with_extension("yaml.new");
    std::fs::write(&beside, text)
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(|error| Failure::new(format!("{} cannot be written: {error}", path.display())))
}

/// A JSON string is a YAML string and, since no legal text holds `$` or `%`, an HCL string.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// `profiles.yaml`
fn yaml(found: &[Found]) -> String {
    let mut text = String::from("profiles:");
    if found.is_empty() {
        text.push_str(" []");
    }
    text.push('\n');
    for Found { name, region, account, arn: _, id: _, from, from_arn: _, or_from, description, tags } in found
    {
        let alike = match or_from.as_slice() {
            [] => String::new(),
            some => format!("  # routes like {} too", some.join(", ")),
        };
        _ = writeln!(text, "  - name: {}", quoted(name));
        _ = writeln!(text, "    from: {}{alike}", quoted(from));
        _ = writeln!(text, "    region: {region}");
        _ = writeln!(text, "    account: {}", quoted(account));
        if let Some(description) = description {
            _ = writeln!(text, "    description: {}", quoted(description));
        }
        let pairs: Vec<_> =
            tags.iter().map(|(key, value)| format!("{}: {}", quoted(key), quoted(value))).collect();
        _ = writeln!(text, "    tags: {{{}}}", pairs.join(", "));
    }
    text
}

/// One resource and one `import` block a profile: `terraform plan` takes over what is there.
fn terraform(found: &[Found]) -> String {
    let mut text = String::from(
        "# Terraform 1.5 or newer takes over what exists by the import blocks; `region` and `@REGION` need the AWS provider 6 or newer.\n",
    );
    let mut labels = BTreeSet::new();
    for it in found {
        let label = unused(&mut labels, label(&it.name), '_');
        let Found { name, region, id, from_arn, description, tags, .. } = it;
        _ = write!(
            text,
            "\nimport {{\n  to = aws_bedrock_inference_profile.{label}\n  id = {}\n}}\n",
            quoted(&format!("{id}@{region}"))
        );
        _ = write!(
            text,
            "\nresource \"aws_bedrock_inference_profile\" \"{label}\" {{\n  name        = {}\n  region      = {}\n",
            quoted(name),
            quoted(region)
        );
        if let Some(description) = description {
            _ = writeln!(text, "  description = {}", quoted(description));
        }
        _ = write!(text, "\n  model_source {{\n    copy_from = {}\n  }}\n", quoted(from_arn));
        if !tags.is_empty() {
            text.push_str("\n  tags = {\n");
            for (key, value) in tags {
                _ = writeln!(text, "    {} = {}", quoted(key), quoted(value));
            }
            text.push_str("  }\n");
        }
        text.push_str("}\n");
    }
    text
}

/// Letters, digits and underscores, beginning with a letter.
fn label(name: &str) -> String {
    let legal: String =
        name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if legal.starts_with(|c: char| c.is_ascii_alphabetic()) { legal } else { format!("profile_{legal}") }
}

fn unused(taken: &mut BTreeSet<String>, name: String, between: char) -> String {
    let numbered = (2..).map(|number| match between {
        '_' => format!("{name}_{number}"),
        _ => format!("{name}{number}"),
    });
    let free = std::iter::once(name.clone()).chain(numbered).find(|name| !taken.contains(name));
    let free = free.expect("there are more numbers than profiles");
    taken.insert(free.clone());
    free
}

/// A stack lives in one Region.
fn one_region(found: &[Found]) -> Result<(), Failure> {
    let regions: BTreeSet<&str> = found.iter().map(|it| it.region.as_str()).collect();
    match regions.len() {
        0 | 1 => Ok(()),
        _ => Err(Failure::new("a CloudFormation stack lives in one Region")
            .hint("export one Region at a time: --region")),
    }
}

fn cloudformation(found: &[Found]) -> Value {
    let (mut resources, mut outputs) = (BTreeMap::new(), BTreeMap::new());
    let mut ids = BTreeSet::new();
    for it in found {
        let words = it.name.split(|c: char| !c.is_ascii_alphanumeric());
        let camel: String = words
            .flat_map(|word| {
                let mut letters = word.chars();
                letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters)
            })
            .collect();
        let id = unused(&mut ids, format!("Profile{camel}"), '\0');
        let tags: Vec<_> = it.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        let mut properties = json!({
            "InferenceProfileName": it.name,
            "ModelSource": { "CopyFrom": it.from_arn },
        });
        if let Some(description) = &it.description {
            properties["Description"] = json!(description);
        }
        if !tags.is_empty() {
            properties["Tags"] = json!(tags);
        }
        resources.insert(
            id.clone(),
            json!({
                "Type": "AWS::Bedrock::ApplicationInferenceProfile",
                // What exists can be imported into a stack only so, and a deleted stack breaks nobody.
                "DeletionPolicy": "Retain",
                "UpdateReplacePolicy": "Retain",
                "Properties": properties,
            }),
        );
        outputs.insert(format!("{id}Arn"), json!({ "Value": { "Fn::GetAtt": [id, "InferenceProfileArn"] } }));
    }
    json!({ "AWSTemplateFormatVersion": "2010-09-09", "Resources": resources, "Outputs": outputs })
}
