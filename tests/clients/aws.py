"""boto3 clients for loopback: dummy or given keys, no retries, and a way to ask for a fault."""

from functools import partial

import boto3
from botocore.config import Config

# One session for all: it reads AWS's service descriptions once.
SESSION = boto3.session.Session()
# One attempt: a retry would hide what the first answer was.
CONFIG = Config(retries={"total_max_attempts": 1}, proxies={}, read_timeout=60)


def client(
    service: str,
    url: str,
    region: str,
    key: str = "AKIDANY",
    secret: str = "any",
    fault: str | None = None,
    config: Config | None = None,
    **options,
):
    """A client of a service, every request of which carries `fault` where one is given; `config` adds to ours."""
    client = SESSION.client(
        service,
        endpoint_url=url,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=CONFIG.merge(config) if config else CONFIG,
        **options,
    )
    if fault:
        client.meta.events.register("before-sign", partial(add_fault, fault))
    return client


def add_fault(fault: str, request, **_) -> None:
    """A handler of botocore's event `before-sign`."""
    request.headers.add_header("x-outcrop-fault", fault)


def error_of(caught) -> tuple[str, int, str]:
    """Code, HTTP status and message of a ClientError."""
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Message"]
