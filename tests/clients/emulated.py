"""An `outcrop emulate` of its own for clients that judge the emulator without a gateway between, and its keys."""

import os
from dataclasses import dataclass

import pytest
from server import Server, clean_environment

# AWS's documentation pair and the bearer key, which the emulator takes when its environment has no others.
ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
BEARER = "local"
REGION = "us-east-1"

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
CLAUDE_ADAPTIVE = "us.anthropic.claude-sonnet-5"
NOVA = "us.amazon.nova-2-lite-v1:0"
GPT_OSS = "openai.gpt-oss-20b-1:0"


@dataclass
class Emulated:
    """A running emulator."""

    url: str

    def keys(self) -> dict[str, str]:
        """What boto3 takes to call it."""
        return {
            "endpoint_url": self.url,
            "region_name": REGION,
            "aws_access_key_id": ACCESS_KEY,
            "aws_secret_access_key": SECRET_KEY,
        }


@pytest.fixture(scope="session")
def emulated(tmp_path_factory) -> Emulated:
    folder = tmp_path_factory.mktemp("emulated")
    server = Server(os.environ["OUTCROP_BIN"], ["emulate"], folder, clean_environment(folder))
    try:
        server.wait_until(lambda: "AWS_ENDPOINT_URL_BEDROCK_RUNTIME" in server.out(), "it printed its export lines")
        yield Emulated(server.url)
        server.stop()
    finally:
        server.kill()
