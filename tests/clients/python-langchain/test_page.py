"""docs/clients.md, as it is written: the frameworks of this folder, each by all its ways."""

import pytest
from page import filled, pieces, run_python


@pytest.mark.parametrize("imports", ["from langchain_anthropic", "from pydantic_ai import"])
def test_a_piece_runs(url, claude, tmp_path, imports: str):
    [piece] = pieces("python", imports)
    assert run_python(filled(piece, url, claude), tmp_path).count("hello") >= 3
