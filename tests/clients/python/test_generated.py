"""What generated requests become (left by the gateway's Rust tests) keeps botocore's own validator."""

import base64
import json
from pathlib import Path

import botocore.session
import pytest
from botocore.validate import ParamValidator

# Where `cargo test -p outcrop-gateway generated` leaves them.
DUMP = Path(__file__).parents[3] / "target" / "tmp" / "generated-requests.jsonl"


def as_python(value, shape):
    """The JSON of a request as botocore's callers pass it: blobs are bytes."""
    if shape.type_name == "structure" and isinstance(value, dict) and not getattr(shape, "is_document_type", False):
        members = shape.members
        return {key: as_python(inner, members[key]) if key in members else inner for key, inner in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [as_python(inner, shape.member) for inner in value]
    if shape.type_name == "blob":
        return base64.b64decode(value, validate=True)
    return value


def test_botocore_accepts_every_generated_request():
    if not DUMP.exists():
        pytest.skip("no generated requests; run `cargo nextest run -p outcrop-gateway generated` first")
    client = botocore.session.get_session().get_service_model("bedrock-runtime")
    shape = client.operation_model("Converse").input_shape
    checked = 0
    for line in DUMP.read_text().splitlines():
        params = as_python({"modelId": "m", **json.loads(line)}, shape)
        report = ParamValidator().validate(params, shape)
        assert not report.has_errors(), f"{report.generate_report()}\n{line}"
        checked += 1
    assert checked >= 100
