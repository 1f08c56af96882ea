"""Pydantic AI over each of our dialects, with application profile ARNs as its models, and with models that live on
bedrock-mantle only."""

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
)
from places import TAGGED, tags_its_thoughts
from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelResponse, ThinkingPart
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.bedrock import BedrockConverseModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.bedrock import BedrockProvider
from pydantic_ai.providers.openai import OpenAIProvider

WAYS = {
    "chat-completions": ("Pydantic AI", "Chat Completions"),
    "responses": ("Pydantic AI", "Responses"),
    "messages": ("Pydantic AI", "Messages"),
    "converse": ("Pydantic AI", "Converse"),
}
pytestmark = pytest.mark.client(by=WAYS)


class City(BaseModel):
    """A city"""

    name: str
    population: int


@pytest.fixture(params=WAYS)
def make(request, url, region):
    """Makes the model that speaks one of our dialects."""
    runtime = boto3.client(
        "bedrock-runtime",
        endpoint_url=url,
        region_name=region,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    openai = OpenAIProvider(base_url=f"{url}/v1", api_key="local")
    return {
        "chat-completions": lambda arn: OpenAIChatModel(arn, provider=openai),
        "responses": lambda arn: OpenAIResponsesModel(arn, provider=openai),
        "messages": lambda arn: AnthropicModel(arn, provider=AnthropicProvider(base_url=url, api_key="local")),
        "converse": lambda arn: BedrockConverseModel(arn, provider=BedrockProvider(bedrock_client=runtime)),
    }[request.param]


@pytest.mark.column("chat")
def test_answers(make, model: str):
    answer = Agent(make(model)).run_sync(repeat(PHRASE))
    assert answer.output == PHRASE
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0


@pytest.mark.column("stream")
def test_streams(make, model: str):
    with Agent(make(model)).run_stream_sync(repeat(LONG_PHRASE)) as answer:
        pieces = list(answer.stream_text(delta=True, debounce_by=None))
    assert "".join(pieces) == LONG_PHRASE
    assert len(pieces) > 3


@pytest.mark.column("tools")
def test_runs_a_tool(make, model: str):
    agent = Agent(make(model))
    seen = []

    @agent.tool_plain
    def get_weather(city: str, days: int) -> str:
        """The weather of a city for some days"""
        seen.append((city, days))
        return TOOL_RESULT

    assert TOOL_RESULT in agent.run_sync("Use the get_weather tool for Paris, please.").output
    assert [type(one) for one in seen[0]] == [str, int]


@pytest.mark.column("images")
def test_sees_an_image(make, seer: str):
    answer = Agent(make(seer)).run_sync([ASK_FOR_IMAGE, BinaryContent(png(), media_type="image/png")])
    assert_describes(answer.output, png())


@pytest.mark.column("structured output")
def test_gives_structured_output(make, model: str):
    # It is the emulator that needs the name: not every model class here can force a tool.
    asked = "Name a city, with the final_result tool."
    assert isinstance(Agent(make(model), output_type=City).run_sync(asked).output, City)


@pytest.mark.column("thinking")
def test_thinks_and_takes_its_own_thinking_back(make, thinker: dict, remark):
    model = make(thinker["identifier"])
    settings = {
        OpenAIChatModel: {"openai_reasoning_effort": "low"},
        OpenAIResponsesModel: {"openai_reasoning_effort": "low"},
        AnthropicModel: {"anthropic_thinking": BUDGET},
        BedrockConverseModel: {"bedrock_additional_model_requests_fields": thinker["thinking"]},
    }[type(model)]
    agent = Agent(model, model_settings={"max_tokens": 4000, **settings})
    first = agent.run_sync(repeat(PHRASE))
    answers = [message for message in first.all_messages() if isinstance(message, ModelResponse)]
    thoughts = [part for part in answers[-1].parts if isinstance(part, ThinkingPart)]
    if isinstance(model, OpenAIChatModel) and tags_its_thoughts(thinker["identifier"]):
        assert first.output.startswith("<reasoning>")
        remark(TAGGED)
    else:
        assert thoughts and thoughts[0].content
        assert first.output == PHRASE
    again = agent.run_sync(repeat("again"), message_history=first.all_messages())
    assert again.output.endswith("again")


@pytest.mark.column("cut stream")
def test_a_broken_stream_is_an_error(make, broken: tuple[str, str]):
    model, fault = broken
    agent = Agent(make(model), model_settings={"extra_headers": {"x-outcrop-fault": fault}})
    with pytest.raises(Exception):  # noqa: B017: each package has a class of its own
        with agent.run_stream_sync(repeat(LONG_PHRASE)) as answer:
            list(answer.stream_text(delta=True, debounce_by=None))


@pytest.mark.column("error")
def test_a_refusal_is_an_error_that_says_so(make, model: str):
    settings = {"extra_headers": {"x-outcrop-fault": "AccessDeniedException"}}
    with pytest.raises(ModelHTTPError, match="access to the model"):
        Agent(make(model), model_settings=settings).run_sync("Hello!")


def test_an_unknown_profile_is_an_error_that_says_so(make, claude: str):
    with pytest.raises(ModelHTTPError, match="identifier is invalid"):
        Agent(make(sibling(claude))).run_sync("Hello!")
