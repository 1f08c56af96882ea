"""AnthropicBedrock, Anthropic and OpenAI straight against `outcrop emulate`, signatures and keys verified."""

import anthropic
import openai
import pytest
from emulated import ACCESS_KEY, BEARER, CLAUDE, GPT_OSS, REGION, SECRET_KEY, Emulated
from material import ASK_FOR_TOOL, DESCRIPTION, LONG_PHRASE, PHRASE, SCHEMA, TOOL, TOOL_RESULT, assert_fits, repeat

TOOLS = [{"name": TOOL, "description": DESCRIPTION, "input_schema": SCHEMA}]
THINKING = {"type": "enabled", "budget_tokens": 1024}
MAX_TOKENS = 4096


@pytest.fixture(scope="module", params=["invoke", "messages"])
def client(request, emulated: Emulated):
    """Claude's own body on InvokeModel, signed; and AWS's Messages route, with a key."""
    if request.param == "messages":
        with anthropic.Anthropic(base_url=f"{emulated.url}/anthropic", api_key=BEARER, max_retries=0) as client:
            yield client
        return
    keys = {"aws_access_key": ACCESS_KEY, "aws_secret_key": SECRET_KEY, "aws_region": REGION}
    with anthropic.AnthropicBedrock(base_url=emulated.url, max_retries=0, **keys) as client:
        yield client


def create(client, content, **more):
    messages = content if isinstance(content, list) else [{"role": "user", "content": content}]
    return client.messages.create(model=CLAUDE, max_tokens=MAX_TOKENS, messages=messages, **more)


def test_chats_and_streams(client):
    answer = create(client, repeat(PHRASE))
    assert answer.content[0].text == PHRASE
    assert answer.stop_reason == "end_turn"
    with client.messages.stream(
        model=CLAUDE, max_tokens=MAX_TOKENS, messages=[{"role": "user", "content": repeat(LONG_PHRASE)}]
    ) as stream:
        assert "".join(stream.text_stream) == LONG_PHRASE
        assert stream.get_final_message().usage.output_tokens > 0


def test_calls_a_tool_and_takes_its_result(client):
    asked = {"role": "user", "content": ASK_FOR_TOOL}
    called = create(client, [asked], tools=TOOLS)
    (call,) = [block for block in called.content if block.type == "tool_use"]
    assert_fits(call.input)
    result = {"type": "tool_result", "tool_use_id": call.id, "content": TOOL_RESULT}
    back = [asked, {"role": "assistant", "content": called.content}, {"role": "user", "content": [result]}]
    assert TOOL_RESULT in create(client, back, tools=TOOLS).content[0].text


def test_thinks_and_verifies_what_comes_back(client):
    asked = {"role": "user", "content": "What is two and two?"}
    thought = create(client, [asked], thinking=THINKING)
    assert [block.type for block in thought.content] == ["thinking", "text"]
    again = {"role": "user", "content": repeat(PHRASE)}
    back = [asked, {"role": "assistant", "content": thought.content}, again]
    assert create(client, back, thinking=THINKING).content[-1].text == PHRASE
    changed = thought.content[0].model_copy(update={"thinking": "something else"})
    tampered = [asked, {"role": "assistant", "content": [changed, thought.content[1]]}, again]
    with pytest.raises(anthropic.BadRequestError, match="Invalid `signature` in `thinking` block"):
        create(client, tampered, thinking=THINKING)


def test_cites_a_document(client):
    text = "The grass is green. The sky is blue."
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": text}}
    document |= {"title": "Colours", "citations": {"enabled": True}}
    question = {"type": "text", "text": "What does it say of the grass?"}
    answer = create(client, [{"role": "user", "content": [document, question]}])
    (cited,) = [block for block in answer.content if block.citations]
    assert cited.citations[0].cited_text == "The grass is green. "
    assert cited.citations[0].document_title == "Colours"


@pytest.fixture(scope="module")
def gpt(emulated: Emulated):
    with openai.OpenAI(base_url=f"{emulated.url}/openai/v1", api_key=BEARER, max_retries=0) as client:
        yield client


def test_openai_chats_streams_and_calls_tools(gpt):
    messages = [{"role": "user", "content": repeat(LONG_PHRASE)}]
    whole = gpt.chat.completions.create(model=GPT_OSS, messages=messages)
    assert whole.choices[0].message.content == LONG_PHRASE
    pieces = [
        piece.choices[0].delta.content or ""
        for piece in gpt.chat.completions.create(model=GPT_OSS, messages=messages, stream=True)
    ]
    assert "".join(pieces) == LONG_PHRASE and len(pieces) > 2
    tools = [{"type": "function", "function": {"name": TOOL, "parameters": SCHEMA}}]
    asked = [{"role": "user", "content": ASK_FOR_TOOL}]
    called = gpt.chat.completions.create(model=GPT_OSS, messages=asked, tools=tools).choices[0]
    assert called.finish_reason == "tool_calls"
    # The runtime numbers the calls of each answer.
    assert called.message.tool_calls[0].id == "call_0"


def test_openai_responds(gpt):
    whole = gpt.responses.create(model="openai.gpt-5.5", input=repeat(LONG_PHRASE))
    assert whole.output_text == LONG_PHRASE
    events = list(gpt.responses.create(model="openai.gpt-5.5", input=repeat(LONG_PHRASE), stream=True))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == LONG_PHRASE
    assert events[-1].type == "response.completed"


def test_openai_is_refused_where_aws_refuses_it(gpt):
    with pytest.raises(openai.BadRequestError, match="isn't supported on this route"):
        gpt.responses.create(model=GPT_OSS, input="hi")
    assert GPT_OSS in [model.id for model in gpt.models.list()]
