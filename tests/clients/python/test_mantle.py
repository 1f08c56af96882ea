"""The openai and anthropic packages with models that live on AWS's own OpenAI- and Anthropic-style endpoints only: what is relayed."""

import anthropic
import openai
import pytest
from material import PHRASE, repeat

OPEN_WEIGHT = "openai.gpt-oss-120b"
CHAT_ONLY = "qwen.qwen3-32b"
CLAUDE = "anthropic.claude-haiku-4-5"
ARN = f"arn:aws:bedrock:us-west-2::foundation-model/{OPEN_WEIGHT}"
MESSAGES = [{"role": "user", "content": repeat(PHRASE)}]


@pytest.fixture(scope="module")
def client(url):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def claude(url):
    with anthropic.Anthropic(base_url=url, api_key="any", max_retries=0, timeout=60) as client:
        yield client


@pytest.mark.parametrize("model", [OPEN_WEIGHT, CHAT_ONLY, ARN])
def test_chat_is_relayed(client, model):
    raw = client.chat.completions.with_raw_response.create(model=model, messages=MESSAGES)
    assert raw.headers["outcrop-lane"].startswith("relay; surface=mantle; reason=")
    answer = raw.parse()
    assert answer.choices[0].message.content == PHRASE
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


@pytest.mark.parametrize("asks", [True, False])
def test_chat_streams_and_states_its_usage_when_asked(client, asks):
    options = {"stream_options": {"include_usage": True}} if asks else {}
    chunks = list(client.chat.completions.create(model=OPEN_WEIGHT, messages=MESSAGES, stream=True, **options))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == PHRASE
    assert any(chunk.usage for chunk in chunks) == asks


def test_responses_are_relayed_kept_and_continued(client):
    answer = client.responses.create(model=OPEN_WEIGHT, input=repeat(PHRASE))
    assert answer.output_text == PHRASE
    assert client.responses.retrieve(answer.id).output_text == PHRASE
    again = client.responses.create(model=OPEN_WEIGHT, input=repeat("again"), previous_response_id=answer.id)
    assert again.output_text == "again"
    with client.responses.stream(model=OPEN_WEIGHT, input=repeat(PHRASE)) as stream:
        assert stream.until_done().get_final_response().output_text == PHRASE


def test_messages_are_relayed(claude):
    answer = claude.messages.create(model=CLAUDE, max_tokens=99, messages=MESSAGES)
    assert answer.content[0].text == PHRASE
    with claude.messages.stream(model=CLAUDE, max_tokens=99, messages=MESSAGES) as stream:
        assert stream.get_final_text() == PHRASE
    assert claude.messages.count_tokens(model=CLAUDE, messages=MESSAGES).input_tokens > 0
