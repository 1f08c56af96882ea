"""LiteLLM's routes to each of our dialects, with application profile ARNs behind its provider prefixes, and models
that live on bedrock-mantle only."""

import base64
import os

import pytest
from material import (
    ASK_FOR_IMAGE,
    ASK_FOR_TOOL,
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
from places import TAGGED, tags_its_thoughts

# Its list of prices is otherwise fetched at import.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import json  # noqa: E402

import litellm  # noqa: E402

# Its routes.
WAYS = {
    "openai": ("LiteLLM", "Chat Completions"),
    "anthropic": ("LiteLLM", "Messages"),
    "bedrock/converse": ("LiteLLM", "Converse"),
    "bedrock": ("LiteLLM", "InvokeModel"),
}
pytestmark = pytest.mark.client(by=WAYS)


def knows(identifier: str) -> bool:
    """Whether LiteLLM knows what a model takes on Bedrock's routes: it takes every ARN for a Claude's."""
    return identifier.startswith(("arn:", "anthropic."))


@pytest.fixture(params=WAYS)
def ask(request, url, region):
    """Asks the model of an ARN through one of LiteLLM's routes."""
    there = {
        "openai": {"api_base": f"{url}/v1", "api_key": "local"},
        "anthropic": {"api_base": url, "api_key": "local"},
    }.get(
        request.param,
        {
            "aws_region_name": region,
            "aws_access_key_id": "local",
            "aws_secret_access_key": "local",
            "aws_bedrock_runtime_endpoint": url,
        },
    )

    def ask(arn: str, messages: str | list, **more):
        if request.param == "bedrock" and not knows(arn) and not tags_its_thoughts(arn):
            pytest.skip("it has no body for InvokeModel of this publisher, or another's")
        if request.param.startswith("bedrock") and not knows(arn):
            # What it does not know a model to take it refuses, unless told.
            more["allowed_openai_params"] = ["tools", "tool_choice", "reasoning_effort", "response_format"]
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        return litellm.completion(
            model=f"{request.param}/{arn}", messages=messages, num_retries=0, **there, **{"max_tokens": 2000, **more}
        )

    ask.route = request.param
    return ask


@pytest.mark.column("chat")
def test_answers(ask, model: str):
    answer = ask(model, repeat(PHRASE))
    assert answer.choices[0].message.content == PHRASE
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens > 0


@pytest.mark.column("stream")
def test_streams(ask, model: str):
    pieces = [chunk.choices[0].delta.content or "" for chunk in ask(model, repeat(LONG_PHRASE), stream=True)]
    assert "".join(pieces) == LONG_PHRASE
    assert len(pieces) > 3


@pytest.mark.column("tools")
def test_calls_a_tool_and_takes_its_result(ask, model: str):
    tools = [{"type": "function", "function": {"name": TOOL, "description": DESCRIPTION, "parameters": SCHEMA}}]
    question = {"role": "user", "content": ASK_FOR_TOOL}
    message = ask(model, [question], tools=tools).choices[0].message
    call = message.tool_calls[0]
    assert call.function.name == TOOL
    assert_fits(json.loads(call.function.arguments))
    result = {"role": "tool", "tool_call_id": call.id, "content": TOOL_RESULT}
    answer = ask(model, [question, message.model_dump(exclude_none=True), result], tools=tools)
    assert TOOL_RESULT in answer.choices[0].message.content


@pytest.mark.column("images")
def test_sees_an_image(ask, seer: str):
    image = {"url": "data:image/png;base64," + base64.b64encode(png()).decode()}
    content = [{"type": "text", "text": ASK_FOR_IMAGE}, {"type": "image_url", "image_url": image}]
    assert_describes(ask(seer, [{"role": "user", "content": content}]).choices[0].message.content, png())


@pytest.mark.column("thinking")
def test_thinks(ask, thinker: dict, nova: str, remark):
    if thinker["identifier"] == nova and ask.route.startswith("bedrock"):
        pytest.skip("it asks every ARN to think in a Claude's words, which Nova refuses")
    if ask.route == "anthropic":
        pytest.skip("it refuses `reasoning_effort` itself for a model whose name it does not know")
    message = ask(thinker["identifier"], repeat(PHRASE), reasoning_effort="low").choices[0].message
    if ask.route == "openai" and tags_its_thoughts(thinker["identifier"]):
        assert message.content.startswith("<reasoning>")
        remark(TAGGED)
    else:
        assert message.reasoning_content and message.content == PHRASE


@pytest.mark.column("structured output")
def test_gives_structured_output(ask, model: str):
    form = {"type": "json_schema", "json_schema": {"name": "weather", "schema": SCHEMA, "strict": True}}
    # It is the emulator that needs the name: on Bedrock's routes LiteLLM offers a tool of this name and does not force it.
    answer = ask(model, "How is the weather, by json_tool_call?", response_format=form).choices[0].message.content
    assert_fits(json.loads(answer))


@pytest.mark.column("cut stream")
def test_a_broken_stream_is_an_error(ask, broken: tuple[str, str]):
    model, fault = broken
    with pytest.raises(Exception):  # noqa: B017: each route has a class of its own
        list(ask(model, repeat(LONG_PHRASE), stream=True, extra_headers={"x-outcrop-fault": fault}))


@pytest.mark.column("error")
def test_a_refusal_is_an_error_that_says_so(ask, model: str):
    with pytest.raises(Exception, match="access to the model"):
        ask(model, "Hello!", extra_headers={"x-outcrop-fault": "AccessDeniedException"})


def test_an_unknown_profile_is_an_error_that_says_so(ask, claude: str):
    with pytest.raises(litellm.BadRequestError, match="identifier is invalid"):
        ask(sibling(claude), "Hello!")
