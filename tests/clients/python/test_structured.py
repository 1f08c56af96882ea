"""Answers of a prescribed form, through the SDKs' own parsers, on a model that enforces schemas and on one that does not."""

import json

import anthropic
import aws
import openai
import pytest
from places import MANTLES_CLAUDE
from pydantic import BaseModel


class Town(BaseModel):
    """What the SDKs make a schema of."""

    name: str
    inhabitants: int
    rivers: list[str]


QUESTION = "Name a town with its rivers."
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "inhabitants": {"type": "integer"},
        "rivers": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["name", "inhabitants", "rivers"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def client(url):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=60) as client:
        yield client


def messages():
    return [{"role": "user", "content": QUESTION}]


@pytest.mark.column("structured output")
@pytest.mark.client("openai (Python)", "Chat Completions")
def test_chat_completions_are_parsed(client, model):
    answer = client.chat.completions.parse(model=model, messages=messages(), response_format=Town)
    assert isinstance(answer.choices[0].message.parsed, Town)
    assert answer.choices[0].finish_reason == "stop"
    assert not answer.choices[0].message.tool_calls


@pytest.mark.column("structured output")
@pytest.mark.client("openai (Python)", "Chat Completions")
def test_streamed_chat_completions_are_parsed(client, model):
    with client.chat.completions.stream(model=model, messages=messages(), response_format=Town) as stream:
        kinds = {event.type for event in stream}
        answer = stream.get_final_completion()
    assert isinstance(answer.choices[0].message.parsed, Town)
    assert "content.delta" in kinds and not any(kind.startswith("tool_calls") for kind in kinds)


def test_any_json_is_an_object(client, model):
    answer = client.chat.completions.create(model=model, messages=messages(), response_format={"type": "json_object"})
    assert isinstance(json.loads(answer.choices[0].message.content), dict)


@pytest.mark.column("structured output")
@pytest.mark.client("openai (Python)", "Responses")
def test_responses_are_parsed(client, model):
    answer = client.responses.parse(model=model, input=QUESTION, text_format=Town)
    assert isinstance(answer.output_parsed, Town)
    assert answer.status == "completed"


@pytest.mark.column("structured output")
@pytest.mark.client("boto3", "Converse")
def test_converse_has_the_form(url, model, region):
    structure = {"jsonSchema": {"schema": json.dumps(SCHEMA), "name": "town"}}
    answer = aws.client("bedrock-runtime", url, region).converse(
        modelId=model,
        messages=[{"role": "user", "content": [{"text": QUESTION}]}],
        outputConfig={"textFormat": {"type": "json_schema", "structure": structure}},
    )
    [text] = [block["text"] for block in answer["output"]["message"]["content"] if "text" in block]
    Town.model_validate_json(text)


@pytest.mark.column("structured output")
@pytest.mark.client("AnthropicBedrock (Python)", "InvokeModel")
def test_anthropic_bedrock_has_the_form(url, own_body, region):
    if own_body.startswith("anthropic."):
        pytest.skip(MANTLES_CLAUDE)
    client = anthropic.AnthropicBedrock(
        base_url=url, aws_region=region, aws_access_key="local", aws_secret_key="local", max_retries=0
    )
    body = {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}
    answer = client.messages.create(model=own_body, max_tokens=500, messages=messages(), extra_body=body)
    Town.model_validate_json(answer.content[0].text)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.column("structured output")
@pytest.mark.client("anthropic (Python)", "Messages")
def test_messages_have_the_form(url, model, stream):
    """`output_config` goes in the body as it is, so that the test does not depend on the SDK's own helpers."""
    client = anthropic.Anthropic(base_url=url, api_key="any", max_retries=0, timeout=60)
    body = {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}
    parameters = {"model": model, "max_tokens": 500, "messages": messages(), "extra_body": body}
    if stream:
        with client.messages.stream(**parameters) as events:
            answer = events.get_final_message()
    else:
        answer = client.messages.create(**parameters)
    text = "".join(block.text for block in answer.content if block.type == "text")
    Town.model_validate_json(text)
    assert answer.stop_reason == "end_turn"
