"""Negative probes: whatever AWS's service model refuses is refused as it says, what it just admits is not, and nothing breaks."""

import collections
import http.client
from urllib.parse import quote, urlencode

import botocore.session
import probes
import pytest
import story
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator
from emulated import ACCESS_KEY, REGION, SECRET_KEY

KEYS = Credentials(ACCESS_KEY, SECRET_KEY)
# The share of probes that must be answered as the model says.
ENOUGH = 0.995
# What an input that satisfies all constraints may still meet: what it names is not there, or is there already.
ADMITTED = {"ResourceNotFoundException", "ConflictException", "AccessDeniedException", "TooManyTagsException"}
# Refusals that come from rules beyond the model: a model that is unknown, a conversation that makes no sense.
BEYOND_THE_MODEL = "validation error"


class Wire:
    """Signed requests over one connection, and botocore's own reading of the answers."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.drops = 0
        self._connection = http.client.HTTPConnection(address, timeout=30)
        self._serializer = create_serializer("rest-json", include_validation=False)
        self._parser = create_parser("rest-json")

    def send(self, operation, parameters: dict) -> tuple[int, dict]:
        """Status and parsed answer."""
        serialized = self._serializer.serialize_to_request(parameters, operation)
        path = serialized["url_path"]
        if serialized["query_string"]:
            path += "?" + urlencode(serialized["query_string"], doseq=True, quote_via=quote)
        body = serialized["body"] or b""
        body = body.encode() if isinstance(body, str) else body
        request = AWSRequest(serialized["method"], f"http://{self.address}{path}", serialized["headers"], body)
        SigV4Auth(KEYS, "bedrock", REGION).add_auth(request)
        try:
            self._connection.request(serialized["method"], path, body, dict(request.headers))
            answer = self._connection.getresponse()
            content = answer.read()
        except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
            self.drops += 1
            self._connection.close()
            return 0, {"Error": {"Code": repr(error), "Message": ""}}
        headers = {name.lower(): value for name, value in answer.getheaders()}
        if "eventstream" in headers.get("content-type", ""):
            return answer.status, {}
        response = {"status_code": answer.status, "headers": headers, "body": content}
        return answer.status, self._parser.parse(response, operation.output_shape)


@pytest.fixture(scope="module")
def wire(emulated):
    return Wire(emulated.address)


def claimed() -> list:
    """The operations, those that delete things last."""
    session = botocore.session.get_session()
    models = [session.get_service_model(name) for name in ("bedrock", "bedrock-runtime")]
    names = story.claimed()
    found = [model.operation_model(name) for name in names for model in models if name in model.operation_names]
    assert len(found) == len(names)
    return found


def verdict(probe, status: int, answer: dict, operation) -> str | None:
    """What is wrong with an answer, or nothing."""
    error = answer.get("Error", {})
    code, message = error.get("Code", ""), error.get("Message", "")
    if status == 0 or status >= 500:
        return f"{status} {code}"
    if status < 300:
        if not probe.is_good:
            return "taken, though the model refuses it"
        return unlike_the_model(answer, operation)
    if probe.is_good:
        is_refused = code not in ADMITTED and (code != "ValidationException" or BEYOND_THE_MODEL in message)
        return f"refused, though the model admits it: {code} {message}" if is_refused else None
    if (status, code) != (400, "ValidationException"):
        return f"{status} {code} instead of 400 ValidationException: {message}"
    return None


def unlike_the_model(answer: dict, operation) -> str | None:
    """How an answer differs from the output shape."""
    if operation.output_shape is None or operation.output_shape.serialization.get("payload"):
        return None
    members = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    report = ParamValidator().validate(members, operation.output_shape)
    return report.generate_report() if report.has_errors() else None


def test_the_emulator_answers_as_the_service_model_says(wire):
    sent, wrong = collections.Counter(), []
    for operation in claimed():
        for probe in probes.of_operation(operation):
            status, answer = wire.send(operation, probe.input)
            sent[operation.name] += 1
            what = verdict(probe, status, answer, operation)
            if what:
                wrong.append(f"{probe.operation}{probe.what}: {what}")
    total = sum(sent.values())
    share = 1 - len(wrong) / total
    print(f"{total} probes of {len(sent)} operations, {len(wrong)} answered otherwise ({share:.2%} as the model says)")
    assert wire.drops == 0, wrong
    assert not [line for line in wrong if ": 5" in line], wrong
    assert share >= ENOUGH, "\n".join(wrong)
    assert total > 2_000, sent
