//! IAM's Query interface: roles with inline policies, the one user, and the policy simulator.

pub(crate) mod policy;
pub(crate) mod store;
mod variables;

use std::collections::BTreeMap;

use jiff::Timestamp;
use outcrop_wire::xml::Element;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use self::policy::{Decision, Policy, Question, decide};
use self::store::{ADMINISTRATOR, Grants, Identities, Inner, Role, USER, USER_ID, user_arn};
use super::denials::Denials;
use super::query::{Dialect, Form, unknown_action, validation};
use super::refusal::Refused;
use crate::exchange::Call;
use crate::reply::Reply;
use crate::state;

pub(super) const DIALECT: Dialect = Dialect { namespace: "https://iam.amazonaws.com/doc/2010-05-08/" };

/// Answers one request.
///
/// # Errors
/// IAM's own codes.
pub(super) fn answer(
    identities: &Identities,
    organisation: &Denials,
    call: &Call<'_>,
) -> Result<Reply, Refused> {
    let form = Form::read(call.head.uri.query().unwrap_or_default(), call.body);
    let action = form.required("Action")?;
    let mut inner = identities.lock();
    let result = perform(&mut inner, organisation, action, &form)?;
    Ok(DIALECT.answer(action, result, call.request_id))
}

type Answer = Result<Option<Vec<Element>>, Refused>;

fn perform(inner: &mut Inner, organisation: &Denials, action: &str, form: &Form) -> Answer {
    match action {
        "CreateRole" => create_role(inner, form),
        "GetRole" => {
            let account = inner.account.clone();
            Ok(Some(vec![described(&account, role(inner, form)?)]))
        }
        "ListRoles" => list_roles(inner, form),
        "UpdateAssumeRolePolicy" => {
            let document = document(form)?;
            role(inner, form)?.trust = document;
            Ok(None)
        }
        "DeleteRole" => delete_role(inner, form),
        "GetUser" => get_user(&inner.account, form),
        "SimulatePrincipalPolicy" => simulate(inner, organisation, form),
        _ => match action.find("Role").or_else(|| action.find("User")) {
            Some(_) => policies(inner, action, form),
            None => Err(unknown_action(action)),
        },
    }
}

/// The operations on policies, which roles and users have alike.
fn policies(inner: &mut Inner, action: &str, form: &Form) -> Answer {
    let (operation, grants, owner) = match action.contains("Role") {
        true => (
            action.replace("Role", ""),
            &mut role(inner, form)?.grants,
            ("RoleName", form.required("RoleName")?),
        ),
        false => {
            (action.replace("User", ""), user_grants(inner, form)?, ("UserName", form.required("UserName")?))
        }
    };
    match operation.as_str() {
        "PutPolicy" => {
            let name = form.required("PolicyName")?;
            grants.inline.insert(name.to_owned(), document(form)?);
            Ok(None)
        }
        "GetPolicy" => {
            let name = form.required("PolicyName")?;
            let document = grants.inline.get(name).ok_or_else(|| no_policy(name))?;
            let got = Element::new("").with(owner.0, owner.1).with("PolicyName", name);
            Ok(Some(got.with("PolicyDocument", encoded(document)).children))
        }
        "DeletePolicy" => {
            let name = form.required("PolicyName")?;
            grants.inline.remove(name).map(|_| None).ok_or_else(|| no_policy(name))
        }
        "ListPolicies" => {
            let names =
                grants.inline.keys().map(|name| Element { text: name.clone(), ..Element::new("member") });
            page(names.collect(), "PolicyNames", form)
        }
        "ListAttachedPolicies" => {
            let attached = grants.attached.iter().map(|arn| {
                let name = arn.rsplit_once('/').map_or(arn.as_str(), |(_, name)| name);
                Element::new("member").with("PolicyName", name).with("PolicyArn", arn)
            });
            page(attached.collect(), "AttachedPolicies", form)
        }
        "AttachPolicy" => {
            let arn = form.required("PolicyArn")?;
            if arn != ADMINISTRATOR {
                return Err(no_entity(format!("Policy {arn} does not exist or is not attachable.")));
            }
            grants.attached.insert(arn.to_owned());
            Ok(None)
        }
        "DetachPolicy" => {
            let arn = form.required("PolicyArn")?;
            let missing = || no_entity(format!("Policy {arn} was not found."));
            if grants.attached.remove(arn) { Ok(None) } else { Err(missing()) }
        }
        _ => Err(unknown_action(action)),
    }
}

fn create_role(inner: &mut Inner, form: &Form) -> Answer {
    let name = legal_name(form.required("RoleName")?)?;
    if inner.roles.contains_key(name) {
        let text = format!("Role with name {name} already exists.");
        return Err(Refused::new(409, "EntityAlreadyExists", text));
    }
    let path = form.text("Path").unwrap_or("/");
    if !path.starts_with('/') || !path.ends_with('/') {
        return Err(validation("The specified value for path is invalid. It must begin and end with /."));
    }
    let max_session = form.number("MaxSessionDuration")?.unwrap_or(HOUR);
    if !(HOUR..=12 * HOUR).contains(&max_session) {
        return Err(validation("MaxSessionDuration must be between 3600 and 43200 seconds."));
    }
    let tags = form.pairs("Tags", "Key", "Value");
    let role = Role {
        name: name.to_owned(),
        path: path.to_owned(),
        id: format!("AROA{}", state::random_id(state::BASE36_UPPER, 17)),
        created: Timestamp::now(),
        trust: trust_document(form.required("AssumeRolePolicyDocument")?)?,
        description: form.text("Description").map(str::to_owned),
        max_session,
        tags: tags.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        grants: Grants::default(),
    };
    let answer = described(&inner.account, &role);
    inner.roles.insert(name.to_owned(), role);
    Ok(Some(vec![answer]))
}

/// In seconds: the shortest longest session of a role, which is also the usual one.
const HOUR: u64 = 3600;

fn delete_role(inner: &mut Inner, form: &Form) -> Answer {
    let role = role(inner, form)?;
    if !role.grants.inline.is_empty() || !role.grants.attached.is_empty() {
        return Err(Refused::new(409, "DeleteConflict", "Cannot delete entity, must delete policies first."));
    }
    let name = role.name.clone();
    inner.roles.remove(&name);
    Ok(None)
}

fn list_roles(inner: &Inner, form: &Form) -> Answer {
    let prefix = form.text("PathPrefix").unwrap_or("/");
    let roles = inner.roles.values().filter(|role| role.path.starts_with(prefix));
    let members = roles.map(|role| Element { name: "member".to_owned(), ..described(&inner.account, role) });
    page(members.collect(), "Roles", form)
}

fn get_user(account: &str, form: &Form) -> Answer {
    if let Some(name) = form.text("UserName").filter(|name| *name != USER) {
        return Err(no_user(name));
    }
    let user = Element::new("User")
        .with("Path", "/")
        .with("UserName", USER)
        .with("UserId", USER_ID)
        .with("Arn", user_arn(account))
        .with("CreateDate", "2024-01-01T00:00:00Z");
    Ok(Some(vec![user]))
}

/// What the policies of a user or role say to each action on each resource.
fn simulate(inner: &Inner, organisation: &Denials, form: &Form) -> Answer {
    let source = form.required("PolicySourceArn")?;
    let grants = match source {
        arn if arn == user_arn(&inner.account) => &inner.user,
        arn if arn.contains(":role/") => {
            &inner.role_of(arn).ok_or_else(|| no_entity(format!("{arn} cannot be found.")))?.grants
        }
        arn if arn.contains(":user/") || arn.contains(":group/") => {
            return Err(no_entity(format!("{arn} cannot be found.")));
        }
        arn => {
            let text = format!("Invalid Entity Arn: {arn} does not clearly define entity type and name.");
            return Err(Refused::new(400, "InvalidInput", text));
        }
    };
    let actions = form.list("ActionNames");
    if actions.is_empty() {
        form.required("ActionNames")?;
    }
    let mut resources = form.list("ResourceArns");
    if resources.is_empty() {
        resources.push("*");
    }
    let more: Vec<Policy> = form
        .list("PolicyInputList")
        .into_iter()
        .map(|document| Policy::parse(document).map_err(|why| Refused::new(400, "InvalidInput", why)))
        .collect::<Result<_, _>>()?;
    let context = simulated_context(form);
    let mut results = Vec::new();
    for action in &actions {
        for resource in &resources {
            let question = Question { action, resource, principals: &[], context: &context };
            let (own, matched) = grants.decide(&question);
            let leaves = organisation.decide(&question);
            results.push(simulated(&question, own, &decide(&more, &question), matched, leaves));
        }
    }
    page(results, "EvaluationResults", form)
}

fn simulated(
    question: &Question<'_>,
    own: Decision,
    more: &Decision,
    matched: Vec<String>,
    organisation: Decision,
) -> Element {
    let decision = match (own, more) {
        _ if organisation != Decision::Allowed => organisation,
        (Decision::ExplicitDeny, _) | (_, Decision::ExplicitDeny) => Decision::ExplicitDeny,
        (Decision::Allowed, _) | (_, Decision::Allowed) => Decision::Allowed,
        _ => Decision::ImplicitDeny,
    };
    let matched = matched.into_iter().map(|name| {
        Element::new("member").with("SourcePolicyId", name).with("SourcePolicyType", "IAM Policy")
    });
    Element::new("member")
        .with("EvalActionName", question.action)
        .with("EvalResourceName", question.resource)
        .with("EvalDecision", decision.name())
        .holding(Element::new("MatchedStatements").holding_all(matched))
        .holding(Element::new("MissingContextValues"))
        .holding(
            Element::new("OrganizationsDecisionDetail")
                .with("AllowedByOrganizations", organisation == Decision::Allowed),
        )
}

fn simulated_context(form: &Form) -> BTreeMap<String, Vec<String>> {
    let mut context = BTreeMap::new();
    for (at, (name, _)) in form.pairs("ContextEntries", "ContextKeyName", "").into_iter().enumerate() {
        let values = form.list(&format!("ContextEntries.member.{}.ContextKeyValues", at + 1));
        context.insert(name.to_ascii_lowercase(), values.into_iter().map(str::to_owned).collect());
    }
    context
}

/// One page of a list: `MaxItems` (100 unless told) from `Marker` on.
fn page(all: Vec<Element>, list: &str, form: &Form) -> Answer {
    let most = form.number("MaxItems")?.unwrap_or(100);
    let from = match form.text("Marker") {
        None => 0,
        Some(marker) => marker.parse().map_err(|_| validation("Invalid Marker."))?,
    };
    let most = usize::try_from(most.clamp(1, 1000)).unwrap_or(1000);
    let end = all.len().min(usize::saturating_add(from, most));
    let is_truncated = end < all.len();
    let members = Element::new(list).holding_all(all.into_iter().skip(from).take(most));
    let answer = Element::new("").holding(members).with("IsTruncated", is_truncated);
    Ok(Some(answer.with_some("Marker", is_truncated.then_some(end)).children))
}

fn described(account: &str, role: &Role) -> Element {
    let tags =
        role.tags.iter().map(|(key, value)| Element::new("member").with("Key", key).with("Value", value));
    Element::new("Role")
        .with("Path", &role.path)
        .with("RoleName", &role.name)
        .with("RoleId", &role.id)
        .with("Arn", role.arn(account))
        .with("CreateDate", role.created.strftime("%Y-%m-%dT%H:%M:%SZ"))
        .with("AssumeRolePolicyDocument", encoded(&role.trust))
        .with_some("Description", role.description.as_ref())
        .with("MaxSessionDuration", role.max_session)
        .holding_all((!role.tags.is_empty()).then(|| Element::new("Tags").holding_all(tags)))
}

fn role<'a>(inner: &'a mut Inner, form: &Form) -> Result<&'a mut Role, Refused> {
    let name = form.required("RoleName")?;
    let missing = || no_entity(format!("The role with name {name} cannot be found."));
    inner.roles.get_mut(name).ok_or_else(missing)
}

fn user_grants<'a>(inner: &'a mut Inner, form: &Form) -> Result<&'a mut Grants, Refused> {
    let name = form.required("UserName")?;
    if name == USER { Ok(&mut inner.user) } else { Err(no_user(name)) }
}

/// The policy document of a request, which must be one that can be read.
fn document(form: &Form) -> Result<String, Refused> {
    let document = form.required("PolicyDocument")?;
    Policy::parse(document).map_err(malformed)?;
    Ok(document.to_owned())
}

fn trust_document(document: &str) -> Result<String, Refused> {
    Policy::parse(document).map_err(malformed)?;
    Ok(document.to_owned())
}

fn malformed(why: String) -> Refused {
    Refused::new(400, "MalformedPolicyDocument", why)
}

/// `[\w+=,.@-]+`, at most 64 characters.
fn legal_name(name: &str) -> Result<&str, Refused> {
    let is_legal = name.len() <= 64
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte));
    if is_legal {
        return Ok(name);
    }
    Err(validation(
        "The specified value for roleName is invalid. It must contain only alphanumeric characters and/or the following: \
         +=,.@_-",
    ))
}

/// Documents are percent-encoded in answers (RFC 3986).
fn encoded(document: &str) -> String {
    utf8_percent_encode(document, NON_ALPHANUMERIC).to_string()
}

fn no_policy(name: &str) -> Refused {
    no_entity(format!("The role policy with name {name} cannot be found."))
}

fn no_user(name: &str) -> Refused {
    no_entity(format!("The user with name {name} cannot be found."))
}

fn no_entity(message: String) -> Refused {
    Refused::new(404, "NoSuchEntity", message)
}
