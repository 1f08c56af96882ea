"""The code of docs/clients.md: whole pieces in which three words stand for what is the reader's."""

import os
import re
import subprocess
import sys
from pathlib import Path

from server import clean_environment

PAGE = Path(os.environ["OUTCROP_ROOT"], "docs", "clients.md")
# Three of them start an interpreter with large packages; a loaded CI machine gets a wide margin.
SECONDS = 300


def pieces(language: str, word: str) -> list[str]:
    """Those in a language that hold `word`."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return [piece for piece in found if word in piece]


def filled(piece: str, url: str, arn: str) -> str:
    """With the three words put in."""
    words = {"URL": url, "KEY": "local", "ARN": arn}
    return re.sub(r"\b(URL|KEY|ARN)\b", lambda word: words[word[0]], piece)


def run(command: list[str], folder: Path, **variables: str) -> str:
    """What a program prints that runs in `folder` with nothing of the caller's environment; fails when it does."""
    environment = clean_environment(folder) | variables
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_python(piece: str, folder: Path) -> str:
    """What a piece of Python prints."""
    file = folder / "piece.py"
    file.write_text(piece)
    return run([sys.executable, str(file)], folder, LITELLM_LOCAL_MODEL_COST_MAP="True")


def run_shell(piece: str, folder: Path, **programs: str) -> str:
    """What a piece of shell prints, in which the programs are these command lines."""
    functions = "".join(f'{name}() {{ {command} "$@"; }}\n' for name, command in programs.items())
    return run(["sh", "-euc", functions + piece], folder)
