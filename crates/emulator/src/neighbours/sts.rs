//! STS's Query interface: who calls, and temporary credentials, which this emulator then accepts until they expire.

use std::collections::BTreeMap;

use jiff::Timestamp;
use outcrop_wire::xml::Element;

use super::Caller;
use super::iam::policy::{Decision, Policy, Question};
use super::iam::store::{Identities, Inner, Principal, Session};
use super::query::{Dialect, Form, unknown_action, validation};
use super::refusal::Refused;
use crate::exchange::Call;
use crate::reply::Reply;
use crate::{ACCOUNT, state};

pub(super) const DIALECT: Dialect = Dialect { namespace: "https://sts.amazonaws.com/doc/2011-06-15/" };

/// Answers one request at the time `now`, in Unix seconds.
///
/// # Errors
/// STS's own codes.
pub(super) fn answer(
    identities: &Identities,
    call: &Call<'_>,
    caller: &Caller,
    now: i64,
) -> Result<Reply, Refused> {
    let form = Form::read(call.head.uri.query().unwrap_or_default(), call.body);
    let action = form.required("Action")?;
    let result = match action {
        "GetCallerIdentity" => {
            let identity =
                Element::new("").with("Arn", caller.principal.arn()).with("UserId", caller.principal.id());
            identity.with("Account", ACCOUNT).children
        }
        "AssumeRole" => assume_role(&mut identities.lock(), &form, &caller.principal, now)?,
        "GetSessionToken" => session_token(&mut identities.lock(), &form, &caller.principal, now)?,
        _ => return Err(unknown_action(action)),
    };
    Ok(DIALECT.answer(action, Some(result), call.request_id))
}

fn assume_role(
    inner: &mut Inner,
    form: &Form,
    caller: &Principal,
    now: i64,
) -> Result<Vec<Element>, Refused> {
    let arn = form.required("RoleArn")?;
    let session_name = session_name(form)?;
    let asking = caller.arn();
    let denied = |action: &str| {
        let text = format!("User: {asking} is not authorized to perform: {action} on resource: {arn}");
        Refused::new(403, "AccessDenied", text)
    };
    let tags = form.pairs("Tags", "Key", "Value");
    let context = context(form, &asking, session_name, &tags);
    let role = inner.role_of(arn).ok_or_else(|| denied("sts:AssumeRole"))?;
    let trust = Policy::parse(&role.trust).map_err(|_| denied("sts:AssumeRole"))?;
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    let principals = [("AWS", asking.as_str()), ("AWS", root.as_str()), ("AWS", ACCOUNT)];
    let ask = |action| Question { action, resource: arn, principals: &principals, context: &context };
    if trust.decide(&ask("sts:AssumeRole")) != Decision::Allowed {
        return Err(denied("sts:AssumeRole"));
    }
    if !tags.is_empty() && trust.decide(&ask("sts:TagSession")) != Decision::Allowed {
        return Err(denied("sts:TagSession"));
    }
    // Trust in the whole account leaves the decision to the caller's own policies; a deny there always counts.
    let own = inner.decide(caller, &Question { principals: &[], ..ask("sts:AssumeRole") });
    if own == Decision::ExplicitDeny || (own != Decision::Allowed && !trust.names(&asking)) {
        return Err(denied("sts:AssumeRole"));
    }
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
        name: role.name.clone(),
        id: format!("{}:{session_name}", role.id),
        session: session_name.to_owned(),
        tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    };
    let user =
        Element::new("AssumedRoleUser").with("AssumedRoleId", principal.id()).with("Arn", principal.arn());
    let session = new_session(principal, now.saturating_add_unsigned(duration));
    let answer = vec![credentials(&session), user];
    inner.begin(session, now);
    Ok(answer)
}

/// In seconds.
const HOUR: u64 = 3600;
/// The shortest session there is, in seconds.
const SHORTEST: u64 = 900;

fn session_token(
    inner: &mut Inner,
    form: &Form,
    caller: &Principal,
    now: i64,
) -> Result<Vec<Element>, Refused> {
    if *caller != Principal::User {
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
    let session = new_session(Principal::User, now.saturating_add_unsigned(duration));
    let answer = vec![credentials(&session)];
    inner.begin(session, now);
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

fn context(
    form: &Form,
    asking: &str,
    session_name: &str,
    tags: &[(&str, &str)],
) -> BTreeMap<String, Vec<String>> {
    let mut context = BTreeMap::from([
        ("aws:principalarn".to_owned(), vec![asking.to_owned()]),
        ("aws:principalaccount".to_owned(), vec![ACCOUNT.to_owned()]),
        ("sts:rolesessionname".to_owned(), vec![session_name.to_owned()]),
    ]);
    if let Some(id) = form.text("ExternalId") {
        context.insert("sts:externalid".to_owned(), vec![id.to_owned()]);
    }
    if !tags.is_empty() {
        context.insert("aws:tagkeys".to_owned(), tags.iter().map(|(key, _)| (*key).to_owned()).collect());
    }
    for (key, value) in tags {
        context.insert(format!("aws:requesttag/{}", key.to_ascii_lowercase()), vec![(*value).to_owned()]);
    }
    context
}
