"""Strands Agents over three of our dialects: its loop of tool calls, streamed, with application profile ARNs as models, and
with models that live on bedrock-mantle only."""

import boto3
import pytest
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
from places import TAGGED, tags_its_thoughts
from pydantic import BaseModel
from strands import Agent, tool
from strands.models.anthropic import AnthropicModel
from strands.models.bedrock import BedrockModel
from strands.models.openai import OpenAIModel

WAYS = {
    "chat-completions": ("Strands Agents", "Chat Completions"),
    "messages": ("Strands Agents", "Messages"),
    "converse": ("Strands Agents", "Converse"),
}
pytestmark = pytest.mark.client(by=WAYS)


class City(BaseModel):
    """A city"""

    name: str
    population: int


@tool
def get_weather(city: str, days: int) -> str:
    """The weather of a city for some days

    Args:
        city: which city
        days: how many days
    """
    return TOOL_RESULT


@pytest.fixture(params=WAYS)
def make(request, url, region):
    """Makes the model that speaks one of our dialects."""
    session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=region)

    def there(base_url: str, fault: str) -> dict:
        headers = {"x-outcrop-fault": fault}
        return {"base_url": base_url, "api_key": "local", "max_retries": 0, "default_headers": headers}

    def openai(arn: str, thinking: dict | None = None, fault: str = "none") -> OpenAIModel:
        params = {"reasoning_effort": "low", "max_completion_tokens": 4000} if thinking else {}
        return OpenAIModel(client_args=there(f"{url}/v1", fault), model_id=arn, params=params)

    def anthropic(arn: str, thinking: dict | None = None, fault: str = "none") -> AnthropicModel:
        params = {"thinking": BUDGET} if thinking else {}
        return AnthropicModel(client_args=there(url, fault), model_id=arn, max_tokens=4000, params=params)

    def converse(arn: str, thinking: dict | None = None, fault: str = "none") -> BedrockModel:
        more = {"additional_request_fields": thinking, "max_tokens": 4000} if thinking else {}
        model = BedrockModel(boto_session=session, endpoint_url=url, model_id=arn, **more)
        with_fault(model.client, fault)
        return model

    return {"chat-completions": openai, "messages": anthropic, "converse": converse}[request.param]


def text(answer) -> str:
    return "".join(block.get("text", "") for block in answer.message["content"])


@pytest.mark.column("chat")
def test_answers(make, model: str):
    answer = Agent(make(model), callback_handler=None)(repeat(LONG_PHRASE))
    assert text(answer) == LONG_PHRASE
    assert answer.stop_reason == "end_turn"
    assert answer.metrics.accumulated_usage["outputTokens"] > 0


@pytest.mark.column("stream")
def test_streams(make, model: str):
    """Its loop streams always; a callback is told of each piece."""
    pieces = []
    Agent(make(model), callback_handler=lambda data="", **_: pieces.append(data))(repeat(LONG_PHRASE))
    assert "".join(pieces) == LONG_PHRASE
    assert len([piece for piece in pieces if piece]) > 1


@pytest.mark.column("tools")
def test_runs_a_tool(make, model: str):
    agent = Agent(make(model), tools=[get_weather], callback_handler=None)
    assert TOOL_RESULT in text(agent("Use the get_weather tool for Paris, please."))
    assert agent.messages[1]["content"][-1]["toolUse"]["name"] == "get_weather"


@pytest.mark.column("chat")
def test_keeps_a_conversation(make, model: str):
    first = Agent(make(model), callback_handler=None)
    first(repeat("one"))
    # A second agent, because Strands' Anthropic client does not outlive the event loop of its first answer.
    second = Agent(make(model), messages=first.messages, callback_handler=None)
    assert text(second(repeat("two"))) == "two"
    assert len(second.messages) == 4


@pytest.mark.column("images")
def test_sees_an_image(make, seer: str):
    image = {"image": {"format": "png", "source": {"bytes": png()}}}
    answer = Agent(make(seer), callback_handler=None)([{"text": ASK_FOR_IMAGE}, image])
    assert_describes(text(answer), png())


@pytest.mark.column("thinking")
def test_thinks(make, thinker: dict, remark):
    answer = Agent(make(thinker["identifier"], thinking=thinker["thinking"]), callback_handler=None)(repeat(PHRASE))
    thoughts = [block["reasoningContent"] for block in answer.message["content"] if "reasoningContent" in block]
    if make.__name__ == "openai" and tags_its_thoughts(thinker["identifier"]):
        assert text(answer).startswith("<reasoning>")
        remark(TAGGED)
    else:
        assert thoughts and thoughts[0]["reasoningText"]["text"]
        assert text(answer) == PHRASE


@pytest.mark.column("structured output")
def test_gives_structured_output(make, model: str):
    agent = Agent(make(model), callback_handler=None)
    assert isinstance(agent("Name a city, with the City tool.", structured_output_model=City).structured_output, City)


@pytest.mark.column("cut stream")
def test_a_broken_stream_is_an_error(make, broken: tuple[str, str]):
    model, fault = broken
    with pytest.raises(Exception):  # noqa: B017: each package has a class of its own
        Agent(make(model, fault=fault), callback_handler=None, retry_strategy=None)(repeat(LONG_PHRASE))


@pytest.mark.column("error")
def test_a_refusal_is_an_error_that_says_so(make, model: str):
    with pytest.raises(Exception, match="access to the model"):
        Agent(make(model, fault="AccessDeniedException"), callback_handler=None, retry_strategy=None)("Hello!")


def test_an_unknown_profile_is_an_error_that_says_so(make, claude: str):
    with pytest.raises(Exception, match="identifier is invalid|not found"):
        Agent(make(sibling(claude)), callback_handler=None)("Hello!")
