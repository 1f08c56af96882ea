//! Several accounts: whose keys are whose, roles across accounts, and what of one account another may use.

use http::{Method, StatusCode};
use outcrop_emulator::{Config, Keys};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::client::{Access, Answer, Running, start, start_with};

const FIRST: &str = "123456789012";
const OTHER: &str = "210987654321";
const SYSTEM: &str = "inference-profile/us.amazon.nova-lite-v1:0";

/// Who acts.
#[derive(Clone)]
struct Actor {
    keys: Keys,
    token: Option<String>,
}

impl Actor {
    /// The user of the emulator's own keys.
    fn first() -> Self {
        Self { keys: Keys::default(), token: None }
    }

    /// The user of an account, by its number.
    fn user_of(account: &str) -> Self {
        Self { keys: Keys { access_key_id: account.to_owned(), ..Keys::default() }, token: None }
    }

    fn on(&self, service: &'static str) -> Access {
        Access::As { keys: self.keys.clone(), token: self.token.clone(), service }
    }

    async fn query(&self, at: &Running, service: &'static str, form: &[(&str, &str)]) -> Answer {
        let pairs = form
            .iter()
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        at.call(Method::POST, "/", body.as_bytes(), &headers, &self.on(service)).await
    }

    async fn bedrock(&self, at: &Running, method: Method, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        at.call(method, path, &body, &[], &self.on("bedrock")).await
    }

    /// Makes an application profile over Nova Lite, and tells its ARN.
    async fn profile(&self, at: &Running, account: &str, tags: Value) -> String {
        let source = format!("arn:aws:bedrock:us-east-1:{account}:{SYSTEM}");
        let body = json!({"inferenceProfileName": "team", "modelSource": {"copyFrom": source}, "tags": tags});
        let made = self.bedrock(at, Method::POST, "/inference-profiles", &body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        made.json()["inferenceProfileArn"].as_str().unwrap().to_owned()
    }

    async fn converse(&self, at: &Running, model: &str) -> Answer {
        let path = format!("/model/{}/converse", utf8_percent_encode(model, NON_ALPHANUMERIC));
        let body = json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]});
        self.bedrock(at, Method::POST, &path, &body).await
    }

    /// A role with this trust and this policy of its own.
    async fn role(&self, at: &Running, name: &str, trust: &Value, policy: &Value) {
        let (trust, policy) = (trust.to_string(), policy.to_string());
        let create =
            [("Action", "CreateRole"), ("RoleName", name), ("AssumeRolePolicyDocument", trust.as_str())];
        let put = [
            ("Action", "PutRolePolicy"),
            ("RoleName", name),
            ("PolicyName", "own"),
            ("PolicyDocument", policy.as_str()),
        ];
        assert_eq!(self.query(at, "iam", &create).await.status, StatusCode::OK);
        assert_eq!(self.query(at, "iam", &put).await.status, StatusCode::OK);
    }

    async fn assume(&self, at: &Running, role: &str, more: &[(&str, &str)]) -> Result<Self, String> {
        let form = [("Action", "AssumeRole"), ("RoleArn", role), ("RoleSessionName", "test")];
        let answer = self.query(at, "sts", &[&form, more].concat()).await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let of = |name: &str| {
            let from = text.split_once(&format!("<{name}>"))?.1;
            Some(from.split_once("</")?.0.to_owned())
        };
        match (of("AccessKeyId"), of("SecretAccessKey"), of("SessionToken")) {
            (Some(access_key_id), Some(secret_access_key), token @ Some(_)) => {
                let keys = Keys { access_key_id, secret_access_key, ..Keys::default() };
                Ok(Self { keys, token })
            }
            _ => Err(of("Message").unwrap_or(text)),
        }
    }
}

fn trusting(principal: &str, actions: &[&str], condition: &Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": principal},
        "Action": actions, "Condition": condition}]})
}

fn allowing(action: &str, condition: &Value) -> Value {
    json!({"Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*", "Condition": condition}]})
}

fn role(account: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:role/{name}")
}

#[tokio::test]
async fn an_account_has_its_own_profiles_and_another_may_not_use_them() {
    let at = start().await;
    let (first, other) = (Actor::first(), Actor::user_of(OTHER));
    let identity = other.query(&at, "sts", &[("Action", "GetCallerIdentity")]).await;
    let identity = String::from_utf8_lossy(&identity.body).into_owned();
    assert!(identity.contains(&format!("<Account>{OTHER}</Account>")), "{identity}");

    let arn = other.profile(&at, OTHER, json!([])).await;
    assert!(arn.starts_with(&format!("arn:aws:bedrock:us-east-1:{OTHER}:application-inference-profile/")));
    let path = format!("/inference-profiles/{}", utf8_percent_encode(&arn, NON_ALPHANUMERIC));
    assert_eq!(other.bedrock(&at, Method::GET, &path, &Value::Null).await.status, StatusCode::OK);
    assert_eq!(other.converse(&at, &arn).await.status, StatusCode::OK);

    for refused in [
        first.bedrock(&at, Method::GET, &path, &Value::Null).await,
        first.bedrock(&at, Method::DELETE, &path, &Value::Null).await,
        first.converse(&at, &arn).await,
    ] {
        assert_eq!((refused.status, refused.error_type()), (StatusCode::FORBIDDEN, "AccessDeniedException"));
        let message = refused.message();
        assert!(message.starts_with(&format!("User: arn:aws:iam::{FIRST}:user/outcrop is not authorized")));
        assert!(message.contains(&format!("on resource: {arn} because no resource-based policy allows")));
    }
    let of_other = format!("arn:aws:bedrock:us-east-1:{OTHER}:{SYSTEM}");
    assert_eq!(first.converse(&at, &of_other).await.status, StatusCode::FORBIDDEN);
    let copy = json!({"inferenceProfileName": "copy", "modelSource": {"copyFrom": of_other}});
    let copied = first.bedrock(&at, Method::POST, "/inference-profiles", &copy).await;
    assert_eq!(copied.error_type(), "ValidationException");

    let listed = first.bedrock(&at, Method::GET, "/inference-profiles?type=APPLICATION", &Value::Null).await;
    assert!(!listed.json().to_string().contains(OTHER));
    let listed = other.bedrock(&at, Method::GET, "/inference-profiles?type=APPLICATION", &Value::Null).await;
    assert_eq!(
        listed.json()["inferenceProfileSummaries"].as_array().unwrap().len(),
        1,
        "no seeds of the first"
    );

    let bill = at.call(Method::GET, "/_emulator/bill", b"", &[], &Access::Nothing).await.json();
    let payers: Vec<&str> =
        bill["invocations"].as_array().unwrap().iter().map(|it| it["accountId"].as_str().unwrap()).collect();
    assert_eq!(payers, [OTHER]);
}

#[tokio::test]
async fn a_role_of_another_account_is_assumed_by_whom_it_trusts_and_whom_its_own_account_lets() {
    let at = start().await;
    let (first, other) = (Actor::first(), Actor::user_of(OTHER));
    let arn = other.profile(&at, OTHER, json!([])).await;
    let root = format!("arn:aws:iam::{FIRST}:root");
    let condition = json!({"StringEquals": {"sts:ExternalId": "handshake"}});
    other
        .role(
            &at,
            "guest",
            &trusting(&root, &["sts:AssumeRole"], &condition),
            &allowing("bedrock:*", &json!({})),
        )
        .await;
    let guest = role(OTHER, "guest");

    let refused = first.assume(&at, &guest, &[]).await.err().unwrap();
    assert!(
        refused.contains(&format!("is not authorized to perform: sts:AssumeRole on resource: {guest}")),
        "{refused}"
    );
    assert!(first.assume(&at, &guest, &[("ExternalId", "other")]).await.is_err());
    assert!(
        other.assume(&at, &guest, &[("ExternalId", "handshake")]).await.is_err(),
        "it trusts the first account alone"
    );
    assert!(first.assume(&at, &role(OTHER, "nobody"), &[]).await.is_err());
    assert!(first.assume(&at, &role("333333333333", "guest"), &[("ExternalId", "handshake")]).await.is_err());
    let session = first.assume(&at, &guest, &[("ExternalId", "handshake")]).await.unwrap();
    assert_eq!(session.converse(&at, &arn).await.status, StatusCode::OK);
    let of_first = at.profiles[0].arn.clone();
    let refused = session.converse(&at, &of_first).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(
        refused.message().contains(&format!("arn:aws:sts::{OTHER}:assumed-role/guest/test")),
        "{refused:?}"
    );

    // Across accounts, being trusted by name is not enough: one's own account has to agree.
    let user = format!("arn:aws:iam::{FIRST}:user/outcrop");
    other
        .role(
            &at,
            "named",
            &trusting(&user, &["sts:AssumeRole"], &json!({})),
            &allowing("bedrock:*", &json!({})),
        )
        .await;
    let only_bedrock = json!({"identity": [allowing("bedrock:*", &json!({}))]});
    at.call(Method::POST, "/_emulator/policies", only_bedrock.to_string().as_bytes(), &[], &Access::Nothing)
        .await;
    assert!(first.assume(&at, &role(OTHER, "named"), &[]).await.is_err());
    let with_sts = json!({"identity": [allowing("sts:AssumeRole", &json!({}))]});
    at.call(Method::POST, "/_emulator/policies", with_sts.to_string().as_bytes(), &[], &Access::Nothing)
        .await;
    assert!(first.assume(&at, &role(OTHER, "named"), &[]).await.is_ok());
}

#[tokio::test]
async fn a_role_trusts_the_sessions_of_another_role() {
    let at = start().await;
    let (first, other) = (Actor::first(), Actor::user_of(OTHER));
    let root = format!("arn:aws:iam::{FIRST}:root");
    first
        .role(
            &at,
            "hub",
            &trusting(&root, &["sts:AssumeRole"], &json!({})),
            &allowing("sts:AssumeRole", &json!({})),
        )
        .await;
    other
        .role(
            &at,
            "spoke",
            &trusting(&role(FIRST, "hub"), &["sts:AssumeRole"], &json!({})),
            &allowing("bedrock:*", &json!({})),
        )
        .await;
    assert!(first.assume(&at, &role(OTHER, "spoke"), &[]).await.is_err());
    let hub = first.assume(&at, &role(FIRST, "hub"), &[]).await.unwrap();
    let spoke = hub.assume(&at, &role(OTHER, "spoke"), &[]).await.unwrap();
    assert_eq!(spoke.converse(&at, "amazon.nova-lite-v1:0").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_sessions_tags_decide_which_profile_it_may_use() {
    let at = start().await;
    let (first, other) = (Actor::first(), Actor::user_of(OTHER));
    let root = format!("arn:aws:iam::{FIRST}:root");
    let own = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": "arn:aws:bedrock:*:*:application-inference-profile/*",
         "Condition": {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}},
        {"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": "arn:aws:bedrock:*::foundation-model/*",
         "Condition": {"Null": {"bedrock:InferenceProfileArn": "false"}}}]});
    let untagged = trusting(&root, &["sts:AssumeRole"], &json!({}));
    other.role(&at, "untagged", &untagged, &own).await;
    let refused = first
        .assume(
            &at,
            &role(OTHER, "untagged"),
            &[("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "red")],
        )
        .await;
    assert!(refused.err().unwrap().contains("sts:TagSession"));

    other
        .role(&at, "tagged", &trusting(&root, &["sts:AssumeRole", "sts:TagSession"], &json!({})), &own)
        .await;
    let arn = other.profile(&at, OTHER, json!([{"key": "team", "value": "red"}])).await;
    for (team, expected) in
        [("red", StatusCode::OK), ("blue", StatusCode::FORBIDDEN), ("*", StatusCode::FORBIDDEN)]
    {
        let tags = [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", team)];
        let session = first.assume(&at, &role(OTHER, "tagged"), &tags).await.unwrap();
        assert_eq!(session.converse(&at, &arn).await.status, expected, "{team}");
        let bare = session.converse(&at, "amazon.nova-lite-v1:0").await;
        assert_eq!(bare.status, StatusCode::FORBIDDEN, "not through a profile");
    }
    let session = first.assume(&at, &role(OTHER, "tagged"), &[]).await.unwrap();
    assert_eq!(session.converse(&at, &arn).await.status, StatusCode::FORBIDDEN, "without a tag");
}

#[tokio::test]
async fn an_account_begins_with_the_organizations_role_and_is_forgotten_by_reset() {
    let at = start().await;
    let organization = role(OTHER, "OrganizationAccountAccessRole");
    let session = Actor::first().assume(&at, &organization, &[]).await.unwrap();
    let arn = session.profile(&at, OTHER, json!([])).await;
    assert_eq!(session.converse(&at, &arn).await.status, StatusCode::OK);
    let third = Actor::user_of("333333333333");
    assert!(third.assume(&at, &organization, &[]).await.is_err());
    assert!(Actor::first().assume(&at, &role(FIRST, "OrganizationAccountAccessRole"), &[]).await.is_err());
    at.call(Method::POST, "/_emulator/reset", b"", &[], &Access::Nothing).await;
    assert_eq!(session.converse(&at, &arn).await.status, StatusCode::FORBIDDEN, "its session is gone");
    let gone = Actor::user_of(OTHER).converse(&at, &arn).await;
    assert_eq!(gone.error_type(), "ValidationException");
}

#[tokio::test]
async fn what_an_account_holds_is_kept() {
    let folder = tempfile::TempDir::new().unwrap();
    let config = || Config { data_dir: Some(folder.path().to_owned()), ..Config::default() };
    let arn = {
        let at = start_with(config()).await;
        Actor::user_of(OTHER).profile(&at, OTHER, json!([])).await
    };
    let at = start_with(config()).await;
    assert_eq!(Actor::user_of(OTHER).converse(&at, &arn).await.status, StatusCode::OK);
    assert_eq!(Actor::first().converse(&at, &arn).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_api_key_is_taken_where_its_call_is_allowed() {
    let at = start().await;
    let body = json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]}).to_string();
    let converse = || {
        at.call(
            Method::POST,
            "/model/amazon.nova-lite-v1:0/converse",
            body.as_bytes(),
            &[],
            &Access::Bearer("local"),
        )
    };
    assert_eq!(converse().await.status, StatusCode::OK);
    let policies = json!({"identity": [allowing("bedrock:InvokeModel", &json!({}))]}).to_string();
    at.call(Method::POST, "/_emulator/policies", policies.as_bytes(), &[], &Access::Nothing).await;
    let refused = converse().await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(
        refused
            .message()
            .contains("is not authorized to perform: bedrock:CallWithBearerToken on resource: *"),
        "{refused:?}"
    );
    assert_eq!(
        at.post("/model/amazon.nova-lite-v1:0/converse", &serde_json::from_str(&body).unwrap()).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn mantle_takes_rights_of_its_own() {
    let at = start().await;
    let body =
        json!({"model": "openai.gpt-oss-120b", "messages": [{"role": "user", "content": "hi"}]}).to_string();
    let policies = |action: &str| json!({"identity": [allowing(action, &json!({}))]}).to_string();
    let ask = async |allowed: &str, access: Access| {
        let policies = policies(allowed);
        at.call(Method::POST, "/_emulator/policies", policies.as_bytes(), &[], &Access::Nothing).await;
        let answer = at.call(Method::POST, "/v1/chat/completions", body.as_bytes(), &[], &access).await;
        (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
    };
    let (status, text) = ask("bedrock:*", Access::signed()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let project = format!("arn:aws:bedrock-mantle:us-east-1:{FIRST}:project/default");
    assert!(text.contains(&format!("bedrock-mantle:CreateInference on resource: {project}")), "{text}");
    let (status, text) = ask("bedrock-mantle:CreateInference", Access::Bearer("local")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(text.contains("bedrock-mantle:CallWithBearerToken on resource: *"), "{text}");
    let (status, text) = ask("bedrock-mantle:CreateInference", Access::signed()).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    assert_eq!(ask("bedrock-mantle:*", Access::Bearer("local")).await.0, StatusCode::OK);
}
