"""Bedrock's faults as openai, anthropic and boto3 tell them: the class that users expect, and how many calls were made.

A fault is asked for with a count, so that the outcome tells how many calls Bedrock got: one that happens N times is an
error after N calls, and a whole answer after N + 1.
"""

import gc
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anthropic
import aws
import openai
import pytest
from botocore.config import Config
from botocore.eventstream import ParserError
from botocore.exceptions import ClientError, EventStreamError
from emulated import CLAUDE, NOVA, OPENER, REGION, started
from material import LONG_PHRASE, repeat
from server import Server, clean_environment

MAX_TOKENS = 4096
# What an SDK does by itself unless it is told otherwise: more than once.
SDK_RETRIES = 2


@dataclass(frozen=True)
class Row:
    """What stands instead of an answer, and what becomes of it."""

    fault: str
    status: int
    # Calls for a request that always fails: for 429 and 503 the three attempts of AWS's standard mode, as nothing was
    # generated; 500 is tried once more; of all others the model may have worked, or it is the request's fault.
    calls: int
    # The class of this name, in both SDKs.
    error: str
    # Anthropic's own word; OpenAI's are below.
    kind: str


# Names and statuses: AWS's service model of the runtime. Classes: what each SDK has for the status.
TABLE = [
    Row("ThrottlingException", 429, 3, "RateLimitError", "rate_limit_error"),
    Row("ModelNotReadyException", 429, 3, "RateLimitError", "rate_limit_error"),
    Row("ServiceUnavailableException", 503, 3, "InternalServerError", "overloaded_error"),
    Row("InternalServerException", 500, 2, "InternalServerError", "api_error"),
    Row("ModelTimeoutException", 408, 1, "APIStatusError", "timeout_error"),
    Row("ModelErrorException", 424, 1, "APIStatusError", "api_error"),
    Row("ValidationException", 400, 1, "BadRequestError", "invalid_request_error"),
    Row("ServiceQuotaExceededException", 400, 1, "BadRequestError", "invalid_request_error"),
    Row("AccessDeniedException", 403, 1, "PermissionDeniedError", "permission_error"),
    Row("ResourceNotFoundException", 404, 1, "NotFoundError", "not_found_error"),
]
OPENAI_KINDS = {
    "rate_limit_error": "rate_limit_error",
    "overloaded_error": "server_error",
    "api_error": "server_error",
    "timeout_error": "server_error",
    "permission_error": "permission_error",
}
# The SDKs of OpenAI and Anthropic send a 408 again by themselves; their policy is not ours to test.
RESENT_BY_SDKS = {408, 429, 500, 503}


class Gateway:
    """`outcrop serve --local`, and the emulator inside, whose counts of faults can be set back."""

    def __init__(self, server: Server) -> None:
        self.url = server.url
        self._emulator = json.loads(server.out())["emulator"]

    def forget_faults(self) -> None:
        with OPENER.open(f"{self._emulator}/_emulator/faults", b"{}", timeout=10) as answer:
            assert answer.status == 200

    def billed(self) -> int:
        """How many calls generated something."""
        with OPENER.open(f"{self._emulator}/_emulator/bill", timeout=10) as answer:
            return len(json.load(answer)["invocations"])


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Gateway]:
    """One of its own: retries draw on a budget that the other modules' faults would empty."""
    folder = tmp_path_factory.mktemp("faults")
    with serving(folder, clean_environment(folder), "--local") as server:
        yield Gateway(server)


@contextmanager
def serving(folder: Path, environment: dict[str, str], *flags: str) -> Iterator[Server]:
    server = Server(os.environ["OUTCROP_BIN"], ["serve", "--json", *flags], folder, environment)
    try:
        server.wait_until(lambda: server.out().rstrip().endswith("}"), "it printed where it is")
        yield server
        # botocore closes a connection when nothing refers to it any more; the gateway would wait for that.
        gc.collect()
        server.stop()
    finally:
        server.kill()


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    running.forget_faults()
    return running


class OpenAi:
    """Chat Completions, through Converse."""

    model = NOVA
    broken = openai.APIError

    def __init__(self, url: str) -> None:
        self.url = url

    def say(self, fault: str, stream: bool = False, retries: int = 0) -> str:
        with openai.OpenAI(base_url=f"{self.url}/v1", api_key="any", max_retries=retries) as client:
            answer = client.chat.completions.create(
                model=self.model,
                messages=[{"role": "user", "content": repeat(LONG_PHRASE)}],
                stream=stream,
                extra_headers={"x-outcrop-fault": fault},
            )
            if not stream:
                return answer.choices[0].message.content
            return self.text_of(answer)

    @staticmethod
    def text_of(chunks) -> str:
        text = ""
        for chunk in chunks:
            text += "".join(choice.delta.content or "" for choice in chunk.choices)
        return text

    @staticmethod
    def error(row: Row) -> type[Exception]:
        return getattr(openai, row.error)

    @staticmethod
    def assert_tells(error: openai.APIStatusError, row: Row) -> None:
        assert error.status_code == row.status
        assert error.body["type"] == OPENAI_KINDS.get(row.kind, "invalid_request_error")
        assert error.body["message"]


class Anthropic:
    """Messages, relayed to a Claude's own body."""

    model = CLAUDE
    broken = anthropic.APIError

    def __init__(self, url: str) -> None:
        self.url = url

    def say(self, fault: str, stream: bool = False, retries: int = 0) -> str:
        with anthropic.Anthropic(base_url=self.url, api_key="any", max_retries=retries) as client:
            answer = client.messages.create(
                model=self.model,
                max_tokens=MAX_TOKENS,
                messages=[{"role": "user", "content": repeat(LONG_PHRASE)}],
                stream=stream,
                extra_headers={"x-outcrop-fault": fault},
            )
            if not stream:
                return answer.content[0].text
            deltas = (event.delta for event in answer if event.type == "content_block_delta")
            return "".join(delta.text for delta in deltas if delta.type == "text_delta")

    @staticmethod
    def error(row: Row) -> type[Exception]:
        return getattr(anthropic, row.error)

    @staticmethod
    def assert_tells(error: anthropic.APIStatusError, row: Row) -> None:
        assert error.status_code == row.status
        assert error.body["error"]["type"] == row.kind
        assert error.body["error"]["message"]


class Translated(Anthropic):
    """Messages, through Converse."""

    model = NOVA


class Boto3:
    """Converse and ConverseStream in AWS's own words."""

    model = CLAUDE
    broken = EventStreamError

    def __init__(self, url: str) -> None:
        self.url = url

    def say(self, fault: str, stream: bool = False, retries: int = 0) -> str:
        config = Config(retries={"mode": "standard", "total_max_attempts": retries + 1})
        messages = [{"role": "user", "content": [{"text": repeat(LONG_PHRASE)}]}]
        client = aws.client("bedrock-runtime", self.url, REGION, fault=fault, config=config)
        if not stream:
            blocks = client.converse(modelId=self.model, messages=messages)["output"]["message"]["content"]
            return "".join(block.get("text", "") for block in blocks)
        events = client.converse_stream(modelId=self.model, messages=messages)["stream"]
        deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
        return "".join(delta.get("text", "") for delta in deltas)

    @staticmethod
    def error(_row: Row) -> type[Exception]:
        return ClientError

    @staticmethod
    def assert_tells(error: ClientError, row: Row) -> None:
        said = error.response
        assert type(error).__name__ == row.fault
        assert (said["Error"]["Code"], said["ResponseMetadata"]["HTTPStatusCode"]) == (row.fault, row.status)
        assert said["Error"]["Message"]


@pytest.fixture(params=[OpenAi, Anthropic, Boto3])
def client(request, gateway: Gateway):
    return request.param(gateway.url)


def named(row: Row) -> str:
    return row.fault


@pytest.mark.parametrize("row", TABLE, ids=named)
def test_it_is_raised_as_its_class_after_so_many_calls_and_no_more(client, gateway, row):
    before = gateway.billed()
    is_resent = row.status in RESENT_BY_SDKS
    with pytest.raises(client.error(row)) as caught:
        client.say(f"{row.fault};count={row.calls}", retries=0 if is_resent else SDK_RETRIES)
    client.assert_tells(caught.value, row)
    assert gateway.billed() == before


@pytest.mark.parametrize("row", [row for row in TABLE if row.calls > 1], ids=named)
def test_one_that_passes_is_a_whole_answer(client, gateway, row):
    before = gateway.billed()
    assert client.say(f"{row.fault};count=1", stream=True) == LONG_PHRASE
    assert gateway.billed() == before + 1


def test_the_last_call_that_is_made_counts(gateway):
    """That three are three, and not two, is seen where the waits are short."""
    for client in (OpenAi(gateway.url), Anthropic(gateway.url), Boto3(gateway.url)):
        gateway.forget_faults()
        assert client.say("ServiceUnavailableException;count=2") == LONG_PHRASE


def test_what_outlasts_the_gateway_is_sent_again_by_the_sdk(client, gateway):
    (row,) = [row for row in TABLE if row.status == 503]
    before = gateway.billed()
    assert client.say(f"{row.fault};count={row.calls}", retries=1) == LONG_PHRASE
    assert gateway.billed() == before + 1


@pytest.mark.parametrize("row", [row for row in TABLE if row.status in (400, 500, 503)], ids=named)
def test_an_exception_as_first_event_is_the_same_as_without_a_stream(client, row):
    with pytest.raises(client.error(row)) as caught:
        client.say(f"{row.fault};at=first;count={row.calls}", stream=True)
    client.assert_tells(caught.value, row)


# Faults within a stream, and the name that AWS's streams give them where they have one (ConverseStreamOutput).
BREAKS = {
    "cut;at=mid": None,
    "bad-crc;at=mid": None,
    "missing-metadata": None,
    "ThrottlingException;at=mid": "throttlingException",
    "ServiceUnavailableException;at=mid": "serviceUnavailableException",
    "InternalServerException;at=mid": "internalServerException",
    "ModelStreamErrorException;at=mid": "modelStreamErrorException",
    "ValidationException;at=mid": "validationException",
}


# Claude's own stream, relayed, has no event of that kind.
READERS = [
    (kind, fault)
    for kind in (OpenAi, Anthropic, Translated, Boto3)
    for fault in BREAKS
    if (kind, fault) != (Anthropic, "missing-metadata")
]


@pytest.mark.parametrize(("kind", "fault"), READERS)
def test_a_stream_that_breaks_never_ends_quietly_and_is_not_asked_for_again(gateway, kind, fault):
    """Though the fault happens once and the SDK may retry: a second generation would be billed twice."""
    client = kind(gateway.url)
    before = gateway.billed()
    # A checksum is botocore's own finding, when the bytes are handed on as they came.
    expected = (client.broken, ParserError) if fault.startswith("bad-crc") and kind is Boto3 else client.broken
    with pytest.raises(expected) as caught:
        client.say(f"{fault};count=1", stream=True, retries=SDK_RETRIES)
    assert str(caught.value)
    assert gateway.billed() == before + 1
    if BREAKS[fault] and kind is Boto3:
        assert caught.value.response["Error"]["Code"] == BREAKS[fault]


@pytest.mark.parametrize("fault", ["cut;bytes=0", "cut;bytes=50"], ids=["nothing came", "half a frame came"])
def test_an_answer_that_breaks_before_its_first_event_is_an_http_error(client, gateway, fault):
    """Bedrock had taken the request, so neither the gateway nor the SDK sends it again; the one call is on the bill."""
    before = gateway.billed()
    errors = (openai.InternalServerError, anthropic.InternalServerError, ClientError)
    with pytest.raises(errors) as caught:
        client.say(f"{fault};count=1", stream=True, retries=SDK_RETRIES)
    if isinstance(client, Boto3):
        assert aws.error_of(caught)[0] == "ModelStreamErrorException"
    else:
        assert caught.value.status_code == 502
    assert gateway.billed() == before + 1


@pytest.mark.parametrize("fault", ["ThrottlingException;at=mid", "cut;at=mid"])
def test_no_chunk_before_the_break_says_that_the_answer_is_whole(gateway, fault):
    """A reader that stops at `finish_reason` would take half an answer for one."""
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="any", max_retries=0) as client:
        answer = client.chat.completions.create(
            model=NOVA,
            messages=[{"role": "user", "content": repeat(LONG_PHRASE)}],
            stream=True,
            extra_headers={"x-outcrop-fault": fault},
        )
        seen = []
        with pytest.raises(openai.APIError):
            for chunk in answer:
                seen += chunk.choices
    assert "".join(choice.delta.content or "" for choice in seen) and not any(choice.finish_reason for choice in seen)


# A daily quota: the one throttling that the gateway hands on at once (it does not come back within seconds).
PER_DAY = "Too many tokens per day, please wait before trying again."
# What AWS says of when to come back, and what a client reads of it: whole seconds where AWS tells milliseconds.
DELAYS = [({"retry-after": "7"}, "7"), ({"x-amz-retry-after": "1500"}, "2")]


@pytest.fixture(scope="module", params=DELAYS, ids=["retry-after", "x-amz-retry-after"])
def patient(request, tmp_path_factory) -> Iterator[tuple[str, str]]:
    """A gateway before an emulator that replays a refusal with a delay; its address, and the delay to be read."""
    delay, seconds = request.param
    folder = tmp_path_factory.mktemp("patient")
    with started(folder / "emulator", "--replay", str(recording(folder, delay))) as emulator:
        environment = emulator.environment() | {"HOME": str(folder)}
        with serving(folder / "gateway", environment) as server:
            yield server.url, seconds


def recording(folder: Path, delay: dict[str, str]) -> Path:
    headers = delay | {"content-type": "application/json", "x-amzn-errortype": "ThrottlingException"}
    response = {"status": 429, "headers": headers, "body_json": {"message": PER_DAY}}
    paths = [f"/model/{CLAUDE}/invoke", f"/model/{CLAUDE}/converse", f"/model/{NOVA}/converse"]
    lines = [{"id": path, "request": {"method": "POST", "path": path}, "response": response} for path in paths]
    file = folder / "refusals.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


@pytest.mark.parametrize("kind", [OpenAi, Anthropic, Translated])
def test_when_to_come_back_is_handed_on(patient, kind):
    url, seconds = patient
    with pytest.raises((openai.RateLimitError, anthropic.RateLimitError), match="per day") as caught:
        kind(url).say("none")
    assert caught.value.response.headers["retry-after"] == seconds


def test_when_to_come_back_is_handed_on_in_the_words_of_aws(patient):
    url, _ = patient
    with pytest.raises(ClientError, match="per day") as caught:
        Boto3(url).say("none")
    headers = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert headers.get("retry-after") == "7" or headers.get("x-amz-retry-after") == "1500"
