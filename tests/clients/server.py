"""A process of the binary under test: started on a free port, awaited, stopped, and judged by how it stops."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

# A debug build opens its catalog and its store within a second; a loaded CI machine gets a wide margin.
START_SECONDS = 30
# Open streams may be drained after SIGTERM; none is open when these tests stop a server.
STOP_SECONDS = 30


class Server:
    """`outcrop ARGUMENTS… --listen 127.0.0.1:PORT --data-dir FOLDER/data`, its output kept in FOLDER."""

    def __init__(self, binary: str, arguments: list[str], folder: Path, environment: dict[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{self.address}"
        self._out, self._err = folder / "stdout", folder / "stderr"
        command = [binary, *arguments, "--listen", self.address, "--data-dir", str(folder / "data")]
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=folder, env=environment
            )

    def wait_until(self, ready: Callable[[], bool], what: str) -> None:
        """Returns once `ready()`; raises with the log when the process ends or the deadline passes before that."""
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if self._process.poll() is not None:
                raise RuntimeError(f"ended with status {self._process.returncode} before {what}\n{self.log()}")
            if time.monotonic() > deadline:
                self._process.kill()
                raise RuntimeError(f"{START_SECONDS} s passed before {what}\n{self.log()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Asks it to end; raises unless it ends in time, with status 0 and without a panic in its log."""
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise RuntimeError(f"still running {STOP_SECONDS} s after SIGTERM\n{self.log()}") from None
        if status != 0:
            raise RuntimeError(f"ended with status {status} after SIGTERM\n{self.log()}")
        if "panicked" in self.log():
            raise RuntimeError(f"something panicked\n{self.log()}")

    def kill(self) -> None:
        """Ends it at once, whatever it does."""
        self._process.kill()
        self._process.wait()

    def out(self) -> str:
        """What it has printed on stdout so far."""
        return self._out.read_text(errors="replace")

    def log(self) -> str:
        """Everything it has printed so far."""
        return self.out() + self._err.read_text(errors="replace")


def free_port() -> int:
    """A port of the loopback interface that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def clean_environment(home: Path) -> dict[str, str]:
    """Nothing of the caller's but PATH: no proxies, no AWS profiles, no API keys, no settings of ours."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "NO_PROXY": "*",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED": "true",
    }
