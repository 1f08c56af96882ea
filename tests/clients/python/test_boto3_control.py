"""boto3's `bedrock` client (control plane) against the gateway's base URL."""

import aws
import pytest
from botocore.exceptions import ClientError
from material import sibling


@pytest.fixture(scope="module")
def client(url, region):
    return aws.client("bedrock", url, region)


def test_application_profiles_are_listed(client, claude, nova):
    listed = client.list_inference_profiles(typeEquals="APPLICATION")["inferenceProfileSummaries"]
    assert {claude, nova} <= {profile["inferenceProfileArn"] for profile in listed}
    assert {profile["type"] for profile in listed} == {"APPLICATION"}


def test_system_profiles_are_listed_page_by_page(client):
    pages = client.get_paginator("list_inference_profiles").paginate(
        typeEquals="SYSTEM_DEFINED", PaginationConfig={"PageSize": 10}
    )
    sizes, ids = [], []
    for page in pages:
        sizes.append(len(page["inferenceProfileSummaries"]))
        ids += [profile["inferenceProfileId"] for profile in page["inferenceProfileSummaries"]]
    assert len(sizes) > 1 and max(sizes) <= 10
    assert len(set(ids)) == len(ids)
    assert any(id.startswith("us.anthropic.") or id.startswith("global.anthropic.") for id in ids)


def test_a_profile_is_found_by_arn_and_by_id(client, arn):
    profile = client.get_inference_profile(inferenceProfileIdentifier=arn)
    assert profile["inferenceProfileArn"] == arn
    assert (profile["type"], profile["status"]) == ("APPLICATION", "ACTIVE")
    assert all(":foundation-model/" in model["modelArn"] for model in profile["models"]) and profile["models"]
    again = client.get_inference_profile(inferenceProfileIdentifier=profile["inferenceProfileId"])
    assert again["inferenceProfileArn"] == arn


def test_an_unknown_profile_is_not_found(client, claude):
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        client.get_inference_profile(inferenceProfileIdentifier=sibling(claude))
    code, status, message = aws.error_of(caught)
    assert status == 404 and message


def test_a_malformed_identifier_is_refused(client):
    with pytest.raises(ClientError) as caught:
        client.get_inference_profile(inferenceProfileIdentifier="not/a profile")
    code, status, message = aws.error_of(caught)
    assert (code, status) in {("ValidationException", 400), ("ResourceNotFoundException", 404)} and message


def test_foundation_models_are_listed_and_found(client, arn):
    profile = client.get_inference_profile(inferenceProfileIdentifier=arn)
    model_id = profile["models"][0]["modelArn"].rsplit("/", 1)[1]
    listed = client.list_foundation_models()["modelSummaries"]
    assert model_id in {model["modelId"] for model in listed}
    assert client.get_foundation_model(modelIdentifier=model_id)["modelDetails"]["modelId"] == model_id
