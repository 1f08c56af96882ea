"""What generated requests become for the endpoints beside Converse (left by the gateway's Rust tests) has the shape that
the SDKs of OpenAI and Anthropic declare for their parameters."""

import collections.abc
import json
import types
import typing
from pathlib import Path

import anthropic.types.message_create_params as messages
import openai.types.chat.completion_create_params as chat
import pytest
import typing_extensions

# Where `cargo test -p outcrop-gateway generated` leaves them.
DUMP = Path(__file__).parents[3] / "target" / "tmp" / "generated-elsewhere.jsonl"
DECLARED = {
    ("chatCompletions", False): chat.CompletionCreateParamsNonStreaming,
    ("chatCompletions", True): chat.CompletionCreateParamsStreaming,
    ("messages", False): messages.MessageCreateParamsNonStreaming,
    ("messages", True): messages.MessageCreateParamsStreaming,
}
# bedrock-mantle's own word for what a model thought; what Anthropic's older models take and its SDK declares no more.
SAMPLING = {"temperature", "top_k", "top_p"}
THEIRS = {
    "ChatCompletionAssistantMessageParam": {"reasoning"},
    "MessageCreateParamsNonStreaming": SAMPLING,
    "MessageCreateParamsStreaming": SAMPLING,
}
WRAPPERS = (typing.Annotated, typing.Required, typing.NotRequired, typing_extensions.Required)
LISTS = (list, collections.abc.Iterable, collections.abc.Sequence)
SCALARS = {str: str, bool: bool, int: int, float: (int, float), type(None): type(None)}


def misfits(value, declared, place):
    """What of a JSON value does not fit a declared type, in words."""
    origin, arguments = typing.get_origin(declared), typing.get_args(declared)
    if origin in WRAPPERS:
        return misfits(value, arguments[0], place)
    if origin in (typing.Union, types.UnionType):
        return union_misfits(value, arguments, place)
    if origin is typing.Literal:
        return [] if value in arguments else [f"{place}: {value!r} is none of {arguments}"]
    if typing_extensions.is_typeddict(declared):
        return object_misfits(value, declared, place)
    if declared in (object, typing.Any):
        return []
    if declared in SCALARS:
        fits = isinstance(value, SCALARS[declared]) and (declared is bool or not isinstance(value, bool))
        return [] if fits else [f"{place}: {value!r} is no {declared.__name__}"]
    if origin in LISTS or getattr(origin, "__name__", "") == "SequenceNotStr":
        if not isinstance(value, list):
            return [f"{place}: no list"]
        return [misfit for at, item in enumerate(value) for misfit in misfits(item, arguments[0], f"{place}[{at}]")]
    if origin in (dict, collections.abc.Mapping):
        return [] if isinstance(value, dict) else [f"{place}: no object"]
    return [f"{place}: {declared} is no type of JSON"]


def union_misfits(value, arguments, place):
    """Those of the member that fits best."""
    found = [misfits(value, member, place) for member in arguments]
    return [] if [] in found else max(found, key=lambda misfit: len(misfit[0].split(":")[0]))


def object_misfits(value, declared, place):
    if not isinstance(value, dict):
        return [f"{place}: no object"]
    members = typing_extensions.get_type_hints(declared, include_extras=True)
    known = set(members) | THEIRS.get(declared.__name__, set())
    found = [f"{place}.{key}: {declared.__name__} has no such member" for key in value.keys() - known]
    found += [f"{place}.{key}: missing" for key in declared.__required_keys__ - value.keys()]
    for key in value.keys() & members.keys():
        found += misfits(value[key], members[key], f"{place}.{key}")
    return found


def test_the_sdks_declare_every_generated_request():
    if not DUMP.exists():
        pytest.skip("no generated requests; run `cargo nextest run -p outcrop-gateway generated` first")
    checked = dict.fromkeys(DECLARED, 0)
    for line in DUMP.read_text().splitlines():
        sent = json.loads(line)
        way = sent["api"], sent["body"].get("stream") is True
        found = misfits(sent["body"], DECLARED[way], "body")
        assert not found, f"{found}\n{line}"
        checked[way] += 1
    assert min(checked.values()) >= 20, checked
