"""Starts `outcrop serve --local`, runs each folder's clients against it, and stops it; then holds the table of
docs/clients.md against what was run, or with `--write` writes it anew.

Usage: drive.py [--write] BINARY FOLDER=INSTALLED…, the latter being where the packages of a folder's lock file are.
"""

import difflib
import json
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import late
import table
from server import Server, clean_environment

HERE = Path(__file__).parent
PAGE = HERE.resolve().parents[1] / "docs" / "clients.md"
# No proxy stands between these tests and the loopback interface.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# Models that live on bedrock-mantle only: one speaks Messages there, one Chat Completions and Responses, one Chat
# Completions alone, and the last two see pictures (one of them always thinks).
MANTLE = [
    "anthropic.claude-haiku-4-5",
    "openai.gpt-oss-120b",
    "qwen.qwen3-32b",
    "google.gemma-4-31b",
    "xai.grok-4.3",
]
BUDGET = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
# How a model is asked to think in fields of its own, by the catalog's word for its way of reasoning.
THINKING = {
    "budget": BUDGET,
    "budget-or-adaptive": BUDGET,
    "adaptive": {"thinking": {"type": "adaptive"}},
    "effort": {"reasoning_effort": "low"},
    "nova-effort": {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}},
}


def main(binary: str, *suites: str, write: bool) -> int:
    with tempfile.TemporaryDirectory(prefix="outcrop-clients-") as name:
        folder = Path(name)
        environment = clean_environment(folder)
        gateway = Server(binary, ["serve", "--local"], folder / "gateway", environment)
        try:
            gateway.wait_until(lambda: is_ready(gateway.url), "/readyz said yes")
            ran = folder / "ran"
            environment |= facts(binary, gateway.url, environment) | {"OUTCROP_RAN": str(ran)}
            with late.gateway(binary, folder / "late") as environment["OUTCROP_LATE_URL"]:
                failed = [suite for suite in suites if run(*suite.split("=", 1), folder, environment) != 0]
            gateway.stop()
        finally:
            gateway.kill()
        if failed:
            print(f"clients: FAILED: {', '.join(failed)}", file=sys.stderr)
            return 1
        names = {suite.split("=")[0] for suite in suites}
        return tell(names, table.read(ran), json.loads(environment["OUTCROP_MODELS"]), write)


def tell(suites: set[str], records: list[dict], models: list[dict], write: bool) -> int:
    """Holds the page against what was run, or writes it."""
    page = PAGE.read_text()
    made = table.rewritten(page, suites, records, models)
    if made == page:
        print(f"clients: the table of {PAGE.name} is what was run: {', '.join(sorted(suites))}")
        return 0
    if write:
        PAGE.write_text(made)
        print(f"clients: wrote the table of {PAGE.name}")
        return 0
    print("".join(difflib.unified_diff(page.splitlines(True), made.splitlines(True), "the page", "what was run", n=0)))
    print(f"clients: FAILED: {PAGE.name} says something else; `tests/clients/run --write` writes it", file=sys.stderr)
    return 1


def is_ready(url: str) -> bool:
    try:
        with OPENER.open(f"{url}/readyz", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def facts(binary: str, url: str, environment: dict[str, str]) -> dict[str, str]:
    """What the tests need to know of the gateway: where it is, its two seeded profiles, and what the models can do."""
    profiles = application_profiles(url)
    claude, nova = one(profiles, "/anthropic."), one(profiles, "/amazon.nova")
    behind = {profile["inferenceProfileArn"]: model_of(profile) for profile in (claude, nova)}
    models = behind | {model: model for model in MANTLE}
    return {
        "OUTCROP_BIN": binary,
        "OUTCROP_URL": url,
        "OUTCROP_STORY": str(HERE / "operations.json"),
        "OUTCROP_ROOT": str(HERE.resolve().parents[1]),
        "OUTCROP_CLAUDE_ARN": claude["inferenceProfileArn"],
        "OUTCROP_NOVA_ARN": nova["inferenceProfileArn"],
        "OUTCROP_MODELS": json.dumps([known(binary, id, model, environment) for id, model in models.items()]),
    }


def known(binary: str, identifier: str, model: str, environment: dict[str, str]) -> dict:
    """What the tests need to know of a model: whether it sees, and how it is asked to think, if it can."""
    explain = [binary, "explain", model, "--json"]
    answer = subprocess.run(explain, env=environment, check=True, capture_output=True, text=True)
    capabilities = json.loads(answer.stdout)["capabilities"]
    return {
        "identifier": identifier,
        "model": model,
        "sees": capabilities["images"] is True,
        "thinking": THINKING.get(capabilities["reasoning"]["mode"]),
    }


def model_of(profile: dict) -> str:
    """The id of the model behind a profile."""
    return profile["models"][0]["modelArn"].rsplit("/", 1)[1]


def application_profiles(url: str) -> list[dict]:
    with OPENER.open(f"{url}/inference-profiles?type=APPLICATION", timeout=10) as answer:
        return json.load(answer)["inferenceProfileSummaries"]


def one(profiles: list[dict], publisher: str) -> dict:
    """The only profile over a model of that publisher."""
    found = [profile for profile in profiles if publisher in profile["models"][0]["modelArn"]]
    if len(found) != 1:
        raise RuntimeError(f"expected one seeded profile over {publisher!r}, got {found} of {profiles}")
    return found[0]


def run(suite: str, installed: str, folder: Path, environment: dict[str, str]) -> int:
    """Runs the clients of a folder; its exit status."""
    print(f"clients: {suite}", flush=True)
    if suite == "agents":
        environment = environment | {"OUTCROP_AGENTS": installed}
        installed = sys.prefix
    if (Path(installed) / "bin" / "python").exists():
        command = [f"{installed}/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        return subprocess.call(command, cwd=HERE / suite, env=environment)
    tests = lay_out_node(suite, Path(installed), folder / suite)
    return subprocess.call(["node", "--test", "--test-reporter=spec", *tests], cwd=folder / suite, env=environment)


def lay_out_node(suite: str, installed: Path, folder: Path) -> list[str]:
    """Copies the tests beside the installed packages, because an `import` looks for packages next to its own file."""
    folder.mkdir()
    (folder / "node_modules").symlink_to(installed / "node_modules", target_is_directory=True)
    for source in (HERE / suite).glob("*.mjs"):
        shutil.copy(source, folder)
    return sorted(test.name for test in folder.glob("*.test.mjs"))


if __name__ == "__main__":
    try:
        arguments = [argument for argument in sys.argv[1:] if argument != "--write"]
        sys.exit(main(*arguments, write="--write" in sys.argv))
    except RuntimeError as error:
        sys.exit(f"clients: FAILED: the gateway {error}")
    except table.Unsaid as error:
        sys.exit(f"clients: FAILED: the table of {PAGE.name}: {error}")
