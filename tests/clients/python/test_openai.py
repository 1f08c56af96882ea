"""The openai package against `/v1`, with application profile ARNs as the model."""

import asyncio
import base64
import json

import openai
import pytest
from material import (
    ASK_FOR_IMAGE,
    ASK_FOR_TOOL,
    BROKEN_STREAMS,
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

TOOLS = [
    {"type": "function", "function": {"name": OTHER_TOOL, "parameters": OTHER_SCHEMA}},
    {"type": "function", "function": {"name": TOOL, "description": DESCRIPTION, "parameters": SCHEMA}},
]


@pytest.fixture(scope="module")
def client(url):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def complete(client):
    """One completion for one user message."""

    def complete(arn, content, **parameters):
        messages = [{"role": "user", "content": content}]
        return client.chat.completions.create(model=arn, messages=messages, **parameters)

    return complete


def test_chat_answers_with_usage(complete, arn):
    answer = complete(arn, repeat(PHRASE))
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content == PHRASE
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens > 0
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_headers_tell_what_the_arn_resolved_to(client, claude):
    answer = client.chat.completions.with_raw_response.create(
        model=claude, messages=[{"role": "user", "content": repeat(PHRASE)}]
    )
    assert answer.headers["outcrop-target"] == claude
    assert answer.headers["outcrop-model"].startswith("anthropic.claude")
    assert answer.headers["outcrop-region"] == claude.split(":")[3]
    assert answer.headers["outcrop-request-id"]


@pytest.mark.parametrize("role", ["system", "developer"])
def test_system_prompt_reaches_the_model(client, arn, role):
    user = {"role": "user", "content": repeat(PHRASE)}
    system = {"role": role, "content": "You are a parrot that lives in a kitchen and speaks five languages."}
    without = client.chat.completions.create(model=arn, messages=[user])
    answer = client.chat.completions.create(model=arn, messages=[system, user])
    assert answer.choices[0].message.content == PHRASE
    assert answer.usage.prompt_tokens > without.usage.prompt_tokens


def test_earlier_turns_reach_the_model(client, arn):
    turns = [
        {"role": "user", "content": repeat("one")},
        {"role": "assistant", "content": "one"},
        {"role": "user", "content": repeat(PHRASE)},
    ]
    short = client.chat.completions.create(model=arn, messages=turns[-1:])
    long = client.chat.completions.create(model=arn, messages=turns)
    assert long.choices[0].message.content == PHRASE
    assert long.usage.prompt_tokens > short.usage.prompt_tokens


def test_stream_is_the_same_answer_in_pieces(complete, arn):
    whole = complete(arn, repeat(LONG_PHRASE))
    chunks = list(complete(arn, repeat(LONG_PHRASE), stream=True, stream_options={"include_usage": True}))
    pieces = [c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content]
    assert len(pieces) > 1
    assert "".join(pieces) == LONG_PHRASE == whole.choices[0].message.content
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert {c.id for c in chunks} == {chunks[0].id}
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage


def test_stream_keeps_usage_to_itself_unless_asked(complete, arn):
    chunks = list(complete(arn, repeat(PHRASE), stream=True))
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


def test_tool_round_trip(client, arn):
    messages = [{"role": "user", "content": ASK_FOR_TOOL}]
    asked = client.chat.completions.create(model=arn, messages=messages, tools=TOOLS).choices[0]
    assert asked.finish_reason == "tool_calls"
    [call] = asked.message.tool_calls
    assert (call.type, call.function.name) == ("function", TOOL)
    assert_fits(json.loads(call.function.arguments))
    messages += [
        asked.message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": TOOL_RESULT},
    ]
    answer = client.chat.completions.create(model=arn, messages=messages, tools=TOOLS).choices[0]
    assert answer.finish_reason == "stop"
    assert TOOL_RESULT in answer.message.content


def test_streamed_tool_call_is_the_same_call_in_pieces(complete, arn):
    chunks = list(complete(arn, ASK_FOR_TOOL, tools=TOOLS, stream=True))
    pieces = [call for c in chunks if c.choices for call in c.choices[0].delta.tool_calls or []]
    assert {piece.index for piece in pieces} == {0}
    assert [piece.id for piece in pieces if piece.id] == [pieces[0].id]
    assert [piece.function.name for piece in pieces if piece.function.name] == [TOOL]
    assert_fits(json.loads("".join(piece.function.arguments or "" for piece in pieces)))
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["tool_calls"]


def test_image_reaches_the_model(complete, arn):
    data = base64.b64encode(png()).decode()
    text = {"type": "text", "text": ASK_FOR_IMAGE}
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    without, answer = complete(arn, [text]), complete(arn, [image, text])
    assert_describes(answer.choices[0].message.content, png())
    assert answer.usage.prompt_tokens > without.usage.prompt_tokens


def test_reasoning_arrives_beside_the_answer(complete, claude):
    message = complete(claude, repeat(PHRASE), reasoning_effort="low", max_completion_tokens=4096).choices[0].message
    assert message.content == PHRASE
    assert message.reasoning_content


def test_reasoning_is_streamed_before_the_answer(complete, claude):
    chunks = list(complete(claude, repeat(PHRASE), reasoning_effort="low", max_completion_tokens=4096, stream=True))
    deltas = [c.choices[0].delta for c in chunks if c.choices]
    reasons = [bool(getattr(delta, "reasoning_content", None)) for delta in deltas]
    texts = [bool(delta.content) for delta in deltas]
    assert any(reasons) and reasons.index(True) < texts.index(True)
    assert not any(reasons[texts.index(True) :])
    assert "".join(delta.content or "" for delta in deltas) == PHRASE


def test_stop_sequence_ends_the_answer(complete, arn):
    choice = complete(arn, "count to 9", stop=["6"]).choices[0]
    assert "5" in choice.message.content and "6" not in choice.message.content
    assert choice.finish_reason == "stop"


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_token_limit_ends_the_answer_for_length(complete, arn, name):
    answer = complete(arn, "count to 400", **{name: 20})
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens <= 20


def test_sampling_parameters_are_taken_or_their_fate_is_told(client, arn):
    answer = client.chat.completions.with_raw_response.create(
        model=arn, messages=[{"role": "user", "content": repeat(PHRASE)}], temperature=0.5, top_p=0.9, seed=7
    )
    assert answer.parse().choices[0].message.content == PHRASE
    assert "seed" in answer.headers["outcrop-notice"]


def test_concurrent_calls_do_not_mix_their_answers(url, arn):
    async def ask_all(count):
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=60) as client:
            return await asyncio.gather(*(ask(client, f"number {number}") for number in range(count)))

    async def ask(client, text):
        messages = [{"role": "user", "content": repeat(text)}]
        stream = await client.chat.completions.create(model=arn, messages=messages, stream=True)
        return text, "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])

    for asked, answered in asyncio.run(ask_all(24)):
        assert answered == asked


def test_models_lists_the_application_profiles(client, claude, nova):
    assert {claude, nova} <= {model.id for model in client.models.list()}


def test_identifiers_that_name_no_model_are_refused(complete, claude):
    for identifier in broken_identifiers(claude):
        with pytest.raises((openai.BadRequestError, openai.NotFoundError)) as caught:
            complete(identifier, repeat(PHRASE))
        assert caught.value.body["message"] and caught.value.body["type"], identifier
    assert complete(claude, repeat(PHRASE)).choices[0].message.content == PHRASE


def test_an_unknown_arn_is_refused_before_a_stream_begins(complete, claude):
    with pytest.raises((openai.BadRequestError, openai.NotFoundError)) as caught:
        complete(sibling(claude), repeat(PHRASE), stream=True)
    assert caught.value.body["message"]


@pytest.mark.parametrize(
    "parameters",
    [{"messages": []}, {"messages": "hello"}, {"messages": [{"role": "user", "content": "a"}], "max_tokens": -1}],
    ids=["no messages", "messages are no list", "negative limit"],
)
def test_a_wrong_request_is_refused_with_its_reason(client, arn, parameters):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=arn, **parameters)
    assert caught.value.body["message"] and caught.value.body["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("ThrottlingException", openai.RateLimitError),
        ("AccessDeniedException", openai.PermissionDeniedError),
        ("ValidationException", openai.BadRequestError),
        ("ServiceUnavailableException", openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_errors_of_aws_are_the_clients_own_classes(complete, arn, fault, error, stream):
    with pytest.raises(error) as caught:
        complete(arn, repeat(PHRASE), stream=stream, extra_headers={"x-outcrop-fault": fault})
    assert caught.value.body["message"]


def test_an_exception_as_first_event_is_an_http_error(complete, arn):
    with pytest.raises(openai.RateLimitError):
        complete(arn, repeat(PHRASE), stream=True, extra_headers={"x-outcrop-fault": "ThrottlingException;at=first"})


@pytest.mark.parametrize("fault", [*BROKEN_STREAMS, "missing-metadata"])
def test_a_broken_stream_is_an_error(complete, arn, fault):
    with pytest.raises(openai.APIError) as caught:
        list(complete(arn, repeat(LONG_PHRASE), stream=True, extra_headers={"x-outcrop-fault": fault}))
    assert caught.value.message
