"""What botocore signs: header and query, with session tokens, in time and out of time, changed on the way."""

import json
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timedelta, timezone

import aws
import botocore.auth
import pytest
from botocore.exceptions import ClientError
from emulated import OPENER

WRONG = "The request signature we calculated does not match the signature you provided."


def fetch(url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, dict]:
    """Status and JSON of an address as it stands, by a client that knows nothing of AWS."""
    request = urllib.request.Request(url, body, method=method)
    try:
        with OPENER.open(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error) | {"type": error.headers["x-amzn-errortype"].split(":")[0]}


@pytest.fixture
def at(monkeypatch):
    """Has botocore sign as if it were so many seconds later."""

    def at(seconds: float) -> None:
        def shifted(remove_tzinfo: bool = True) -> datetime:
            now = datetime.now(timezone.utc) + timedelta(seconds=seconds)
            return now.replace(tzinfo=None) if remove_tzinfo else now

        monkeypatch.setattr(botocore.auth, "get_current_datetime", shifted)

    return at


@pytest.fixture(scope="module")
def bedrock(emulated):
    return emulated.client("bedrock")


def listing(bedrock, **options) -> str:
    """A presigned address of a list with a query of its own."""
    return bedrock.generate_presigned_url(
        "list_inference_profiles", Params={"typeEquals": "APPLICATION", "maxResults": 5}, **options
    )


def test_a_presigned_address_needs_nothing_else(bedrock):
    status, listed = fetch(listing(bedrock, ExpiresIn=60))
    assert status == 200
    assert {profile["type"] for profile in listed["inferenceProfileSummaries"]} == {"APPLICATION"}


def test_a_presigned_path_may_hold_an_arn(bedrock):
    arn = bedrock.list_inference_profiles(typeEquals="APPLICATION")["inferenceProfileSummaries"][0]["inferenceProfileArn"]
    address = bedrock.generate_presigned_url("get_inference_profile", Params={"inferenceProfileIdentifier": arn})
    assert fetch(address)[1]["inferenceProfileArn"] == arn


@pytest.mark.parametrize(
    "change",
    [
        ("maxResults=5", "maxResults=50"),
        ("type=APPLICATION", "type=SYSTEM_DEFINED"),
        ("X-Amz-Expires=60", "X-Amz-Expires=6000"),
        ("/inference-profiles", "/foundation-models"),
        ("us-east-1", "us-west-2"),
        ("&X-Amz-SignedHeaders=host", "&X-Amz-SignedHeaders=host&nextToken=x"),
    ],
)
def test_a_presigned_address_that_was_changed_is_refused(bedrock, change):
    address = listing(bedrock, ExpiresIn=60)
    assert change[0] in address
    status, refused = fetch(address.replace(*change))
    assert (status, refused["type"]) == (403, "InvalidSignatureException")
    assert refused["message"].startswith(WRONG)


def test_a_presigned_address_is_for_its_method(bedrock):
    status, refused = fetch(listing(bedrock, ExpiresIn=60), "POST", b"")
    assert (status, refused["type"]) == (403, "InvalidSignatureException")


@pytest.mark.parametrize(
    ("signed", "lives", "is_taken"),
    # The window of skew of five minutes is for clocks that are ahead; what is over is over.
    [(-50, 60, True), (-70, 60, False), (-6 * 24 * 3600, 7 * 24 * 3600, True), (290, 60, True), (310, 60, False)],
)
def test_a_presigned_address_lives_as_long_as_it_says(bedrock, at, signed, lives, is_taken):
    at(signed)
    status, answer = fetch(listing(bedrock, ExpiresIn=lives))
    assert (status == 200) == is_taken, answer
    if not is_taken:
        assert answer["type"] == "InvalidSignatureException"
        assert answer["message"].startswith("Signature expired: " if signed < 0 else "Signature not yet current: ")


@pytest.mark.parametrize("lives", [0, 7 * 24 * 3600 + 1])
def test_a_presigned_address_does_not_live_for_ever(bedrock, lives):
    status, refused = fetch(listing(bedrock, ExpiresIn=lives))
    assert status in (400, 403) and "X-Amz-Expires" in refused["message"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-290, None), (290, None), (-310, "Signature expired: "), (310, "Signature not yet current: ")],
)
def test_clocks_may_differ_by_five_minutes(emulated, at, seconds, words):
    client = emulated.client("bedrock")
    at(seconds)
    if words is None:
        assert client.list_inference_profiles()["inferenceProfileSummaries"]
        return
    with pytest.raises(ClientError) as caught:
        client.list_inference_profiles()
    code, status, message = aws.error_of(caught)
    assert (code, status) == ("InvalidSignatureException", 403)
    assert message.startswith(words), message


@pytest.fixture(scope="module")
def session(emulated):
    """Temporary credentials of a role that may list profiles."""
    iam = emulated.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="signer", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]
    listing = {"Statement": [{"Effect": "Allow", "Action": "bedrock:ListInferenceProfiles", "Resource": "*"}]}
    iam.put_role_policy(RoleName="signer", PolicyName="listing", PolicyDocument=json.dumps(listing))
    return emulated.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="it")["Credentials"]


def connect(emulated, session, token: str | None):
    pair = {"key": session["AccessKeyId"], "secret": session["SecretAccessKey"]}
    return emulated.client("bedrock", **pair, aws_session_token=token)


def test_a_session_is_taken_with_its_token_alone(emulated, session):
    with_token = connect(emulated, session, session["SessionToken"])
    assert with_token.list_inference_profiles()["inferenceProfileSummaries"]
    address = listing(with_token)
    assert "X-Amz-Security-Token=" in address and fetch(address)[0] == 200
    token = urllib.parse.quote(session["SessionToken"], safe="")
    assert fetch(address.replace(token, token[:-4] + "AAAA"))[1]["type"] == "InvalidSignatureException"
    for token in (None, "another"):
        with pytest.raises(ClientError) as caught:
            connect(emulated, session, token).list_inference_profiles()
        assert aws.error_of(caught) == (
            "UnrecognizedClientException",
            403,
            "The security token included in the request is invalid.",
        )


def test_a_session_ends(emulated, session):
    client = connect(emulated, session, session["SessionToken"])
    emulated.control("clock", {"advanceSeconds": 3601})
    with pytest.raises(ClientError) as caught:
        client.list_inference_profiles()
    assert aws.error_of(caught) == ("ExpiredTokenException", 403, "The security token included in the request is expired")
