"""The openai and anthropic packages with answers that begin with a sign of life, because the first event is late; see `../late.py`."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import anthropic
import openai
import pytest
from material import LONG_PHRASE, repeat

URL = os.environ["OUTCROP_LATE_URL"]
MAX_TOKENS = 4000


def text(way: str) -> str:
    """What is to be repeated, with the word by which the relays know it."""
    return f"{LONG_PHRASE} late-python-{way}-end"


def messages(way: str) -> list[dict]:
    return [{"role": "user", "content": repeat(text(way))}]


def chat(way: str, model: str) -> str:
    with openai.OpenAI(base_url=f"{URL}/v1", api_key="any", max_retries=0) as client:
        chunks = list(client.chat.completions.create(model=model, messages=messages(way), stream=True))
    assert chunks[-1].choices[0].finish_reason == "stop"
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def responses(way: str, model: str) -> str:
    with openai.OpenAI(base_url=f"{URL}/v1", api_key="any", max_retries=0) as client:
        with client.responses.stream(model=model, input=repeat(text(way))) as stream:
            return stream.get_final_response().output_text


def events(way: str, model: str) -> str:
    with anthropic.Anthropic(base_url=URL, api_key="any", max_retries=0) as client:
        events = list(client.messages.create(model=model, max_tokens=MAX_TOKENS, messages=messages(way), stream=True))
    assert events[-1].type == "message_stop"
    deltas = [event.delta for event in events if event.type == "content_block_delta"]
    return "".join(delta.text for delta in deltas if delta.type == "text_delta")


def helper(way: str, model: str) -> str:
    with anthropic.Anthropic(base_url=URL, api_key="any", max_retries=0) as client:
        with client.messages.stream(model=model, max_tokens=MAX_TOKENS, messages=messages(way)) as stream:
            return stream.get_final_text()


# Nova's streams are translated; a Claude's are relayed for clients of Messages.
CASES: dict[str, tuple[Callable, str]] = {
    "chat": (chat, "nova"),
    "responses": (responses, "nova"),
    "messages": (events, "claude"),
    "messages-translated": (events, "nova"),
    "messages-helper": (helper, "claude"),
}


@pytest.fixture(scope="module")
def answers(claude: str, nova: str) -> dict[str, Future]:
    """All at once, so that the silence passes but once."""
    models = {"claude": claude, "nova": nova}
    with ThreadPoolExecutor(len(CASES)) as pool:
        return {way: pool.submit(ask, way, models[model]) for way, (ask, model) in CASES.items()}


@pytest.mark.parametrize("way", CASES)
def test_a_stream_that_begins_with_a_sign_of_life_is_read_whole(answers, way: str):
    assert answers[way].result() == text(way)
