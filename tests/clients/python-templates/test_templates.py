"""What `outcrop` prints for CloudFormation and Terraform, judged by AWS's own linter and by a reader of HCL."""

import json
import os
import subprocess

import hcl2
import pytest
from cfnlint.api import ManualArgs, lint

LOGGING = ["logging", "setup", "--log-group", "/aws/bedrock/model-invocations", "--role", "BedrockLoggingRole", "--bucket"]
# Names and tags that templates could get wrong: quotes, dollars and percent signs are markup to Terraform.
TAGS = {"team": "a", "path": "a/b:c", "note": "it is 50 at most = fine + more"}


@pytest.fixture(scope="module")
def outcrop(emulated):
    environment = emulated.environment()

    def outcrop(*args):
        run = subprocess.run([os.environ["OUTCROP_BIN"], *args], env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        return run.stdout

    return outcrop


@pytest.fixture(scope="module")
def profiles(outcrop):
    tags = [word for key, value in TAGS.items() for word in ("--tag", f"{key}={value}")]
    outcrop("profiles", "create", "team-a", "--from", "us.amazon.nova-lite-v1:0", "--description", "Chat: of team a", *tags)
    outcrop("profiles", "create", "team b", "--from", "amazon.nova-lite-v1:0")


def findings(template):
    """What AWS's linter says, warnings included."""
    return [f"{match.rule.id} {match.message}" for match in lint(template, config=ManualArgs(regions=["us-east-1"]))]


def test_the_linter_would_find_a_mistake():
    wrong = {"Resources": {"P": {"Type": "AWS::Bedrock::ApplicationInferenceProfile", "Properties": {"Name": "x"}}}}
    assert any("InferenceProfileName" in finding for finding in findings(json.dumps(wrong)))


def test_profiles_for_cloudformation(outcrop, profiles):
    template = outcrop("profiles", "export", "--format", "cloudformation")
    assert findings(template) == []
    resources = json.loads(template)["Resources"].values()
    tags = {tuple(sorted((tag["Key"], tag["Value"]) for tag in it["Properties"].get("Tags", []))) for it in resources}
    assert tuple(sorted(TAGS.items())) in tags


@pytest.mark.parametrize("bucket", ["a-bucket-of-logs"])
def test_logging_for_cloudformation(outcrop, bucket):
    assert findings(outcrop(*LOGGING, bucket, "--format", "cloudformation")) == []


def unquoted(text):
    return text.strip('"')


def test_profiles_for_terraform(outcrop, profiles):
    read = hcl2.loads(outcrop("profiles", "export", "--format", "terraform"))
    made = [body for resource in read["resource"] for kind, of_kind in resource.items() for body in of_kind.values()]
    assert {unquoted(kind) for resource in read["resource"] for kind in resource} == {"aws_bedrock_inference_profile"}
    tags = [{unquoted(key): unquoted(value) for key, value in body["tags"].items()} for body in made if "tags" in body]
    assert TAGS in tags
    imported = {unquoted(block["id"]).partition("@")[2] for block in read["import"]}
    assert imported == {"us-east-1"}


def test_logging_for_terraform(outcrop):
    read = hcl2.loads(outcrop(*LOGGING, "a-bucket-of-logs", "--format", "terraform"))
    kinds = {unquoted(kind) for resource in read["resource"] for kind in resource}
    assert "aws_bedrock_model_invocation_logging_configuration" in kinds
