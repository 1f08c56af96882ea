"""boto3 and the AWS CLI against what stands beside the emulated Bedrock: S3, IAM, STS, CloudWatch Logs, CloudWatch."""

import gzip
import io
import json
import os
import subprocess
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone

import aws
import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from server import clean_environment

# Larger than what s3transfer sends in one piece (8 MB).
SEVERAL_PARTS = 18 * 1024 * 1024
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture(scope="module")
def connect(emulated):
    """Clients with the right keys unless told otherwise."""
    return emulated.client


@pytest.fixture(scope="module")
def cli(emulated):
    """Runs `aws ARGUMENTS…` against the emulator and returns what it prints."""
    return emulated.cli


def code_of(call, **arguments) -> str:
    """The error code that a call is refused with."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return aws.error_of(caught)[0]


@pytest.fixture(scope="module")
def s3(connect):
    return connect("s3")


@pytest.fixture
def bucket(s3):
    s3.create_bucket(Bucket="clients-test")
    yield "clients-test"
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="clients-test"):
        for listed in page.get("Contents", []):
            s3.delete_object(Bucket="clients-test", Key=listed["Key"])
    s3.delete_bucket(Bucket="clients-test")


@pytest.mark.parametrize("key", ["plain", "a b/ä+%&=?.txt", "..//dots//", "logs/2026/11/21.json.gz"])
def test_an_object_comes_back_as_it_was_put(s3, bucket, key):
    body = gzip.compress(key.encode())
    put = s3.put_object(Bucket=bucket, Key=key, Body=body, ContentEncoding="gzip", Metadata={"made-by": "test"})
    got = s3.get_object(Bucket=bucket, Key=key)
    assert got["Body"].read() == body
    assert (got["ETag"], got["ContentEncoding"], got["Metadata"]) == (put["ETag"], "gzip", {"made-by": "test"})
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(body)
    assert [listed["Key"] for listed in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]


@pytest.mark.parametrize("operation", ["list_objects_v2", "list_objects"])
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_keys_are_listed_page_by_page(s3, bucket, operation, size):
    keys = ["a", "b/1", "b/2", "c/1", "d"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    paginate = s3.get_paginator(operation).paginate
    pages = list(paginate(Bucket=bucket, PaginationConfig={"PageSize": size}))
    assert [listed["Key"] for page in pages for listed in page["Contents"]] == keys
    pages = list(paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": size}))
    assert [listed["Key"] for page in pages for listed in page.get("Contents", [])] == ["a", "d"]
    prefixes = [common["Prefix"] for page in pages for common in page.get("CommonPrefixes", [])]
    assert prefixes == ["b/", "c/"]
    pages = list(paginate(Bucket=bucket, Prefix="b/", PaginationConfig={"PageSize": size}))
    assert [listed["Key"] for page in pages for listed in page["Contents"]] == ["b/1", "b/2"]


def test_large_objects_travel_in_parts(s3, bucket):
    body = os.urandom(SEVERAL_PARTS)
    s3.upload_fileobj(io.BytesIO(body), bucket, "large")
    assert s3.head_object(Bucket=bucket, Key="large")["ETag"].endswith('-3"')
    got = io.BytesIO()
    s3.download_fileobj(bucket, "large", got)
    assert got.getvalue() == body


def test_what_is_not_there_is_refused_in_the_words_of_s3(s3, bucket, connect):
    assert code_of(s3.get_object, Bucket=bucket, Key="nothing") == "NoSuchKey"
    assert code_of(s3.head_object, Bucket=bucket, Key="nothing") == "404"
    assert code_of(s3.get_object, Bucket="nowhere", Key="nothing") == "NoSuchBucket"
    assert code_of(s3.create_bucket, Bucket=bucket) == "BucketAlreadyOwnedByYou"
    assert code_of(s3.create_bucket, Bucket="Not_Legal") == "InvalidBucketName"
    assert code_of(s3.get_bucket_policy, Bucket=bucket) == "NoSuchBucketPolicy"
    assert code_of(s3.get_bucket_acl, Bucket=bucket) == "NotImplemented"
    assert code_of(s3.get_object, Bucket=bucket, Key="nothing", Range="bytes=0-") == "NoSuchKey"
    assert code_of(connect("s3", key="AKIDNOBODY").list_buckets) == "InvalidAccessKeyId"
    assert code_of(connect("s3", secret="wrong").list_buckets) == "SignatureDoesNotMatch"
    assert code_of(connect("s3", region="eu-west-1").create_bucket, Bucket="elsewhere") == (
        "IllegalLocationConstraintException"
    )


def test_a_bucket_has_a_policy_and_a_region(s3, bucket):
    s3.put_bucket_policy(Bucket=bucket, Policy='{"Version":"2012-10-17","Statement":[]}')
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == '{"Version":"2012-10-17","Statement":[]}'
    s3.delete_bucket_policy(Bucket=bucket)
    assert code_of(s3.put_bucket_policy, Bucket=bucket, Policy="no policy") == "MalformedPolicy"
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    assert bucket in {found["Name"] for found in s3.list_buckets()["Buckets"]}


def test_addresses_may_be_signed_and_name_the_bucket_in_the_host(s3, bucket, emulated):
    s3.put_object(Bucket=bucket, Key="a b", Body=b"hello")
    config = Config(signature_version="s3v4", proxies={})
    signer = emulated.client("s3", config=config)
    address = signer.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b"})
    assert OPENER.open(address).read() == b"hello"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        OPENER.open(address.replace("a%20b", "a%20c"))
    # The name of a bucket's own host does not resolve everywhere; the signed `Host` decides, not where it is sent.
    virtual = config.merge(Config(s3={"addressing_style": "virtual"}))
    hosted = boto3.client("s3", **emulated.keys() | {"endpoint_url": "http://localhost:9"}, config=virtual)
    address = hosted.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b"})
    assert address.startswith(f"http://{bucket}.localhost:9/a%20b?")
    request = urllib.request.Request(address.replace(f"http://{bucket}.localhost:9", emulated.url))
    request.add_header("Host", f"{bucket}.localhost:9")
    assert OPENER.open(request).read() == b"hello"


def test_objects_are_copied_and_deleted_together(s3, bucket):
    s3.put_object(Bucket=bucket, Key="one & only", Body=b"1")
    s3.copy_object(Bucket=bucket, Key="two", CopySource={"Bucket": bucket, "Key": "one & only"})
    assert s3.get_object(Bucket=bucket, Key="two", Range="bytes=0-0")["Body"].read() == b"1"
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "one & only"}, {"Key": "two"}]})
    assert {item["Key"] for item in deleted["Deleted"]} == {"one & only", "two"}
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_the_cli_makes_fills_and_removes_a_bucket(cli, tmp_path):
    (tmp_path / "out").write_bytes(b"hello")
    assert "make_bucket" in cli("s3", "mb", "s3://bedrock-logs-123456789012", "--region", "eu-west-1")
    cli("s3", "cp", "--quiet", str(tmp_path / "out"), "s3://bedrock-logs-123456789012/x/in")
    assert cli("s3", "ls", "s3://bedrock-logs-123456789012/x/").split()[-2:] == ["5", "in"]
    cli("s3", "cp", "--quiet", "s3://bedrock-logs-123456789012/x/in", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == b"hello"
    assert "remove_bucket" in cli("s3", "rb", "s3://bedrock-logs-123456789012", "--force")


TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Condition": {"StringEquals": {"sts:ExternalId": "agreed"}},
        }
    ],
}
INVOKE = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "bedrock:InvokeModel*", "Resource": "arn:aws:bedrock:*::foundation-model/amazon.*"},
        {"Effect": "Deny", "Action": "*", "Resource": "arn:aws:bedrock:eu-*"},
    ],
}


@pytest.fixture(scope="module")
def iam(connect):
    return connect("iam")


@pytest.fixture
def role(iam):
    """A role that the account may assume with an external id; gone after the test."""
    made = iam.create_role(
        RoleName="Clients-Test",
        AssumeRolePolicyDocument=json.dumps(TRUST),
        Description="made by a test",
        Tags=[{"Key": "team", "Value": "kitchen & more"}],
    )["Role"]
    yield made
    for name in iam.list_role_policies(RoleName="Clients-Test")["PolicyNames"]:
        iam.delete_role_policy(RoleName="Clients-Test", PolicyName=name)
    iam.delete_role(RoleName="Clients-Test")


def test_a_role_has_a_trust_policy_and_inline_policies(iam, role):
    got = iam.get_role(RoleName="Clients-Test")["Role"]
    assert got == role
    assert got["Arn"] == "arn:aws:iam::123456789012:role/Clients-Test"
    assert (got["AssumeRolePolicyDocument"], got["Tags"][0]["Value"]) == (TRUST, "kitchen & more")
    for name in ("one", "two"):
        iam.put_role_policy(RoleName="Clients-Test", PolicyName=name, PolicyDocument=json.dumps(INVOKE))
    pages = iam.get_paginator("list_role_policies").paginate(
        RoleName="Clients-Test", PaginationConfig={"PageSize": 1}
    )
    assert [page["PolicyNames"] for page in pages] == [["one"], ["two"]]
    assert iam.get_role_policy(RoleName="Clients-Test", PolicyName="two")["PolicyDocument"] == INVOKE
    assert "Clients-Test" in {listed["RoleName"] for listed in iam.list_roles()["Roles"]}
    assert code_of(iam.delete_role, RoleName="Clients-Test") == "DeleteConflict"


def test_iam_refuses_in_its_own_words(iam, role, connect):
    make = {"RoleName": "Clients-Test", "AssumeRolePolicyDocument": json.dumps(TRUST)}
    assert code_of(iam.create_role, **make) == "EntityAlreadyExists"
    assert code_of(iam.create_role, **make | {"RoleName": "a b"}) == "ValidationError"
    assert code_of(iam.get_role, RoleName="Nobody") == "NoSuchEntity"
    assert code_of(iam.get_role_policy, RoleName="Clients-Test", PolicyName="none") == "NoSuchEntity"
    broken = {"RoleName": "Clients-Test", "PolicyName": "broken", "PolicyDocument": "{}"}
    assert code_of(iam.put_role_policy, **broken) == "MalformedPolicyDocument"
    assert code_of(iam.create_group, GroupName="none") == "InvalidAction"
    assert code_of(connect("iam", key="AKIDNOBODY").list_roles) == "InvalidClientTokenId"
    assert code_of(connect("iam", secret="wrong").list_roles) == "SignatureDoesNotMatch"


def test_policies_are_simulated(iam, role):
    iam.put_role_policy(RoleName="Clients-Test", PolicyName="invoke", PolicyDocument=json.dumps(INVOKE))
    models = [f"arn:aws:bedrock:{at}::foundation-model/amazon.nova-lite-v1:0" for at in ("us-east-1", "eu-west-1")]
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=role["Arn"],
        ActionNames=["bedrock:InvokeModel", "bedrock:GetInferenceProfile"],
        ResourceArns=models,
        PaginationConfig={"PageSize": 1},
    )
    results = [result for page in pages for result in page["EvaluationResults"]]
    assert [result["EvalDecision"] for result in results] == [
        "allowed", "explicitDeny", "implicitDeny", "explicitDeny",
    ]
    assert results[0]["MatchedStatements"][0]["SourcePolicyId"] == "invoke"
    user = iam.get_user()["User"]["Arn"]
    assert code_of(iam.simulate_principal_policy, PolicySourceArn=user + "x", ActionNames=["a:b"]) == "NoSuchEntity"
    granted = iam.simulate_principal_policy(PolicySourceArn=user, ActionNames=["bedrock:CreateInferenceProfile"])
    assert granted["EvaluationResults"][0]["EvalDecision"] == "allowed"


def test_a_role_is_assumed_and_its_credentials_are_taken(connect, role):
    sts = connect("sts")
    assert sts.get_caller_identity()["Arn"] == "arn:aws:iam::123456789012:user/outcrop"
    wish = {"RoleArn": role["Arn"], "RoleSessionName": "a-session"}
    assert code_of(sts.assume_role, **wish) == "AccessDenied"
    assert code_of(sts.assume_role, **wish | {"ExternalId": "guessed"}) == "AccessDenied"
    assert code_of(sts.assume_role, **wish | {"RoleArn": role["Arn"] + "x", "ExternalId": "agreed"}) == "AccessDenied"
    wish |= {"ExternalId": "agreed", "Tags": [{"Key": "team", "Value": "kitchen"}]}
    assert code_of(sts.assume_role, **wish, DurationSeconds=7200) == "ValidationError"
    assumed = sts.assume_role(**wish)
    keys = assumed["Credentials"]
    assert 3500 < (keys["Expiration"] - datetime.now(timezone.utc)).total_seconds() <= 3600

    def session(service, token=keys["SessionToken"]):
        pair = {"key": keys["AccessKeyId"], "secret": keys["SecretAccessKey"]}
        return connect(service, **pair, aws_session_token=token)

    identity = session("sts").get_caller_identity()
    assert identity["Arn"] == assumed["AssumedRoleUser"]["Arn"]
    assert identity["Arn"] == "arn:aws:sts::123456789012:assumed-role/Clients-Test/a-session"
    # Nothing but what the role's policies allow.
    assert code_of(session("bedrock").list_inference_profiles) == "AccessDeniedException"
    listing = {"Effect": "Allow", "Action": "bedrock:ListInferenceProfiles", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [listing]})
    connect("iam").put_role_policy(RoleName="Clients-Test", PolicyName="listing", PolicyDocument=document)
    assert session("bedrock").list_inference_profiles()["inferenceProfileSummaries"]
    connect("iam").delete_role_policy(RoleName="Clients-Test", PolicyName="listing")
    assert session("s3").list_buckets()["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert code_of(session("bedrock", "stolen").list_inference_profiles) == "UnrecognizedClientException"
    assert code_of(session("sts", None).get_caller_identity) == "InvalidClientTokenId"


def test_the_cli_sees_who_it_is(cli):
    assert json.loads(cli("sts", "get-caller-identity"))["Account"] == "123456789012"


GROUP = "/aws/bedrock/model-invocations"


@pytest.fixture(scope="module")
def logs(connect):
    return connect("logs")


@pytest.fixture
def group(logs):
    """A log group with two streams; gone after the test."""
    logs.create_log_group(logGroupName=GROUP)
    for stream in ("one", "two"):
        logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    yield GROUP
    logs.delete_log_group(logGroupName=GROUP)


def now() -> int:
    return int(datetime.now(timezone.utc).timestamp() * 1000)


def put(logs, stream, *events: tuple[int, str]) -> dict:
    told = [{"timestamp": timestamp, "message": message} for timestamp, message in events]
    return logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=told)


def test_events_are_searched_over_streams_in_order_page_by_page(logs, group):
    start = now() - 10_000
    put(logs, "one", *[(start + at * 2, f"even {at * 2}") for at in range(5)])
    put(logs, "two", *[(start + at * 2 + 1, f"odd {at * 2 + 1}") for at in range(5)])
    find = logs.get_paginator("filter_log_events").paginate
    for size in (1, 3, 10, 1000):
        pages = list(find(logGroupName=group, PaginationConfig={"PageSize": size}))
        events = [event for page in pages for event in page["events"]]
        assert [int(event["message"].split()[1]) for event in events] == list(range(10))
        assert len({event["eventId"] for event in events}) == 10
    found = logs.filter_log_events(logGroupName=group, filterPattern="odd -7", startTime=start + 4)["events"]
    assert [event["message"] for event in found] == ["odd 5", "odd 9"]
    found = logs.filter_log_events(logGroupName=group, logStreamNames=["two"], endTime=start + 4)["events"]
    assert [event["message"] for event in found] == ["odd 1", "odd 3"]
    assert code_of(logs.filter_log_events, logGroupName=group, filterPattern="{") == "InvalidParameterException"


def test_members_of_json_events_are_searched(logs, group):
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"
    put(logs, "one", (now(), json.dumps({"modelId": arn, "input": {"inputTokenCount": 7}})))
    for pattern, count in [
        ('{ $.modelId = "*abc123" }', 1),
        ('{ $.modelId = "abc123" }', 0),
        ("{ $.input.inputTokenCount > 6 }", 1),
        ('"abc123"', 1),
    ]:
        found = logs.filter_log_events(logGroupName=group, filterPattern=pattern)["events"]
        assert len(found) == count, pattern


def test_a_stream_is_read_in_both_directions(logs, group):
    start = now() - 1000
    put(logs, "one", *[(start + at, str(at)) for at in range(7)])
    read = {"logGroupName": group, "logStreamName": "one", "limit": 3}
    forwards, token = [], {"startFromHead": True}
    while events := (page := logs.get_log_events(**read, **token))["events"]:
        forwards += [event["message"] for event in events]
        token = {"nextToken": page["nextForwardToken"], "startFromHead": True}
    assert forwards == list("0123456")
    put(logs, "one", (start + 8, "8"))
    assert logs.get_log_events(**read, **token)["events"][0]["message"] == "8"
    backwards, token = [], {}
    while events := (page := logs.get_log_events(**read, **token))["events"]:
        backwards = [event["message"] for event in events] + backwards
        token = {"nextToken": page["nextBackwardToken"]}
    assert backwards == list("01234568")


def test_large_answers_come_in_pages(logs, group):
    start = now() - 1000
    for at in range(3):
        put(logs, "one", (start + at, "x" * 600_000))
    pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName=group))
    assert [len(page["events"]) for page in pages] == [1, 1, 1]


def test_groups_and_streams_are_described(logs, group):
    logs.put_retention_policy(logGroupName=group, retentionInDays=30)
    described = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert [(it["logGroupName"], it["retentionInDays"]) for it in described] == [(group, 30)]
    assert described[0]["arn"] == f"arn:aws:logs:us-east-1:123456789012:log-group:{group}:*"
    put(logs, "two", (now() - 50, "old"))
    put(logs, "one", (now(), "new"))
    streams = logs.describe_log_streams(logGroupName=group, orderBy="LastEventTime", descending=True)["logStreams"]
    assert [stream["logStreamName"] for stream in streams] == ["one", "two"]
    pages = logs.get_paginator("describe_log_streams").paginate(
        logGroupName=group, PaginationConfig={"PageSize": 1}
    )
    assert [page["logStreams"][0]["logStreamName"] for page in pages] == ["one", "two"]


def test_cloudwatch_logs_refuses_in_its_own_words(logs, group, connect):
    assert code_of(logs.create_log_group, logGroupName=group) == "ResourceAlreadyExistsException"
    assert code_of(logs.create_log_group, logGroupName="a b") == "InvalidParameterException"
    stream = {"logGroupName": group, "logStreamName": "one"}
    assert code_of(logs.create_log_stream, **stream) == "ResourceAlreadyExistsException"
    assert code_of(logs.get_log_events, **stream | {"logStreamName": "x"}) == "ResourceNotFoundException"
    assert code_of(logs.filter_log_events, logGroupName="nowhere") == "ResourceNotFoundException"
    assert code_of(logs.put_retention_policy, logGroupName=group, retentionInDays=2) == "InvalidParameterException"
    events = [{"timestamp": now(), "message": "b"}, {"timestamp": now() - 5, "message": "a"}]
    assert code_of(logs.put_log_events, **stream, logEvents=events) == "InvalidParameterException"
    assert code_of(logs.start_query, logGroupName=group, startTime=0, endTime=1, queryString="fields @message") == (
        "UnknownOperationException"
    )
    assert code_of(connect("logs", key="AKIDNOBODY").describe_log_groups) == "UnrecognizedClientException"
    day = 24 * 60 * 60 * 1000
    rejected = put(logs, "one", (now() - 15 * day, "old"), (now(), "good"), (now() + day, "future"))
    assert rejected["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 2}


def test_the_cli_searches_a_group(cli, logs, group):
    put(logs, "one", (now() - 1000, "first"), (now(), "second"))
    found = json.loads(cli("logs", "filter-log-events", "--log-group-name", group))["events"]
    assert [event["message"] for event in found] == ["first", "second"]


NOVA = "us.amazon.nova-lite-v1:0"


@pytest.fixture(scope="module")
def invoked(connect):
    """Invocations that CloudWatch was told of, by what is to be their `ModelId`."""
    control, runtime = connect("bedrock"), connect("bedrock-runtime")
    source = control.get_inference_profile(inferenceProfileIdentifier=NOVA)["inferenceProfileArn"]
    arn = control.create_inference_profile(inferenceProfileName="metrics", modelSource={"copyFrom": source})[
        "inferenceProfileArn"
    ]
    messages = [{"role": "user", "content": [{"text": "repeat after me: hello"}]}]
    usage = {}
    for model, id, times in [(arn, arn.rsplit("/", 1)[1], 3), (NOVA, NOVA, 2)]:
        answers = [runtime.converse(modelId=model, messages=messages)["usage"] for _ in range(times)]
        usage[id] = {
            "Invocations": times,
            "InputTokenCount": sum(answer["inputTokens"] for answer in answers),
            "OutputTokenCount": sum(answer["outputTokens"] for answer in answers),
        }
    assert code_of(runtime.converse, modelId=NOVA, messages=[]) == "ValidationException"
    usage[NOVA]["InvocationClientErrors"] = 1
    throttled = connect("bedrock-runtime", fault="ThrottlingException")
    assert code_of(throttled.converse, modelId=NOVA, messages=messages) == "ThrottlingException"
    usage[NOVA]["InvocationThrottles"] = 1
    return usage


def span() -> dict:
    until = datetime.now(timezone.utc) + timedelta(minutes=1)
    return {"StartTime": until - timedelta(hours=1), "EndTime": until}


def test_metrics_are_listed_by_model(connect, invoked):
    pages = connect("cloudwatch").get_paginator("list_metrics").paginate(Namespace="AWS/Bedrock")
    listed = [metric for page in pages for metric in page["Metrics"]]
    models = {d["Value"] for metric in listed for d in metric["Dimensions"] if d["Name"] == "ModelId"}
    assert set(invoked) <= models
    one = connect("cloudwatch").list_metrics(
        Namespace="AWS/Bedrock", MetricName="Invocations", Dimensions=[{"Name": "ModelId", "Value": NOVA}]
    )["Metrics"]
    assert one == [
        {"Namespace": "AWS/Bedrock", "MetricName": "Invocations", "Dimensions": [{"Name": "ModelId", "Value": NOVA}]}
    ]
    assert connect("cloudwatch", region="eu-west-1").list_metrics(Namespace="AWS/Bedrock")["Metrics"] == []


def test_metrics_add_up_to_what_was_answered(connect, invoked):
    cloudwatch = connect("cloudwatch")
    for model, usage in invoked.items():
        metric = {"Namespace": "AWS/Bedrock", "Dimensions": [{"Name": "ModelId", "Value": model}]}
        queries = [
            {"Id": f"q{at}", "MetricStat": {"Metric": metric | {"MetricName": name}, "Period": 60, "Stat": "Sum"}}
            for at, name in enumerate(usage)
        ]
        results = cloudwatch.get_metric_data(MetricDataQueries=queries, **span())["MetricDataResults"]
        assert [sum(result["Values"]) for result in results] == list(usage.values())
        for name, total in usage.items():
            points = cloudwatch.get_metric_statistics(
                **metric, MetricName=name, Period=300, Statistics=["Sum", "SampleCount"], **span()
            )["Datapoints"]
            assert sum(point["Sum"] for point in points) == total
            assert {point["Unit"] for point in points} == {"Count"}


def test_cloudwatch_refuses_in_its_own_words(connect):
    cloudwatch = connect("cloudwatch")
    ask = {"Namespace": "AWS/Bedrock", "MetricName": "Invocations", "Statistics": ["Sum"]}
    assert code_of(cloudwatch.get_metric_statistics, **ask, Period=7, **span()) == "InvalidParameterValue"
    assert code_of(cloudwatch.get_metric_statistics, **ask, Period=1, **span()) == "InvalidParameterCombination"
    assert code_of(cloudwatch.describe_alarms) in {"UnknownOperationException", "InvalidAction"}
    wrong = connect("cloudwatch", secret="wrong")
    assert code_of(wrong.list_metrics) in {"InvalidSignatureException", "SignatureDoesNotMatch"}


def test_the_cli_lists_metrics(cli, invoked):
    listed = json.loads(cli("cloudwatch", "list-metrics", "--namespace", "AWS/Bedrock"))["Metrics"]
    assert {"Name": "ModelId", "Value": NOVA} in [d for metric in listed for d in metric["Dimensions"]]


@pytest.fixture
def outcrop(emulated, tmp_path):
    """Runs `outcrop ARGUMENTS…` in the emulated account; its exit status and what it prints."""
    keys = {name: emulated.exports[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    environment = clean_environment(tmp_path) | keys | {"AWS_ENDPOINT_URL": emulated.url}

    def outcrop(*arguments: str) -> tuple[int, str]:
        command = [os.environ["OUTCROP_BIN"], *arguments]
        run = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
        return run.returncode, run.stdout + run.stderr

    return outcrop


# What LibreChat's guide has people write, with the account filled in.
GUIDE_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "bedrock.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": "123456789012"},
                "ArnLike": {"aws:SourceArn": "arn:aws:bedrock:us-east-1:123456789012:*"},
            },
        }
    ],
}


def test_what_outcrop_sets_up_is_what_boto3_and_the_cli_see(outcrop, connect, iam, s3, logs, cli):
    status, text = outcrop("logging", "setup", "--yes", "--retention", "30")
    assert status == 0, text
    config = connect("bedrock").get_model_invocation_logging_configuration()["loggingConfig"]
    assert config["cloudWatchConfig"]["logGroupName"] == GROUP
    assert config["textDataDeliveryEnabled"] and config["imageDataDeliveryEnabled"]
    role = iam.get_role(RoleName="BedrockLoggingRole")["Role"]
    assert role["Arn"] == config["cloudWatchConfig"]["roleArn"]
    assert role["AssumeRolePolicyDocument"] == GUIDE_TRUST
    names = iam.list_role_policies(RoleName="BedrockLoggingRole")["PolicyNames"]
    assert names == ["BedrockLoggingPolicy", "BedrockS3Policy"]
    assert logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"][0]["retentionInDays"] == 30
    policy = json.loads(s3.get_bucket_policy(Bucket="bedrock-logs-123456789012")["Policy"])
    assert policy["Statement"][0]["Sid"] == "AmazonBedrockLogsWrite"
    assert "large-data" in cli("bedrock", "get-model-invocation-logging-configuration")

    # The other way round: what is broken with boto3, outcrop tells, with the cause, and mends.
    elsewhere = json.loads(json.dumps(GUIDE_TRUST).replace("bedrock.amazonaws.com", "lambda.amazonaws.com"))
    iam.update_assume_role_policy(RoleName="BedrockLoggingRole", PolicyDocument=json.dumps(elsewhere))
    iam.delete_role_policy(RoleName="BedrockLoggingRole", PolicyName="BedrockS3Policy")
    status, text = outcrop("logging", "status")
    assert status == 1 and "no statement names the service bedrock.amazonaws.com" in text, text
    assert "the role may not s3:PutObject" in text, text
    status, text = outcrop("logging", "setup", "--yes")
    assert status == 0 and "replace the trust policy" in text and "BedrockS3Policy" in text, text
    status, text = outcrop("logging", "status")
    assert status == 0, text

    connect("bedrock-runtime").converse(modelId=NOVA, messages=[{"role": "user", "content": [{"text": "hello"}]}])
    status, text = outcrop("logging", "tail", "--since", "5m", "--json")
    assert status == 0 and NOVA in text, text

    # A log in S3 alone is read as well.
    connect("bedrock").put_model_invocation_logging_configuration(
        loggingConfig={"s3Config": {"bucketName": "bedrock-logs-123456789012", "keyPrefix": "records"}}
    )
    answer = connect("bedrock-runtime").converse(
        modelId=NOVA, messages=[{"role": "user", "content": [{"text": "hello"}]}]
    )
    status, text = outcrop("logging", "tail", "--since", "5m", "--json")
    assert status == 0 and answer["ResponseMetadata"]["RequestId"] in text, text
    status, text = outcrop("logging", "disable", "--yes")
    assert status == 0, text
    assert "loggingConfig" not in connect("bedrock").get_model_invocation_logging_configuration()


def test_the_quotas_are_those_that_are_enforced(connect):
    quotas = connect("service-quotas")
    [quota] = [
        quota
        for page in quotas.get_paginator("list_service_quotas").paginate(ServiceCode="bedrock", PaginationConfig={"PageSize": 1})
        for quota in page["Quotas"]
    ]
    assert (quota["QuotaCode"], quota["QuotaName"], quota["Value"]) == ("L-40EC9882", "Inference profiles per account", 1000)
    assert quotas.get_service_quota(ServiceCode="bedrock", QuotaCode="L-40EC9882")["Quota"] == quota
    assert quotas.get_aws_default_service_quota(ServiceCode="bedrock", QuotaCode="L-40EC9882")["Quota"] == quota
    assert quotas.list_services()["Services"] == [{"ServiceCode": "bedrock", "ServiceName": "Amazon Bedrock"}]
    assert code_of(quotas.get_service_quota, ServiceCode="bedrock", QuotaCode="L-00000000") == "NoSuchResourceException"
    assert code_of(quotas.list_service_quotas, ServiceCode="ec2") == "NoSuchResourceException"
    assert code_of(quotas.list_service_quotas, ServiceCode="bedrock", NextToken="x") == "InvalidPaginationTokenException"
    wrong = connect("service-quotas", secret="wrong")
    assert code_of(wrong.list_services) == "InvalidSignatureException"
