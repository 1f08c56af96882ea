"""How many Converse calls a core of the emulator takes, and how soon it answers after its start: `bench_emulator.py BINARY`.

Signed calls, the echo actor, connections that stay open. CPU time is what the kernel accounts to the emulator alone
(`/proc/PID/stat`), so calls per second and core do not depend on how fast this client is. Linux only.
"""

import hashlib
import hmac
import json
import socket
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone

import bench

MODEL = "amazon.nova-lite-v1%3A0"
PATH = f"/model/{MODEL}/converse"
BODY = {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}
KEY, SECRET, REGION = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1"
REQUESTS = 20_000
STARTS = 10


def main(binary: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = {"HOME": folder, "PATH": "/usr/bin:/bin"}
        command = ["emulate", "--actor", "echo", "--listen", "127.0.0.1:0"]
        emulator, lines = bench.start(binary, command, environment, until="# profile")
        try:
            port = next(int(line.rsplit(":", 1)[1]) for line in lines if line.startswith("export AWS_ENDPOINT_URL_BEDROCK="))
            report(emulator.pid, port)
        finally:
            emulator.terminate()
            emulator.wait()
        firsts = sorted(first_answer(binary, environment) for _ in range(STARTS))
        print(f"start to first answer: median {firsts[STARTS // 2] * 1000:.1f} ms, worst {firsts[-1] * 1000:.1f} ms of {STARTS}")


def report(pid: int, port: int) -> None:
    bench.run(port, PATH, BODY, bench.WARM_UP, signed())
    before, began = bench.cpu_us(pid), time.monotonic()
    bench.run(port, PATH, BODY, REQUESTS, signed())
    spent, took = bench.cpu_us(pid) - before, time.monotonic() - began
    each = spent / REQUESTS
    print(f"signed Converse, echo: {each:.1f} µs of CPU a call = {1e6 / each:,.0f} calls/s and core ({REQUESTS / took:,.0f}/s seen)")


def first_answer(binary: str, environment: dict[str, str]) -> float:
    """Seconds from the start of the process to the last byte of its first answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.monotonic()
    command = [binary, "emulate", "--actor", "echo", "--listen", f"127.0.0.1:{port}"]
    emulator = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                if emulator.poll() is not None:
                    sys.exit("the emulator ended before it was ready")
        bench.run(port, PATH, BODY, bench.CONNECTIONS, signed())
        return time.monotonic() - began
    finally:
        emulator.terminate()
        emulator.wait()


def signed() -> str:
    """The headers that sign the one request that is sent again and again; they hold for five minutes."""
    now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{now[:8]}/{REGION}/bedrock/aws4_request"
    payload = hashlib.sha256(json.dumps(BODY).encode()).hexdigest()
    # The path as it is on the wire is encoded once more.
    path = PATH.replace("%", "%25")
    canonical = f"POST\n{path}\n\nhost:localhost\nx-amz-date:{now}\n\nhost;x-amz-date\n{payload}"
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"Credential={KEY}/{scope}, SignedHeaders=host;x-amz-date, Signature={signature}"
    return f"x-amz-date: {now}\r\nauthorization: AWS4-HMAC-SHA256 {credential}\r\n"


if __name__ == "__main__":
    main(sys.argv[1])
