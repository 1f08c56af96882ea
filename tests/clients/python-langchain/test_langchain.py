"""LangChain's three packages for our dialects, with application profile ARNs as their models, and with models that live on
bedrock-mantle only.

langchain-aws is the demanding one: it asks the control plane what stands behind the ARN before its first call.
"""

import base64
import json
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
    BUDGET,
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

WAYS = {
    "chat-completions": ("langchain-openai", "Chat Completions"),
    "responses": ("langchain-openai", "Responses"),
    "messages": ("langchain-anthropic", "Messages"),
    "converse": ("langchain-aws", "Converse"),
}
pytestmark = pytest.mark.client(by=WAYS)

Make = Callable[..., BaseChatModel]


class City(BaseModel):
    """A city"""

    name: str
    population: int


@tool
def get_weather(city: str, days: int) -> str:
    """The weather of a city for some days"""
    return f"{TOOL_RESULT}: {city}, {days}"


@pytest.fixture(params=WAYS)
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

    def responses(arn: str, **more) -> BaseChatModel:
        return openai(arn, use_responses_api=True, **more)

    ways = {"chat-completions": openai, "responses": responses, "messages": anthropic, "converse": converse}
    made = ways[request.param]
    made.way = request.param
    return made


@pytest.mark.column("chat")
def test_answers(make: Make, model: str):
    answer = make(model).invoke(repeat(PHRASE))
    assert answer.text == PHRASE
    assert answer.usage_metadata["input_tokens"] > 0 and answer.usage_metadata["output_tokens"] > 0


@pytest.mark.column("stream")
def test_streams(make: Make, model: str):
    chunks = list(make(model).stream(repeat(LONG_PHRASE)))
    assert "".join(chunk.text for chunk in chunks) == LONG_PHRASE
    assert len(chunks) > 3


@pytest.mark.column("tools")
def test_calls_a_tool_and_takes_its_result(make: Make, model: str):
    model = make(model).bind_tools([get_weather])
    question = HumanMessage("Use the get_weather tool for Paris, please.")
    call = model.invoke([question])
    assert [one["name"] for one in call.tool_calls] == ["get_weather"]
    assert set(call.tool_calls[0]["args"]) == {"city", "days"}
    result = get_weather.invoke(call.tool_calls[0])
    assert isinstance(result, ToolMessage)
    assert TOOL_RESULT in model.invoke([question, call, result]).text


@pytest.mark.column("images")
def test_sees_an_image(make: Make, seer: str):
    image = {"type": "image", "base64": base64.b64encode(png()).decode(), "mime_type": "image/png"}
    answer = make(seer).invoke([HumanMessage([{"type": "text", "text": ASK_FOR_IMAGE}, image])])
    assert_describes(answer.text, png())


@pytest.mark.column("structured output")
def test_gives_structured_output(make: Make, model: str):
    assert isinstance(make(model).with_structured_output(City).invoke("Name a city."), City)


def asked_to_think(make: Make, thinker: dict) -> BaseChatModel:
    """The model, asked to think as each package asks."""
    ways = {
        "langchain-openai, Chat Completions": {"reasoning_effort": "low", "max_tokens": 4000},
        # What it keeps nowhere it sends back whole, with what is encrypted.
        "langchain-openai, Responses": {
            "reasoning": {"effort": "low", "summary": "auto"},
            "include": ["reasoning.encrypted_content"],
            "store": False,
            "max_tokens": 4000,
        },
        "langchain-anthropic, Messages": {"thinking": thinker["thinking"].get("thinking", BUDGET), "max_tokens": 4000},
        "langchain-aws, Converse": {"additional_model_request_fields": thinker["thinking"], "max_tokens": 4000},
    }
    return make(thinker["identifier"], **ways[", ".join(WAYS[make.way])])


def thoughts(answer: AIMessage) -> list[str]:
    return [block.get("reasoning", "") for block in answer.content_blocks if block["type"] == "reasoning"]


QUESTION = HumanMessage("Use the get_weather tool for Paris, please.")


@pytest.mark.column("thinking")
def test_thinks_and_takes_its_own_thinking_back(make: Make, thinker: dict, remark):
    model = asked_to_think(make, thinker).bind_tools([get_weather])
    call = model.invoke([QUESTION])
    if make.way == "chat-completions":
        remark("the package takes no reasoning from Chat Completions: it is asked for, and not shown")
    else:
        assert thoughts(call) and all(thoughts(call)), call
    assert TOOL_RESULT in model.invoke([QUESTION, call, get_weather.invoke(call.tool_calls[0])]).text


@pytest.mark.column("thinking")
def test_streams_its_thoughts(make: Make, thinker: dict):
    chunks = list(asked_to_think(make, thinker).stream(repeat(PHRASE)))
    answer = sum(chunks[1:], chunks[0])
    assert answer.text.endswith(PHRASE)
    assert make.way == "chat-completions" or "".join(thoughts(answer))


@pytest.mark.column("thinking")
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_signatures_go_back(make: Make, claude: str, thinking: dict, streamed: bool):
    """With what they sign: the emulator verifies them, and refuses one that is another thought's."""
    if make.way not in FORGERS:
        pytest.skip("the package keeps no reasoning of Chat Completions, which could go back")
    model = asked_to_think(make, {"identifier": claude, "thinking": {"thinking": thinking}}).bind_tools([get_weather])

    def ask(*messages) -> AIMessage:
        chunks = list(model.stream(list(messages))) if streamed else [model.invoke(list(messages))]
        return sum(chunks[1:], chunks[0])

    call = ask(QUESTION)
    result = get_weather.invoke(call.tool_calls[0])
    assert TOOL_RESULT in ask(QUESTION, call, result).text
    [thought] = [block for block in call.content if block["type"] in ("reasoning", "thinking", "reasoning_content")]
    FORGERS[make.way](thought)
    with pytest.raises(Exception, match="signature"):
        ask(QUESTION, call, result)


def forge_sealed(block: dict) -> None:
    """What Responses hand out encrypted holds Converse's block, in base64 after a mark of the gateway's."""
    mark, sealed = block["encrypted_content"].split(":", 1)
    reasoning = json.loads(base64.b64decode(sealed))
    reasoning["reasoningText"]["text"] = FORGED
    block["encrypted_content"] = f"{mark}:{base64.b64encode(json.dumps(reasoning).encode()).decode()}"


FORGED = "Something else."
# How a thought is exchanged where each package keeps it.
FORGERS = {
    "responses": forge_sealed,
    "messages": lambda block: block.update(thinking=FORGED),
    "converse": lambda block: block["reasoning_content"].update(text=FORGED),
}


@pytest.mark.column("cut stream")
def test_a_broken_stream_is_an_error(make: Make, broken: tuple[str, str]):
    model, fault = broken
    with pytest.raises(Exception):  # noqa: B017: each package has a class of its own
        list(make(model, fault=fault).stream(repeat(LONG_PHRASE)))


@pytest.mark.column("error")
def test_a_refusal_is_an_error_that_says_so(make: Make, model: str):
    with pytest.raises(Exception, match="access to the model"):
        make(model, fault="AccessDeniedException").invoke("Hello!")


def test_an_unknown_profile_is_an_error_that_says_so(make: Make, claude: str, request):
    with pytest.raises(Exception, match="identifier is invalid|was not found"):
        make(sibling(claude)).invoke("Hello!")
