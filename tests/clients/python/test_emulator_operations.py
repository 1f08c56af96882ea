"""Every operation that the emulator claims, by boto3 and by AWS's CLI (v1): serializers, parsers, paginators, printing.

The CLI is called within this process, as somebody types it. Every answer is held against botocore's service model.
"""

import contextlib
import io
import json
import re
from pathlib import Path

import botocore.session
import pytest
import story
from awscli.clidriver import create_clidriver
from botocore import xform_name
from botocore.validate import ParamValidator

# Version 1 of the CLI has no commands for them.
STREAMED = frozenset({"ConverseStream", "InvokeModelWithResponseStream"})
SERVICES = ("bedrock", "bedrock-runtime")


@pytest.fixture(scope="module")
def models() -> dict:
    session = botocore.session.get_session()
    found = [(name, session.get_service_model(name)) for name in SERVICES]
    return {name: (service, model.operation_model(name)) for service, model in found for name in model.operation_names}


def against_the_model(answer: dict, operation) -> list[str]:
    """How an answer differs from the output shape."""
    if operation.output_shape is None or operation.output_shape.serialization.get("payload"):
        return []
    report = ParamValidator().validate(answer, operation.output_shape)
    return [f"{operation.name}: {report.generate_report()}"] if report.has_errors() else []


def test_the_story_leaves_no_operation_out():
    assert story.operations() == story.claimed()


def test_boto3_plays_every_operation(emulated, models):
    emulated.control("reset", {})
    clients, wrong = {name: emulated.client(name) for name in SERVICES}, []

    def call(step: story.Call) -> dict:
        service, model = models[step.operation]
        method = xform_name(step.operation)
        if step.page_by_page:
            pages = clients[service].get_paginator(method).paginate(**step.input, PaginationConfig={"PageSize": 1})
            return pages.build_full_result()
        answer = getattr(clients[service], method)(**step.input)
        assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == model.http.get("responseCode", 200)
        if step.operation == "ConverseStream":
            deltas = [event["contentBlockDelta"]["delta"] for event in answer["stream"] if "contentBlockDelta" in event]
            return {"text": "".join(delta.get("text", "") for delta in deltas)}
        if step.operation == "InvokeModelWithResponseStream":
            chunks = [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]
            deltas = [chunk["contentBlockDelta"]["delta"] for chunk in chunks if "contentBlockDelta" in chunk]
            return {"text": "".join(delta.get("text", "") for delta in deltas)}
        wrong.extend(against_the_model(answer, model))
        return answer

    wrong.extend(story.play(emulated, call))
    assert not wrong, "\n".join(wrong)


@pytest.fixture(scope="module")
def cli(emulated):
    """Runs `aws ARGUMENTS…` in this process; what it prints."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK"):
            patch.delenv(name, raising=False)
        for name, value in emulated.environment().items():
            patch.setenv(name, value)
        driver = create_clidriver()

        def cli(*arguments: str) -> str:
            out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                status = driver.main(list(arguments))
            out.flush()
            assert status == 0, f"aws {' '.join(arguments)}: {err.getvalue()}"
            return out.buffer.getvalue().decode()

        yield cli


def typed(step: story.Call) -> list[str]:
    """As somebody types it: a flag for what is true, JSON for what has members."""
    arguments = [xform_name(step.operation, "-")]
    for name, value in step.input.items():
        option = "--" + xform_name(name, "-")
        match value:
            case True:
                arguments.append(option)
            case bytes():
                arguments += [option, value.decode()]
            case str():
                arguments += [option, value]
            case _:
                arguments += [option, json.dumps(value)]
    return [*arguments, "--page-size", "1"] if step.page_by_page else arguments


def test_the_cli_plays_every_operation(emulated, cli, models, tmp_path):
    emulated.control("reset", {})
    wrong = []

    def call(step: story.Call) -> dict:
        service, model = models[step.operation]
        written_to = [str(tmp_path / "body")] if step.operation == "InvokeModel" else []
        answer = json.loads(cli(service, *typed(step), *written_to) or "{}")
        wrong.extend(against_the_model(answer, model))
        return answer

    wrong.extend(story.play(emulated, call, left_out=STREAMED))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("get-inference-profile", "--inference-profile-identifier", "nothing"), "(ResourceNotFoundException)"),
        (("get-foundation-model", "--model-identifier", "nothing.here"), "The provided model identifier is invalid."),
        (("list-inference-profiles", "--starting-token", "eyJuZXh0VG9rZW4iOiAieCJ9"), "nextToken is invalid"),
        (("list-evaluation-jobs",), "(UnknownOperationException)"),
    ],
)
def test_the_cli_prints_what_was_refused(cli, arguments, words):
    with pytest.raises(AssertionError) as refused:
        cli("bedrock", *arguments)
    assert words in str(refused.value)


DOCUMENTATION = Path(__file__).resolve().parents[3] / "docs/emulator.md"
ROW = re.compile(r"^\| ([A-Z][^|]+) \| (emulated|approximated|not) \|", re.MULTILINE)


def test_the_documentation_tells_how_each_operation_is_emulated(models):
    text = DOCUMENTATION.read_text().split("## Operation by operation")[1].split("\n## ")[0]
    told = [(name, how) for names, how in ROW.findall(text) for name in re.split("[,;] ", names)]
    assert len(told) == len(dict(told)), "an operation stands there twice"
    assert {name for name, how in told if how != "not"} == story.claimed()
    assert {name for name, _ in told} == set(models), "what botocore knows and the table does not, or the other way round"
