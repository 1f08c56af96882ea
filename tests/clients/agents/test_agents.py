"""Coding agents, unchanged, with an application profile ARN as their model: a prompt, a tool round trip, a picture, thinking,
an answer in a form, an error, a stream that is cut. The first two with models that live on bedrock-mantle only, too.

Each runs as its users run it from a script: one prompt, no terminal, a home and a project folder of its own.
The settings made here are those of docs/clients.md.
"""

import base64
import itertools
import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from material import ASK_FOR_IMAGE, BROKEN_STREAMS, LONG_PHRASE, png, repeat, sibling
from places import MODELS
from server import clean_environment

PACKAGES = Path(os.environ["OUTCROP_AGENTS"], "node_modules")
# Where each program is, below that.
CLAUDE_CODE = ["@anthropic-ai/claude-code-*/claude"]
CODEX = ["@openai/codex-*/vendor/*/bin/codex"]
# The build for processors without AVX2 runs on all of them.
OPENCODE = ["opencode-*-baseline/bin/opencode", "opencode-*/bin/opencode"]
NUMBERS = itertools.count(1)
# An agent starts within seconds; a loaded CI machine gets a wide margin.
SECONDS = 300
PHRASE = "Grüße aus der Küche: 茶 und 🌍"
TOWN = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "inhabitants": {"type": "integer"}},
    "required": ["name", "inhabitants"],
    "additionalProperties": False,
}


def program(*candidates: str) -> str:
    """The first of these paths, patterns below the installed packages, that there is."""
    found = [path for pattern in candidates for path in sorted(PACKAGES.glob(pattern))]
    if not found:
        pytest.skip(f"no {candidates[0]} for this platform")
    return str(found[0])


def lines(text: str) -> list[dict]:
    """The objects of a text that has one in a line, among others."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@dataclass
class Place:
    """A home and a project of one agent, and the gateway it talks to."""

    home: Path
    project: Path
    url: str

    def run(self, command: list[str], environment: dict[str, str], text: str = "") -> subprocess.CompletedProcess:
        # `HTTP_PROXY` and the like of the machine must not stand between the agent and the gateway.
        return subprocess.run(
            command,
            cwd=self.project,
            env=clean_environment(self.home) | environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    def file(self, name: str, content: bytes) -> str:
        path = self.project / name
        path.write_bytes(content)
        return str(path)


@pytest.fixture
def place(tmp_path: Path, url: str) -> Place:
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    project.mkdir()
    subprocess.run(["git", "init", "--quiet", str(project)], check=True)
    return Place(home, project, url)


@dataclass
class Ask:
    """What an agent is asked, and how."""

    prompt: str
    arn: str
    image: bytes | None = None
    thinks: bool = False
    form: dict | None = None
    fault: str = "none"


@dataclass
class Answer:
    """What an agent shows of an answer."""

    text: str = ""
    thoughts: str = ""
    formed: dict | None = None
    # It says that it failed, in whatever way it does.
    failed: bool = False
    shown: str = field(default="", repr=False)


class ClaudeCode:
    """Claude Code in its two modes: the Messages API with a key, and Bedrock's own with signatures."""

    # Its tool is looked for among two dozen: the emulator calls those whose names it finds in the text.
    tool_prompt = "Use the Glob tool."
    tool_result = "No files found"
    # A form is a tool of its own, which it does not force.
    form_prompt = "Name a town, by the StructuredOutput tool."
    has_forms = True

    def __init__(self, place: Place, mode: str) -> None:
        self.place, self.mode = place, mode

    def speaks_to(self, model: dict) -> bool:
        # On InvokeModel, which takes a model's own body, it speaks a Claude's.
        return self.mode == "anthropic" or model["model"].startswith("anthropic.")

    def ask(self, ask: Ask) -> Answer:
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
            "ANTHROPIC_MODEL": ask.arn,
            "ANTHROPIC_DEFAULT_HAIKU_MODEL": ask.arn,
            "ANTHROPIC_CUSTOM_HEADERS": f"x-outcrop-fault: {ask.fault}",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_RETRIES": "0",
            "MAX_THINKING_TOKENS": "2000" if ask.thinks else "0",
        }
        content = [{"type": "text", "text": ask.prompt}]
        if ask.image:
            source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(ask.image).decode()}
            content.append({"type": "image", "source": source})
        message = {"type": "user", "message": {"role": "user", "content": content}}
        formats = ["--input-format", "stream-json", "--output-format", "stream-json", "--verbose"]
        form = ["--json-schema", json.dumps(ask.form)] if ask.form else []
        binary = program(*CLAUDE_CODE)
        # About a picture it also says much of its tools, and the emulator would call one of those.
        tools = ["--tools", ""] if ask.image else ["--allowedTools", "Glob"]
        command = [binary, "-p", *formats, *tools, *form]
        done = self.place.run(command, environment, json.dumps(message) + "\n")
        events = lines(done.stdout)
        result = [event for event in events if event["type"] == "result"][-1]
        said = [block for event in events if event["type"] == "assistant" for block in event["message"]["content"]]
        return Answer(
            text=result.get("result", ""),
            thoughts="".join(block["thinking"] for block in said if block["type"] == "thinking"),
            formed=result.get("structured_output"),
            failed=result["is_error"] or "API Error" in result.get("result", ""),
            shown=done.stdout + done.stderr,
        )


class Codex:
    """Codex with the gateway as a model provider of its own, over the Responses API."""

    tool_prompt = "Use the exec_command tool."
    tool_result = "Process exited with code"
    form_prompt = "Name a town."
    has_forms = True

    def __init__(self, place: Place) -> None:
        self.place = place

    def speaks_to(self, _: dict) -> bool:
        return True

    def ask(self, ask: Ask) -> Answer:
        folder = self.place.home / ".codex"
        folder.mkdir(exist_ok=True)
        thinking = 'model_reasoning_effort = "low"\nmodel_supports_reasoning_summaries = true\n'
        (folder / "config.toml").write_text(
            f'model = "{ask.arn}"\n'
            'model_provider = "outcrop"\n'
            f"{thinking if ask.thinks else ''}"
            "[model_providers.outcrop]\n"
            'name = "Outcrop"\n'
            f'base_url = "{self.place.url}/v1"\n'
            'env_key = "OUTCROP_KEY"\n'
            'wire_api = "responses"\n'
            f'http_headers = {{ "x-outcrop-fault" = "{ask.fault}" }}\n'
            "request_max_retries = 0\n"
            "stream_max_retries = 0\n"
        )
        binary = program(*CODEX)
        image = ["--image", self.place.file("picture.png", ask.image)] if ask.image else []
        form = ["--output-schema", self.place.file("form.json", json.dumps(ask.form).encode())] if ask.form else []
        done = self.place.run([binary, "exec", "--json", ask.prompt, *image, *form], {"OUTCROP_KEY": "local"})
        events = lines(done.stdout)
        items = [event["item"] for event in events if event["type"] == "item.completed"]
        texts = [item["text"] for item in items if item["type"] == "agent_message"] or [""]
        failed = events[-1]["type"] != "turn.completed"
        return Answer(
            text=texts[-1],
            thoughts="".join(item["text"] for item in items if item["type"] == "reasoning"),
            formed=json.loads(texts[-1]) if ask.form and not failed else None,
            failed=failed,
            shown=done.stdout + done.stderr,
        )


class Opencode:
    """opencode with the gateway as a provider, over Chat Completions or Bedrock's own API."""

    tool_prompt = "Use the todowrite tool."
    tool_result = "The tool answered"
    form_prompt = ""
    # Its command line has no such thing.
    has_forms = False

    def __init__(self, place: Place, provider: str) -> None:
        self.place, self.provider = place, provider

    def speaks_to(self, model: dict) -> bool:
        # Its Bedrock provider makes `us.anthropic.…` of a Claude's id, whether there is such a profile or not.
        return self.provider == "outcrop" or not model["identifier"].startswith("anthropic.")

    def ask(self, ask: Ask) -> Answer:
        headers = {"x-outcrop-fault": ask.fault}
        compatible = {
            "npm": "@ai-sdk/openai-compatible",
            "name": "Outcrop",
            "options": {"baseURL": f"{self.place.url}/v1", "apiKey": "local", "headers": headers},
        }
        # Its Bedrock provider speaks Responses to these publishers' models, as mantle does.
        path = "/v1" if ask.arn.startswith(("openai.", "google.", "xai.")) else ""
        bedrock = {"options": {"endpoint": self.place.url + path, "region": "us-east-1", "headers": headers}}
        own = {"outcrop": compatible, "amazon-bedrock": bedrock}[self.provider]
        thinking = {
            "outcrop": {"reasoningEffort": "low"},
            "amazon-bedrock": {"reasoningConfig": {"type": "enabled", "budgetTokens": 1024}},
        }[self.provider]
        model = {
            "name": "Claude",
            "attachment": True,
            "reasoning": True,
            "modalities": {"input": ["text", "image"], "output": ["text"]},
            "options": thinking if ask.thinks else {},
        }
        settings = {
            "model": f"{self.provider}/{ask.arn}",
            "autoupdate": False,
            "share": "disabled",
            "provider": {self.provider: own | {"models": {ask.arn: model}}},
        }
        if ask.image:
            # It says that it has read the file, and with which tool: the emulator would call that again.
            settings["tools"] = {"*": False}
        (self.place.project / "opencode.json").write_text(json.dumps(settings))
        keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
        binary = program(*OPENCODE)
        image = ["--file", self.place.file("picture.png", ask.image)] if ask.image else []
        thoughts = ["--thinking"] if ask.thinks else []
        done = self.place.run([binary, "run", "--format", "json", *thoughts, ask.prompt, *image], keys)
        events = lines(done.stdout)
        said = lambda kind: [event["part"]["text"] for event in events if event["type"] == kind]  # noqa: E731
        return Answer(
            text=(said("text") or [""])[-1],
            thoughts="".join(said("reasoning")),
            failed=any(event["type"] == "error" for event in events) or done.returncode != 0,
            shown=done.stdout + done.stderr,
        )


@pytest.fixture(params=["claude-code", "claude-code-bedrock", "codex", "opencode", "opencode-bedrock"])
def agent(request, place: Place):
    return {
        "claude-code": lambda: ClaudeCode(place, "anthropic"),
        "claude-code-bedrock": lambda: ClaudeCode(place, "bedrock"),
        "codex": lambda: Codex(place),
        "opencode": lambda: Opencode(place, "outcrop"),
        "opencode-bedrock": lambda: Opencode(place, "amazon-bedrock"),
    }[request.param]()


@pytest.fixture(params=MODELS, ids=lambda model: model["model"])
def model(request, agent) -> str:
    """The identifier of each model that an agent can speak to."""
    if not agent.speaks_to(request.param):
        pytest.skip("it does not speak to this model")
    return request.param["identifier"]


def test_answers(agent, model: str):
    answer = agent.ask(Ask(repeat(PHRASE), model))
    assert answer.text.strip().strip('"') == PHRASE, answer.shown
    assert not answer.failed


def test_runs_a_tool_and_sends_its_result(agent, model: str):
    answer = agent.ask(Ask(agent.tool_prompt, model))
    assert agent.tool_result in answer.text, answer.shown


def test_sees_an_image(agent, claude: str):
    answer = agent.ask(Ask(ASK_FOR_IMAGE, claude, image=png()))
    assert "240×160" in answer.text, answer.shown


def test_thinks(agent, claude: str):
    answer = agent.ask(Ask(repeat(PHRASE), claude, thinks=True))
    assert answer.thoughts, answer.shown
    assert answer.text.strip().strip('"') == PHRASE, answer.shown


def test_gives_structured_output(agent, claude: str):
    if not agent.has_forms:
        pytest.skip("its command line cannot ask for a form")
    answer = agent.ask(Ask(agent.form_prompt, claude, form=TOWN))
    assert set(answer.formed) == set(TOWN["properties"]), answer.shown
    assert type(answer.formed["inhabitants"]) is int


@pytest.mark.parametrize("fault", BROKEN_STREAMS)
def test_a_broken_stream_is_an_error(agent, claude: str, fault: str):
    """Some ask again, until they have a whole answer: a cut one is never taken for it."""
    # The emulator counts faults by their text; opencode asks for a title of the conversation at the same time.
    passing = f"{fault};count=2" + ";" * next(NUMBERS)
    answer = agent.ask(Ask(repeat(LONG_PHRASE), claude, fault=passing))
    assert answer.failed or answer.text.strip().strip('"') == LONG_PHRASE, answer.shown


def test_an_unknown_profile_is_an_error_that_says_so(agent, claude: str):
    answer = agent.ask(Ask("Hello!", sibling(claude)))
    assert "identifier is invalid" in answer.shown or "was not found" in answer.shown
