//! STS's Query interface: who calls, and temporary credentials, which this emulator then accepts until they expire.

use std::collections::BTreeMap;

use jiff::Timestamp;
use outcrop_wire::xml::Element;

use super::iam::policy::{Decision, Policy, Question};
use super::iam::store::{Identities, Principal, Role};
use super::query::{Dialect, Form, unknown_action, validation};
use super::refusal::Refused;
use super::sessions::{Session, Sessions};
use crate::accounts::{Accounts, is_account};
use crate::exchange::Call;
use crate::reply::Reply;
use crate::state;

pub(super) const DIALECT: Dialect = Dialect { namespace: "https://sts.amazonaws.com/doc/2011-06-15/" };

/// Answers one request at the time `now`, in Unix seconds.
///
/// # Errors
/// STS's own codes.
pub(super) fn answer(
    accounts: &Accounts,
    call: &Call<'_>,
    caller: &Principal,
    now: i64,
) -> Result<Reply, Refused> {
    let form = Form::read(call.head.uri.query().unwrap_or_default(), call.body);
    let action = form.required("Action")?;
    let result = match action {
        "GetCallerIdentity" => {
            let identity = Element::new("").with("Arn", caller.arn()).with("UserId", caller.id());
            identity.with("Account", caller.account()).children
        }
        "AssumeRole" => assume_role(accounts, &form, caller, now)?,
        "GetSessionToken" => session_token(&accounts.first().sessions, &form, caller, now)?,
        _ => return Err(unknown_action(action)),
    };
    Ok(DIALECT.answer(action, Some(result), call.request_id))
}

fn assume_role(
    accounts: &Accounts,
    form: &Form,
    caller: &Principal,
    now: i64,
) -> Result<Vec<Element>, Refused> {
    let arn = form.required("RoleArn")?;
    let session_name = session_name(form)?;
    let tags = form.pairs("Tags", "Key", "Value");
    // In AWS's words a role that is not there is one that may not be assumed.
    let number = arn.split(':').nth(4).filter(|number| is_account(number));
    let number = number.ok_or_else(|| denied(caller, "sts:AssumeRole", arn))?;
    let (home, away) = (accounts.enter(caller.account())?, accounts.enter(number)?);
    let role = away.identities.lock().role_of(arn).cloned();
    let role = role.ok_or_else(|| denied(caller, "sts:AssumeRole", arn))?;
    is_trusted(&home.identities, caller, &role, arn, &context(form, session_name, &tags))?;
    let duration = form.number("DurationSeconds")?.unwrap_or(HOUR);
    if !(SHORTEST..=12 * HOUR).contains(&duration) || duration > role.max_session {
        let text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        return Err(validation(text));
    }
    if matches!(caller, Principal::Role { .. }) && duration > HOUR {
        let text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.";
        return Err(validation(text));
    }
    let principal = Principal::Role {
        account: number.to_owned(),
        name: role.name.clone(),
        id: format!("{}:{session_name}", role.id),
        session: session_name.to_owned(),
        tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    };
    let user =
        Element::new("AssumedRoleUser").with("AssumedRoleId", principal.id()).with("Arn", principal.arn());
    let session = new_session(principal, now.saturating_add_unsigned(duration));
    let answer = vec![credentials(&session), user];
    away.sessions.begin(session, now);
    Ok(answer)
}

/// Whether a role's trust policy and the caller's own policies let the caller assume it.
///
/// Trust in a whole account leaves the decision to that account: to the caller's own policies. They also decide where the role is in
/// another account, whoever is named; a deny in them always counts.
/// Source: IAM's user guide, "Cross-account policy evaluation logic".
fn is_trusted(
    home: &Identities,
    caller: &Principal,
    role: &Role,
    arn: &str,
    asked: &Context,
) -> Result<(), Refused> {
    let refused = |action| Err(denied(caller, action, arn));
    let Ok(trust) = Policy::parse(&role.trust) else { return refused("sts:AssumeRole") };
    let inner = home.lock();
    let mut context = inner.context_of(caller);
    context.extend(asked.iter().map(|(key, values)| (key.clone(), values.clone())));
    let names = inner.names_of(caller);
    let principals: Vec<(&str, &str)> = names.iter().map(|name| ("AWS", name.as_str())).collect();
    let ask = |action| Question { action, resource: arn, principals: &principals, context: &context };
    let actions = ["sts:AssumeRole", "sts:TagSession"];
    let wanted = if asked.contains_key(TAG_KEYS) { &actions[..] } else { &actions[..1] };
    for action in wanted {
        if trust.decide(&ask(action)) != Decision::Allowed {
            return refused(action);
        }
        let own = inner.decide(caller, &Question { principals: &[], ..ask(action) });
        let is_away = inner.account != arn.split(':').nth(4).unwrap_or_default();
        // The account and its root do not name anybody in it.
        let is_named = names.iter().take(names.len() - 2).any(|name| trust.names(name));
        if own == Decision::ExplicitDeny || (own != Decision::Allowed && (is_away || !is_named)) {
            return refused(action);
        }
    }
    Ok(())
}

fn denied(caller: &Principal, action: &str, arn: &str) -> Refused {
    let text = format!("User: {} is not authorized to perform: {action} on resource: {arn}", caller.arn());
    Refused::new(403, "AccessDenied", text)
}

/// In seconds.
const HOUR: u64 = 3600;
/// The shortest session there is, in seconds.
const SHORTEST: u64 = 900;

fn session_token(
    sessions: &Sessions,
    form: &Form,
    caller: &Principal,
    now: i64,
) -> Result<Vec<Element>, Refused> {
    if matches!(caller, Principal::Role { .. }) {
        return Err(Refused::new(
            403,
            "AccessDenied",
            "Cannot call GetSessionToken with session credentials",
        ));
    }
    let duration = form.number("DurationSeconds")?.unwrap_or(12 * HOUR);
    if !(SHORTEST..=36 * HOUR).contains(&duration) {
        return Err(validation("DurationSeconds must be between 900 and 129600 seconds."));
    }
    let session = new_session(caller.clone(), now.saturating_add_unsigned(duration));
    let answer = vec![credentials(&session)];
    sessions.begin(session, now);
    Ok(answer)
}

fn new_session(principal: Principal, expires: i64) -> Session {
    Session {
        access_key_id: format!("ASIA{}", state::random_id(state::BASE36_UPPER, 16)),
        secret: state::random_id(state::BASE62, 40),
        token: state::random_id(state::BASE62, 240),
        expires,
        principal,
    }
}

fn credentials(session: &Session) -> Element {
    let expires = Timestamp::from_second(session.expires).unwrap_or(Timestamp::MAX);
    Element::new("Credentials")
        .with("AccessKeyId", &session.access_key_id)
        .with("SecretAccessKey", &session.secret)
        .with("SessionToken", &session.token)
        .with("Expiration", expires.strftime("%Y-%m-%dT%H:%M:%SZ"))
}

/// `[\w+=,.@-]*`, 2 to 64 characters.
fn session_name(form: &Form) -> Result<&str, Refused> {
    let name = form.required("RoleSessionName")?;
    let is_legal = (2..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte));
    if is_legal {
        return Ok(name);
    }
    Err(validation(format!(
        "1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: [\\w+=,.@-]*"
    )))
}

/// Condition keys, in lower case, and their values.
type Context = BTreeMap<String, Vec<String>>;

/// The condition key of a session's tags.
const TAG_KEYS: &str = "aws:tagkeys";

/// What a trust policy can ask of the request.
fn context(form: &Form, session_name: &str, tags: &[(&str, &str)]) -> Context {
    let mut context = Context::from([("sts:rolesessionname".to_owned(), vec![session_name.to_owned()])]);
    if let Some(id) = form.text("ExternalId") {
        context.insert("sts:externalid".to_owned(), vec![id.to_owned()]);
    }
    if !tags.is_empty() {
        context.insert(TAG_KEYS.to_owned(), tags.iter().map(|(key, _)| (*key).to_owned()).collect());
    }
    for (key, value) in tags {
        context.insert(format!("aws:requesttag/{}", key.to_ascii_lowercase()), vec![(*value).to_owned()]);
    }
    context
}
