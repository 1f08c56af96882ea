"""Coding agents, unchanged, with application profile ARNs as their model, and with models that live on bedrock-mantle only: a
prompt, a tool round trip, a picture, thinking, an answer in a form, an error, a stream that is cut.

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
from places import MODELS, TAGGED, named, tags_its_thoughts
from server import clean_environment

WAYS = {
    "claude-code": ("Claude Code", "Messages"),
    "claude-code-bedrock": ("Claude Code", "InvokeModel"),
    "codex": ("Codex", "Responses"),
    "opencode": ("opencode", "Chat Completions"),
    "opencode-bedrock": ("opencode", "Converse"),
}
pytestmark = pytest.mark.client(by=WAYS)

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
    model: str
    image: bytes | None = None
    # The fields of its own that ask the model to think.
    thinking: dict | None = None
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
    # It says that a request failed, which it then made again.
    asked_again: bool = False
    shown: str = field(default="", repr=False)


class ClaudeCode:
    """Claude Code in its two modes: the Messages API with a key, and Bedrock's own with signatures."""

    # Its tool is looked for among two dozen: the emulator calls those whose names it finds in the text.
    tool_prompt = "Use the Glob tool."
    tool_result = "No files found"
    # A form is a tool of its own, which it does not force.
    form_prompt = "Name a town, by the StructuredOutput tool."
    formless = None
    gives_up = True

    def __init__(self, place: Place, mode: str) -> None:
        self.place, self.mode = place, mode

    def mute(self, model: dict) -> str | None:
        if self.mode == "bedrock" and not model["model"].startswith("anthropic."):
            return "InvokeModel takes a model's own body, and its Bedrock mode has a Claude's"
        return None

    def tags_thoughts(self, _: dict) -> str | None:
        return None

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
            "ANTHROPIC_MODEL": ask.model,
            "ANTHROPIC_DEFAULT_HAIKU_MODEL": ask.model,
            "ANTHROPIC_CUSTOM_HEADERS": f"x-outcrop-fault: {ask.fault}",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_RETRIES": "0",
            "MAX_THINKING_TOKENS": "2000" if ask.thinking else "0",
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
    # Where a model has no forms, the gateway makes a tool of one, beside the agent's own; the emulator calls it by its name.
    form_prompt = "Name a town, by the give_answer tool."
    formless = None
    gives_up = True

    def __init__(self, place: Place) -> None:
        self.place = place

    def mute(self, _: dict) -> str | None:
        return None

    def tags_thoughts(self, _: dict) -> str | None:
        return None

    def ask(self, ask: Ask) -> Answer:
        folder = self.place.home / ".codex"
        folder.mkdir(exist_ok=True)
        thinking = 'model_reasoning_effort = "low"\nmodel_supports_reasoning_summaries = true\n'
        (folder / "config.toml").write_text(
            f'model = "{ask.model}"\n'
            'model_provider = "outcrop"\n'
            f"{thinking if ask.thinking else ''}"
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
    formless = "its command line cannot ask for a form"
    # It asks again, and again, until it has a whole answer.
    gives_up = False

    def __init__(self, place: Place, provider: str) -> None:
        self.place, self.provider = place, provider

    def mute(self, model: dict) -> str | None:
        if self.provider == "amazon-bedrock" and model["identifier"].startswith("anthropic."):
            return "its Bedrock provider puts `us.` before a Claude's id, whether there is such a profile or not"
        return None

    def tags_thoughts(self, model: dict) -> str | None:
        return TAGGED if self.provider == "outcrop" and tags_its_thoughts(model["identifier"]) else None

    def ask(self, ask: Ask) -> Answer:
        compatible = {
            "npm": "@ai-sdk/openai-compatible",
            "name": "Outcrop",
            "options": {"baseURL": f"{self.place.url}/v1", "apiKey": "local"},
        }
        # Its Bedrock provider speaks Responses to these publishers' models, as mantle does.
        responds = ask.model.startswith(("openai.", "google.", "xai."))
        bedrock = {"options": {"endpoint": self.place.url + ("/v1" if responds else ""), "region": "us-east-1"}}
        own = {"outcrop": compatible, "amazon-bedrock": bedrock}[self.provider]
        effort = {"reasoningEffort": "low"}
        if self.provider == "outcrop":
            thinking = effort
        elif responds:
            thinking = effort | {"reasoningSummary": "auto"}
        else:
            thinking = {"additionalModelRequestFields": ask.thinking}
        model = {
            "name": "Claude",
            "attachment": True,
            "reasoning": True,
            "modalities": {"input": ["text", "image"], "output": ["text"]},
            "options": thinking if ask.thinking else {},
            "headers": {"x-outcrop-fault": ask.fault},
        }
        settings = {
            "model": f"{self.provider}/{ask.model}",
            # Nothing but the prompt is asked: a fault that happens once happens to that.
            "agent": {"title": {"disable": True}},
            "autoupdate": False,
            "share": "disabled",
            "provider": {self.provider: own | {"models": {ask.model: model}}},
        }
        if ask.image:
            # It says that it has read the file, and with which tool: the emulator would call that again.
            settings["tools"] = {"*": False}
        (self.place.project / "opencode.json").write_text(json.dumps(settings))
        keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
        binary = program(*OPENCODE)
        image = ["--file", self.place.file("picture.png", ask.image)] if ask.image else []
        thoughts = ["--thinking"] if ask.thinking else []
        done = self.place.run([binary, "run", "--format", "json", "--print-logs", *thoughts, ask.prompt, *image], keys)
        events = lines(done.stdout)
        said = lambda kind: [event["part"]["text"] for event in events if event["type"] == kind]  # noqa: E731
        return Answer(
            text=(said("text") or [""])[-1],
            thoughts="".join(said("reasoning")),
            failed=any(event["type"] == "error" for event in events) or done.returncode != 0,
            asked_again=any(
                'message="stream error"' in line and "small=false" in line for line in done.stderr.splitlines()
            ),
            shown=done.stdout + done.stderr,
        )


@pytest.fixture(params=WAYS)
def agent(request, place: Place):
    return {
        "claude-code": lambda: ClaudeCode(place, "anthropic"),
        "claude-code-bedrock": lambda: ClaudeCode(place, "bedrock"),
        "codex": lambda: Codex(place),
        "opencode": lambda: Opencode(place, "outcrop"),
        "opencode-bedrock": lambda: Opencode(place, "amazon-bedrock"),
    }[request.param]()


def speaking(agent, model: dict) -> str:
    """The identifier of a model that an agent can speak to."""
    if why := agent.mute(model):
        pytest.skip(why)
    return model["identifier"]


# These stand for the fixtures of `places`, and skip what an agent cannot speak to.
@pytest.fixture(params=MODELS, ids=named)
def model(request, agent) -> str:
    return speaking(agent, request.param)


@pytest.fixture(params=[one for one in MODELS if one["sees"]], ids=named)
def seer(request, agent) -> str:
    return speaking(agent, request.param)


@pytest.fixture(params=[one for one in MODELS if one["thinking"]], ids=named)
def thinker(request, agent) -> dict:
    speaking(agent, request.param)
    return request.param


def breaking(model: dict) -> list[str]:
    """The faults that are tried with a model: one where it lives on bedrock-mantle only, as an agent takes seconds to start."""
    return BROKEN_STREAMS if model["identifier"] != model["model"] else BROKEN_STREAMS[:1]


@pytest.fixture(
    params=[(one, fault) for one in MODELS for fault in breaking(one)],
    ids=lambda broken: f"{named(broken[0])}-{broken[1]}",
)
def broken(request, agent) -> tuple[str, str]:
    model, fault = request.param
    return speaking(agent, model), fault


@pytest.mark.column("chat")
@pytest.mark.column("stream")
def test_answers(agent, model: str):
    """All of them stream, always."""
    answer = agent.ask(Ask(repeat(LONG_PHRASE), model))
    assert said(answer) == LONG_PHRASE, answer.shown
    assert not answer.failed and not answer.asked_again


@pytest.mark.column("tools")
def test_runs_a_tool_and_sends_its_result(agent, model: str):
    answer = agent.ask(Ask(agent.tool_prompt, model))
    assert agent.tool_result in answer.text, answer.shown


@pytest.mark.column("images")
def test_sees_an_image(agent, seer: str):
    answer = agent.ask(Ask(ASK_FOR_IMAGE, seer, image=png()))
    assert "240×160" in answer.text, answer.shown


@pytest.mark.column("thinking")
def test_thinks(agent, thinker: dict, remark):
    answer = agent.ask(Ask(repeat(PHRASE), thinker["identifier"], thinking=thinker["thinking"]))
    if why := agent.tags_thoughts(thinker):
        assert answer.text.startswith("<reasoning>"), answer.shown
        remark(why)
        return
    assert answer.thoughts, answer.shown
    assert said(answer) == PHRASE, answer.shown


@pytest.mark.column("structured output")
def test_gives_structured_output(agent, model: str):
    if agent.formless:
        pytest.skip(agent.formless)
    answer = agent.ask(Ask(agent.form_prompt, model, form=TOWN))
    assert answer.formed is not None and set(answer.formed) == set(TOWN["properties"]), answer.shown
    assert type(answer.formed["inhabitants"]) is int


@pytest.mark.column("cut stream")
def test_a_broken_stream_is_an_error(agent, broken: tuple[str, str]):
    """A cut answer is never taken for a whole one.

    One agent asks again after some faults until it has that: it says that its first request failed, and shows the answer to its
    second. For the others every stream breaks. They give up, or Claude Code shows what it got when it asked for no stream.
    """
    model, fault = broken
    # The emulator counts how often a fault happened by its text.
    once = "" if agent.gives_up else ";count=1" + ";" * next(NUMBERS)
    answer = agent.ask(Ask(repeat(LONG_PHRASE), model, fault=fault + once))
    if agent.gives_up:
        assert answer.failed or said(answer) == LONG_PHRASE, answer.shown
    else:
        assert answer.failed or answer.asked_again and said(answer) == LONG_PHRASE, answer.shown


@pytest.mark.column("error")
def test_a_refusal_is_an_error_that_says_so(agent, model: str):
    answer = agent.ask(Ask("Hello!", model, fault="AccessDeniedException"))
    assert answer.failed and "access to the model" in answer.shown, answer.shown


def test_an_unknown_profile_is_an_error_that_says_so(agent, claude: str):
    answer = agent.ask(Ask("Hello!", sibling(claude)))
    assert "identifier is invalid" in answer.shown or "was not found" in answer.shown


def said(answer: Answer) -> str:
    """Its text, without what some put around it."""
    return answer.text.strip().strip('"')
