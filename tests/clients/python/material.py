"""What every client sends: phrases, a picture, tools, broken identifiers and faults, with what is to come back."""

import struct
import zlib

# Two-, three- and four-byte characters: a stream that splits inside one would garble it.
PHRASE = "Grüße aus der Küche, 3 × 茶 und 🌍 = ¿qué tal"
# Long enough that an answer to it is more than one event.
LONG_PHRASE = " ".join(f"{PHRASE} {number}" for number in range(12))

TOOL = "get_weather"
DESCRIPTION = "The weather of a city for some days"
SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        "days": {"type": "integer", "minimum": 2, "maximum": 5},
    },
    "required": ["city", "unit", "days"],
    "additionalProperties": False,
}
OTHER_TOOL = "list_stations"
OTHER_SCHEMA = {"type": "object", "properties": {"country": {"type": "string"}}, "required": ["country"]}
ASK_FOR_TOOL = f"Use the {TOOL} tool for Paris, please."
TOOL_RESULT = "18 degrees and drizzle at station 4711"

# How a Messages client asks any model to think.
BUDGET = {"type": "enabled", "budget_tokens": 1024}

# A stream that ends in one of these ways is no answer.
BROKEN_STREAMS = ["cut;at=mid", "bad-crc;at=mid", "ThrottlingException;at=mid"]


def with_fault(client, fault: str):
    """A boto3 client, every request of which asks the emulator for this fault."""
    ask = lambda params, **_: params["headers"].update({"x-outcrop-fault": fault})  # noqa: E731
    client.meta.events.register("before-call.*", ask)
    return client


def repeat(text: str) -> str:
    """A prompt to which the emulator's default actor answers `text`."""
    return f"repeat after me: {text}"


def assert_fits(arguments: dict) -> None:
    """`arguments` satisfy SCHEMA."""
    assert set(arguments) == set(SCHEMA["required"])
    assert isinstance(arguments["city"], str) and arguments["city"]
    assert arguments["unit"] in SCHEMA["properties"]["unit"]["enum"]
    assert type(arguments["days"]) is int and 2 <= arguments["days"] <= 5


# The emulator's default actor says of a picture how many bytes and pixels it has.
ASK_FOR_IMAGE = "What is in this picture?"


def png(width: int = 240, height: int = 160) -> bytes:
    """A picture in one colour."""
    row = b"\0" + bytes([200, 80, 40]) * width
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(row * height)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def assert_describes(text: str, image: bytes) -> None:
    """`text` describes the very picture that was sent."""
    assert f"{len(image)} bytes" in text and "240×160" in text


def sibling(arn: str) -> str:
    """The ARN of an application profile that does not exist, in the account and Region of `arn`."""
    return arn.rsplit("/", 1)[0] + "/zz9zz9zz9zz9"


def broken_identifiers(arn: str) -> list[str]:
    """Strings that name no model: unknown, incomplete, hostile."""
    return [
        "no-such-model",
        "anthropic.claude-nonesuch-v9:0",
        sibling(arn),
        arn.rsplit("/", 1)[0] + "/",
        "arn:aws:bedrock",
        "../../etc/passwd",
        "x\r\ny",
        "m" * 3000,
    ]
