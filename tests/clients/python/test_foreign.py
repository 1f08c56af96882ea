"""Models that live on bedrock-mantle only, with packages that speak what mantle does not offer for them: anthropic and
boto3 with a GPT and a Gemma, openai (Chat Completions and Responses) and boto3 with a Claude."""

import base64
import json

import anthropic
import aws
import openai
import pytest
from botocore.exceptions import ClientError, EventStreamError
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
    with_fault,
)

GPT = "openai.gpt-oss-120b"
QWEN = "qwen.qwen3-32b"
GEMMA = "google.gemma-4-31b"
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


class TestMessages:
    """The anthropic package."""

    TOOLS = [{"name": TOOL, "description": DESCRIPTION, "input_schema": SCHEMA}]

    @pytest.mark.parametrize("model", [GPT, QWEN])
    def test_chat(self, messages, model):
        raw = messages.messages.with_raw_response.create(
            model=model, max_tokens=MAX_TOKENS, messages=user(repeat(PHRASE))
        )
        assert raw.headers["outcrop-lane"].startswith("translate; surface=mantle; reason=")
        answer = raw.parse()
        assert (answer.content[-1].text, answer.stop_reason, answer.model) == (PHRASE, "end_turn", model)
        assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0

    def test_stream(self, messages):
        with messages.messages.stream(model=QWEN, max_tokens=MAX_TOKENS, messages=user(repeat(LONG_PHRASE))) as stream:
            assert "".join(stream.text_stream) == LONG_PHRASE
            assert stream.get_final_message().usage.output_tokens > 0

    @pytest.mark.parametrize("streams", [False, True])
    def test_tools(self, messages, streams):
        ask = {"model": GPT, "max_tokens": MAX_TOKENS, "tools": self.TOOLS}
        history = user(ASK_FOR_TOOL)
        if streams:
            with messages.messages.stream(**ask, messages=history) as stream:
                answer = stream.get_final_message()
        else:
            answer = messages.messages.create(**ask, messages=history)
        assert answer.stop_reason == "tool_use"
        [call] = [block for block in answer.content if block.type == "tool_use"]
        assert call.name == TOOL
        assert_fits(call.input)
        result = [{"type": "tool_result", "tool_use_id": call.id, "content": TOOL_RESULT}]
        history += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": result}]
        last = messages.messages.create(**ask, messages=history)
        assert TOOL_RESULT in last.content[-1].text

    def test_image(self, messages):
        image = png()
        source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(image).decode()}
        content = [{"type": "text", "text": ASK_FOR_IMAGE}, {"type": "image", "source": source}]
        answer = messages.messages.create(model=GEMMA, max_tokens=MAX_TOKENS, messages=user(content))
        assert_describes(answer.content[-1].text, image)

    def test_thinking(self, messages):
        thinking = {"type": "enabled", "budget_tokens": 2048}
        ask = {"model": GPT, "max_tokens": MAX_TOKENS, "thinking": thinking, "messages": user(repeat(PHRASE))}
        answer = messages.messages.create(**ask)
        assert [block.type for block in answer.content] == ["thinking", "text"]
        assert answer.content[0].thinking
        with messages.messages.stream(**ask) as stream:
            assert [block.type for block in stream.get_final_message().content] == ["thinking", "text"]

    def test_error(self, messages):
        with pytest.raises(anthropic.RateLimitError):
            messages.messages.create(
                model=GPT,
                max_tokens=9,
                messages=user("hi"),
                extra_headers={"x-outcrop-fault": "ThrottlingException;count=9"},
            )

    @pytest.mark.parametrize("fault", [CUT, "ModelStreamErrorException;at=mid"])
    def test_broken_stream(self, messages, fault):
        with pytest.raises(anthropic.APIError):
            with messages.messages.stream(
                model=GPT,
                max_tokens=MAX_TOKENS,
                messages=user(repeat(LONG_PHRASE)),
                extra_headers={"x-outcrop-fault": fault},
            ) as stream:
                stream.get_final_message()


class TestConverse:
    """boto3."""

    TOOLS = {"tools": [{"toolSpec": {"name": TOOL, "description": DESCRIPTION, "inputSchema": {"json": SCHEMA}}}]}

    @staticmethod
    def ask(text: str, *blocks) -> list:
        return user([{"text": text}, *blocks])

    @staticmethod
    def text(answer) -> str:
        return "".join(block.get("text", "") for block in answer["output"]["message"]["content"])

    @pytest.mark.parametrize("model", [GPT, QWEN, CLAUDE])
    def test_chat(self, bedrock, model):
        answer = bedrock.converse(modelId=model, system=[{"text": "Be brief."}], messages=self.ask(repeat(PHRASE)))
        assert (self.text(answer), answer["stopReason"]) == (PHRASE, "end_turn")
        usage = answer["usage"]
        assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"] > 0
        assert answer["metrics"]["latencyMs"] >= 0
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        assert headers["outcrop-lane"].startswith("translate; surface=mantle; reason=")

    @pytest.mark.parametrize("model", [GPT, CLAUDE])
    def test_stream(self, bedrock, model):
        answer = bedrock.converse_stream(modelId=model, messages=self.ask(repeat(LONG_PHRASE)))
        events = [pair for event in answer["stream"] for pair in event.items()]
        said = [event["delta"].get("text", "") for name, event in events if name == "contentBlockDelta"]
        assert "".join(said) == LONG_PHRASE
        assert [name for name, _ in events][-2:] == ["messageStop", "metadata"]
        assert events[-1][1]["usage"]["outputTokens"] > 0

    @pytest.mark.parametrize("model", [GPT, CLAUDE])
    def test_tools(self, bedrock, model):
        history = self.ask(ASK_FOR_TOOL)
        answer = bedrock.converse(modelId=model, messages=history, toolConfig=self.TOOLS)
        assert answer["stopReason"] == "tool_use"
        message = answer["output"]["message"]
        [call] = [block["toolUse"] for block in message["content"] if "toolUse" in block]
        assert call["name"] == TOOL
        assert_fits(call["input"])
        result = {"toolUseId": call["toolUseId"], "content": [{"text": TOOL_RESULT}]}
        history += [message, {"role": "user", "content": [{"toolResult": result}]}]
        assert TOOL_RESULT in self.text(bedrock.converse(modelId=model, messages=history, toolConfig=self.TOOLS))
        streamed = bedrock.converse_stream(modelId=model, messages=self.ask(ASK_FOR_TOOL), toolConfig=self.TOOLS)
        events = [pair for event in streamed["stream"] for pair in event.items()]
        assert [event["start"]["toolUse"]["name"] for name, event in events if name == "contentBlockStart"] == [TOOL]
        pieces = [event["delta"]["toolUse"]["input"] for _, event in events if "toolUse" in event.get("delta", {})]
        assert_fits(json.loads("".join(pieces)))

    @pytest.mark.parametrize("model", [GEMMA, CLAUDE])
    def test_image(self, bedrock, model):
        image = png()
        block = {"image": {"format": "png", "source": {"bytes": image}}}
        assert_describes(self.text(bedrock.converse(modelId=model, messages=self.ask(ASK_FOR_IMAGE, block))), image)

    @pytest.mark.parametrize(
        ("model", "fields"),
        [(GPT, {"reasoning_effort": "low"}), (CLAUDE, {"thinking": {"type": "enabled", "budget_tokens": 1024}})],
    )
    def test_thinking(self, bedrock, model, fields):
        ask = {
            "modelId": model,
            "messages": self.ask(repeat(PHRASE)),
            "inferenceConfig": {"maxTokens": MAX_TOKENS},
            "additionalModelRequestFields": fields,
        }
        answer = bedrock.converse(**ask)
        reasoning = answer["output"]["message"]["content"][0]["reasoningContent"]["reasoningText"]
        assert reasoning["text"] and ("signature" in reasoning) == (model == CLAUDE)
        again = ask["messages"] + [answer["output"]["message"], *self.ask(repeat(PHRASE))]
        assert self.text(bedrock.converse(**ask | {"messages": again})) == PHRASE

    def test_error(self, url):
        client = with_fault(aws.client("bedrock-runtime", url, "us-east-1"), "ValidationException")
        with pytest.raises(ClientError) as caught:
            client.converse(modelId=GPT, messages=self.ask("hi"))
        assert caught.value.response["Error"]["Code"] == "ValidationException"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400

    @pytest.mark.parametrize("model", [GPT, CLAUDE])
    @pytest.mark.parametrize("fault", [CUT, "ModelStreamErrorException;at=mid"])
    def test_broken_stream(self, url, model, fault):
        client = with_fault(aws.client("bedrock-runtime", url, "us-east-1"), fault)
        answer = client.converse_stream(modelId=model, messages=self.ask(repeat(LONG_PHRASE)))
        with pytest.raises(EventStreamError, match="modelStreamErrorException|internalServerException"):
            list(answer["stream"])


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

    def test_chat(self, openai_client):
        raw = openai_client.chat.completions.with_raw_response.create(model=CLAUDE, messages=user(repeat(PHRASE)))
        assert raw.headers["outcrop-lane"].startswith("translate; surface=mantle; reason=")
        answer = raw.parse()
        assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (PHRASE, "stop")
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0

    def test_stream(self, openai_client):
        chunks = list(
            openai_client.chat.completions.create(
                model=CLAUDE,
                messages=user(repeat(LONG_PHRASE)),
                stream=True,
                stream_options={"include_usage": True},
            )
        )
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == LONG_PHRASE
        assert chunks[-1].usage.completion_tokens > 0

    def test_tools(self, openai_client):
        history = user(ASK_FOR_TOOL)
        ask = {"model": CLAUDE, "tools": self.TOOLS}
        message = openai_client.chat.completions.create(**ask, messages=history).choices[0].message
        [call] = message.tool_calls
        assert call.function.name == TOOL
        assert_fits(json.loads(call.function.arguments))
        history += [message, {"role": "tool", "tool_call_id": call.id, "content": TOOL_RESULT}]
        last = openai_client.chat.completions.create(**ask, messages=history)
        assert TOOL_RESULT in last.choices[0].message.content

    def test_image(self, openai_client):
        image = png()
        url = f"data:image/png;base64,{base64.b64encode(image).decode()}"
        content = [{"type": "text", "text": ASK_FOR_IMAGE}, {"type": "image_url", "image_url": {"url": url}}]
        answer = openai_client.chat.completions.create(model=CLAUDE, messages=user(content))
        assert_describes(answer.choices[0].message.content, image)

    def test_thinking_comes_back(self, openai_client):
        ask = {"model": CLAUDE, "tools": self.TOOLS, "reasoning_effort": "low"}
        history = user(ASK_FOR_TOOL)
        message = openai_client.chat.completions.create(**ask, messages=history).choices[0].message
        assert message.reasoning_content and message.reasoning_details[0]["signature"]
        [call] = message.tool_calls
        history += [message, {"role": "tool", "tool_call_id": call.id, "content": TOOL_RESULT}]
        last = openai_client.chat.completions.create(**ask, messages=history)
        assert TOOL_RESULT in last.choices[0].message.content

    def test_error(self, openai_client):
        with pytest.raises(openai.BadRequestError):
            openai_client.chat.completions.create(
                model=CLAUDE, messages=user("hi"), extra_headers={"x-outcrop-fault": "ValidationException"}
            )

    @pytest.mark.parametrize("fault", [CUT, "ThrottlingException;at=mid"])
    def test_broken_stream(self, openai_client, fault):
        with pytest.raises(openai.APIError):
            list(
                openai_client.chat.completions.create(
                    model=CLAUDE,
                    messages=user(repeat(LONG_PHRASE)),
                    stream=True,
                    extra_headers={"x-outcrop-fault": fault},
                )
            )


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
    def test_stream(self, openai_client, model):
        with openai_client.responses.stream(model=model, input=repeat(LONG_PHRASE)) as stream:
            assert stream.until_done().get_final_response().output_text == LONG_PHRASE

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

    def test_thinking(self, openai_client):
        answer = openai_client.responses.create(model=CLAUDE, input=repeat(PHRASE), reasoning={"effort": "low"})
        assert answer.output[0].type == "reasoning" and answer.output[0].encrypted_content
        assert answer.output_text == PHRASE

    def test_broken_stream(self, openai_client):
        with pytest.raises(openai.APIError):
            list(
                openai_client.responses.create(
                    model=CLAUDE,
                    input=repeat(LONG_PHRASE),
                    stream=True,
                    extra_headers={"x-outcrop-fault": "ModelStreamErrorException;at=mid"},
                )
            )
