//! `outcrop keys`: who may use the gateway, made and revoked while it runs.

use std::io::Write;

use outcrop_gateway::keys::{FILE, Keys, KeysError, MadeKey, NewKey};
use serde_json::json;

use crate::args::{self, CreateKey, Global, KeyFolder};
use crate::failure::Failure;
use crate::paper;
use crate::problem::nearest;
use crate::running::data_dir;
use crate::settings::{Flags, Settings};

/// Runs `outcrop keys …`.
pub fn run(global: &Global, keys: &args::Keys) -> Result<(), Failure> {
    match keys {
        args::Keys::Create(create) => make(global, create),
        args::Keys::List { folder } => list(global, folder),
        args::Keys::Revoke { name, folder } => revoke(global, name, folder),
    }
}

fn make(global: &Global, create: &CreateKey) -> Result<(), Failure> {
    let CreateKey { name, models, profile, account, folder } = create;
    let settings = settings(global, folder)?;
    check_name(name, &settings)?;
    check_identifiers(models.iter().chain(profile), &settings)?;
    check_account(account.as_deref(), &settings)?;
    let key = NewKey {
        name: name.clone(),
        models: models.clone(),
        profile: profile.clone(),
        account: account.clone(),
    };
    let secret =
        super::block_on(async { open(global, &settings).await?.create(&key).await.map_err(failure) })??;
    if global.json {
        let made =
            json!({ "name": name, "key": secret, "models": models, "profile": profile, "account": account });
        return paper::json(&made);
    }
    writeln!(paper::out(), "{secret}")?;
    paper::say(&format!(
        "the key `{name}` is shown this once; send it as `Authorization: Bearer` or `x-api-key`. A gateway on {} takes it at once",
        data_dir(&settings, global.local).display()
    ));
    Ok(())
}

fn list(global: &Global, folder: &KeyFolder) -> Result<(), Failure> {
    let settings = settings(global, folder)?;
    let made = match data_dir(&settings, global.local).join(FILE).is_file() {
        true => super::block_on(async { open(global, &settings).await?.list().await.map_err(failure) })??,
        false => Vec::new(),
    };
    if global.json {
        return paper::json(&made);
    }
    if made.is_empty() {
        paper::say("no key was made yet: `outcrop keys create --name NAME`");
        return Ok(());
    }
    print(&made)
}

/// What a key that was made may name; empty when it may name everything.
pub async fn named(global: &Global, settings: &Settings, name: &str) -> Result<Vec<String>, Failure> {
    if settings.keys.iter().any(|key| key.name == name) {
        return Ok(Vec::new());
    }
    let unknown = || {
        Failure::new(format!("no key is called `{name}`"))
            .hint("`outcrop keys list` has those that were made")
    };
    if !data_dir(settings, global.local).join(FILE).is_file() {
        return Err(unknown());
    }
    let made = open(global, settings).await?.list().await.map_err(failure)?;
    let key = made.into_iter().find(|key| key.name == name && key.revoked.is_none()).ok_or_else(unknown)?;
    Ok(key.models.into_iter().chain(key.profile).collect())
}

fn print(made: &[MadeKey]) -> Result<(), Failure> {
    let mut table = paper::table();
    // Plain: a table counts the characters of colours, too.
    table.add_row(["NAME", "STATUS", "MADE", "MAY NAME", "PROFILE", "ACCOUNT"]);
    for MadeKey { name, created, revoked, models, profile, account } in made {
        let status = match revoked {
            Some(when) => format!("revoked {}", day(when)),
            None => "holds".to_owned(),
        };
        let models = if models.is_empty() { "everything".to_owned() } else { models.join(" ") };
        let [profile, account] = [profile, account].map(|it| it.as_deref().unwrap_or_default());
        table.add_row([name, &status, day(created), &models, profile, account]);
    }
    paper::print_table(&mut table)
}

/// The day of an RFC 3339 time.
fn day(time: &str) -> &str {
    time.split('T').next().unwrap_or(time)
}

fn revoke(global: &Global, name: &str, folder: &KeyFolder) -> Result<(), Failure> {
    let settings = settings(global, folder)?;
    let configured = settings.keys.iter().any(|key| key.name == name);
    let revoked =
        super::block_on(async { open(global, &settings).await?.revoke(name).await.map_err(failure) })?;
    match revoked {
        Err(Failure::Message { message, .. }) if configured => {
            let hint = format!("`{name}` stands in {}; remove it there", settings.file.unwrap_or_default());
            Err(Failure::new(message).hint(hint))
        }
        Err(other) => Err(other),
        Ok(()) if global.json => paper::json(&json!({ "name": name, "revoked": true })),
        Ok(()) => Ok(writeln!(paper::out(), "revoked {name}")?),
    }
}

fn settings(global: &Global, folder: &KeyFolder) -> Result<Settings, Failure> {
    let flags = Flags { data_dir: folder.data_dir.clone(), ..Flags::default() };
    Ok(Settings::load(global, &flags)?)
}

async fn open(global: &Global, settings: &Settings) -> Result<Keys, Failure> {
    Keys::open(&data_dir(settings, global.local)).await.map_err(failure)
}

/// The ledger goes by names, so two callers must not share one.
fn check_name(name: &str, settings: &Settings) -> Result<(), Failure> {
    /// A name stands in tables and in the ledger.
    const LONGEST: usize = 64;
    let is_plain = |c: char| c.is_alphanumeric() || "-_.@+".contains(c);
    if name.is_empty() || name.chars().count() > LONGEST || !name.chars().all(is_plain) {
        return Err(Failure::Usage {
            message: format!("`{name}` is no name for a key"),
            hint: format!("use at most {LONGEST} letters, digits and any of - _ . @ +"),
        });
    }
    if settings.keys.iter().any(|key| key.name == name) {
        let file = settings.file.as_deref().unwrap_or("the configuration");
        return Err(Failure::new(format!("there is a key `{name}` in {file}")).hint("choose another name"));
    }
    Ok(())
}

/// A key that is bound to an account is refused where the gateway does not know it.
fn check_account(account: Option<&str>, settings: &Settings) -> Result<(), Failure> {
    let known = &settings.accounts.accounts;
    let Some(unknown) = account.filter(|name| !known.contains_key(*name)) else { return Ok(()) };
    let failure = Failure::new(format!("the configuration has no account `{unknown}`"));
    Err(match nearest(unknown, known.keys().map(String::as_str)) {
        Some(meant) => failure.hint(format!("did you mean {meant}?")),
        None => failure.hint("add it under `accounts` of outcrop.yaml"),
    })
}

/// A key for something that nothing can be is no use to anybody.
fn check_identifiers<'a>(
    identifiers: impl Iterator<Item = &'a String>,
    settings: &Settings,
) -> Result<(), Failure> {
    let catalog = settings.catalog();
    for identifier in identifiers {
        super::explain::explained(&catalog, identifier, settings)?;
    }
    Ok(())
}

fn failure(error: KeysError) -> Failure {
    let hint = match &error {
        KeysError::Taken(_) => "revoke it first, or choose another name",
        KeysError::Unknown(_) => "`outcrop keys list` has those that were made",
        KeysError::File { .. } => "choose a writable folder: --data-dir DIR",
    };
    Failure::new(error.to_string()).hint(hint)
}
