"""LangChain's three packages for our dialects, with application profile ARNs as their models, and with models that live on
bedrock-mantle only.

langchain-aws is the demanding one: it asks the control plane what stands behind the ARN before its first call.
"""

import base64
from collections.abc import Callable

import boto3
import pytest
from langchain_anthropic import ChatAnthropic
from langchain_aws import ChatBedrockConverse
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from material import (
    ASK_FOR_IMAGE,
    LONG_PHRASE,
    PHRASE,
    TOOL_RESULT,
    assert_describes,
    png,
    repeat,
    sibling,
    with_fault,
)
from pydantic import BaseModel

Make = Callable[..., BaseChatModel]


class City(BaseModel):
    """A city"""

    name: str
    population: int


@tool
def get_weather(city: str, days: int) -> str:
    """The weather of a city for some days"""
    return f"{TOOL_RESULT}: {city}, {days}"


@pytest.fixture(params=["chat-completions", "responses", "messages", "converse"])
def make(request, url, claude, nova) -> Make:
    """Makes the chat model that speaks one of our dialects."""
    aws = {
        "region_name": claude.split(":")[3],
        "endpoint_url": url,
        "aws_access_key_id": "local",
        "aws_secret_access_key": "local",
    }

    def converse(arn: str, fault: str = "none", **more) -> BaseChatModel:
        # Of an ARN it cannot tell whose model it is; of an id it can.
        providers = {claude: {"provider": "anthropic"}, nova: {"provider": "amazon"}}
        more |= providers.get(arn, {"provider": "anthropic"} if arn.startswith("arn:") else {})
        # It does not stream models that it does not know, unless told.
        more["disable_streaming"] = False
        runtime, control = with_fault(boto3.client("bedrock-runtime", **aws), fault), boto3.client("bedrock", **aws)
        return ChatBedrockConverse(model=arn, client=runtime, bedrock_client=control, **more)

    def openai(arn: str, fault: str = "none", **more) -> BaseChatModel:
        there = {"base_url": f"{url}/v1", "api_key": "local", "max_retries": 0}
        return ChatOpenAI(model=arn, default_headers={"x-outcrop-fault": fault}, **there, **more)

    def anthropic(arn: str, fault: str = "none", **more) -> BaseChatModel:
        there = {"base_url": url, "api_key": "local", "max_retries": 0}
        headers = {"x-outcrop-fault": fault}
        return ChatAnthropic(model=arn, default_headers=headers, **there, **{"max_tokens": 2000, **more})

    return {
        "chat-completions": openai,
        "responses": lambda arn, **more: openai(arn, use_responses_api=True, **more),
        "messages": anthropic,
        "converse": converse,
    }[request.param]


def test_answers(make: Make, model: str):
    answer = make(model).invoke(repeat(PHRASE))
    assert answer.text == PHRASE
    assert answer.usage_metadata["input_tokens"] > 0 and answer.usage_metadata["output_tokens"] > 0


def test_streams(make: Make, model: str):
    chunks = list(make(model).stream(repeat(LONG_PHRASE)))
    assert "".join(chunk.text for chunk in chunks) == LONG_PHRASE
    assert len(chunks) > 3


def test_calls_a_tool_and_takes_its_result(make: Make, model: str):
    model = make(model).bind_tools([get_weather])
    question = HumanMessage("Use the get_weather tool for Paris, please.")
    call = model.invoke([question])
    assert [one["name"] for one in call.tool_calls] == ["get_weather"]
    assert set(call.tool_calls[0]["args"]) == {"city", "days"}
    result = get_weather.invoke(call.tool_calls[0])
    assert isinstance(result, ToolMessage)
    assert TOOL_RESULT in model.invoke([question, call, result]).text


def test_sees_an_image(make: Make, seer: str):
    image = {"type": "image", "base64": base64.b64encode(png()).decode(), "mime_type": "image/png"}
    answer = make(seer).invoke([HumanMessage([{"type": "text", "text": ASK_FOR_IMAGE}, image])])
    assert_describes(answer.text, png())


def test_gives_structured_output(make: Make, model: str):
    assert isinstance(make(model).with_structured_output(City).invoke("Name a city."), City)


def test_thinks_and_takes_its_own_thinking_back(url: str, claude: str, thinking: dict):
    model = ChatAnthropic(
        model=claude, base_url=url, api_key="local", max_retries=0, max_tokens=4000, thinking=thinking
    ).bind_tools([get_weather])
    question = HumanMessage("Use the get_weather tool for Paris, please.")
    call = model.invoke([question])
    assert isinstance(call, AIMessage)
    assert any(block["type"] == "reasoning" for block in call.content_blocks)
    assert TOOL_RESULT in model.invoke([question, call, get_weather.invoke(call.tool_calls[0])]).text


def test_a_broken_stream_is_an_error(make: Make, broken: tuple[str, str]):
    model, fault = broken
    with pytest.raises(Exception):  # noqa: B017: each package has a class of its own
        list(make(model, fault=fault).stream(repeat(LONG_PHRASE)))


def test_an_unknown_profile_is_an_error_that_says_so(make: Make, claude: str, request):
    with pytest.raises(Exception, match="identifier is invalid|was not found"):
        make(sibling(claude)).invoke("Hello!")
