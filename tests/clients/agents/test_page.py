"""docs/clients.md, as it is written: the coding agents."""

import subprocess
from pathlib import Path

import pytest
from material import repeat
from page import filled, pieces, run_shell
from test_agents import CLAUDE_CODE, CODEX, OPENCODE, program

PROGRAMS = {"claude": CLAUDE_CODE, "codex": CODEX, "opencode": OPENCODE}
# The shell's piece by a word in it; the file that belongs to it, and the piece that is the file by its language and a word.
CASES = {
    "claude-code": ("ANTHROPIC_AUTH_TOKEN", None, None),
    "claude-code-bedrock": ("CLAUDE_CODE_USE_BEDROCK", None, None),
    "codex": ("codex exec", ".codex/config.toml", ("toml", "[model_providers.outcrop]")),
    "opencode": ("opencode run", "opencode.json", ("json", "openai-compatible")),
    "opencode-bedrock": ("opencode run", "opencode.json", ("json", "amazon-bedrock")),
}


@pytest.mark.parametrize("case", CASES)
def test_the_settings_are_exact(url: str, claude: str, tmp_path: Path, case: str):
    word, name, settings = CASES[case]
    # Codex runs in a repository only.
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    if name:
        [piece] = pieces(*settings)
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(filled(piece, url, claude))
    [piece] = pieces("sh", word)
    programs = {name: program(*patterns) for name, patterns in PROGRAMS.items()}
    # An agent says so much of its tools beside the question that the emulator would call one of those.
    piece = filled(piece, url, claude).replace("Say hello.", repeat("hello"))
    assert "hello" in run_shell(piece, tmp_path, **programs)
