//! What a person who wrote nearly the right thing is told.

use outcrop_catalog::{Catalog, Source};

use crate::{aliases, built_in, refused};

#[test]
fn a_refusal_names_what_was_probably_meant() {
    for (text, meant) in [
        ("claude-3-5-sonnet-20241022-v1:0", "anthropic.claude-3-5-sonnet-20241022-v2:0"),
        ("claude-haiku-4-5-20251001-v1:0", "anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("us.claude-sonnet-4-5-20250929-v1:0", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("Anthropic.Claude-Opus-5", "anthropic.claude-opus-5"),
        ("US.AMAZON.NOVA-LITE-V1:0", "us.amazon.nova-lite-v1:0"),
        ("claude-3.5-sonnet", "anthropic.claude-3-5-sonnet-20240620-v1:0"),
        ("claude-sonnet-4-5", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("nova-lite", "amazon.nova-lite-v1:0"),
    ] {
        let (message, hint) = refused(&Catalog::built_in(), text);
        assert!(hint.contains(meant), "{text}: {message}: {hint}");
    }
}

#[test]
fn the_version_that_was_written_comes_before_others() {
    for (text, meant) in [
        ("claude-opus-4", "anthropic.claude-opus-4-20250514-v1:0"),
        ("claude-sonnet-4", "anthropic.claude-sonnet-4-20250514-v1:0"),
        ("us.claude-sonnet-4", "us.anthropic.claude-sonnet-4-20250514-v1:0"),
        ("claude-4-opus", "anthropic.claude-opus-4-20250514-v1:0"),
        ("claude-4.5-sonnet", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("claude-3.5-sonnet-v2", "anthropic.claude-3-5-sonnet-20241022-v2:0"),
        ("claude-haiku", "anthropic.claude-haiku-"),
        ("claude-opus-latest", "anthropic.claude-opus-"),
        ("haiku", "anthropic.claude-"),
    ] {
        let (_, hint) = refused(&Catalog::built_in(), text);
        assert!(hint.starts_with(&format!("did you mean {meant}")), "{text}: {hint}");
    }
}

#[test]
fn what_can_be_called_from_here_comes_first() {
    for (region, geography) in [("us-east-1", "us."), ("eu-west-1", "eu."), ("ap-southeast-2", "au.")] {
        let error = Catalog::built_in().resolve("claude-sonnet-4-5", &crate::context(region)).unwrap_err();
        let hint = error.hint().unwrap();
        assert!(hint.contains(&format!(" {geography}anthropic.claude-sonnet-4-5")), "{region}: {hint}");
    }
}

#[test]
fn a_wrong_geography_is_answered_with_those_that_have_the_model() {
    let (message, hint) = refused(&Catalog::built_in(), "ap.anthropic.claude-sonnet-4-20250514-v1:0");
    assert!(message.contains("`ap.`"), "{message}");
    assert!(
        hint.contains("us.anthropic.claude-sonnet-4-20250514-v1:0"),
        "the Region's own comes first: {hint}"
    );
    assert!(hint.contains("apac.anthropic") || hint.contains("global.anthropic"), "{hint}");
}

#[test]
fn an_alias_is_suggested_too() {
    let catalog = Catalog::built_in()
        .with(Source::File("outcrop.yaml".into()), aliases([("fast-model", "amazon.nova-lite-v1:0")]));
    assert_eq!(refused(&catalog, "fast-modle").1, "did you mean fast-model?");
}

#[test]
fn nothing_is_suggested_where_nothing_comes_near() {
    for text in ["gpt-4.1", "qqqqqqqqqqqq", "x"] {
        assert_eq!(refused(&Catalog::built_in(), text).1, "", "{text}");
    }
}

#[test]
fn text_around_an_identifier_is_pointed_out() {
    assert!(refused(&Catalog::built_in(), "amazon.nova-lite-v1:0\n").1.contains("remove the spaces"));
    assert!(refused(&Catalog::built_in(), "amazon.nova-lite-v1%253A0").1.contains("once"));
}

#[test]
fn a_well_formed_id_that_the_catalog_lacks_is_passed_on_with_a_suggestion() {
    let resolution = built_in("anthropic.claude-3-5-sonnet-20241022-v1:0", "us-east-1");
    assert_eq!(resolution.target, "anthropic.claude-3-5-sonnet-20241022-v1:0");
    assert!(resolution.model.is_none() && !resolution.needs_lookup);
    let notices = resolution.notices.join("\n");
    assert!(notices.contains("did you mean anthropic.claude-3-5-sonnet-20241022-v2:0?"), "{notices}");
}

#[test]
fn a_new_publisher_is_not_refused() {
    let resolution = built_in("newcomer.model-one-v1:0", "us-east-1");
    assert_eq!(resolution.target, "newcomer.model-one-v1:0");
    assert!(resolution.model.is_none() && resolution.price.is_none());
    assert_eq!(resolution.destination_regions, [""; 0]);
}

#[test]
fn what_was_refused_can_still_be_taken_at_its_word() {
    let catalog = Catalog::built_in();
    let error = catalog.resolve("claude-opus-5", &crate::context("us-east-1")).unwrap_err();
    let resolution = catalog.verbatim("claude-opus-5", &crate::context("us-east-1"), error.clone()).unwrap();
    assert_eq!(resolution.target, "claude-opus-5");
    assert!(resolution.model.is_none() && !resolution.needs_lookup);
    assert_eq!(resolution.notices[0], error.to_string());
    assert!(resolution.notices[1].contains("anthropic.claude-opus-5"), "{:?}", resolution.notices);
}

#[test]
fn a_geography_that_is_none_leads_to_those_it_looks_like() {
    let catalog = Catalog::built_in();
    let (_, hint) = refused(&catalog, "ap.anthropic.claude-sonnet-4-20250514-v1:0");
    let model = "anthropic.claude-sonnet-4-20250514-v1:0";
    assert!(hint.starts_with(&format!("did you mean apac.{model} or global.{model}")), "{hint}");
    let (_, hint) = refused(&catalog, "ap.anthropic.claude-sonnet-4-6");
    assert!(hint.contains("jp.anthropic.claude-sonnet-4-6") && hint.contains("au."), "{hint}");
}

#[test]
fn slips_in_an_arn_are_named() {
    let catalog = Catalog::built_in();
    for (arn, meant) in [
        ("arn:aws:bedrok:us-east-1:123456789012:application-inference-profile/abc", "the service bedrock"),
        (
            "arn:aws:bedrock:us-east-1:123456789012:aplication-inference-profile/abc",
            "application-inference-profile/",
        ),
        ("arn:aws:bedrock:us-east-1:123456789012:guardrail/abc", "ARNs look like"),
        ("arn:aws:bedrock:us-east-1:1234:inference-profile/abc", "ARNs look like"),
    ] {
        let (_, hint) = refused(&catalog, arn);
        assert!(hint.contains(meant), "{arn}: {hint}");
    }
}
