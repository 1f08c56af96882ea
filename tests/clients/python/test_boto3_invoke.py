"""boto3's InvokeModel with Anthropic's own body against the gateway, with an application profile ARN as the model."""

import base64
import json

import aws
import pytest
from botocore.eventstream import ParserError
from botocore.exceptions import ClientError, EventStreamError
from material import (
    ASK_FOR_IMAGE,
    ASK_FOR_TOOL,
    BROKEN_STREAMS,
    LONG_PHRASE,
    PHRASE,
    SCHEMA,
    TOOL,
    TOOL_RESULT,
    assert_describes,
    assert_fits,
    png,
    repeat,
    sibling,
)

TOOLS = [{"name": TOOL, "input_schema": SCHEMA}]


@pytest.fixture(scope="module")
def client(url, region):
    return aws.client("bedrock-runtime", url, region)


def body(*messages, **parameters) -> str:
    """A Messages body as Bedrock wants it; a bare string is a user message."""
    messages = [{"role": "user", "content": m} if isinstance(m, str) else m for m in messages]
    request = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 4096, "messages": messages}
    return json.dumps(request | parameters)


@pytest.fixture(scope="module")
def invoke(client, claude):
    """The decoded answer to a Messages body."""

    def invoke(*messages, **parameters):
        answer = client.invoke_model(modelId=claude, body=body(*messages, **parameters))
        assert answer["contentType"] == "application/json"
        return json.loads(answer["body"].read())

    return invoke


def chunks_of(answer) -> list[dict]:
    return [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]


def text_of(message) -> str:
    return "".join(block["text"] for block in message["content"] if block["type"] == "text")


def test_chat_answers_in_anthropics_shape(invoke):
    answer = invoke(repeat(PHRASE), system="You are a parrot.")
    assert (answer["type"], answer["role"], answer["stop_reason"]) == ("message", "assistant", "end_turn")
    assert text_of(answer) == PHRASE
    assert answer["usage"]["input_tokens"] > 0 and answer["usage"]["output_tokens"] > 0


def test_stream_is_the_same_answer_in_pieces(client, claude):
    chunks = chunks_of(client.invoke_model_with_response_stream(modelId=claude, body=body(repeat(LONG_PHRASE))))
    assert [chunks[0]["type"], chunks[-1]["type"]] == ["message_start", "message_stop"]
    deltas = [chunk["delta"] for chunk in chunks if chunk["type"] == "content_block_delta"]
    pieces = [delta["text"] for delta in deltas if delta["type"] == "text_delta"]
    assert len(pieces) > 1 and "".join(pieces) == LONG_PHRASE
    metrics = chunks[-1]["amazon-bedrock-invocationMetrics"]
    assert metrics["inputTokenCount"] > 0 and metrics["outputTokenCount"] > 0


def test_tool_round_trip(invoke):
    asked = invoke(ASK_FOR_TOOL, tools=TOOLS)
    assert asked["stop_reason"] == "tool_use"
    [call] = [block for block in asked["content"] if block["type"] == "tool_use"]
    assert call["name"] == TOOL
    assert_fits(call["input"])
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": TOOL_RESULT}
    turns = [{"role": "assistant", "content": asked["content"]}, {"role": "user", "content": [result]}]
    assert TOOL_RESULT in text_of(invoke(ASK_FOR_TOOL, *turns, tools=TOOLS))


def test_image_reaches_the_model(invoke):
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(png()).decode()}
    content = [{"type": "image", "source": source}, {"type": "text", "text": ASK_FOR_IMAGE}]
    assert_describes(text_of(invoke({"role": "user", "content": content})), png())


def test_thinking_arrives_signed_before_the_answer(invoke, thinking):
    answer = invoke(repeat(PHRASE), thinking=thinking)
    assert [block["type"] for block in answer["content"]] == ["thinking", "text"]
    assert answer["content"][0]["thinking"] and answer["content"][0]["signature"]


def test_a_body_without_its_version_is_refused(client, claude):
    request = json.dumps({"max_tokens": 10, "messages": [{"role": "user", "content": "a"}]})
    with pytest.raises(client.exceptions.ValidationException) as caught:
        client.invoke_model(modelId=claude, body=request)
    assert "anthropic_version" in aws.error_of(caught)[2]


def test_a_body_that_is_no_json_is_refused(client, claude):
    with pytest.raises(client.exceptions.ValidationException) as caught:
        client.invoke_model(modelId=claude, body=b'{"messages": [')
    assert aws.error_of(caught)[2]


@pytest.mark.parametrize("operation", ["invoke_model", "invoke_model_with_response_stream"])
def test_an_unknown_arn_is_refused(client, claude, operation):
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(modelId=sibling(claude), body=body(repeat(PHRASE)))
    code, status, message = aws.error_of(caught)
    assert (code, status) in {("ValidationException", 400), ("ResourceNotFoundException", 404)} and message


@pytest.mark.parametrize("fault", BROKEN_STREAMS)
def test_a_broken_stream_is_an_error(url, region, claude, fault):
    client = aws.client("bedrock-runtime", url, region, fault=fault)
    answer = client.invoke_model_with_response_stream(modelId=claude, body=body(repeat(LONG_PHRASE)))
    # A checksum is botocore's own finding, when the bytes are handed on as they came.
    with pytest.raises((EventStreamError, ParserError) if fault.startswith("bad-crc") else EventStreamError):
        chunks_of(answer)
