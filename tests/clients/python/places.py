"""Where the gateway is, what its two seeded application profiles are called, and the models that every client is run
against; see ../drive.py, which says so."""

import json
import os

import pytest
from material import BROKEN_STREAMS

# Each with its identifier, the model behind it, whether it sees, and how it is asked to think.
MODELS = json.loads(os.environ["OUTCROP_MODELS"])


@pytest.fixture(scope="session")
def url() -> str:
    return os.environ["OUTCROP_URL"]


@pytest.fixture(scope="session")
def claude() -> str:
    """The ARN of the application profile over a Claude."""
    return os.environ["OUTCROP_CLAUDE_ARN"]


@pytest.fixture(scope="session")
def nova() -> str:
    """The ARN of the application profile over a Nova."""
    return os.environ["OUTCROP_NOVA_ARN"]


@pytest.fixture(scope="session", params=["claude", "nova"])
def arn(request) -> str:
    """Each of the two ARNs in turn."""
    return request.getfixturevalue(request.param)


def named(model: dict) -> str:
    return model["model"]


@pytest.fixture(scope="session", params=MODELS, ids=named)
def model(request) -> str:
    """Each of the two ARNs, and then the ids of models that live on bedrock-mantle only."""
    return request.param["identifier"]


@pytest.fixture(scope="session", params=[one for one in MODELS if one["sees"]], ids=named)
def seer(request) -> str:
    """The same, of models that see pictures."""
    return request.param["identifier"]


@pytest.fixture(scope="session", params=[one for one in MODELS if one["thinking"]], ids=named)
def thinker(request) -> dict:
    """The same, of models that think: `identifier`, and `thinking`, the fields of its own that ask it to."""
    return request.param


@pytest.fixture(scope="session", params=[one for one in MODELS if one["model"].startswith("anthropic.")], ids=named)
def a_claude(request) -> str:
    """The same, of Claudes."""
    return request.param["identifier"]


@pytest.fixture(scope="session", params=MODELS, ids=named)
def own_body(request) -> str:
    """Claudes again, for clients that have but a Claude's own body for InvokeModel."""
    if not request.param["model"].startswith("anthropic."):
        pytest.skip("InvokeModel takes a model's own body, and this is run with a Claude's")
    return request.param["identifier"]


MANTLES_CLAUDE = "AWS takes no form in the own body of bedrock-mantle's Claude"
# What is said of a model's Chat Completions in which `tags_its_thoughts`.
TAGGED = "gpt-oss puts its thoughts into its text, between tags, and so they are relayed"


def tags_its_thoughts(identifier: str) -> bool:
    """Whether a model's own Chat Completions have its reasoning in the text, between tags: so they are relayed."""
    return identifier.startswith("openai.gpt-oss")


def breaks(model: dict, fault: str) -> bool:
    """Whether a fault does anything to a model's streams: server-sent events have no checksum."""
    return model["identifier"] != model["model"] or not fault.startswith("bad-crc")


@pytest.fixture(
    params=[(model, fault) for model in MODELS for fault in BROKEN_STREAMS if breaks(model, fault)],
    ids=lambda broken: f"{named(broken[0])}-{broken[1]}",
)
def broken(request) -> tuple[str, str]:
    """A model and a fault that ends its stream before its end."""
    model, fault = request.param
    return model["identifier"], fault


@pytest.fixture(scope="session")
def thinking() -> dict:
    """The `thinking` member that this Claude takes."""
    return MODELS[0]["thinking"]["thinking"]


@pytest.fixture(scope="session")
def region(claude) -> str:
    return claude.split(":")[3]
