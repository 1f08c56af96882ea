"""Strands Agents over three of our dialects: its loop of tool calls, streamed, with application profile ARNs as models."""

import boto3
import pytest
from material import LONG_PHRASE, TOOL_RESULT, repeat, sibling
from strands import Agent, tool
from strands.models.anthropic import AnthropicModel
from strands.models.bedrock import BedrockModel
from strands.models.openai import OpenAIModel


@tool
def get_weather(city: str, days: int) -> str:
    """The weather of a city for some days

    Args:
        city: which city
        days: how many days
    """
    return TOOL_RESULT


@pytest.fixture(params=["chat-completions", "messages", "converse"])
def make(request, url, region):
    """Makes the model that speaks one of our dialects."""
    session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=region)
    return {
        "chat-completions": lambda arn: OpenAIModel(
            client_args={"base_url": f"{url}/v1", "api_key": "local", "max_retries": 0}, model_id=arn
        ),
        "messages": lambda arn: AnthropicModel(
            client_args={"base_url": url, "api_key": "local", "max_retries": 0}, model_id=arn, max_tokens=2000
        ),
        "converse": lambda arn: BedrockModel(boto_session=session, endpoint_url=url, model_id=arn),
    }[request.param]


def text(answer) -> str:
    return "".join(block.get("text", "") for block in answer.message["content"])


def test_answers(make, arn: str):
    answer = Agent(make(arn), callback_handler=None)(repeat(LONG_PHRASE))
    assert text(answer) == LONG_PHRASE
    assert answer.stop_reason == "end_turn"
    assert answer.metrics.accumulated_usage["outputTokens"] > 0


def test_runs_a_tool(make, arn: str):
    agent = Agent(make(arn), tools=[get_weather], callback_handler=None)
    assert TOOL_RESULT in text(agent("Use the get_weather tool for Paris, please."))
    assert agent.messages[1]["content"][-1]["toolUse"]["name"] == "get_weather"


def test_keeps_a_conversation(make, arn: str):
    first = Agent(make(arn), callback_handler=None)
    first(repeat("one"))
    # A second agent, because Strands' Anthropic client does not outlive the event loop of its first answer.
    second = Agent(make(arn), messages=first.messages, callback_handler=None)
    assert text(second(repeat("two"))) == "two"
    assert len(second.messages) == 4


def test_an_unknown_profile_is_an_error_that_says_so(make, claude: str):
    with pytest.raises(Exception, match="identifier is invalid|not found"):
        Agent(make(sibling(claude)), callback_handler=None)("Hello!")
