"""boto3's Converse and ConverseStream against the gateway, with application profile ARNs as the model, and
with models that live on bedrock-mantle only."""

import json

import aws
import pytest
from botocore.eventstream import ParserError
from botocore.exceptions import ClientError, EventStreamError
from material import (
    ASK_FOR_IMAGE,
    ASK_FOR_TOOL,
    DESCRIPTION,
    LONG_PHRASE,
    OTHER_SCHEMA,
    OTHER_TOOL,
    PHRASE,
    SCHEMA,
    TOOL,
    TOOL_RESULT,
    assert_describes,
    assert_fits,
    broken_identifiers,
    png,
    repeat,
    sibling,
)

pytestmark = pytest.mark.client("boto3", "Converse")

TOOLS = {
    "tools": [
        {"toolSpec": {"name": OTHER_TOOL, "inputSchema": {"json": OTHER_SCHEMA}}},
        {"toolSpec": {"name": TOOL, "description": DESCRIPTION, "inputSchema": {"json": SCHEMA}}},
    ]
}
# What a broken identifier is called depends on how it is broken.
REFUSALS = {("ValidationException", 400), ("ResourceNotFoundException", 404)}


@pytest.fixture(scope="module")
def client(url, region):
    return aws.client("bedrock-runtime", url, region)


def user(*blocks) -> dict:
    return {"role": "user", "content": [{"text": block} if isinstance(block, str) else block for block in blocks]}


def content_of(answer, kind: str) -> list:
    return [block[kind] for block in answer["output"]["message"]["content"] if kind in block]


def text_of(answer) -> str:
    return "".join(content_of(answer, "text"))


def events_of(answer) -> list[tuple[str, dict]]:
    """The stream's events as pairs of name and payload."""
    return [pair for event in answer["stream"] for pair in event.items()]


@pytest.mark.column("chat")
def test_chat_answers_with_usage(client, model):
    answer = client.converse(modelId=model, messages=[user(repeat(PHRASE))])
    assert answer["output"]["message"]["role"] == "assistant"
    assert text_of(answer) == PHRASE
    assert answer["stopReason"] == "end_turn"
    usage = answer["usage"]
    assert usage["inputTokens"] > 0 and usage["outputTokens"] > 0
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"]
    assert answer["metrics"]["latencyMs"] >= 0


def test_headers_tell_what_the_arn_resolved_to(client, claude):
    headers = client.converse(modelId=claude, messages=[user(repeat(PHRASE))])["ResponseMetadata"]["HTTPHeaders"]
    assert headers["outcrop-target"] == claude
    assert headers["outcrop-model"].startswith("anthropic.claude")
    assert headers["x-amzn-requestid"]


def test_system_prompt_reaches_the_model(client, model):
    without = client.converse(modelId=model, messages=[user(repeat(PHRASE))])
    answer = client.converse(modelId=model, messages=[user(repeat(PHRASE))], system=[{"text": "You are a parrot."}])
    assert text_of(answer) == PHRASE
    assert answer["usage"]["inputTokens"] > without["usage"]["inputTokens"]


@pytest.mark.column("stream")
def test_stream_is_the_same_answer_in_pieces(client, model):
    whole = client.converse(modelId=model, messages=[user(repeat(LONG_PHRASE))])
    events = events_of(client.converse_stream(modelId=model, messages=[user(repeat(LONG_PHRASE))]))
    names = [name for name, _ in events]
    assert names[0] == "messageStart" and names[-2:] == ["messageStop", "metadata"]
    pieces = [body["delta"]["text"] for name, body in events if name == "contentBlockDelta" and "text" in body["delta"]]
    assert len(pieces) > 1
    assert "".join(pieces) == LONG_PHRASE == text_of(whole)
    assert events[-2][1]["stopReason"] == "end_turn"
    assert events[-1][1]["usage"] == whole["usage"]


@pytest.mark.column("tools")
def test_tool_round_trip(client, model):
    messages = [user(ASK_FOR_TOOL)]
    asked = client.converse(modelId=model, messages=messages, toolConfig=TOOLS)
    assert asked["stopReason"] == "tool_use"
    [call] = content_of(asked, "toolUse")
    assert call["name"] == TOOL
    assert_fits(call["input"])
    result = {"toolUseId": call["toolUseId"], "content": [{"text": TOOL_RESULT}], "status": "success"}
    messages += [asked["output"]["message"], user({"toolResult": result})]
    answer = client.converse(modelId=model, messages=messages, toolConfig=TOOLS)
    assert answer["stopReason"] == "end_turn"
    assert TOOL_RESULT in text_of(answer)


@pytest.mark.column("tools")
def test_streamed_tool_call_is_the_same_call_in_pieces(client, model):
    events = events_of(client.converse_stream(modelId=model, messages=[user(ASK_FOR_TOOL)], toolConfig=TOOLS))
    starts = [body["start"] for name, body in events if name == "contentBlockStart"]
    [start] = [start["toolUse"] for start in starts if "toolUse" in start]
    assert start["name"] == TOOL and start["toolUseId"]
    deltas = [body["delta"] for name, body in events if name == "contentBlockDelta"]
    assert_fits(json.loads("".join(delta["toolUse"]["input"] for delta in deltas if "toolUse" in delta)))
    assert dict(events)["messageStop"]["stopReason"] == "tool_use"


@pytest.mark.column("images")
def test_image_reaches_the_model(client, seer):
    image = {"image": {"format": "png", "source": {"bytes": png()}}}
    without = client.converse(modelId=seer, messages=[user(ASK_FOR_IMAGE)])
    answer = client.converse(modelId=seer, messages=[user(image, ASK_FOR_IMAGE)])
    assert_describes(text_of(answer), png())
    assert answer["usage"]["inputTokens"] > without["usage"]["inputTokens"]


@pytest.mark.column("thinking")
def test_reasoning_arrives_before_the_answer_and_goes_back(client, thinker):
    request = {
        "modelId": thinker["identifier"],
        "inferenceConfig": {"maxTokens": 4096},
        "additionalModelRequestFields": thinker["thinking"],
    }
    question = user(repeat(PHRASE))
    answer = client.converse(messages=[question], **request)
    assert [name for block in answer["output"]["message"]["content"] for name in block] == ["reasoningContent", "text"]
    assert text_of(answer) == PHRASE
    history = [question, answer["output"]["message"], user(repeat("again"))]
    assert text_of(client.converse(messages=history, **request)) == "again"


def test_reasoning_arrives_signed_before_the_answer(client, a_claude, thinking):
    answer = client.converse(
        modelId=a_claude,
        messages=[user(repeat(PHRASE))],
        inferenceConfig={"maxTokens": 4096},
        additionalModelRequestFields={"thinking": thinking},
    )
    assert [name for block in answer["output"]["message"]["content"] for name in block] == ["reasoningContent", "text"]
    [reasoning] = content_of(answer, "reasoningContent")
    assert reasoning["reasoningText"]["text"] and reasoning["reasoningText"]["signature"]
    assert text_of(answer) == PHRASE


def test_reasoning_is_streamed_with_its_signature(client, a_claude, thinking):
    answer = client.converse_stream(
        modelId=a_claude,
        messages=[user(repeat(PHRASE))],
        inferenceConfig={"maxTokens": 4096},
        additionalModelRequestFields={"thinking": thinking},
    )
    deltas = [body["delta"] for name, body in events_of(answer) if name == "contentBlockDelta"]
    reasoning = [delta["reasoningContent"] for delta in deltas if "reasoningContent" in delta]
    assert "".join(part.get("text", "") for part in reasoning)
    assert [part for part in reasoning if part.get("signature")] == reasoning[-1:]


def test_reasoning_can_be_sent_back_with_a_tool_result(client, a_claude, thinking):
    request = {
        "modelId": a_claude,
        "toolConfig": TOOLS,
        "inferenceConfig": {"maxTokens": 4096},
        "additionalModelRequestFields": {"thinking": thinking},
    }
    asked = client.converse(messages=[user(ASK_FOR_TOOL)], **request)
    [reasoning], [call] = content_of(asked, "reasoningContent"), content_of(asked, "toolUse")
    assert reasoning["reasoningText"]["signature"]
    result = {"toolUseId": call["toolUseId"], "content": [{"json": {"weather": TOOL_RESULT}}]}
    messages = [user(ASK_FOR_TOOL), asked["output"]["message"], user({"toolResult": result})]
    assert TOOL_RESULT in text_of(client.converse(messages=messages, **request))


def test_stop_sequence_and_token_limit_end_the_answer(client, model):
    stopped = client.converse(modelId=model, messages=[user("count to 9")], inferenceConfig={"stopSequences": ["6"]})
    assert "5" in text_of(stopped) and "6" not in text_of(stopped)
    # Chat Completions, which some of the models speak, say the same of both.
    assert stopped["stopReason"] in ("stop_sequence", "end_turn")
    limited = client.converse(modelId=model, messages=[user("count to 400")], inferenceConfig={"maxTokens": 20})
    assert limited["stopReason"] == "max_tokens"
    assert limited["usage"]["outputTokens"] <= 20


@pytest.mark.parametrize("operation", ["converse", "converse_stream"])
def test_identifiers_that_name_no_model_are_refused(client, claude, operation):
    for identifier in broken_identifiers(claude):
        with pytest.raises(ClientError) as caught:
            getattr(client, operation)(modelId=identifier, messages=[user(repeat(PHRASE))])
        code, status, message = aws.error_of(caught)
        assert (code, status) in REFUSALS and message, identifier
    assert text_of(client.converse(modelId=claude, messages=[user(repeat(PHRASE))])) == PHRASE


def test_a_wrong_request_is_refused_with_its_reason(client, arn):
    with pytest.raises(ClientError) as caught:
        client.converse(modelId=arn, messages=[{"role": "assistant", "content": [{"text": "I begin"}]}])
    code, status, message = aws.error_of(caught)
    assert (code, status) == ("ValidationException", 400) and message


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("ThrottlingException", 429),
        ("AccessDeniedException", 403),
        ("ValidationException", 400),
        ("ServiceUnavailableException", 503),
        ("ModelTimeoutException", 408),
        ("ModelErrorException", 424),
    ],
)
@pytest.mark.parametrize("operation", ["converse", "converse_stream"])
@pytest.mark.column("error")
def test_errors_of_aws_keep_their_name_and_status(url, region, model, fault, status, operation):
    client = aws.client("bedrock-runtime", url, region, fault=fault)
    with pytest.raises(getattr(client.exceptions, fault)) as caught:
        getattr(client, operation)(modelId=model, messages=[user(repeat(PHRASE))])
    assert aws.error_of(caught)[:2] == (fault, status)


def test_an_unknown_arn_is_refused_before_a_stream_begins(client, claude):
    with pytest.raises(ClientError) as caught:
        client.converse_stream(modelId=sibling(claude), messages=[user(repeat(PHRASE))])
    assert aws.error_of(caught)[:2] in REFUSALS


@pytest.mark.column("cut stream")
def test_a_broken_stream_is_an_error(url, region, broken):
    model, fault = broken
    client = aws.client("bedrock-runtime", url, region, fault=fault)
    answer = client.converse_stream(modelId=model, messages=[user(repeat(LONG_PHRASE))])
    # A checksum is botocore's own finding, when the bytes are handed on as they came.
    with pytest.raises((EventStreamError, ParserError) if fault.startswith("bad-crc") else EventStreamError):
        events_of(answer)


def test_a_stream_without_its_last_frame_is_an_error(url, region, arn):
    client = aws.client("bedrock-runtime", url, region, fault="missing-metadata")
    with pytest.raises(EventStreamError):
        events_of(client.converse_stream(modelId=arn, messages=[user(repeat(PHRASE))]))
