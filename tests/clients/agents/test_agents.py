"""Coding agents, unchanged, with an application profile ARN as their model: a prompt, a tool round trip, an error.

Each runs as its users run it from a script: one prompt, no terminal, a home and a project folder of its own.
The settings made here are those of docs/clients.md.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from material import repeat, sibling
from server import clean_environment

PACKAGES = Path(os.environ["OUTCROP_AGENTS"], "node_modules")
# An agent starts within seconds; a loaded CI machine gets a wide margin.
SECONDS = 180
PHRASE = "Grüße aus der Küche: 茶 und 🌍"


def program(*candidates: str) -> str:
    """The first of these paths, patterns below the installed packages, that there is."""
    found = [path for pattern in candidates for path in sorted(PACKAGES.glob(pattern))]
    if not found:
        pytest.skip(f"no {candidates[0]} for this platform")
    return str(found[0])


@dataclass
class Place:
    """A home and a project of one agent, and the gateway it talks to."""

    home: Path
    project: Path
    url: str

    def run(self, command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess:
        # `HTTP_PROXY` and the like of the machine must not stand between the agent and the gateway.
        return subprocess.run(
            command,
            cwd=self.project,
            env=clean_environment(self.home) | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )


@pytest.fixture
def place(tmp_path: Path, url: str) -> Place:
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    project.mkdir()
    subprocess.run(["git", "init", "--quiet", str(project)], check=True)
    return Place(home, project, url)


class ClaudeCode:
    """Claude Code in its two modes: the Messages API with a key, and Bedrock's own with signatures."""

    def __init__(self, place: Place, mode: str) -> None:
        self.place, self.mode = place, mode

    def ask(self, prompt: str, arn: str, *more: str) -> subprocess.CompletedProcess:
        there = {
            "anthropic": {"ANTHROPIC_BASE_URL": self.place.url, "ANTHROPIC_AUTH_TOKEN": "local"},
            "bedrock": {
                "CLAUDE_CODE_USE_BEDROCK": "1",
                "ANTHROPIC_BEDROCK_BASE_URL": self.place.url,
                "AWS_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "local",
                "AWS_SECRET_ACCESS_KEY": "local",
            },
        }[self.mode]
        environment = there | {
            "ANTHROPIC_MODEL": arn,
            "ANTHROPIC_DEFAULT_HAIKU_MODEL": arn,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_RETRIES": "0",
        }
        binary = program("@anthropic-ai/claude-code-*/claude")
        return self.place.run([binary, "-p", prompt, "--output-format", "json", *more], environment)

    def answer(self, prompt: str, arn: str) -> str:
        done = self.ask(prompt, arn, "--allowedTools", "Glob")
        result = json.loads(done.stdout)
        assert not result["is_error"], result
        assert result["usage"]["output_tokens"] > 0
        return result["result"]

    # Its tool is looked for among two dozen: the emulator calls those whose names it finds in the text.
    tool_prompt = "Use the Glob tool."
    tool_result = "No files found"


class Codex:
    """Codex with the gateway as a model provider of its own, over the Responses API."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def ask(self, prompt: str, arn: str) -> subprocess.CompletedProcess:
        folder = self.place.home / ".codex"
        folder.mkdir(exist_ok=True)
        (folder / "config.toml").write_text(
            f'model = "{arn}"\n'
            'model_provider = "outcrop"\n'
            "[model_providers.outcrop]\n"
            'name = "Outcrop"\n'
            f'base_url = "{self.place.url}/v1"\n'
            'env_key = "OUTCROP_KEY"\n'
            'wire_api = "responses"\n'
            "request_max_retries = 0\n"
        )
        binary = program("@openai/codex-*/vendor/*/bin/codex")
        return self.place.run([binary, "exec", "--json", prompt], {"OUTCROP_KEY": "local"})

    def answer(self, prompt: str, arn: str) -> str:
        done = self.ask(prompt, arn)
        events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        assert events[-1]["type"] == "turn.completed", events
        assert events[-1]["usage"]["output_tokens"] > 0
        items = [event["item"] for event in events if event["type"] == "item.completed"]
        return [item["text"] for item in items if item["type"] == "agent_message"][-1]

    tool_prompt = "Use the exec_command tool."
    tool_result = "Process exited with code"


class Opencode:
    """opencode with the gateway as a provider, over Chat Completions or Bedrock's own API."""

    def __init__(self, place: Place, provider: str) -> None:
        self.place, self.provider = place, provider

    def ask(self, prompt: str, arn: str) -> subprocess.CompletedProcess:
        compatible = {
            "npm": "@ai-sdk/openai-compatible",
            "name": "Outcrop",
            "options": {"baseURL": f"{self.place.url}/v1", "apiKey": "local"},
        }
        bedrock = {"options": {"endpoint": self.place.url, "region": "us-east-1"}}
        own = {"outcrop": compatible, "amazon-bedrock": bedrock}[self.provider]
        own["models"] = {arn: {"name": "Claude"}}
        settings = {
            "model": f"{self.provider}/{arn}",
            "autoupdate": False,
            "share": "disabled",
            "provider": {self.provider: own},
        }
        (self.place.project / "opencode.json").write_text(json.dumps(settings))
        keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
        # The build for processors without AVX2 runs on all of them.
        binary = program("opencode-*-baseline/bin/opencode", "opencode-*/bin/opencode")
        return self.place.run([binary, "run", "--format", "json", prompt], keys)

    def answer(self, prompt: str, arn: str) -> str:
        done = self.ask(prompt, arn)
        events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        texts = [event["part"]["text"] for event in events if event["type"] == "text"]
        assert texts, done.stdout + done.stderr
        return texts[-1]

    tool_prompt = "Use the todowrite tool."
    tool_result = "The tool answered"


@pytest.fixture(params=["claude-code", "claude-code-bedrock", "codex", "opencode", "opencode-bedrock"])
def agent(request, place: Place):
    return {
        "claude-code": lambda: ClaudeCode(place, "anthropic"),
        "claude-code-bedrock": lambda: ClaudeCode(place, "bedrock"),
        "codex": lambda: Codex(place),
        "opencode": lambda: Opencode(place, "outcrop"),
        "opencode-bedrock": lambda: Opencode(place, "amazon-bedrock"),
    }[request.param]()


def test_answers(agent, claude: str):
    assert agent.answer(repeat(PHRASE), claude).strip().strip('"') == PHRASE


def test_runs_a_tool_and_sends_its_result(agent, claude: str):
    assert agent.tool_result in agent.answer(agent.tool_prompt, claude)


def test_an_unknown_profile_is_an_error_that_says_so(agent, claude: str):
    done = agent.ask("Hello!", sibling(claude))
    assert "identifier is invalid" in done.stdout + done.stderr or "was not found" in done.stdout + done.stderr
