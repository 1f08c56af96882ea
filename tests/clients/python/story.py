"""The story of every operation (`../operations.json`), played by a client that makes one call at a time."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

STEPS = json.loads((Path(__file__).resolve().parents[1] / "operations.json").read_text())["steps"]
# Where the operations that the emulator claims are written down.
CLAIMED = Path(__file__).resolve().parents[3] / "crates/emulator/data/service-model.json"


@dataclass(frozen=True)
class Call:
    """One step, with what was made before filled in; blobs are bytes."""

    operation: str
    input: dict
    page_by_page: bool


def play(emulated, call: Callable[[Call], dict], left_out: frozenset[str] = frozenset()) -> Iterator[str]:
    """Plays it against an emulator that holds nothing, and yields what is not as the story has it."""
    made: dict[str, str] = {}
    emulated.control("clock", {"frozen": True})
    for step in STEPS:
        if "clock" in step:
            emulated.control("clock", step["clock"])
        elif step["operation"] not in left_out:
            answer = call(Call(step["operation"], filled(step["input"], made), step.get("pageByPage", False)))
            made |= {name: within(answer, path) for name, path in step.get("keep", {}).items()}
            yield from unlike(step, answer)


def unlike(step: dict, answer: dict) -> Iterator[str]:
    for path, expected in step.get("expect", {}).items():
        if (found := within(answer, path)) != expected:
            yield f"{step['operation']}: {path} is {found!r}, not {expected!r}"
    for member, least in step.get("atLeast", {}).items():
        if len(answer[member]) < least:
            yield f"{step['operation']}: {len(answer[member])} {member} instead of {least} or more"


def filled(value, made: dict[str, str]):
    """A value with the names in braces replaced by what they stand for, and blobs made bytes."""
    match value:
        case str():
            return re.sub(r"^\{(\w+)\}$", lambda name: made[name[1]], value)
        case list():
            return [filled(item, made) for item in value]
        case {"$bytes": text}:
            return text.encode()
        case dict():
            return {key: filled(item, made) for key, item in value.items()}
    return value


def within(answer, path: str):
    """A member by its path: `offers.0.offerToken`; nothing where there is none."""
    for part in path.split("."):
        try:
            answer = answer[int(part) if part.isdigit() else part]
        except (KeyError, IndexError, TypeError):
            return None
    return answer


def operations() -> set[str]:
    """What the story covers."""
    return {step["operation"] for step in STEPS if "operation" in step}


def claimed() -> set[str]:
    """What the emulator claims of Bedrock's own operations; those of its sibling for agents have shapes with a prefix."""
    operations = json.loads(CLAIMED.read_text())["operations"]
    return {name for name, operation in operations.items() if not operation["input"].startswith("agent.")}
