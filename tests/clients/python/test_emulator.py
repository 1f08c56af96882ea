"""boto3 straight against `outcrop emulate`: signatures, the life of a profile, tags, the on-demand rule."""

import aws
import boto3
import pytest
from botocore.exceptions import ClientError, EventStreamError
from emulated import REGION
from material import PHRASE, repeat

MESSAGES = [{"role": "user", "content": [{"text": repeat(PHRASE)}]}]


@pytest.fixture(scope="module")
def control(emulated):
    return emulated.client("bedrock")


@pytest.fixture(scope="module")
def source(control):
    """The ARN of a system profile over a Claude that can be invoked through a profile only."""
    pages = control.get_paginator("list_inference_profiles").paginate(typeEquals="SYSTEM_DEFINED")
    profiles = [profile for page in pages for profile in page["inferenceProfileSummaries"]]
    wanted = "us.anthropic.claude-sonnet-4-5"
    return next(p["inferenceProfileArn"] for p in profiles if p["inferenceProfileId"].startswith(wanted))


@pytest.fixture
def profile(control, source):
    """A new application profile; gone after the test."""
    arn = control.create_inference_profile(
        inferenceProfileName="clients-test",
        description="made by a test",
        modelSource={"copyFrom": source},
        tags=[{"key": "team", "value": "kitchen"}],
    )["inferenceProfileArn"]
    yield arn
    if arn in application_arns(control):
        control.delete_inference_profile(inferenceProfileIdentifier=arn)


def application_arns(control) -> list[str]:
    listed = control.list_inference_profiles(typeEquals="APPLICATION")["inferenceProfileSummaries"]
    return [profile["inferenceProfileArn"] for profile in listed]


def tags_of(control, arn) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in control.list_tags_for_resource(resourceARN=arn)["tags"]}


def text_of(answer) -> str:
    return "".join(block.get("text", "") for block in answer["output"]["message"]["content"])


def test_the_printed_variables_are_all_that_an_sdk_needs(emulated, profile, monkeypatch):
    for name, value in emulated.exports.items():
        monkeypatch.setenv(name, value)
    runtime = boto3.session.Session().client("bedrock-runtime", region_name=REGION)
    assert text_of(runtime.converse(modelId=profile, messages=MESSAGES)) == PHRASE


def test_a_wrong_secret_is_aws_own_403(emulated, profile):
    with pytest.raises(ClientError) as caught:
        emulated.client("bedrock-runtime", secret="wrong").converse(modelId=profile, messages=MESSAGES)
    code, status, message = aws.error_of(caught)
    assert (code, status) == ("InvalidSignatureException", 403)
    assert message.startswith("The request signature we calculated does not match the signature you provided.")


def test_an_unknown_key_is_aws_own_403(emulated):
    with pytest.raises(ClientError) as caught:
        emulated.client("bedrock", key="AKIDNOBODY").list_inference_profiles()
    assert aws.error_of(caught) == (
        "UnrecognizedClientException",
        403,
        "The security token included in the request is invalid.",
    )


def test_the_right_keys_converse_and_stream(emulated, profile):
    runtime = emulated.client("bedrock-runtime")
    assert text_of(runtime.converse(modelId=profile, messages=MESSAGES)) == PHRASE
    events = list(runtime.converse_stream(modelId=profile, messages=MESSAGES)["stream"])
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    assert "".join(delta.get("text", "") for delta in deltas) == PHRASE


def test_a_profile_lives_from_creation_to_deletion(control, source):
    made = control.create_inference_profile(inferenceProfileName="life", modelSource={"copyFrom": source})
    assert made["status"] == "ACTIVE" and made["ResponseMetadata"]["HTTPStatusCode"] == 201
    arn = made["inferenceProfileArn"]
    assert arn.startswith(f"arn:aws:bedrock:{REGION}:123456789012:application-inference-profile/")
    found = control.get_inference_profile(inferenceProfileIdentifier=arn)
    assert (found["inferenceProfileName"], found["type"]) == ("life", "APPLICATION")
    original = control.get_inference_profile(inferenceProfileIdentifier=source)
    assert {m["modelArn"] for m in found["models"]} == {m["modelArn"] for m in original["models"]}
    assert arn in application_arns(control)
    control.delete_inference_profile(inferenceProfileIdentifier=arn)
    assert arn not in application_arns(control)
    with pytest.raises(control.exceptions.ResourceNotFoundException):
        control.get_inference_profile(inferenceProfileIdentifier=arn)


def test_tags_are_kept_changed_and_removed(control, profile):
    assert tags_of(control, profile) == {"team": "kitchen"}
    control.tag_resource(resourceARN=profile, tags=[{"key": "team", "value": "cellar"}, {"key": "cost", "value": "7"}])
    assert tags_of(control, profile) == {"team": "cellar", "cost": "7"}
    control.untag_resource(resourceARN=profile, tagKeys=["team"])
    assert tags_of(control, profile) == {"cost": "7"}


def test_the_same_request_token_makes_one_profile(control, source):
    request = {"inferenceProfileName": "once", "modelSource": {"copyFrom": source}, "clientRequestToken": "token-1"}
    first, second = (control.create_inference_profile(**request)["inferenceProfileArn"] for _ in range(2))
    assert first == second
    control.delete_inference_profile(inferenceProfileIdentifier=first)


def test_a_profile_of_a_profile_is_refused(control, profile):
    with pytest.raises(control.exceptions.ValidationException):
        control.create_inference_profile(inferenceProfileName="copy", modelSource={"copyFrom": profile})


@pytest.mark.parametrize("name", ["Sonnet 4.5", "prod/app", "a__b", "n" * 65])
def test_a_name_outside_aws_pattern_is_refused(control, source, name):
    with pytest.raises(control.exceptions.ValidationException) as caught:
        control.create_inference_profile(inferenceProfileName=name, modelSource={"copyFrom": source})
    assert "inferenceProfileName" in aws.error_of(caught)[2]


def test_a_profile_only_model_cannot_be_invoked_bare(emulated, control, source):
    models = control.get_inference_profile(inferenceProfileIdentifier=source)["models"]
    model_id = models[0]["modelArn"].rsplit("/", 1)[1]
    with pytest.raises(ClientError) as caught:
        emulated.client("bedrock-runtime").converse(modelId=model_id, messages=MESSAGES)
    assert aws.error_of(caught) == (
        "ValidationException",
        400,
        f"Invocation of model ID {model_id} with on-demand throughput isn\u2019t supported. Retry your request with "
        "the ID or ARN of an inference profile that contains this model.",
    )


def test_the_region_is_taken_from_the_signature(emulated):
    control = emulated.client("bedrock", region="eu-central-1")
    profiles = control.list_inference_profiles(typeEquals="SYSTEM_DEFINED")["inferenceProfileSummaries"]
    assert any(profile["inferenceProfileId"].startswith("eu.") for profile in profiles)
    assert not any(profile["inferenceProfileId"].startswith("us.") for profile in profiles)


def test_an_exception_within_a_stream_is_raised_by_its_name(emulated, profile):
    runtime = emulated.client("bedrock-runtime", fault="ThrottlingException;at=mid")
    stream = runtime.converse_stream(modelId=profile, messages=MESSAGES)["stream"]
    with pytest.raises(EventStreamError) as caught:
        list(stream)
    assert caught.value.response["Error"]["Code"] == "throttlingException"


def test_an_unknown_fault_is_refused(emulated, profile):
    with pytest.raises(ClientError) as caught:
        emulated.client("bedrock-runtime", fault="no-such-fault").converse(modelId=profile, messages=MESSAGES)
    assert aws.error_of(caught)[1] == 400
