"""What `outcrop profiles` makes, boto3 and the AWS CLI see, and the other way round; so do the account's own models."""

import json
import os
import subprocess

import boto3
import pytest
from server import clean_environment

SONNET = "us.anthropic.claude-sonnet-4-6"


@pytest.fixture(scope="module")
def bedrock(emulated):
    return boto3.client("bedrock", **emulated.keys())


@pytest.fixture(scope="module")
def environment(emulated, tmp_path_factory):
    keys = emulated.keys()
    folder = tmp_path_factory.mktemp("outcrop-profiles")
    return clean_environment(folder) | {
        "AWS_ENDPOINT_URL": keys["endpoint_url"],
        "AWS_REGION": keys["region_name"],
        "AWS_DEFAULT_REGION": keys["region_name"],
        "AWS_ACCESS_KEY_ID": keys["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": keys["aws_secret_access_key"],
    }


@pytest.fixture(scope="module")
def outcrop(environment):
    """Runs `outcrop ARGS… --json` and reads what it prints."""

    def outcrop(*args):
        command = [os.environ["OUTCROP_BIN"], *args, "--json"]
        run = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    return outcrop


@pytest.fixture(scope="module")
def cli(emulated):
    """Runs `aws bedrock ARGS…`."""
    return lambda *args: emulated.cli_json("bedrock", *args, "--output", "json")


def test_boto3_sees_what_outcrop_made(bedrock, outcrop):
    made = outcrop("profiles", "create", "seen-by-boto3", "--from", SONNET, "--description", "Chat: all", "--tag", "team=a")
    found = bedrock.get_inference_profile(inferenceProfileIdentifier=made["arn"])
    assert (found["inferenceProfileName"], found["description"]) == ("seen-by-boto3", "Chat: all")
    tags = bedrock.list_tags_for_resource(resourceARN=made["arn"])["tags"]
    assert tags == [{"key": "team", "value": "a"}]
    outcrop("profiles", "tag", "seen-by-boto3", "env=prod")
    tags = bedrock.list_tags_for_resource(resourceARN=made["arn"])["tags"]
    assert {tag["key"]: tag["value"] for tag in tags} == {"team": "a", "env": "prod"}
    outcrop("profiles", "delete", "seen-by-boto3", "--yes")
    with pytest.raises(bedrock.exceptions.ResourceNotFoundException):
        bedrock.get_inference_profile(inferenceProfileIdentifier=made["arn"])


def test_outcrop_sees_what_boto3_made(bedrock, outcrop):
    source = bedrock.get_inference_profile(inferenceProfileIdentifier=SONNET)["inferenceProfileArn"]
    arn = bedrock.create_inference_profile(
        inferenceProfileName="made by boto3",
        modelSource={"copyFrom": source},
        tags=[{"key": "team", "value": "b"}],
    )["inferenceProfileArn"]
    found = outcrop("profiles", "get", "made by boto3")
    assert (found["arn"], found["tags"]) == (arn, {"team": "b"})
    assert found["destinationRegions"] == ["us-east-1", "us-east-2", "us-west-2"]
    bedrock.delete_inference_profile(inferenceProfileIdentifier=arn)
    assert arn not in {profile["arn"] for profile in outcrop("profiles", "list", "--type", "application")}


def test_the_aws_cli_and_outcrop_see_the_same(cli, outcrop):
    made = outcrop("profiles", "create", "seen-by-cli", "--from", SONNET)
    listed = cli("list-inference-profiles", "--type-equals", "APPLICATION")["inferenceProfileSummaries"]
    ours = {profile["arn"]: profile["name"] for profile in outcrop("profiles", "list", "--type", "application")}
    assert {it["inferenceProfileArn"]: it["inferenceProfileName"] for it in listed} == ours
    assert made["arn"] in ours
    source = cli("get-inference-profile", "--inference-profile-identifier", SONNET)["inferenceProfileArn"]
    arn = cli("create-inference-profile", "--inference-profile-name", "made-by-cli", "--model-source", f"copyFrom={source}")
    assert outcrop("profiles", "get", "made-by-cli")["arn"] == arn["inferenceProfileArn"]
    cli("delete-inference-profile", "--inference-profile-identifier", made["arn"])
    assert made["arn"] not in {it["arn"] for it in outcrop("profiles", "list", "--type", "application")}


def test_a_dry_run_is_what_the_aws_cli_takes(cli, outcrop):
    request = outcrop("profiles", "create", "from-a-dry-run", "--from", SONNET, "--dry-run")
    cli("create-inference-profile", "--cli-input-json", json.dumps(request))
    assert outcrop("profiles", "get", "from-a-dry-run")["name"] == "from-a-dry-run"


def test_the_accounts_own_models_are_listed_with_their_base(bedrock, outcrop):
    base = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
    bedrock.create_model_customization_job(
        jobName="tune",
        customModelName="tuned",
        roleArn="arn:aws:iam::123456789012:role/tuner",
        baseModelIdentifier=base,
        trainingDataConfig={"s3Uri": "s3://bucket/training.jsonl"},
        outputDataConfig={"s3Uri": "s3://bucket/out/"},
    )
    own = outcrop("models", "custom", "list")
    jobs = [it for it in own if it["kind"] == "model-customization-job"]
    assert [(it["name"], it["baseModel"]) for it in jobs] == [("tune", "amazon.nova-lite-v1:0")]
    for it in own:
        assert set(it) == {"kind", "name", "arn", "baseModel", "made", "status", "invocable"}
    models = {it["name"]: it for it in own if it["kind"] == "custom-model"}
    if "tuned" in models:
        assert models["tuned"]["baseModel"] == "amazon.nova-lite-v1:0"
