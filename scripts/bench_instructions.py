"""Instructions that the gateway executes for a request, counted by valgrind: `bench_instructions.py BINARY`.

A count does not depend on what else the machine does, so two builds can be compared where times cannot. What the kernel
executes is not in it. Hashing is told apart: valgrind knows no SHA instructions, and the code that stands in for them takes ten
times as many. Needs `valgrind` (with `callgrind_control` and `callgrind_annotate`); without it, nothing is measured.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import bench

REQUESTS = 400
ROUNDS = 30
HASHING = re.compile(r"^ *([\d,]+) \([^)]*\) +\S*:sha2::")
ALL = re.compile(r"^ *([\d,]+) \([^)]*\) +PROGRAM TOTALS")


def main(binary: str) -> None:
    if not shutil.which("valgrind"):
        print("instructions: SKIPPED: valgrind is missing")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {"HOME": name, "PATH": bench.os.environ["PATH"]}
        emulator, lines = bench.start(binary, ["emulate", "--listen", "127.0.0.1:0"], environment, until="# profile")
        exports = dict(line[len("export ") :].split("=", 1) for line in lines if line.startswith("export "))
        arn = next(match[1] for line in lines if (match := bench.ARN.match(line)))
        counting = ["--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/count", "--quiet", binary]
        serve = ["serve", "--json", "--listen", "127.0.0.1:0"]
        gateway, ready = bench.start("valgrind", [*counting, *serve], environment | exports, until="}")
        try:
            report(gateway.pid, int(json.loads("".join(ready))["url"].rsplit(":", 1)[1]), arn, folder)
        finally:
            gateway.terminate()
            emulator.terminate()
            gateway.wait()
            emulator.wait()


def report(pid: int, port: int, arn: str, folder: Path) -> None:
    print(f"{'':16} {'instructions':>12}  {'hashing':>10}")
    for name, path, body, _ in [*bench.cases(arn), *long_cases(arn)]:
        bench.run(port, path, body, bench.CONNECTIONS)
        control(pid, "--instr=on")
        bench.run(port, path, body, REQUESTS)
        control(pid, "--instr=off")
        control(pid, "--dump")
        whole, hashing = counted(folder)
        control(pid, "--zero")
        print(f"{name:16} {(whole - hashing) // REQUESTS:12,}  {hashing // REQUESTS:10,}")


def long_cases(arn: str):
    """What an agent sends: a long system prompt, tools, and many rounds of calls."""
    schema = {"type": "object", "properties": {"path": {"type": "string", "description": "Where the file is. " * 20}}}
    tools = [{"type": "function", "function": {"name": f"tool_{at}", "parameters": schema}} for at in range(20)]
    turns = [{"role": "system", "content": "You are a careful engineer.\n" * 600}, {"role": "user", "content": "Begin."}]
    for at in range(ROUNDS):
        call = {"name": "tool_0", "arguments": json.dumps({"path": f"/a/{at}", "text": 'say "hello"\n' * 20})}
        turns.append({"role": "assistant", "tool_calls": [{"id": f"c{at}", "type": "function", "function": call}]})
        turns.append({"role": "tool", "tool_call_id": f"c{at}", "content": "A line of the file.\n" * 120})
    turns.append({"role": "user", "content": "repeat after me: hello"})
    chat = {"model": arn, "messages": turns, "tools": tools, "max_tokens": 1000}
    yield f"chat {len(json.dumps(chat)) // 1024} KiB", "/v1/chat/completions", chat, False
    texts = [{"text": turn["content"]} for turn in turns if "content" in turn]
    converse = {"system": texts[:-1], "messages": [{"role": "user", "content": texts[-1:]}]}
    segment = arn.replace(":", "%3A").replace("/", "%2F")
    yield f"converse {len(json.dumps(converse)) // 1024} KiB", f"/model/{segment}/converse", converse, False


def control(pid: int, command: str) -> None:
    subprocess.run(["callgrind_control", command, str(pid)], check=True, capture_output=True)


def counted(folder: Path) -> tuple[int, int]:
    """All instructions since the last time, and those of them that hash."""
    newest = max(folder.glob("count.*"), key=lambda file: file.stat().st_mtime_ns)
    command = ["callgrind_annotate", "--threshold=100", "--auto=no", str(newest)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    sums = [sum(int(match[1].replace(",", "")) for line in lines if (match := kind.match(line))) for kind in (ALL, HASHING)]
    newest.unlink()
    return sums[0], sums[1]


if __name__ == "__main__":
    main(sys.argv[1])
