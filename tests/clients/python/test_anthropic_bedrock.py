"""AnthropicBedrock (InvokeModel, signed) against the gateway, with an application profile ARN as the model."""

import base64

import anthropic
import pytest
from botocore.eventstream import ParserError
from material import (
    ASK_FOR_IMAGE,
    ASK_FOR_TOOL,
    BROKEN_STREAMS,
    DESCRIPTION,
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

pytestmark = pytest.mark.client("AnthropicBedrock (Python)", "InvokeModel")

TOOLS = [{"name": TOOL, "description": DESCRIPTION, "input_schema": SCHEMA}]
MAX_TOKENS = 4096


@pytest.fixture(scope="module")
def client(url, region):
    with anthropic.AnthropicBedrock(
        base_url=url,
        aws_region=region,
        aws_access_key="AKIDANY",
        aws_secret_key="any",
        max_retries=0,
        timeout=60,
    ) as client:
        yield client


@pytest.fixture(scope="module")
def say(client):
    """One answer to one user message."""

    def say(arn, content, **parameters):
        messages = [{"role": "user", "content": content}]
        return client.messages.create(**{"model": arn, "messages": messages, "max_tokens": MAX_TOKENS} | parameters)

    return say


def text_of(message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


@pytest.mark.column("chat")
def test_chat_answers_with_usage(say, own_body):
    answer = say(own_body, repeat(PHRASE), system="You are a parrot.")
    assert text_of(answer) == PHRASE
    assert answer.stop_reason == "end_turn"
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0


def test_a_bearer_key_does_as_well_as_a_signature(url, region, own_body):
    with anthropic.AnthropicBedrock(base_url=url, aws_region=region, api_key="any", max_retries=0) as client:
        messages = [{"role": "user", "content": repeat(PHRASE)}]
        assert text_of(client.messages.create(model=own_body, messages=messages, max_tokens=MAX_TOKENS)) == PHRASE


@pytest.mark.column("stream")
def test_stream_is_the_same_answer_in_pieces(client, own_body):
    with client.messages.stream(
        model=own_body, messages=[{"role": "user", "content": repeat(LONG_PHRASE)}], max_tokens=MAX_TOKENS
    ) as stream:
        pieces = list(stream.text_stream)
        message = stream.get_final_message()
    assert len(pieces) > 1 and "".join(pieces) == LONG_PHRASE
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens > 0 and message.usage.output_tokens > 0


@pytest.mark.parametrize("thinks", [False, True], ids=["plain", "thinking"])
@pytest.mark.column("tools")
def test_tool_round_trip(client, own_body, thinking, thinks):
    request = {"model": own_body, "tools": TOOLS, "max_tokens": MAX_TOKENS} | ({"thinking": thinking} if thinks else {})
    messages = [{"role": "user", "content": ASK_FOR_TOOL}]
    asked = client.messages.create(messages=messages, **request)
    assert asked.stop_reason == "tool_use"
    [call] = [block for block in asked.content if block.type == "tool_use"]
    assert call.name == TOOL
    assert_fits(call.input)
    result = {"type": "tool_result", "tool_use_id": call.id, "content": TOOL_RESULT}
    messages += [{"role": "assistant", "content": asked.content}, {"role": "user", "content": [result]}]
    assert TOOL_RESULT in text_of(client.messages.create(messages=messages, **request))


@pytest.mark.column("images")
def test_image_reaches_the_model(say, own_body):
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(png()).decode()}
    text = {"type": "text", "text": ASK_FOR_IMAGE}
    without, answer = say(own_body, [text]), say(own_body, [{"type": "image", "source": source}, text])
    assert_describes(text_of(answer), png())
    assert answer.usage.input_tokens > without.usage.input_tokens


@pytest.mark.column("thinking")
def test_thinking_arrives_signed_before_the_answer(say, own_body, thinking):
    answer = say(own_body, repeat(PHRASE), thinking=thinking)
    assert [block.type for block in answer.content] == ["thinking", "text"]
    assert answer.content[0].thinking and answer.content[0].signature


def test_stop_sequence_and_token_limit_end_the_answer(say, own_body):
    stopped = say(own_body, "count to 9", stop_sequences=["6"])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "6")
    assert say(own_body, "count to 400", max_tokens=20).stop_reason == "max_tokens"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_identifiers_that_name_no_model_are_refused(say, claude, stream):
    for identifier in ("no-such-model", sibling(claude)):
        with pytest.raises((anthropic.BadRequestError, anthropic.NotFoundError)) as caught:
            say(identifier, repeat(PHRASE), stream=stream)
        assert caught.value.body["message"], "AWS's own shape, as the surface is AWS's"


@pytest.mark.column("error")
def test_throttling_is_a_rate_limit_error(say, own_body):
    with pytest.raises(anthropic.RateLimitError):
        say(own_body, repeat(PHRASE), extra_headers={"x-outcrop-fault": "ThrottlingException"})


@pytest.mark.column("cut stream")
@pytest.mark.parametrize("fault", BROKEN_STREAMS)
def test_a_broken_stream_is_an_error(say, claude, fault):
    # The package hands a checksum error of botocore's on as it is.
    with pytest.raises((anthropic.APIError, ParserError) if fault.startswith("bad-crc") else anthropic.APIError):
        list(say(claude, repeat(LONG_PHRASE), stream=True, extra_headers={"x-outcrop-fault": fault}))


@pytest.mark.column("cut stream")
def test_a_cut_stream_is_an_error(say, own_body):
    with pytest.raises(anthropic.APIError):
        list(say(own_body, repeat(LONG_PHRASE), stream=True, extra_headers={"x-outcrop-fault": "cut;at=mid"}))
