"""CPU time of the gateway per request and per stream event, against the project's own emulator: `bench.py BINARY`.

The gateway and the emulator run as two processes. What is measured is the CPU time that the kernel accounts to the gateway
alone (`/proc/PID/stat`), so a slow client or a busy machine does not change it much. Linux only.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REQUESTS = 2000
WARM_UP = 200
CONNECTIONS = 8
ARN = re.compile(r"# profile (\S+)")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# Long enough that the events, not the request, make up a stream's cost.
COUNT_TO = 100


def main(binary: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = {"HOME": folder, "PATH": os.environ["PATH"]}
        emulator, lines = start(binary, ["emulate", "--listen", "127.0.0.1:0"], environment, until="# profile")
        exports = dict(line[len("export ") :].split("=", 1) for line in lines if line.startswith("export "))
        arn = next(match[1] for line in lines if (match := ARN.match(line)))
        gateway, ready = start(binary, ["serve", "--json", "--listen", "127.0.0.1:0"], environment | exports, until="}")
        try:
            port = int(json.loads("".join(ready))["url"].rsplit(":", 1)[1])
            report(gateway.pid, port, arn)
        finally:
            gateway.terminate()
            emulator.terminate()
            gateway.wait()
            emulator.wait()


def start(binary: str, args: list[str], environment: dict[str, str], until: str):
    """Starts a server and reads its first lines up to the one that begins with `until`."""
    process = subprocess.Popen([binary, *args], env=environment, stdout=subprocess.PIPE, text=True)
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith(until):
            return process, lines
    sys.exit(f"{binary} {' '.join(args)} ended before it was ready")


def report(pid: int, port: int, arn: str) -> None:
    print(f"idle memory      {memory_mib(pid):8.1f} MiB")
    print(f"{'':16} {'CPU µs':>8}  {'requests/s':>10}")
    for name, path, body, stream in cases(arn):
        run(port, path, body, WARM_UP)
        before, began = cpu_us(pid), time.monotonic()
        events = run(port, path, body, REQUESTS)
        spent, took = cpu_us(pid) - before, time.monotonic() - began
        per = f"per event {spent / events:6.2f} µs, {events / REQUESTS:.0f} events a request" if stream else ""
        print(f"{name:16} {spent / REQUESTS:8.1f}  {REQUESTS / took:10.0f}  {per}")
    print(f"memory after     {memory_mib(pid):8.1f} MiB")


def cases(arn: str):
    say, count = "repeat after me: hello", f"count to {COUNT_TO}"
    segment = arn.replace(":", "%3A").replace("/", "%2F")
    chat = lambda text, **more: {"model": arn, "messages": [{"role": "user", "content": text}], "max_tokens": 1000, **more}
    converse = lambda text: {"messages": [{"role": "user", "content": [{"text": text}]}]}
    yield "chat", "/v1/chat/completions", chat(say), False
    yield "chat stream", "/v1/chat/completions", chat(count, stream=True), True
    yield "messages", "/v1/messages", chat(say), False
    yield "messages stream", "/v1/messages", chat(count, stream=True), True
    yield "converse", f"/model/{segment}/converse", converse(say), False


def run(port: int, path: str, body: dict, requests: int, headers: str = "") -> int:
    """Sends the requests over a few connections that stay open; the number of server-sent events that came back."""
    return asyncio.run(spread(port, path, json.dumps(body).encode(), requests, headers))


async def spread(port: int, path: str, body: bytes, requests: int, headers: str) -> int:
    share = requests // CONNECTIONS
    return sum(await asyncio.gather(*(one_connection(port, path, body, share, headers) for _ in range(CONNECTIONS))))


async def one_connection(port: int, path: str, body: bytes, requests: int, headers: str) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    events = 0
    for _ in range(requests):
        writer.write(head.encode() + body)
        events += (await answer(reader)).count(b"data:")
    writer.close()
    return events


async def answer(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    if not head.startswith("http/1.1 200"):
        sys.exit(f"the gateway answered {head.splitlines()[0]}")
    if length := re.search(r"content-length: (\d+)", head):
        return await reader.readexactly(int(length[1]))
    body = bytearray()
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return bytes(body)


def cpu_us(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND * 1e6


def memory_mib(pid: int) -> float:
    line = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(line[1]) / 1024


if __name__ == "__main__":
    main(sys.argv[1])
