//! Who wins: built-in < discovered < file < environment < flag, in whatever order they are added.

use outcrop_catalog::{Catalog, Layer, Source};
use proptest::prelude::*;

use crate::{ARN, aliases, context, discovery, mapping, model_of};

fn sources() -> [Source; 4] {
    [
        Source::Discovered,
        Source::File("outcrop.yaml".to_owned()),
        Source::Environment("OUTCROP_ALIASES".to_owned()),
        Source::Flag("--alias".to_owned()),
    ]
}

const MODELS: [&str; 4] =
    ["amazon.nova-micro-v1:0", "amazon.nova-lite-v1:0", "amazon.nova-pro-v1:0", "amazon.nova-2-lite-v1:0"];

fn layer(index: usize) -> Layer {
    Layer { offered: vec![MODELS[index].to_owned()], ..aliases([("x", MODELS[index])]) }
}

proptest! {
    #[test]
    fn strength_decides_and_not_the_order_of_calls(order in Just(vec![0, 1, 2, 3]).prop_shuffle(), count in 1..=4_usize) {
        let added = &order[..count];
        let catalog = added.iter().fold(Catalog::built_in(), |catalog, &index| {
            catalog.with(sources()[index].clone(), layer(index))
        });
        let strongest = MODELS[*added.iter().max().unwrap()];
        let resolution = catalog.resolve("x", &context("us-east-1")).unwrap();
        prop_assert_eq!(model_of(&resolution), Some(strongest));
        prop_assert_eq!(catalog.offered(), [strongest]);
    }
}

#[test]
fn a_catalog_is_a_snapshot() {
    let before = Catalog::built_in();
    let after = before.with(sources()[1].clone(), layer(0));
    assert!(before.resolve("x", &context("us-east-1")).is_err());
    assert!(after.resolve("x", &context("us-east-1")).is_ok());
}

#[test]
fn layers_add_to_each_other() {
    let catalog = Catalog::built_in()
        .with(sources()[1].clone(), aliases([("a", MODELS[0]), ("b", MODELS[1])]))
        .with(sources()[3].clone(), aliases([("b", MODELS[2])]));
    let model = |name| model_of(&catalog.resolve(name, &context("us-east-1")).unwrap()).map(str::to_owned);
    assert_eq!((model("a").as_deref(), model("b").as_deref()), (Some(MODELS[0]), Some(MODELS[2])));
    assert_eq!(catalog.aliases().into_iter().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn a_stronger_mapping_replaces_a_weaker_one_and_keeps_the_name() {
    let catalog = Catalog::built_in()
        .with(sources()[3].clone(), mapping(ARN, MODELS[2]))
        .with(sources()[2].clone(), mapping(ARN, MODELS[1]))
        .with(Source::Discovered, discovery(ARN, &["us-west-2"], MODELS[2]));
    let resolution = catalog.resolve(ARN, &context("us-east-1")).unwrap();
    assert_eq!(model_of(&resolution), Some(MODELS[2]));
    assert_eq!(resolution.profile.unwrap().name.as_deref(), Some("tenant a"));
    assert!(resolution.notices.is_empty(), "{:?}", resolution.notices);
}

#[test]
fn what_is_offered_is_the_configured_list_else_what_the_region_serves() {
    let catalog = Catalog::built_in();
    assert_eq!(catalog.offered(), [""; 0]);
    let offers = catalog.offers("eu-west-1");
    assert!(offers.contains(&"eu.amazon.nova-lite-v1:0".to_owned()));
    assert!(!offers.iter().any(|id| id.starts_with("us.")), "nothing that cannot be called from there");
    let own = catalog.with(Source::Discovered, discovery(ARN, &["us-west-2"], MODELS[1]));
    assert!(own.offers("us-west-2").contains(&ARN.to_owned()));
    let listed = own.with(sources()[1].clone(), layer(0));
    assert_eq!(listed.offers("us-west-2"), [MODELS[0]]);
}
