"""docs/clients.md, as it is written: the SDKs for Python and AWS's CLI."""

import sys

import pytest
from page import filled, pieces, run_python, run_shell

PIECES = [*pieces("python", "from openai"), *pieces("python", "from anthropic"), *pieces("python", 'print(answer["output"]')]


@pytest.mark.parametrize("piece", PIECES, ids=range(len(PIECES)))
def test_a_piece_runs(url, claude, tmp_path, piece: str):
    assert "hello" in run_python(filled(piece, url, claude), tmp_path)


def test_every_sdk_has_one():
    assert len(PIECES) == 4


def test_the_cli_runs(url, claude, tmp_path):
    [piece] = pieces("sh", "aws bedrock")
    printed = run_shell(filled(piece, url, claude), tmp_path, aws=f"{sys.executable} -m awscli")
    assert claude in printed and "hello" in printed
