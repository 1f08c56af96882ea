"""Strands Agents straight against `outcrop emulate`: its loop over ConverseStream, with tools, thinking and caching."""

import boto3
import pytest
from emulated import CLAUDE, CLAUDE_ADAPTIVE, NOVA, Emulated
from material import LONG_PHRASE, PHRASE, TOOL_RESULT, repeat
from strands import Agent, tool
from strands.models.bedrock import BedrockModel


@tool
def get_weather(city: str) -> str:
    """The weather of a city

    Args:
        city: which city
    """
    return f"{TOOL_RESULT}: {city}"


@pytest.fixture
def make(emulated: Emulated):
    keys = emulated.keys()
    url = keys.pop("endpoint_url")
    session = boto3.Session(**keys)

    def make(model: str = CLAUDE, tools=(), **more) -> Agent:
        bedrock = BedrockModel(boto_session=session, endpoint_url=url, model_id=model, **more)
        return Agent(bedrock, tools=list(tools), callback_handler=None)

    return make


def text(answer) -> str:
    return "".join(block.get("text", "") for block in answer.message["content"])


@pytest.mark.parametrize("model", [CLAUDE, CLAUDE_ADAPTIVE, NOVA])
@pytest.mark.parametrize("streaming", [True, False])
def test_answers(make, model, streaming):
    answer = make(model, streaming=streaming)(repeat(LONG_PHRASE))
    assert text(answer) == LONG_PHRASE
    assert answer.stop_reason == "end_turn"
    assert answer.metrics.accumulated_usage["outputTokens"] > 0


@pytest.mark.parametrize("model", [CLAUDE, NOVA])
def test_runs_a_tool(make, model):
    agent = make(model, tools=[get_weather])
    assert f"{TOOL_RESULT}: Paris" in text(agent("What is the weather in Paris?"))
    # user, call, result, answer
    assert len(agent.messages) == 4


def test_thinks_through_a_loop_of_tools(make):
    """The reasoning before a call comes back with its signature, which is verified."""
    fields = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    agent = make(tools=[get_weather], additional_request_fields=fields, max_tokens=4000)
    assert TOOL_RESULT in text(agent("What is the weather in Paris?"))
    assert any("reasoningContent" in block for block in agent.messages[1]["content"])
    assert text(agent(repeat(PHRASE))) == PHRASE
