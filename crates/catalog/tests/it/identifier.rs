//! The grammar: what is an identifier, what is none, and that printing gives the text back.

use outcrop_catalog::{Arn, Catalog, Identifier, Kind, Vocabulary};
use proptest::prelude::*;

use crate::context;

fn vocabulary() -> &'static Vocabulary {
    static CATALOG: std::sync::LazyLock<Catalog> = std::sync::LazyLock::new(Catalog::built_in);
    CATALOG.vocabulary()
}

fn parse(text: &str) -> Result<Identifier, String> {
    Identifier::parse(text, vocabulary()).map_err(|error| error.to_string())
}

#[test]
fn every_kind_of_target_parses_and_prints_itself() {
    use Kind::*;
    for (text, kind) in [
        ("anthropic.claude-opus-5-5", FoundationModel),
        ("amazon.nova-lite-v1:0", FoundationModel),
        ("amazon.nova-2-lite-v1:0:256k", FoundationModel),
        ("deepseek.v3.2", FoundationModel),
        ("openai.gpt-oss-120b-1:0", FoundationModel),
        ("newcomer.model-one-v1:0", FoundationModel),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", InferenceProfile),
        ("us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0", InferenceProfile),
        ("global.openai.gpt-6-sol", InferenceProfile),
        ("us.newcomer.model-one", InferenceProfile),
        ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-2-lite-v1:0:256k", FoundationModel),
        ("arn:aws:bedrock:::foundation-model/anthropic.claude-opus-5", FoundationModel),
        ("arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/amazon.nova-lite-v1:0", FoundationModel),
        (
            "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0",
            InferenceProfile,
        ),
        (
            "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123",
            ApplicationInferenceProfile,
        ),
        (
            "arn:aws-cn:bedrock:cn-north-1:123456789012:application-inference-profile/x",
            ApplicationInferenceProfile,
        ),
        (
            "arn:aws-eusc:bedrock:eusc-de-east-1:123456789012:application-inference-profile/x",
            ApplicationInferenceProfile,
        ),
        (
            "arn:aws-iso-b:bedrock:us-isob-east-1:123456789012:provisioned-model/abcdefghijkl",
            ProvisionedModel,
        ),
        ("arn:aws:bedrock:us-east-1:123456789012:custom-model/imported/abcdefghijkl", CustomModel),
        (
            "arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.nova-lite-v1:0:300k/abcdefghijkl",
            CustomModel,
        ),
        (
            "arn:aws:bedrock:us-east-1:123456789012:custom-model-deployment/abcdefghijkl",
            CustomModelDeployment,
        ),
        ("arn:aws:bedrock:us-east-1:123456789012:imported-model/abcdefghijkl", ImportedModel),
        ("arn:aws:bedrock:us-east-1:123456789012:prompt/ABCDEFGHIJ:7", Prompt),
        ("arn:aws:bedrock:us-east-1:123456789012:prompt-router/abcdefghijkl", PromptRouter),
        ("arn:aws:bedrock:us-east-1:123456789012:default-prompt-router/anthropic.claude:1", PromptRouter),
        ("arn:aws:bedrock:us-east-1:123456789012:async-invoke/abcdefghijkl", AsyncInvoke),
        ("arn:aws:sagemaker:us-east-1:123456789012:endpoint/my-endpoint", Endpoint),
    ] {
        let identifier = parse(text).unwrap_or_else(|message| panic!("{text}: {message}"));
        assert_eq!(identifier.kind(), kind, "{text}");
        assert_eq!(identifier.to_string(), text);
    }
}

#[test]
fn an_arn_carries_its_region_and_account() {
    let text = "arn:aws-us-gov:bedrock:us-gov-east-1:007376685526:application-inference-profile/if7f34w3k1mv";
    let arn = Arn::parse(text).unwrap();
    assert_eq!(
        (arn.partition.as_str(), arn.region.as_str(), arn.account.as_str(), arn.id.as_str()),
        ("aws-us-gov", "us-gov-east-1", "007376685526", "if7f34w3k1mv")
    );
}

#[test]
fn what_aws_can_only_refuse_is_refused_with_a_reason() {
    for (text, reason) in [
        ("", "empty"),
        ("nova", "publisher.model"),
        (".", "publisher.model"),
        ("anthropic.", "publisher.model"),
        ("anthropic..claude", "publisher.model"),
        ("amazon.nova-lite-v1:0:24k:x", "publisher.model"),
        ("us.claude-sonnet-4-5", "lacks the publisher"),
        ("gpt-4.1", "publisher"),
        ("claude-3.5-sonnet", "publisher"),
        ("ap.anthropic.claude-sonnet-4-5-20250929-v1:0", "no geography"),
        ("Anthropic.claude-3", "small letters"),
        ("anthropic/claude-3", "publisher.model"),
        ("anthropic.claude\u{0}", "holds"),
        ("anthropic.cläude", "holds"),
        (" amazon.nova-lite-v1:0\n", "holds"),
        ("amazon.nova-lite-v1%253A0", "holds '%'"),
        ("%ff%fe.x", "UTF-8"),
        ("arn:", "too few parts"),
        ("ARN:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", "arn:aws:"),
        ("arn:azure:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", "arn:aws:"),
        ("arn:aws:bedrock:US_EAST::foundation-model/amazon.nova-lite-v1:0", "Region"),
        ("arn:aws:bedrock:us-east-1:1234:application-inference-profile/abc", "twelve digits"),
        ("arn:aws:bedrock:us-east-1::application-inference-profile/abc", "lacks the account"),
        ("arn:aws:bedrock:us-east-1:123456789012:foundation-model/amazon.nova-lite-v1:0", "no account"),
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/", "malformed"),
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a/b", "malformed"),
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile", "type/id"),
        ("arn:aws:bedrock:us-east-1:123456789012:guardrail/abc", "cannot be invoked"),
        ("arn:aws:s3:::bucket/key", "cannot be invoked"),
        ("arn:aws-cn:sagemaker:cn-north-1:123456789012:endpoint/x", "partition aws only"),
    ] {
        let message = parse(text).expect_err(text);
        assert!(message.contains(reason), "{text:?}: {message}");
    }
}

#[test]
fn an_endless_identifier_is_refused_without_being_quoted() {
    for text in ["a".repeat(2049), "%41".repeat(3_000_000)] {
        let message = parse(&text).unwrap_err();
        assert!(message.contains("longer than 2048") && message.len() < 100, "{message}");
    }
}

fn word() -> impl Strategy<Value = String> {
    "[a-z0-9](-?[a-z0-9]){0,10}"
}

fn model_id() -> impl Strategy<Value = String> {
    let publisher = proptest::sample::select(vocabulary().publishers.iter().cloned().collect::<Vec<_>>());
    (publisher, "[a-z][a-z0-9]{0,6}(-[a-z0-9.]{1,3}[a-z0-9]){0,4}", "(-v[0-9]:[0-9](:[0-9]{1,3}k)?)?")
        .prop_map(|(publisher, name, version)| format!("{publisher}.{}{version}", name.replace("..", ".x")))
}

fn profile_id() -> impl Strategy<Value = String> {
    let geography = proptest::sample::select(vocabulary().geographies.iter().cloned().collect::<Vec<_>>());
    (geography, model_id()).prop_map(|(geography, model)| format!("{geography}.{model}"))
}

fn arn() -> impl Strategy<Value = String> {
    let partition = "aws(-us-gov|-cn|-iso|-iso-b|-iso-e|-iso-f|-eusc)?";
    let owned = "(inference-profile|application-inference-profile|provisioned-model|custom-model-deployment|imported-model|prompt|prompt-router|default-prompt-router|async-invoke)";
    let region = "[a-z]{2}(-gov|-iso)?-[a-z]{4,5}-[1-9]";
    prop_oneof![
        (partition, region, "[0-9]{12}", owned, "[a-zA-Z0-9.:-]{1,40}").prop_map(
            |(partition, region, account, kind, id)| format!(
                "arn:{partition}:bedrock:{region}:{account}:{kind}/{id}"
            )
        ),
        (partition, region, "[0-9]{12}", word(), word()).prop_map(
            |(partition, region, account, base, id)| {
                format!("arn:{partition}:bedrock:{region}:{account}:custom-model/{base}/{id}")
            }
        ),
        (partition, proptest::option::of(region), model_id()).prop_map(|(partition, region, id)| {
            format!("arn:{partition}:bedrock:{}::foundation-model/{id}", region.unwrap_or_default())
        }),
        (region, "[0-9]{12}", word()).prop_map(|(region, account, name)| format!(
            "arn:aws:sagemaker:{region}:{account}:endpoint/{name}"
        )),
    ]
}

fn identifier() -> impl Strategy<Value = String> {
    prop_oneof![model_id(), profile_id(), arn()]
}

/// Everything but unreserved characters, as SDKs encode a path segment.
fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

proptest! {
    #[test]
    fn printing_what_was_parsed_gives_the_text_back(text in identifier()) {
        let parsed = parse(&text).map_err(TestCaseError::fail)?;
        prop_assert_eq!(parsed.to_string(), text.clone());
        prop_assert_eq!(parse(&parsed.to_string()), Ok(parsed.clone()));
        prop_assert_eq!(parse(&encoded(&text)), Ok(parsed));
    }

    #[test]
    fn whatever_parses_prints_itself(text in "[a-z0-9:./-]{0,40}|arn:aws:[a-z:]{0,20}[a-z0-9:/.-]{0,40}") {
        if let Ok(parsed) = parse(&text) {
            prop_assert_eq!(parsed.to_string(), text);
        }
    }

    #[test]
    fn nothing_makes_the_parser_or_the_resolver_panic(text in "\\PC{0,80}|(arn|aws|bedrock|us|%3A|%2F|%|:|/|\\.|[0-9]{12}|anthropic|-|\u{0}|é){0,16}") {
        let _ = parse(&text);
        let _ = Arn::parse(&text);
        let catalog = Catalog::built_in();
        if let Ok(resolution) = catalog.resolve(&text, &context("us-east-1")) {
            prop_assert!(!resolution.target.is_empty());
        }
    }

    #[test]
    fn a_damaged_identifier_is_read_or_refused_and_never_panics(
        text in identifier(), at in any::<prop::sample::Index>(), with in any::<char>()
    ) {
        let mut damaged: Vec<char> = text.chars().collect();
        let at = at.index(damaged.len());
        damaged[at] = with;
        let damaged: String = damaged.into_iter().collect();
        let _ = Catalog::built_in().resolve(&damaged, &context("eu-west-1"));
    }
}
