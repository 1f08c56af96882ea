"""An `outcrop emulate` of its own for clients that judge the emulator without a gateway between, and its keys.

The one place that starts an emulator and reads what it prints: the fixture `emulated` for a module's own, `started` for
one with other flags.
"""

import importlib.util
import json
import os
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aws
import pytest
from server import Server, clean_environment

# AWS's documentation pair and the bearer key, which the emulator takes when its environment has no others.
ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
BEARER = "local"
REGION = "us-east-1"
ACCOUNT = "123456789012"

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
CLAUDE_ADAPTIVE = "us.anthropic.claude-sonnet-5"
NOVA = "us.amazon.nova-2-lite-v1:0"
GPT_OSS = "openai.gpt-oss-20b-1:0"
# One that is invoked by its own id.
NOVA_ON_DEMAND = "amazon.nova-lite-v1:0"

# No proxy stands between these tests and the loopback interface.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# The last thing that it prints: then it listens.
LAST_LINE = "# profile"


class Emulated:
    """A running emulator and what it tells a shell to export."""

    def __init__(self, server: Server, home: Path) -> None:
        self.server = server
        self.url = server.url
        self.address = server.address
        self.home = home
        self.exports = exports(server.out())

    def keys(self) -> dict[str, str]:
        """What boto3 takes to call it."""
        return {
            "endpoint_url": self.exports["AWS_ENDPOINT_URL_BEDROCK"],
            "region_name": REGION,
            "aws_access_key_id": self.exports["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.exports["AWS_SECRET_ACCESS_KEY"],
        }

    def client(self, service: str, **options):
        """A boto3 client of any of its services, with the right keys unless told otherwise; see `aws.client`."""
        keys = {"key": self.exports["AWS_ACCESS_KEY_ID"], "secret": self.exports["AWS_SECRET_ACCESS_KEY"]}
        return aws.client(service, self.url, **{"region": REGION} | keys | options)

    def environment(self) -> dict[str, str]:
        """What a program needs to call any of its services, and nothing of the caller's."""
        everywhere = {"AWS_ENDPOINT_URL": self.exports["AWS_ENDPOINT_URL_BEDROCK"], "AWS_DEFAULT_REGION": REGION}
        return clean_environment(self.home) | self.exports | everywhere | {"AWS_DEFAULT_OUTPUT": "json"}

    def control(self, what: str, body: dict) -> dict:
        """`POST /_emulator/WHAT`."""
        request = urllib.request.Request(f"{self.url}/_emulator/{what}", json.dumps(body).encode())
        with OPENER.open(request, timeout=30) as answer:
            return json.load(answer)

    def cli(self, *arguments: str) -> str:
        """Runs AWS's CLI, installed beside this Python, as a program; what it prints."""
        if importlib.util.find_spec("awscli") is None:
            pytest.skip("the AWS CLI is not installed beside this Python")
        # By its module: the program's first line names the folder it was installed in.
        command = [sys.executable, "-m", "awscli", *arguments]
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def cli_json(self, *arguments: str) -> dict:
        """The same for commands that print JSON, or nothing."""
        return json.loads(self.cli(*arguments) or "{}")


def exports(text: str) -> dict[str, str]:
    """The variables set by the complete `export NAME=VALUE` lines of `text`."""
    lines = text[: text.rfind("\n") + 1].splitlines()
    assignments = [shlex.split(line)[1] for line in lines if line.startswith("export ")]
    return dict(assignment.split("=", 1) for assignment in assignments)


@contextmanager
def started(folder: Path, *arguments: str, **variables: str) -> Iterator[Emulated]:
    """Runs `outcrop emulate ARGUMENTS…` with its state in `folder`; fails unless it ends well, too."""
    environment = clean_environment(folder) | variables
    server = Server(os.environ["OUTCROP_BIN"], ["emulate", *arguments], folder, environment)
    if "--tls" in arguments:
        server.url = server.url.replace("http:", "https:")
    try:
        server.wait_until(lambda: LAST_LINE in server.out(), "it printed its profiles")
        yield Emulated(server, folder)
        server.stop()
    finally:
        server.kill()


@pytest.fixture(scope="module")
def emulated(tmp_path_factory) -> Iterator[Emulated]:
    with started(tmp_path_factory.mktemp("emulated")) as running:
        yield running
