"""boto3 and AWS's CLI (v1) against `outcrop emulate`: the life of every kind of resource, every list page by page, over TLS too."""

import json
import time

import aws
import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from emulated import BEARER, NOVA_ON_DEMAND as NOVA, REGION, started

ROLE = "arn:aws:iam::123456789012:role/outcrop"
SOURCE = f"arn:aws:bedrock:{REGION}::foundation-model/{NOVA}"
MESSAGES = [{"role": "user", "content": [{"text": "Repeat after me: conform"}]}]
# Far more than a job of two records takes on a loaded machine.
JOB_SECONDS = 30


@pytest.fixture(scope="module")
def bedrock(emulated):
    return emulated.client("bedrock")


@pytest.fixture(scope="module")
def runtime(emulated):
    return emulated.client("bedrock-runtime")


def said(runtime, model: str) -> str:
    return runtime.converse(modelId=model, messages=MESSAGES)["output"]["message"]["content"][0]["text"]


# Each paginator of the client: how to make one of what it lists, given a name.
MAKERS = {
    "list_inference_profiles": lambda client, name: client.create_inference_profile(
        inferenceProfileName=name, modelSource={"copyFrom": SOURCE}
    ),
    "list_guardrails": lambda client, name: client.create_guardrail(
        name=name, blockedInputMessaging="no", blockedOutputsMessaging="no"
    ),
    "list_custom_models": lambda client, name: client.create_custom_model(
        modelName=name, modelSourceConfig={"s3DataSource": {"s3Uri": "s3://weights/mine/"}}, roleArn=ROLE
    ),
    "list_model_customization_jobs": lambda client, name: client.create_model_customization_job(
        jobName=name,
        customModelName=f"{name}-model",
        roleArn=ROLE,
        baseModelIdentifier=NOVA,
        trainingDataConfig={"s3Uri": "s3://training/data"},
        outputDataConfig={"s3Uri": "s3://training/out"},
    ),
    "list_model_import_jobs": lambda client, name: client.create_model_import_job(
        jobName=name,
        importedModelName=f"{name}-model",
        roleArn=ROLE,
        modelDataSource={"s3DataSource": {"s3Uri": "s3://weights/llama/"}},
    ),
    "list_provisioned_model_throughputs": lambda client, name: client.create_provisioned_model_throughput(
        provisionedModelName=name, modelId=NOVA, modelUnits=1
    ),
    "list_prompt_routers": lambda client, name: client.create_prompt_router(
        promptRouterName=name,
        models=[{"modelArn": SOURCE}],
        fallbackModel={"modelArn": SOURCE},
        routingCriteria={"responseQualityDifference": 5},
    ),
    "list_model_invocation_jobs": lambda client, name: client.create_model_invocation_job(
        jobName=name,
        roleArn=ROLE,
        modelId=NOVA,
        inputDataConfig={"s3InputDataConfig": {"s3Uri": "s3://nowhere/in.jsonl"}},
        outputDataConfig={"s3OutputDataConfig": {"s3Uri": "s3://nowhere/out/"}},
    ),
}


@pytest.mark.parametrize("operation", MAKERS)
def test_what_is_made_is_listed_page_by_page(bedrock, operation):
    for number in range(3):
        MAKERS[operation](bedrock, f"page-{number}")
    paginator = bedrock.get_paginator(operation)
    member = paginator.result_keys[0].expression
    pages = [page[member] for page in paginator.paginate(PaginationConfig={"PageSize": 2})]
    assert len(pages) > 1 and all(len(page) <= 2 for page in pages)
    listed = [json.dumps(item, default=str, sort_keys=True) for page in pages for item in page]
    assert len(listed) == len(set(listed)) >= 3


def test_a_custom_model_is_invoked_through_its_deployment(bedrock, runtime):
    model = bedrock.create_custom_model(
        modelName="deployed", modelSourceConfig={"s3DataSource": {"s3Uri": "s3://weights/mine/"}}, roleArn=ROLE
    )["modelArn"]
    made = bedrock.create_custom_model_deployment(modelDeploymentName="live", modelArn=model)
    arn = made["customModelDeploymentArn"]
    assert bedrock.get_custom_model_deployment(customModelDeploymentIdentifier=arn)["status"] == "Active"
    assert said(runtime, arn) == "conform"
    updated = bedrock.update_custom_model_deployment(modelArn=model, customModelDeploymentIdentifier=arn)
    assert updated["customModelDeploymentArn"] == arn
    summaries = bedrock.list_custom_model_deployments(modelArnEquals=model)["modelDeploymentSummaries"]
    assert [summary["customModelDeploymentArn"] for summary in summaries] == [arn]
    with pytest.raises(bedrock.exceptions.ConflictException):
        bedrock.delete_custom_model(modelIdentifier=model)
    bedrock.delete_custom_model_deployment(customModelDeploymentIdentifier=arn)
    bedrock.delete_custom_model(modelIdentifier=model)
    with pytest.raises(bedrock.exceptions.ResourceNotFoundException):
        bedrock.get_custom_model(modelIdentifier=model)


def test_an_imported_model_takes_no_converse(emulated, bedrock, runtime):
    emulated.control("clock", {"frozen": True})
    bedrock.create_model_import_job(
        jobName="only-invoke",
        importedModelName="only-invoke",
        roleArn=ROLE,
        modelDataSource={"s3DataSource": {"s3Uri": "s3://weights/llama/"}},
    )
    assert bedrock.get_model_import_job(jobIdentifier="only-invoke")["status"] == "InProgress"
    emulated.control("clock", {"frozen": False, "advanceSeconds": 60})
    assert bedrock.get_model_import_job(jobIdentifier="only-invoke")["status"] == "Completed"
    arn = bedrock.get_imported_model(modelIdentifier="only-invoke")["modelArn"]
    with pytest.raises(ClientError) as caught:
        said(runtime, arn)
    assert aws.error_of(caught)[0] == "ValidationException"
    answer = runtime.invoke_model(modelId=arn, body=json.dumps({"prompt": "Repeat after me: conform"}))
    assert "conform" in json.load(answer["body"])["generation"]
    bedrock.delete_imported_model(modelIdentifier=arn)


def test_a_guardrail_guards(bedrock, runtime):
    made = bedrock.create_guardrail(
        name="guards",
        blockedInputMessaging="not this",
        blockedOutputsMessaging="not that",
        wordPolicyConfig={"wordsConfig": [{"text": "conform"}]},
        sensitiveInformationPolicyConfig={"piiEntitiesConfig": [{"type": "EMAIL", "action": "ANONYMIZE"}]},
    )
    identity = {"guardrailIdentifier": made["guardrailId"], "guardrailVersion": "1"}
    assert bedrock.create_guardrail_version(guardrailIdentifier=made["guardrailId"])["version"] == "1"
    applied = runtime.apply_guardrail(**identity, source="OUTPUT", content=[{"text": {"text": "to a@example.com"}}])
    assert (applied["action"], applied["outputs"]) == ("GUARDRAIL_INTERVENED", [{"text": "to {EMAIL}"}])
    answer = runtime.converse(modelId=NOVA, messages=MESSAGES, guardrailConfig=identity | {"trace": "enabled"})
    assert answer["stopReason"] == "guardrail_intervened"
    assert answer["output"]["message"]["content"] == [{"text": "not this"}]
    assert answer["trace"]["guardrail"]["inputAssessment"]
    stream = runtime.converse_stream(modelId=NOVA, messages=MESSAGES, guardrailConfig=identity)["stream"]
    stops = [event["messageStop"]["stopReason"] for event in stream if "messageStop" in event]
    assert stops == ["guardrail_intervened"]
    bedrock.delete_guardrail(guardrailIdentifier=made["guardrailId"])


def test_access_is_agreed_to(bedrock, runtime):
    bedrock.delete_foundation_model_agreement(modelId=NOVA)
    assert bedrock.get_foundation_model_availability(modelId=NOVA)["entitlementAvailability"] == "NOT_AVAILABLE"
    with pytest.raises(runtime.exceptions.AccessDeniedException):
        said(runtime, NOVA)
    [offer] = bedrock.list_foundation_model_agreement_offers(modelId=NOVA)["offers"]
    bedrock.create_foundation_model_agreement(modelId=NOVA, offerToken=offer["offerToken"])
    assert said(runtime, NOVA) == "conform"
    bedrock.put_use_case_for_model_access(formData=b"our use case")
    assert bedrock.get_use_case_for_model_access()["formData"] == b"our use case"


def test_a_batch_job_runs(emulated, bedrock):
    s3 = emulated.client("s3", config=Config(s3={"addressing_style": "path"}))
    s3.create_bucket(Bucket="batches")
    records = [json.dumps({"recordId": name, "modelInput": {"messages": MESSAGES}}) for name in ("one", "two")]
    s3.put_object(Bucket="batches", Key="in/records.jsonl", Body="\n".join(records).encode())
    arn = bedrock.create_model_invocation_job(
        jobName="runs",
        roleArn=ROLE,
        modelId=NOVA,
        modelInvocationType="Converse",
        inputDataConfig={"s3InputDataConfig": {"s3Uri": "s3://batches/in/records.jsonl"}},
        outputDataConfig={"s3OutputDataConfig": {"s3Uri": "s3://batches/out/"}},
    )["jobArn"]
    deadline = time.monotonic() + JOB_SECONDS
    while "endTime" not in (job := bedrock.get_model_invocation_job(jobIdentifier=arn)):
        assert time.monotonic() < deadline, job
        time.sleep(0.05)
    assert (job["status"], job["successRecordCount"]) == ("Completed", 2), job
    key = f"out/{arn.rsplit('/', 1)[1]}/records.jsonl.out"
    answers = [json.loads(line) for line in s3.get_object(Bucket="batches", Key=key)["Body"].read().splitlines()]
    texts = [answer["modelOutput"]["output"]["message"]["content"][0]["text"] for answer in answers]
    assert texts == ["conform", "conform"]


def test_invocations_are_logged(emulated, bedrock, runtime):
    logs = emulated.client("logs")
    destination = {"logGroupName": "/bedrock/conform", "roleArn": ROLE}
    bedrock.put_model_invocation_logging_configuration(loggingConfig={"cloudWatchConfig": destination})
    said(runtime, NOVA)
    configured = bedrock.get_model_invocation_logging_configuration()["loggingConfig"]
    assert configured["cloudWatchConfig"]["logGroupName"] == "/bedrock/conform"
    [event] = logs.filter_log_events(logGroupName="/bedrock/conform")["events"]
    record = json.loads(event["message"])
    assert (record["schemaType"], record["operation"], record["modelId"]) == ("ModelInvocationLog", "Converse", NOVA)
    assert record["output"]["outputBodyJson"]["output"]["message"]["content"] == [{"text": "conform"}]
    bedrock.delete_model_invocation_logging_configuration()
    assert "loggingConfig" not in bedrock.get_model_invocation_logging_configuration()


def test_the_cli_takes_a_profile_through_its_life(emulated):
    arn = emulated.cli_json(
        *("bedrock", "create-inference-profile", "--inference-profile-name", "cli"),
        *("--model-source", f"copyFrom={SOURCE}", "--tags", "key=team,value=a"),
    )["inferenceProfileArn"]
    found = emulated.cli_json("bedrock", "get-inference-profile", "--inference-profile-identifier", arn)
    assert (found["type"], found["status"]) == ("APPLICATION", "ACTIVE")
    listed = emulated.cli_json("bedrock", "list-inference-profiles", "--type-equals", "SYSTEM_DEFINED", "--page-size", "20")
    assert len(listed["inferenceProfileSummaries"]) > 20
    assert emulated.cli_json("bedrock", "list-tags-for-resource", "--resource-arn", arn)["tags"] == [
        {"key": "team", "value": "a"}
    ]
    answer = emulated.cli_json(
        "bedrock-runtime", "converse", "--model-id", arn, "--messages", json.dumps(MESSAGES)
    )
    assert answer["output"]["message"]["content"] == [{"text": "conform"}]
    emulated.cli_json("bedrock", "delete-inference-profile", "--inference-profile-identifier", arn)


def test_a_bearer_key_is_taken_over_tls(tmp_path, monkeypatch):
    with started(tmp_path, "--tls") as emulated:
        monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", BEARER)
        url, ca = emulated.exports["AWS_ENDPOINT_URL_BEDROCK"], emulated.exports["AWS_CA_BUNDLE"]
        assert url.startswith("https://") and ca.startswith(str(tmp_path))
        options = {"endpoint_url": url, "region_name": REGION, "verify": ca, "config": aws.CONFIG}
        assert said(boto3.client("bedrock-runtime", **options), NOVA) == "conform"
        profiles = boto3.client("bedrock", **options).list_inference_profiles(typeEquals="APPLICATION")
        assert len(profiles["inferenceProfileSummaries"]) == 2
