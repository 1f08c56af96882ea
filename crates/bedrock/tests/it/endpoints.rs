//! AWS's own addresses against those that botocore 1.44.5 gives (`endpoints.json`: service, Region, FIPS, dual-stack, URL).

use outcrop_bedrock::{Endpoint, Endpoints, Service, Variant};

type Row = (String, String, bool, bool, String);

#[test]
fn every_address_is_botocores() {
    let rows: Vec<Row> = serde_json::from_str(include_str!("endpoints.json")).unwrap();
    let mut partitions = std::collections::BTreeSet::new();
    for (service, region, fips, dual_stack, url) in &rows {
        let endpoints =
            Endpoints { variant: Variant { fips: *fips, dual_stack: *dual_stack }, ..Endpoints::default() };
        let neighbour = |service| endpoints.neighbour(service, region).map(|(endpoint, _)| endpoint);
        let endpoint: Endpoint = match service.as_str() {
            "bedrock" => endpoints.control(region),
            "bedrock-runtime" => endpoints.runtime(region),
            "sts" => neighbour(Service::Sts),
            "iam" => neighbour(Service::Iam),
            "logs" => neighbour(Service::Logs),
            "monitoring" => neighbour(Service::CloudWatch),
            "s3" => neighbour(Service::S3),
            "servicequotas" => neighbour(Service::Quotas),
            other => panic!("{other}"),
        }
        .unwrap();
        assert_eq!(&endpoint.url(), url, "{service} in {region}, FIPS {fips}, dual-stack {dual_stack}");
        partitions.insert(region.split('-').take(2).collect::<Vec<_>>().join("-"));
    }
    assert!(rows.len() > 600 && partitions.len() > 15);
}

#[test]
fn a_given_address_is_no_variant() {
    let given = Endpoint::parse("https://bedrock.example.com").unwrap();
    let variant = Variant { fips: true, dual_stack: true };
    let endpoints = Endpoints { runtime: Some(given.clone()), variant, ..Endpoints::default() };
    assert_eq!(endpoints.runtime("us-east-1").unwrap(), given);
}
