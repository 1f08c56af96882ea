"""Where the gateway is and what its two seeded application profiles are called; see ../drive.py, which says so."""

import json
import os

import pytest


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


@pytest.fixture(scope="session")
def thinking() -> dict:
    """The `thinking` member that this Claude takes."""
    return json.loads(os.environ["OUTCROP_CLAUDE_THINKING"])


@pytest.fixture(scope="session")
def region(claude) -> str:
    return claude.split(":")[3]
