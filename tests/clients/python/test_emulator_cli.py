"""AWS's CLI (v1) over every operation that the emulator claims: its own parsing of arguments, its paginators, its printing.

The CLI is called within this process, once for each step of a story in which later steps name what earlier ones made
(`{profile}`). What it prints is held against the output shape of botocore's service model.
"""

import contextlib
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import botocore.session
import pytest
from awscli.clidriver import create_clidriver
from botocore import xform_name
from botocore.validate import ParamValidator
from emulated import ACCOUNT, NOVA_ON_DEMAND as NOVA, REGION

CLAIMED = Path(__file__).resolve().parents[3] / "crates/emulator/data/service-model.json"
# Operations that stream; version 1 of the CLI has no commands for them.
STREAMED = {"ConverseStream", "InvokeModelWithResponseStream"}
RUNTIME = {"ApplyGuardrail", "Converse", "CountTokens", "InvokeModel"}
SOURCE = f"arn:aws:bedrock:{REGION}::foundation-model/{NOVA}"
# A system profile's models are the sources of a profile, too; this one's model can be invoked through a profile alone.
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/outcrop"
MESSAGES = [{"role": "user", "content": [{"text": "Repeat after me: conform"}]}]
WEIGHTS = {"s3DataSource": {"s3Uri": "s3://weights/mine/"}}
TAGS = [{"key": "team", "value": "kitchen"}]


@dataclass
class Step:
    """One call. Texts may name what was made before, in braces; `keep` names what this one makes."""

    operation: str
    input: dict = field(default_factory=dict)
    keep: dict[str, str] = field(default_factory=dict)
    check: Callable[[dict], bool] = lambda answer: True
    # What the CLI itself adds: `--page-size 1` has it walk through all pages.
    more: tuple[str, ...] = ()


def page_by_page(operation: str, member: str, at_least: int = 1, **filters) -> Step:
    return Step(operation, filters, check=lambda answer: len(answer[member]) >= at_least, more=("--page-size", "1"))


STORY = [
    # Application profiles and tags.
    Step(
        "CreateInferenceProfile",
        {"inferenceProfileName": "cli", "description": "made by the CLI", "modelSource": {"copyFrom": SOURCE}, "tags": TAGS},
        {"profile": "inferenceProfileArn"},
    ),
    Step("GetInferenceProfile", {"inferenceProfileIdentifier": "{profile}"}, check=lambda it: it["type"] == "APPLICATION"),
    page_by_page("ListInferenceProfiles", "inferenceProfileSummaries", 3, typeEquals="APPLICATION"),
    Step("TagResource", {"resourceARN": "{profile}", "tags": [{"key": "cost", "value": "7"}]}),
    Step("UntagResource", {"resourceARN": "{profile}", "tagKeys": ["team"]}),
    Step(
        "ListTagsForResource",
        {"resourceARN": "{profile}"},
        check=lambda it: it["tags"] == [{"key": "cost", "value": "7"}],
    ),
    Step(
        "Converse",
        {"modelId": "{profile}", "messages": MESSAGES},
        check=lambda it: it["output"]["message"]["content"] == [{"text": "conform"}],
    ),
    Step("InvokeModel", {"modelId": "{profile}", "body": json.dumps({"messages": MESSAGES})}, check=lambda it: it["contentType"] == "application/json"),
    Step(
        "CountTokens",
        {"modelId": CLAUDE, "input": {"converse": {"messages": MESSAGES}}},
        check=lambda it: it["inputTokens"] > 0,
    ),
    Step("DeleteInferenceProfile", {"inferenceProfileIdentifier": "{profile}"}),
    # Models, and access to them.
    Step("ListFoundationModels", {"byProvider": "amazon"}, check=lambda it: len(it["modelSummaries"]) > 5),
    Step("GetFoundationModel", {"modelIdentifier": NOVA}, check=lambda it: it["modelDetails"]["modelArn"] == SOURCE),
    Step("GetFoundationModelAvailability", {"modelId": NOVA}, check=lambda it: it["authorizationStatus"] == "AUTHORIZED"),
    Step("ListFoundationModelAgreementOffers", {"modelId": CLAUDE}, {"offer": "offers.0.offerToken"}),
    Step("DeleteFoundationModelAgreement", {"modelId": CLAUDE}),
    Step("CreateFoundationModelAgreement", {"modelId": CLAUDE, "offerToken": "{offer}"}),
    Step("PutUseCaseForModelAccess", {"formData": "our use case"}),
    Step("GetUseCaseForModelAccess", check=lambda it: bool(it["formData"])),
    # The invocation log.
    Step(
        "PutModelInvocationLoggingConfiguration",
        {"loggingConfig": {"cloudWatchConfig": {"logGroupName": "/bedrock/cli", "roleArn": ROLE}, "textDataDeliveryEnabled": True}},
    ),
    Step(
        "GetModelInvocationLoggingConfiguration",
        check=lambda it: it["loggingConfig"]["cloudWatchConfig"]["logGroupName"] == "/bedrock/cli",
    ),
    Step("DeleteModelInvocationLoggingConfiguration"),
    # Guardrails.
    Step(
        "CreateGuardrail",
        {
            "name": "cli",
            "blockedInputMessaging": "not this",
            "blockedOutputsMessaging": "not that",
            "wordPolicyConfig": {"wordsConfig": [{"text": "kraken"}]},
        },
        {"guardrail": "guardrailId"},
    ),
    Step("CreateGuardrailVersion", {"guardrailIdentifier": "{guardrail}", "description": "first"}, check=lambda it: it["version"] == "1"),
    Step("GetGuardrail", {"guardrailIdentifier": "{guardrail}", "guardrailVersion": "1"}, check=lambda it: it["status"] == "READY"),
    Step(
        "UpdateGuardrail",
        {
            "guardrailIdentifier": "{guardrail}",
            "name": "cli-2",
            "blockedInputMessaging": "not this",
            "blockedOutputsMessaging": "not that",
            "wordPolicyConfig": {"wordsConfig": [{"text": "kraken"}, {"text": "hydra"}]},
        },
    ),
    page_by_page("ListGuardrails", "guardrails", 2, guardrailIdentifier="{guardrail}"),
    Step(
        "ApplyGuardrail",
        {"guardrailIdentifier": "{guardrail}", "guardrailVersion": "DRAFT", "source": "INPUT", "content": [{"text": {"text": "a hydra"}}]},
        check=lambda it: it["action"] == "GUARDRAIL_INTERVENED",
    ),
    Step("DeleteGuardrail", {"guardrailIdentifier": "{guardrail}"}),
    # Models of one's own, their jobs and deployments.
    Step("CreateCustomModel", {"modelName": "cli", "modelSourceConfig": WEIGHTS, "roleArn": ROLE}, {"custom": "modelArn"}),
    Step("GetCustomModel", {"modelIdentifier": "{custom}"}, check=lambda it: it["modelName"] == "cli"),
    page_by_page("ListCustomModels", "modelSummaries", isOwned=True),
    Step(
        "CreateCustomModelDeployment",
        {"modelDeploymentName": "cli", "modelArn": "{custom}"},
        {"deployment": "customModelDeploymentArn"},
    ),
    Step("GetCustomModelDeployment", {"customModelDeploymentIdentifier": "{deployment}"}, check=lambda it: it["status"] == "Active"),
    Step("UpdateCustomModelDeployment", {"customModelDeploymentIdentifier": "{deployment}", "modelArn": "{custom}"}),
    page_by_page("ListCustomModelDeployments", "modelDeploymentSummaries"),
    Step("DeleteCustomModelDeployment", {"customModelDeploymentIdentifier": "{deployment}"}),
    Step("DeleteCustomModel", {"modelIdentifier": "{custom}"}),
    Step(
        "CreateModelCustomizationJob",
        {
            "jobName": "cli",
            "customModelName": "cli-tuned",
            "roleArn": ROLE,
            "baseModelIdentifier": NOVA,
            "trainingDataConfig": {"s3Uri": "s3://training/data"},
            "outputDataConfig": {"s3Uri": "s3://training/out"},
            "hyperParameters": {"epochCount": "2"},
        },
        {"customization": "jobArn"},
    ),
    Step("GetModelCustomizationJob", {"jobIdentifier": "{customization}"}, check=lambda it: it["status"] == "InProgress"),
    page_by_page("ListModelCustomizationJobs", "modelCustomizationJobSummaries", statusEquals="InProgress"),
    Step("StopModelCustomizationJob", {"jobIdentifier": "{customization}"}),
    Step(
        "CreateModelImportJob",
        {"jobName": "cli", "importedModelName": "cli", "roleArn": ROLE, "modelDataSource": WEIGHTS},
        {"import": "jobArn"},
    ),
    Step("GetModelImportJob", {"jobIdentifier": "{import}"}, check=lambda it: it["status"] == "InProgress"),
    page_by_page("ListModelImportJobs", "modelImportJobSummaries"),
    "the clock goes on",
    Step("GetModelImportJob", {"jobIdentifier": "{import}"}, {"imported": "importedModelArn"}, lambda it: it["status"] == "Completed"),
    Step("GetImportedModel", {"modelIdentifier": "{imported}"}, check=lambda it: it["modelName"] == "cli"),
    page_by_page("ListImportedModels", "modelSummaries"),
    Step("DeleteImportedModel", {"modelIdentifier": "{imported}"}),
    # Throughput, routers, batches.
    Step(
        "CreateProvisionedModelThroughput",
        {"provisionedModelName": "cli", "modelId": NOVA, "modelUnits": 1},
        {"provisioned": "provisionedModelArn"},
    ),
    Step("GetProvisionedModelThroughput", {"provisionedModelId": "{provisioned}"}, check=lambda it: it["status"] == "InService"),
    Step("UpdateProvisionedModelThroughput", {"provisionedModelId": "{provisioned}", "desiredProvisionedModelName": "cli-2"}),
    page_by_page("ListProvisionedModelThroughputs", "provisionedModelSummaries"),
    Step("DeleteProvisionedModelThroughput", {"provisionedModelId": "{provisioned}"}),
    Step(
        "CreatePromptRouter",
        {
            "promptRouterName": "cli",
            "models": [{"modelArn": SOURCE}],
            "fallbackModel": {"modelArn": SOURCE},
            "routingCriteria": {"responseQualityDifference": 5},
        },
        {"router": "promptRouterArn"},
    ),
    Step("GetPromptRouter", {"promptRouterArn": "{router}"}, check=lambda it: it["type"] == "custom"),
    page_by_page("ListPromptRouters", "promptRouterSummaries", 3),
    Step("DeletePromptRouter", {"promptRouterArn": "{router}"}),
    Step(
        "CreateModelInvocationJob",
        {
            "jobName": "cli",
            "roleArn": ROLE,
            "modelId": NOVA,
            "inputDataConfig": {"s3InputDataConfig": {"s3Uri": "s3://nowhere/in.jsonl"}},
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://nowhere/out/"}},
        },
        {"batch": "jobArn"},
    ),
    Step("GetModelInvocationJob", {"jobIdentifier": "{batch}"}, check=lambda it: it["status"] == "Submitted"),
    page_by_page("ListModelInvocationJobs", "invocationJobSummaries"),
    Step("StopModelInvocationJob", {"jobIdentifier": "{batch}"}),
]
STEPS = [step for step in STORY if isinstance(step, Step)]


@pytest.fixture(scope="module")
def aws(emulated, tmp_path_factory):
    """Runs `aws ARGUMENTS…` in this process; what it prints."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK"):
            patch.delenv(name, raising=False)
        for name, value in emulated.environment().items():
            patch.setenv(name, value)
        driver = create_clidriver()

        def aws(*arguments: str) -> str:
            out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                status = driver.main(list(arguments))
            out.flush()
            assert status == 0, f"aws {' '.join(arguments)}: {err.getvalue()}"
            return out.buffer.getvalue().decode()

        yield aws


def filled(value, made: dict[str, str]):
    """A value with the names in braces replaced by what they stand for."""
    match value:
        case str():
            return re.sub(r"^\{(\w+)\}$", lambda name: made[name[1]], value)
        case list():
            return [filled(item, made) for item in value]
        case dict():
            return {key: filled(item, made) for key, item in value.items()}
    return value


def arguments(step: Step, model, made: dict[str, str]) -> list[str]:
    """As somebody types them: a flag for what is true, JSON for what has members."""
    typed = [xform_name(step.operation, "-")]
    for name, value in filled(step.input, made).items():
        assert name in model.input_shape.members
        option = "--" + xform_name(name, "-")
        typed += [option] if value is True else [option, value if isinstance(value, str) else json.dumps(value)]
    return [*typed, *step.more]


def within(answer: dict, path: str):
    """A member by its path: `offers.0.offerToken`."""
    for part in path.split("."):
        answer = answer[int(part) if part.isdigit() else part]
    return answer


def test_every_operation_answers_the_cli(emulated, aws, tmp_path):
    session, made, wrong = botocore.session.get_session(), {}, []
    models = {name: session.get_service_model(name) for name in ("bedrock", "bedrock-runtime")}
    emulated.control("clock", {"frozen": True})
    for step in STORY:
        if not isinstance(step, Step):
            emulated.control("clock", {"advanceSeconds": 3600})
            continue
        service = "bedrock-runtime" if step.operation in RUNTIME else "bedrock"
        model = models[service].operation_model(step.operation)
        typed = arguments(step, model, made)
        if step.operation == "InvokeModel":
            typed.append(str(tmp_path / "body"))
        answer = json.loads(aws(service, *typed) or "{}")
        made |= {name: within(answer, path) for name, path in step.keep.items()}
        if model.output_shape and not model.output_shape.serialization.get("payload"):
            report = ParamValidator().validate(answer, model.output_shape)
            wrong += [f"{step.operation}: {report.generate_report()}"] if report.has_errors() else []
        if not step.check(answer):
            wrong.append(f"{step.operation}: {answer}")
    assert not wrong, "\n".join(wrong)


def test_no_operation_is_left_out():
    claimed = set(json.loads(CLAIMED.read_text())["operations"])
    assert {step.operation for step in STEPS} == claimed - STREAMED


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (("bedrock", "get-inference-profile", "--inference-profile-identifier", "nothing"), "(ResourceNotFoundException)"),
        (("bedrock", "get-foundation-model", "--model-identifier", "nothing.here"), "The provided model identifier is invalid."),
        (("bedrock", "list-inference-profiles", "--starting-token", "eyJuZXh0VG9rZW4iOiAieCJ9"), "nextToken is invalid"),
        (("bedrock", "list-evaluation-jobs"), "(UnknownOperationException)"),
    ],
)
def test_the_cli_prints_what_was_refused(aws, typed, words):
    with pytest.raises(AssertionError) as refused:
        aws(*typed)
    assert words in str(refused.value)
