"""Models that live on bedrock-mantle only, with packages that speak what mantle does not offer for them: what is particular
to that. What every client does with every model is in the packages' own files.
"""

import json

import anthropic
import aws
import openai
import pytest
from botocore.exceptions import ClientError, EventStreamError
from material import (
    ASK_FOR_TOOL,
    DESCRIPTION,
    LONG_PHRASE,
    PHRASE,
    SCHEMA,
    TOOL,
    TOOL_RESULT,
    assert_fits,
    repeat,
    with_fault,
)

GPT = "openai.gpt-oss-120b"
QWEN = "qwen.qwen3-32b"
CLAUDE = "anthropic.claude-haiku-4-5"
MAX_TOKENS = 4096
CUT = "cut;at=mid"


@pytest.fixture(scope="module")
def messages(url):
    with anthropic.Anthropic(base_url=url, api_key="any", max_retries=0, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def openai_client(url):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def bedrock(url):
    return aws.client("bedrock-runtime", url, "us-east-1")


def user(content) -> list:
    return [{"role": "user", "content": content}]


class TestLanes:
    """How a request travels."""

    LANE = "translate; surface=mantle; reason="

    @pytest.mark.parametrize("model", [GPT, QWEN])
    def test_messages(self, messages, model):
        create = messages.messages.with_raw_response.create
        answer = create(model=model, max_tokens=MAX_TOKENS, messages=user(repeat(PHRASE)))
        assert answer.headers["outcrop-lane"].startswith(self.LANE)

    @pytest.mark.parametrize("model", [GPT, QWEN, CLAUDE])
    def test_converse(self, bedrock, model):
        answer = bedrock.converse(modelId=model, messages=user([{"text": repeat(PHRASE)}]))
        assert answer["ResponseMetadata"]["HTTPHeaders"]["outcrop-lane"].startswith(self.LANE)

    def test_chat_completions(self, openai_client):
        create = openai_client.chat.completions.with_raw_response.create
        answer = create(model=CLAUDE, messages=user(repeat(PHRASE)))
        assert answer.headers["outcrop-lane"].startswith(self.LANE)


class TestInvokeModel:
    """boto3 with the model's own body."""

    TURNS = user(repeat(LONG_PHRASE))
    BODIES = {
        QWEN: {"max_tokens": MAX_TOKENS, "messages": TURNS},
        CLAUDE: {"anthropic_version": "bedrock-2023-05-31", "max_tokens": MAX_TOKENS, "messages": TURNS},
    }

    @staticmethod
    def text(event: dict) -> str:
        """What a whole answer or an event says, in either language."""
        if choices := event.get("choices"):
            said = choices[0].get("message") or choices[0].get("delta") or {}
            return said.get("content") or ""
        blocks = event.get("content") or [event.get("delta") or {}]
        return "".join(block.get("text", "") for block in blocks)

    @pytest.mark.parametrize("model", [QWEN, CLAUDE])
    def test_chat_and_stream(self, bedrock, model):
        body = json.dumps(self.BODIES[model])
        answer = bedrock.invoke_model(modelId=model, body=body)
        assert self.text(json.loads(answer["body"].read())) == LONG_PHRASE
        streamed = bedrock.invoke_model_with_response_stream(modelId=model, body=body)
        events = [json.loads(event["chunk"]["bytes"]) for event in streamed["body"]]
        assert "".join(self.text(event) for event in events) == LONG_PHRASE

    def test_a_body_that_is_not_the_model_s_own_is_refused(self, bedrock):
        with pytest.raises(ClientError, match="not this model's own"):
            bedrock.invoke_model(modelId=CLAUDE, body=json.dumps(self.BODIES[QWEN]))

    def test_broken_stream(self, url):
        client = with_fault(aws.client("bedrock-runtime", url, "us-east-1"), CUT)
        answer = client.invoke_model_with_response_stream(modelId=QWEN, body=json.dumps(self.BODIES[QWEN]))
        with pytest.raises(EventStreamError):
            list(answer["body"])


class TestChatCompletions:
    """The openai package, with a Claude."""

    TOOLS = [{"type": "function", "function": {"name": TOOL, "description": DESCRIPTION, "parameters": SCHEMA}}]

    def test_thinking_comes_back(self, openai_client):
        ask = {"model": CLAUDE, "tools": self.TOOLS, "reasoning_effort": "low"}
        history = user(ASK_FOR_TOOL)
        message = openai_client.chat.completions.create(**ask, messages=history).choices[0].message
        assert message.reasoning_content and message.reasoning_details[0]["signature"]
        [call] = message.tool_calls
        history += [message, {"role": "tool", "tool_call_id": call.id, "content": TOOL_RESULT}]
        last = openai_client.chat.completions.create(**ask, messages=history)
        assert TOOL_RESULT in last.choices[0].message.content


class TestResponses:
    """The openai package's Responses, with models that have no such route."""

    @pytest.mark.parametrize("model", [CLAUDE, QWEN])
    def test_chat_is_kept_and_continued(self, openai_client, model):
        answer = openai_client.responses.create(model=model, input=repeat(PHRASE))
        assert answer.output_text == PHRASE
        assert openai_client.responses.retrieve(answer.id).output_text == PHRASE
        again = openai_client.responses.create(model=model, input=repeat("again"), previous_response_id=answer.id)
        assert again.output_text == "again"
        assert again.usage.input_tokens > answer.usage.input_tokens

    @pytest.mark.parametrize("model", [CLAUDE, QWEN])
    def test_tools(self, openai_client, model):
        tools = [{"type": "function", "name": TOOL, "parameters": SCHEMA, "strict": False}]
        answer = openai_client.responses.create(model=model, input=ASK_FOR_TOOL, tools=tools)
        [call] = [item for item in answer.output if item.type == "function_call"]
        assert_fits(json.loads(call.arguments))
        result = {"type": "function_call_output", "call_id": call.call_id, "output": TOOL_RESULT}
        last = openai_client.responses.create(
            model=model, input=[result], tools=tools, previous_response_id=answer.id
        )
        assert TOOL_RESULT in last.output_text
