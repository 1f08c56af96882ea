"""The anthropic package against `/v1/messages`, with application profile ARNs as the model, and with
models that live on bedrock-mantle only."""

import base64

import anthropic
import pytest
from material import (
    ASK_FOR_IMAGE,
    ASK_FOR_TOOL,
    BUDGET,
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

pytestmark = pytest.mark.client("anthropic (Python)", "Messages")

TOOLS = [
    {"name": OTHER_TOOL, "input_schema": OTHER_SCHEMA},
    {"name": TOOL, "description": DESCRIPTION, "input_schema": SCHEMA},
]
# Above the smallest thinking budget, below every limit of a model.
MAX_TOKENS = 4096


@pytest.fixture(scope="module")
def client(url):
    with anthropic.Anthropic(base_url=url, api_key="any", max_retries=0, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def say(client):
    """One answer to one user message."""

    def say(model, content, **parameters):
        messages = [{"role": "user", "content": content}]
        return client.messages.create(**{"model": model, "messages": messages, "max_tokens": MAX_TOKENS} | parameters)

    return say


def text_of(message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


@pytest.mark.column("chat")
def test_chat_answers_with_usage(say, model):
    answer = say(model, repeat(PHRASE))
    assert (answer.type, answer.role, answer.stop_reason) == ("message", "assistant", "end_turn")
    assert text_of(answer) == PHRASE
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0


def test_headers_tell_what_the_arn_resolved_to(client, claude):
    answer = client.messages.with_raw_response.create(
        model=claude, messages=[{"role": "user", "content": repeat(PHRASE)}], max_tokens=MAX_TOKENS
    )
    assert answer.headers["outcrop-target"] == claude
    assert answer.headers["outcrop-model"].startswith("anthropic.claude")


def test_system_prompt_reaches_the_model(say, model):
    system = "You are a parrot that lives in a kitchen and speaks five languages."
    without = say(model, repeat(PHRASE))
    for form in (system, [{"type": "text", "text": system}]):
        answer = say(model, repeat(PHRASE), system=form)
        assert text_of(answer) == PHRASE
        assert answer.usage.input_tokens > without.usage.input_tokens


@pytest.mark.column("stream")
def test_stream_is_the_same_answer_in_pieces(client, say, model):
    whole = say(model, repeat(LONG_PHRASE))
    with client.messages.stream(
        model=model, messages=[{"role": "user", "content": repeat(LONG_PHRASE)}], max_tokens=MAX_TOKENS
    ) as stream:
        pieces = list(stream.text_stream)
        message = stream.get_final_message()
    assert len(pieces) > 1
    assert "".join(pieces) == LONG_PHRASE == text_of(whole)
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens == whole.usage.input_tokens
    assert message.usage.output_tokens == whole.usage.output_tokens


@pytest.mark.column("stream")
def test_stream_has_every_event_in_order(say, model):
    kinds = [event.type for event in say(model, repeat(PHRASE), stream=True) if event.type != "ping"]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") > 0
    assert "content_block_delta" in kinds


@pytest.mark.column("tools")
def test_tool_round_trip(client, model):
    messages = [{"role": "user", "content": ASK_FOR_TOOL}]
    asked = client.messages.create(model=model, messages=messages, tools=TOOLS, max_tokens=MAX_TOKENS)
    assert asked.stop_reason == "tool_use"
    [call] = [block for block in asked.content if block.type == "tool_use"]
    assert call.name == TOOL
    assert_fits(call.input)
    messages += [
        {"role": "assistant", "content": asked.content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": TOOL_RESULT}]},
    ]
    answer = client.messages.create(model=model, messages=messages, tools=TOOLS, max_tokens=MAX_TOKENS)
    assert answer.stop_reason == "end_turn"
    assert TOOL_RESULT in text_of(answer)


@pytest.mark.column("tools")
def test_streamed_tool_call_is_the_same_call_in_pieces(client, model):
    with client.messages.stream(
        model=model, messages=[{"role": "user", "content": ASK_FOR_TOOL}], tools=TOOLS, max_tokens=MAX_TOKENS
    ) as stream:
        message = stream.get_final_message()
    [call] = [block for block in message.content if block.type == "tool_use"]
    assert (message.stop_reason, call.name) == ("tool_use", TOOL)
    assert_fits(call.input)


@pytest.mark.column("images")
def test_image_reaches_the_model(say, seer):
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(png()).decode()}
    text = {"type": "text", "text": ASK_FOR_IMAGE}
    without, answer = say(seer, [text]), say(seer, [{"type": "image", "source": source}, text])
    assert_describes(text_of(answer), png())
    assert answer.usage.input_tokens > without.usage.input_tokens


@pytest.mark.column("thinking")
def test_thinking_arrives_before_the_answer(say, thinker):
    answer = say(thinker["identifier"], repeat(PHRASE), thinking=BUDGET)
    assert [block.type for block in answer.content] == ["thinking", "text"]
    assert answer.content[0].thinking
    assert text_of(answer) == PHRASE


def test_thinking_arrives_signed_before_the_answer(say, a_claude, thinking):
    answer = say(a_claude, repeat(PHRASE), thinking=thinking)
    assert [block.type for block in answer.content] == ["thinking", "text"]
    assert answer.content[0].thinking and answer.content[0].signature
    assert text_of(answer) == PHRASE


def test_thinking_is_streamed_with_its_signature(client, a_claude, thinking):
    with client.messages.stream(
        model=a_claude,
        messages=[{"role": "user", "content": repeat(PHRASE)}],
        thinking=thinking,
        max_tokens=MAX_TOKENS,
    ) as stream:
        deltas = [event.delta.type for event in stream if event.type == "content_block_delta"]
        message = stream.get_final_message()
    assert list(dict.fromkeys(deltas)) == ["thinking_delta", "signature_delta", "text_delta"]
    assert message.content[0].thinking and message.content[0].signature


@pytest.mark.column("thinking")
def test_thinking_blocks_can_be_sent_back_with_a_tool_result(client, a_claude, thinking):
    request = {"model": a_claude, "tools": TOOLS, "max_tokens": MAX_TOKENS, "thinking": thinking}
    messages = [{"role": "user", "content": ASK_FOR_TOOL}]
    asked = client.messages.create(messages=messages, **request)
    assert [block.type for block in asked.content if block.type != "text"] == ["thinking", "tool_use"]
    result = {"type": "tool_result", "tool_use_id": asked.content[-1].id, "content": TOOL_RESULT}
    messages += [{"role": "assistant", "content": asked.content}, {"role": "user", "content": [result]}]
    assert TOOL_RESULT in text_of(client.messages.create(messages=messages, **request))


def test_stop_sequence_ends_the_answer(say, model):
    answer = say(model, "count to 9", stop_sequences=["6"])
    assert "5" in text_of(answer) and "6" not in text_of(answer)
    # Chat Completions, which some of the models speak, say the same of both.
    assert answer.stop_reason in ("stop_sequence", "end_turn")


def test_the_stop_sequence_that_was_met_is_named(say, a_claude):
    answer = say(a_claude, "count to 9", stop_sequences=["6"])
    assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", "6")


def test_token_limit_ends_the_answer_for_length(say, model):
    answer = say(model, "count to 400", max_tokens=20)
    assert answer.stop_reason == "max_tokens"
    assert answer.usage.output_tokens <= 20


def test_models_lists_the_application_profiles(client, claude, nova):
    assert {claude, nova} <= {model.id for model in client.models.list(limit=1000)}


def test_identifiers_that_name_no_model_are_refused(say, claude):
    for identifier in broken_identifiers(claude):
        with pytest.raises((anthropic.BadRequestError, anthropic.NotFoundError)) as caught:
            say(identifier, repeat(PHRASE))
        assert caught.value.body["type"] == "error", identifier
        assert caught.value.body["error"]["type"] in ("invalid_request_error", "not_found_error"), identifier
        assert caught.value.body["error"]["message"], identifier
    assert text_of(say(claude, repeat(PHRASE))) == PHRASE


def test_an_unknown_arn_is_refused_before_a_stream_begins(say, claude):
    with pytest.raises((anthropic.BadRequestError, anthropic.NotFoundError)) as caught:
        say(sibling(claude), repeat(PHRASE), stream=True)
    assert caught.value.body["error"]["message"]


@pytest.mark.parametrize(
    "parameters",
    [{"messages": []}, {"messages": "hello"}, {"max_tokens": 0}, {"system": 7}],
    ids=["no messages", "messages are no list", "no tokens", "system is a number"],
)
def test_a_wrong_request_is_refused_with_its_reason(say, arn, parameters):
    with pytest.raises(anthropic.BadRequestError) as caught:
        say(arn, repeat(PHRASE), **parameters)
    assert caught.value.body["error"]["type"] == "invalid_request_error"
    assert caught.value.body["error"]["message"]


@pytest.mark.parametrize(
    ("fault", "error", "kind"),
    [
        ("ThrottlingException", anthropic.RateLimitError, {"rate_limit_error"}),
        ("AccessDeniedException", anthropic.PermissionDeniedError, {"permission_error"}),
        ("ValidationException", anthropic.BadRequestError, {"invalid_request_error"}),
        ("ServiceUnavailableException", anthropic.APIStatusError, {"overloaded_error", "api_error"}),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.column("error")
def test_errors_of_aws_are_the_clients_own_classes(say, model, fault, error, kind, stream):
    with pytest.raises(error) as caught:
        say(model, repeat(PHRASE), stream=stream, extra_headers={"x-outcrop-fault": fault})
    assert caught.value.body["error"]["type"] in kind


def test_an_exception_as_first_event_is_an_http_error(say, model):
    with pytest.raises(anthropic.RateLimitError):
        say(model, repeat(PHRASE), stream=True, extra_headers={"x-outcrop-fault": "ThrottlingException;at=first"})


@pytest.mark.column("cut stream")
def test_a_broken_stream_is_an_error(say, broken):
    model, fault = broken
    with pytest.raises(anthropic.APIError) as caught:
        list(say(model, repeat(LONG_PHRASE), stream=True, extra_headers={"x-outcrop-fault": fault}))
    assert caught.value.body["error"]["message"]
