"""Memory of the gateway per open stream, and whether every stream ends well: `bench_streams.py BINARY [STREAMS]`.

The emulator is a process of its own and drips its answers, so that all streams are open at once. What is measured is the
gateway's resident memory before and while they are open. The limit is 64 KiB a stream.
"""

import json
import os
import re
import resource
import selectors
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

STREAMS = 2000
# Every connection takes a handle here.
HANDLES = 20_000


def main() -> None:
    binary, streams = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else STREAMS
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(HANDLES, hard()), hard()))
    with tempfile.TemporaryDirectory() as folder:
        emulator, upstream = start([binary, "emulate", "--json", "--listen", "127.0.0.1:0"], folder, {})
        keys = {
            "AWS_ENDPOINT_URL": upstream,
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        }
        serve = [binary, "serve", "--json", "--listen", "127.0.0.1:0", "--data-dir", "data"]
        gateway, url = start(serve, folder, keys)
        try:
            measure(gateway.pid, upstream, url, streams)
        finally:
            for server in (gateway, emulator):
                server.terminate()
                server.wait()


def hard() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def start(command: list[str], folder: str, variables: dict[str, str]) -> tuple[subprocess.Popen, str]:
    environment = {"HOME": folder, "PATH": os.environ["PATH"], "AWS_REGION": "us-east-1", **variables}
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder, env=environment)
    said = ""
    for line in server.stdout:
        said += line
        try:
            return server, json.loads(said)["url"]
        except json.JSONDecodeError:
            pass
    raise SystemExit(f"{command} did not start: {said}")


def measure(pid: int, upstream: str, url: str, streams: int) -> None:
    finish(open_streams(url, 64))
    before = resident(pid)
    drip = json.dumps({"fault": "slow-drip;bytes=256"}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{upstream}/_emulator/faults", drip)).read()
    opened = open_streams(url, streams)
    while open_in(url) < streams:
        time.sleep(0.05)
    during = resident(pid)
    whole = finish(opened)
    each = (during - before) / streams
    print(f"{streams} streams: {each:.1f} KiB each ({before} → {during} KiB), {whole} of {streams} ended whole")
    if whole != streams:
        raise SystemExit("a stream lost its end")


def resident(pid: int) -> int:
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])


def open_in(url: str) -> int:
    figures = urllib.request.urlopen(f"{url}/metrics").read().decode()
    found = re.search(r"^outcrop_open_invocations\S* (\d+)", figures, re.M)
    return int(found[1]) if found else 0


def open_streams(url: str, count: int) -> list[socket.socket]:
    host, port = url.removeprefix("http://").split(":")
    body = json.dumps(
        {
            "model": "us.amazon.nova-lite-v1:0",
            "stream": True,
            "messages": [{"role": "user", "content": "count to 200"}],
        }
    )
    request = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n{body}"
    ).encode()
    opened = []
    for _ in range(count):
        stream = socket.create_connection((host, int(port)))
        stream.sendall(request)
        opened.append(stream)
    return opened


def finish(opened: list[socket.socket]) -> int:
    """Reads all streams to their ends; how many ended as they should."""
    selector, tails, whole = selectors.DefaultSelector(), {}, 0
    for stream in opened:
        stream.setblocking(False)
        selector.register(stream, selectors.EVENT_READ)
        tails[stream] = b""
    while tails:
        ready = selector.select(timeout=60)
        if not ready:
            break
        for key, _ in ready:
            stream = key.fileobj
            data = stream.recv(65536)
            tails[stream] = (tails[stream] + data)[-64:]
            if not data or tails[stream].endswith(b"0\r\n\r\n"):
                whole += b"[DONE]" in tails.pop(stream)
                selector.unregister(stream)
                stream.close()
    return whole


if __name__ == "__main__":
    main()
