#!/usr/bin/env python3
"""How long a month of invocation-log records takes to read, and how much memory: `outcrop logging tail --file`.

Usage: bench_logs.py [BINARY] [RECORDS]; the binary is target/release/outcrop, the records are 1,000,000, unless told.
Records have AWS's nested form with bodies, in gzip files of 10,000, as Bedrock writes them to S3.
"""

import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# What the project promises for a million records.
MOST_SECONDS, MOST_MEBIBYTES = 10, 200
IN_A_FILE = 10_000
ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/"


def record(number: int) -> dict:
    return {
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "timestamp": f"2026-11-{number % 28 + 1:02}T{number % 24:02}:00:00Z",
        "accountId": "123456789012",
        "region": "us-east-1",
        "requestId": f"{number:032x}",
        "operation": "ConverseStream",
        "modelId": f"{ARN}{number % 7:012}",
        "input": {
            "inputContentType": "application/json",
            "inputBodyJson": {"messages": [{"role": "user", "content": [{"text": f"question {number} " * 8}]}]},
            "inputTokenCount": number % 1000,
        },
        "output": {
            "outputContentType": "application/json",
            "outputBodyJson": [{"contentBlockDelta": {"delta": {"text": f"answer {number} " * 8}}}],
            "outputTokenCount": number % 500,
        },
        "identity": {"arn": "arn:aws:iam::123456789012:user/outcrop"},
        "inferenceRegion": "us-west-2",
    }


def main(binary: str = "target/release/outcrop", count: str = "1000000") -> int:
    records = int(count)
    with tempfile.TemporaryDirectory(prefix="outcrop-logs-") as name:
        folder = Path(name) / "records"
        folder.mkdir()
        for first in range(0, records, IN_A_FILE):
            lines = (json.dumps(record(n)) for n in range(first, min(first + IN_A_FILE, records)))
            packed = gzip.compress("\n".join(lines).encode(), compresslevel=1)
            (folder / f"{first:09}.json.gz").write_bytes(packed)
        # Not among the records: it would be read as it grows.
        out = Path(name) / "out"
        begun = time.monotonic()
        with out.open("wb") as stdout:
            subprocess.run([binary, "logging", "tail", "--file", str(folder)], stdout=stdout, check=True)
        seconds = time.monotonic() - begun
        mebibytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        with out.open("rb") as told:
            lines = sum(1 for _ in told)
    print(f"{lines} of {records} records in {seconds:.2f} s, {mebibytes:.0f} MiB")
    is_kept = seconds <= MOST_SECONDS * records / 1_000_000 and mebibytes <= MOST_MEBIBYTES
    return 0 if lines == records and is_kept else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
