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
from places import MANTLES_CLAUDE

pytestmark = pytest.mark.client("boto3", "InvokeModel")

TOOLS = [{"name": TOOL, "input_schema": SCHEMA}]


@pytest.fixture(scope="module")
def client(url, region):
    return aws.client("bedrock-runtime", url, region)


def body(*messages, **parameters) -> str:
    """A Messages body as Bedrock wants it; a bare string is a user message."""
    messages = [{"role": "user", "content": m} if isinstance(m, str) else m for m in messages]
    request = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 4096, "messages": messages}
    return json.dumps(request | parameters)


def invoke(client, model, *messages, **parameters) -> dict:
    """The decoded answer to a Messages body."""
    answer = client.invoke_model(modelId=model, body=body(*messages, **parameters))
    assert answer["contentType"] == "application/json"
    return json.loads(answer["body"].read())


def chunks_of(answer) -> list[dict]:
    return [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]


def text_of(message) -> str:
    return "".join(block["text"] for block in message["content"] if block["type"] == "text")


@pytest.mark.column("chat")
def test_chat_answers_in_anthropics_shape(client, own_body):
    answer = invoke(client, own_body, repeat(PHRASE), system="You are a parrot.")
    assert (answer["type"], answer["role"], answer["stop_reason"]) == ("message", "assistant", "end_turn")
    assert text_of(answer) == PHRASE
    assert answer["usage"]["input_tokens"] > 0 and answer["usage"]["output_tokens"] > 0


@pytest.mark.column("stream")
def test_stream_is_the_same_answer_in_pieces(client, own_body):
    chunks = chunks_of(client.invoke_model_with_response_stream(modelId=own_body, body=body(repeat(LONG_PHRASE))))
    assert [chunks[0]["type"], chunks[-1]["type"]] == ["message_start", "message_stop"]
    deltas = [chunk["delta"] for chunk in chunks if chunk["type"] == "content_block_delta"]
    pieces = [delta["text"] for delta in deltas if delta["type"] == "text_delta"]
    assert len(pieces) > 1 and "".join(pieces) == LONG_PHRASE
    # Mantle, where the other one lives, states its usage as Anthropic does.
    if own_body.startswith("anthropic."):
        assert chunks[-2]["usage"]["output_tokens"] > 0
        return
    metrics = chunks[-1]["amazon-bedrock-invocationMetrics"]
    assert metrics["inputTokenCount"] > 0 and metrics["outputTokenCount"] > 0


@pytest.mark.column("tools")
def test_tool_round_trip(client, own_body):
    asked = invoke(client, own_body, ASK_FOR_TOOL, tools=TOOLS)
    assert asked["stop_reason"] == "tool_use"
    [call] = [block for block in asked["content"] if block["type"] == "tool_use"]
    assert call["name"] == TOOL
    assert_fits(call["input"])
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": TOOL_RESULT}
    turns = [{"role": "assistant", "content": asked["content"]}, {"role": "user", "content": [result]}]
    assert TOOL_RESULT in text_of(invoke(client, own_body, ASK_FOR_TOOL, *turns, tools=TOOLS))


@pytest.mark.column("images")
def test_image_reaches_the_model(client, own_body):
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(png()).decode()}
    content = [{"type": "image", "source": source}, {"type": "text", "text": ASK_FOR_IMAGE}]
    assert_describes(text_of(invoke(client, own_body, {"role": "user", "content": content})), png())


@pytest.mark.column("thinking")
def test_thinking_arrives_signed_before_the_answer(client, own_body, thinking):
    answer = invoke(client, own_body, repeat(PHRASE), thinking=thinking)
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


@pytest.mark.column("structured output")
def test_an_answer_has_the_form_that_was_asked_for(client, own_body):
    if own_body.startswith("anthropic."):
        pytest.skip(MANTLES_CLAUDE)
    form = {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert_fits(json.loads(text_of(invoke(client, own_body, "How is the weather?", output_config=form))))


@pytest.mark.column("error")
@pytest.mark.parametrize("operation", ["invoke_model", "invoke_model_with_response_stream"])
def test_errors_of_aws_keep_their_name_and_status(url, region, own_body, operation):
    client = aws.client("bedrock-runtime", url, region, fault="AccessDeniedException")
    with pytest.raises(client.exceptions.AccessDeniedException) as caught:
        getattr(client, operation)(modelId=own_body, body=body(repeat(PHRASE)))
    assert aws.error_of(caught)[:2] == ("AccessDeniedException", 403)


@pytest.mark.column("cut stream")
def test_a_cut_stream_is_an_error(url, region, own_body):
    client = aws.client("bedrock-runtime", url, region, fault="cut;at=mid")
    with pytest.raises(EventStreamError):
        chunks_of(client.invoke_model_with_response_stream(modelId=own_body, body=body(repeat(LONG_PHRASE))))


@pytest.mark.parametrize("fault", BROKEN_STREAMS)
def test_a_broken_stream_is_an_error(url, region, claude, fault):
    client = aws.client("bedrock-runtime", url, region, fault=fault)
    answer = client.invoke_model_with_response_stream(modelId=claude, body=body(repeat(LONG_PHRASE)))
    # A checksum is botocore's own finding, when the bytes are handed on as they came.
    with pytest.raises((EventStreamError, ParserError) if fault.startswith("bad-crc") else EventStreamError):
        chunks_of(answer)
