"""The openai package against `/v1`, with application profile ARNs as the model, and with models that live on bedrock-mantle only."""

import asyncio
import base64
import json
import re

import openai
import pytest
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
from places import TAGGED, tags_its_thoughts

pytestmark = pytest.mark.client("openai (Python)", "Chat Completions")

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

    def complete(model, content, **parameters):
        messages = [{"role": "user", "content": content}]
        return client.chat.completions.create(model=model, messages=messages, **parameters)

    return complete


@pytest.mark.column("chat")
def test_chat_answers_with_usage(complete, model):
    answer = complete(model, repeat(PHRASE))
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
def test_system_prompt_reaches_the_model(client, model, role):
    user = {"role": "user", "content": repeat(PHRASE)}
    system = {"role": role, "content": "You are a parrot that lives in a kitchen and speaks five languages."}
    without = client.chat.completions.create(model=model, messages=[user])
    answer = client.chat.completions.create(model=model, messages=[system, user])
    assert answer.choices[0].message.content == PHRASE
    assert answer.usage.prompt_tokens > without.usage.prompt_tokens


def test_earlier_turns_reach_the_model(client, model):
    turns = [
        {"role": "user", "content": repeat("one")},
        {"role": "assistant", "content": "one"},
        {"role": "user", "content": repeat(PHRASE)},
    ]
    short = client.chat.completions.create(model=model, messages=turns[-1:])
    long = client.chat.completions.create(model=model, messages=turns)
    assert long.choices[0].message.content == PHRASE
    assert long.usage.prompt_tokens > short.usage.prompt_tokens


@pytest.mark.column("stream")
def test_stream_is_the_same_answer_in_pieces(complete, model):
    whole = complete(model, repeat(LONG_PHRASE))
    chunks = list(complete(model, repeat(LONG_PHRASE), stream=True, stream_options={"include_usage": True}))
    pieces = [c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content]
    assert len(pieces) > 1
    assert "".join(pieces) == LONG_PHRASE == whole.choices[0].message.content
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert {c.id for c in chunks} == {chunks[0].id}
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage


def test_stream_keeps_usage_to_itself_unless_asked(complete, model):
    chunks = list(complete(model, repeat(PHRASE), stream=True))
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


@pytest.mark.column("tools")
def test_tool_round_trip(client, model):
    messages = [{"role": "user", "content": ASK_FOR_TOOL}]
    asked = client.chat.completions.create(model=model, messages=messages, tools=TOOLS).choices[0]
    assert asked.finish_reason == "tool_calls"
    [call] = asked.message.tool_calls
    assert (call.type, call.function.name) == ("function", TOOL)
    assert_fits(json.loads(call.function.arguments))
    messages += [
        asked.message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": TOOL_RESULT},
    ]
    answer = client.chat.completions.create(model=model, messages=messages, tools=TOOLS).choices[0]
    assert answer.finish_reason == "stop"
    assert TOOL_RESULT in answer.message.content


@pytest.mark.column("tools")
def test_streamed_tool_call_is_the_same_call_in_pieces(complete, model):
    chunks = list(complete(model, ASK_FOR_TOOL, tools=TOOLS, stream=True))
    pieces = [call for c in chunks if c.choices for call in c.choices[0].delta.tool_calls or []]
    assert {piece.index for piece in pieces} == {0}
    assert [piece.id for piece in pieces if piece.id] == [pieces[0].id]
    assert [piece.function.name for piece in pieces if piece.function.name] == [TOOL]
    assert_fits(json.loads("".join(piece.function.arguments or "" for piece in pieces)))
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["tool_calls"]


@pytest.mark.column("images")
def test_image_reaches_the_model(complete, seer):
    data = base64.b64encode(png()).decode()
    text = {"type": "text", "text": ASK_FOR_IMAGE}
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    without, answer = complete(seer, [text]), complete(seer, [image, text])
    assert_describes(answer.choices[0].message.content, png())
    assert answer.usage.prompt_tokens > without.usage.prompt_tokens


@pytest.mark.column("thinking")
def test_reasoning_arrives_beside_the_answer(complete, thinker, remark):
    if tags_its_thoughts(thinker["identifier"]):
        remark(TAGGED)
    answer = complete(thinker["identifier"], repeat(PHRASE), reasoning_effort="low", max_completion_tokens=4096)
    thoughts, said = parted([answer.choices[0].message])
    assert thoughts and said == PHRASE


@pytest.mark.column("thinking")
def test_reasoning_is_streamed_before_the_answer(complete, thinker):
    think = {"reasoning_effort": "low", "max_completion_tokens": 4096}
    chunks = list(complete(thinker["identifier"], repeat(PHRASE), **think, stream=True))
    deltas = [c.choices[0].delta for c in chunks if c.choices]
    thoughts, said = parted(deltas)
    assert thoughts and said == PHRASE
    speaks = [bool(delta.content) for delta in deltas].index(True)
    assert not any(getattr(delta, "reasoning_content", None) for delta in deltas[speaks:])


def parted(messages: list) -> tuple[str, str]:
    """The reasoning and the text of messages or deltas: gpt-oss tags the former in its text, which is relayed as it is."""
    beside = "".join(getattr(message, "reasoning_content", None) or "" for message in messages)
    text = "".join(message.content or "" for message in messages)
    tagged, said = re.fullmatch("(<reasoning>.+</reasoning>)?(.*)", text, re.DOTALL).groups()
    return beside or tagged, said


def test_stop_sequence_ends_the_answer(complete, model):
    choice = complete(model, "count to 9", stop=["6"]).choices[0]
    assert "5" in choice.message.content and "6" not in choice.message.content
    assert choice.finish_reason == "stop"


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_token_limit_ends_the_answer_for_length(complete, model, name):
    answer = complete(model, "count to 400", **{name: 20})
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens <= 20


def test_sampling_parameters_are_taken_or_their_fate_is_told(client, model):
    answer = client.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": repeat(PHRASE)}], temperature=0.5, top_p=0.9, seed=7
    )
    assert answer.parse().choices[0].message.content == PHRASE
    assert answer.headers["outcrop-lane"].startswith("relay") or "seed" in answer.headers["outcrop-notice"]


def test_concurrent_calls_do_not_mix_their_answers(url, model):
    async def ask_all(count):
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=60) as client:
            return await asyncio.gather(*(ask(client, f"number {number}") for number in range(count)))

    async def ask(client, text):
        messages = [{"role": "user", "content": repeat(text)}]
        stream = await client.chat.completions.create(model=model, messages=messages, stream=True)
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
def test_a_wrong_request_is_refused_with_its_reason(client, model, parameters):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=model, **parameters)
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
@pytest.mark.column("error")
def test_errors_of_aws_are_the_clients_own_classes(complete, model, fault, error, stream):
    with pytest.raises(error) as caught:
        complete(model, repeat(PHRASE), stream=stream, extra_headers={"x-outcrop-fault": fault})
    assert caught.value.body["message"]


def test_an_exception_as_first_event_is_an_http_error(complete, model):
    with pytest.raises(openai.RateLimitError):
        complete(model, repeat(PHRASE), stream=True, extra_headers={"x-outcrop-fault": "ThrottlingException;at=first"})


@pytest.mark.column("cut stream")
def test_a_broken_stream_is_an_error(complete, broken):
    model, fault = broken
    with pytest.raises(openai.APIError) as caught:
        list(complete(model, repeat(LONG_PHRASE), stream=True, extra_headers={"x-outcrop-fault": fault}))
    assert caught.value.message


def test_a_stream_without_its_last_frame_is_an_error(complete, arn):
    with pytest.raises(openai.APIError):
        list(complete(arn, repeat(PHRASE), stream=True, extra_headers={"x-outcrop-fault": "missing-metadata"}))
