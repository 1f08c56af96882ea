"""Inputs made from AWS's service model: for each constraint of an operation one that breaks it and one that just does not.

`of_operation` walks the input shape. Every probe differs from a minimal good input in one place.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

ARN = "arn:aws:bedrock:us-east-1:123456789012"
# Texts that satisfy the patterns of the model; the first that fits is taken.
GOOD = (
    "probe",
    "1",
    "DRAFT",
    "a1b2c3d4e5f6",
    "amazon.nova-lite-v1:0",
    "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
    "arn:aws:iam::123456789012:role/probe",
    "s3://probe/folder/",
    "s3://probe/key",
    "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012",
    "subnet-12345678",
    "sg-12345678",
    "123456789012",
    f"{ARN}:guardrail/a1b2c3d4e5f6",
    f"{ARN}:inference-profile/us.amazon.nova-lite-v1:0",
    f"{ARN}:application-inference-profile/a1b2c3d4e5f6",
    f"{ARN}:custom-model/imported/a1b2c3d4e5f6",
    f"{ARN}:custom-model-deployment/a1b2c3d4e5f6",
    f"{ARN}:imported-model/a1b2c3d4e5f6",
    f"{ARN}:default-prompt-router/probe",
    f"{ARN}:prompt-router/a1b2c3d4e5f6",
    f"{ARN}:provisioned-model/a1b2c3d4e5f6",
    f"{ARN}:automated-reasoning-policy/a1b2c3d4e5f6",
    "us.guardrail.v1:0",
    "arn:aws:sagemaker:us-east-1:123456789012:model-package/probe",
    "arn:aws:sagemaker:us-east-1:aws:hub-content/SageMakerPublicHub/Model/probe",
    "arn:aws:lambda:us-east-1:123456789012:function:probe",
)
# Texts that break most patterns, in printable ASCII, so that headers can carry them.
BAD = ("!", "#?", " ", "a b", "~/~")
# Deep enough for every member that is not a shape within itself.
DEPTH = 9


@dataclass(frozen=True)
class Probe:
    """An input, what is particular about it, and whether the model admits it."""

    operation: str
    what: str
    input: dict[str, Any]
    is_good: bool


def of_operation(operation) -> Iterator[Probe]:
    """All probes of one operation of a botocore service model."""
    shape = operation.input_shape
    if shape is None:
        return
    yield Probe(operation.name, "minimal", example(shape), True)
    for what, value, is_good in structure_variants(shape, ()):
        yield Probe(operation.name, what, value, is_good)


def example(shape, seen: tuple[str, ...] = ()) -> Any:
    """The least value that the model admits."""
    if is_document(shape):
        return {"probe": 1}
    match shape.type_name:
        case "structure":
            return example_structure(shape, seen)
        case "list":
            count = int(shape.metadata.get("min", 0))
            return [example(shape.member, (*seen, shape.name)) for _ in range(count)]
        case "map":
            return {example(shape.key): example(shape.value, (*seen, shape.name))}
        case "string":
            return text(shape)
        case "integer" | "long":
            return int(shape.metadata.get("min", 1))
        case "float" | "double":
            return float(shape.metadata.get("min", 0))
        case "boolean":
            return True
        case "timestamp":
            return datetime(2026, 1, 1, tzinfo=timezone.utc)
        case "blob":
            return b"x" * max(int(shape.metadata.get("min", 1)), 1)
    raise ValueError(f"no example of {shape.type_name}")


def example_structure(shape, seen: tuple[str, ...]) -> dict[str, Any]:
    names = list(shape.required_members)
    if getattr(shape, "is_tagged_union", False):
        # A member that does not lead back to where we are.
        names = [next(name for name, member in shape.members.items() if member.name not in seen)]
    return {name: example(shape.members[name], (*seen, shape.name)) for name in names}


def text(shape) -> str:
    if shape.enum:
        return shape.enum[0]
    low, high = int(shape.metadata.get("min", 0)), int(shape.metadata.get("max", 10**6))
    for good in GOOD:
        if low <= len(good) <= high and fits(shape, good):
            return good
    if fits(shape, "a" * max(low, 1)):
        return "a" * max(low, 1)
    raise ValueError(f"no good text for {shape.name}: {shape.metadata}")


def fits(shape, value: str) -> bool:
    pattern = shape.metadata.get("pattern")
    # Java's classes of letters are Python's word characters, near enough for ASCII.
    return pattern is None or re.fullmatch(pattern.replace(r"\p{L}", "A-Za-z").replace(r"\p{M}", ""), value) is not None


def is_document(shape) -> bool:
    return getattr(shape, "is_document_type", False)


def variants(shape, seen: tuple[str, ...]) -> Iterator[tuple[str, Any, bool]]:
    """Values of a shape that break or just satisfy one constraint."""
    if is_document(shape) or shape.name in seen or len(seen) > DEPTH:
        return
    deeper = (*seen, shape.name)
    match shape.type_name:
        case "structure":
            yield from structure_variants(shape, deeper)
        case "list":
            yield from list_variants(shape, deeper)
        case "map":
            for what, value, is_good in variants(shape.value, deeper):
                yield f".value{what}", {example(shape.key): value}, is_good
        case "string":
            yield from text_variants(shape)
        case "integer" | "long" | "float" | "double":
            yield from number_variants(shape)
        case "blob":
            if int(shape.metadata.get("min", 0)) > 0:
                yield ": too short", b"", False


def structure_variants(shape, seen: tuple[str, ...]) -> Iterator[tuple[str, Any, bool]]:
    is_union = getattr(shape, "is_tagged_union", False)
    base = example_structure(shape, seen)
    for name, member in shape.members.items():
        is_path = member.serialization.get("location") == "uri"
        is_body = shape.serialization.get("payload") == name
        if name in shape.required_members and not is_path and not is_body:
            yield f".{name}: omitted", {key: value for key, value in base.items() if key != name}, False
        if is_body:
            continue
        for what, value, is_good in variants(member, seen):
            if is_path and value == "":
                continue
            yield f".{name}{what}", ({} if is_union else base) | {name: value}, is_good


def list_variants(shape, seen: tuple[str, ...]) -> Iterator[tuple[str, Any, bool]]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    try:
        one = example(shape.member, seen)
    except StopIteration:
        return
    if low:
        yield ": too few", [one] * (int(low) - 1), False
    if high is not None and int(high) <= 1000:
        yield ": too many", [one] * (int(high) + 1), False
    for what, value, is_good in variants(shape.member, seen):
        yield f"[]{what}", [value, *[one] * max(int(low or 0) - 1, 0)], is_good


def text_variants(shape) -> Iterator[tuple[str, Any, bool]]:
    if shape.enum:
        yield ": wrong enum", "NOT_A_VALUE", False
        for value in shape.enum:
            yield f": {value}", value, True
        return
    low, high = int(shape.metadata.get("min", 0)), shape.metadata.get("max")
    good = text(shape)
    if low > 0:
        yield ": too short", good[: low - 1], False
    if high is not None and int(high) <= 5000:
        longest = stretched(shape, good, int(high))
        if longest:
            yield ": longest", longest, True
        yield ": too long", (longest or "a" * int(high)) + "a", False
    for bad in BAD:
        if not fits(shape, bad) and low <= len(bad) <= int(high or 10**6):
            yield ": bad pattern", bad, False
            break


def stretched(shape, good: str, length: int) -> str | None:
    """A good text of this very length, if one of a few ways to stretch one leads to it."""
    for candidate in ("a" * length, good + "a" * (length - len(good)), good + "/a" * ((length - len(good)) // 2)):
        if len(candidate) == length and fits(shape, candidate):
            return candidate
    return None


def number_variants(shape) -> Iterator[tuple[str, Any, bool]]:
    cast = float if shape.type_name in ("float", "double") else int
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None:
        yield ": at least", cast(low), True
        yield ": too small", cast(low) - 1, False
    if high is not None:
        yield ": at most", cast(high), True
        yield ": too large", cast(high) + 1, False
