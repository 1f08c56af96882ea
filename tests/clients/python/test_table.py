"""The table of docs/clients.md: what is made of what the tests write down; see `../table.py`."""

import pytest
import table

SEES = {"identifier": "arn:1", "model": "one", "sees": True, "thinking": {"thinking": {}}}
BLIND = {"identifier": "two", "model": "two", "sees": False, "thinking": None}
MODELS = [SEES, BLIND]
AGENTS = table.ROWS["agents"]
EMPTY = f"# Clients\n\n{table.BEGIN}{table.END}"


def ran(suite: str = "agents") -> list[dict]:
    """All that has a meaning for these models, passed."""
    return [
        {"client": client, "way": way, "column": column, "model": model, "outcome": "passed"}
        for client, way in table.ROWS[suite]
        for column in table.COLUMNS
        for model in table.able(column, MODELS)
    ]


def skipped(record: dict, why: str) -> dict:
    return record | {"outcome": "skipped", "text": why}


def test_a_cell_is_the_number_of_models():
    page = table.rewritten(EMPTY, {"agents"}, ran(), MODELS)
    assert "| chat (2) | stream (2) | tools (2) | images (1) | thinking (1) |" in page
    assert "| Codex | Responses | 2 | 2 | 2 | 1 | 1 | 2 | 2 | 2 |" in page
    assert "- **" not in page


def test_what_is_written_twice_is_written_once():
    once = table.rewritten(EMPTY, {"agents"}, ran(), MODELS)
    assert table.rewritten(once, {"agents"}, ran(), MODELS) == once
    assert table.rewritten(once, set(), [], MODELS) == once


def test_a_skip_has_its_reason_below():
    records = [
        skipped(one, "it has none") if one["client"] == "opencode" and one["column"] == "structured output" else one
        for one in ran()
    ]
    page = table.rewritten(EMPTY, {"agents"}, records, MODELS)
    assert "| opencode | Converse | 2 | 2 | 2 | 1 | 1 | – | 2 | 2 |" in page
    assert "- **opencode**, structured output: it has none\n" in page


def test_a_reason_tells_the_ways_columns_and_models_that_it_is_about():
    records = [
        skipped(one, "why") if one["way"] == "InvokeModel" and one["model"] == "two" else one for one in ran()
    ]
    page = table.rewritten(EMPTY, {"agents"}, records, MODELS)
    expected = "- **Claude Code** by InvokeModel, chat, stream, tools, structured output, error and cut stream, `two`: why\n"
    assert expected in page
    assert "| Claude Code | InvokeModel | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1 |" in page


def test_a_skip_of_one_of_two_tests_is_no_pass():
    records = [*ran(), skipped(ran()[0], "why")]
    assert "| Claude Code | Messages | 1 |" in table.rewritten(EMPTY, {"agents"}, records, MODELS)


def test_a_remark_takes_nothing_away():
    records = [*ran(), ran()[0] | {"outcome": "remark", "text": "it is slow"}]
    page = table.rewritten(EMPTY, {"agents"}, records, MODELS)
    assert "| Claude Code | Messages | 2 |" in page and "it is slow" in page


@pytest.mark.parametrize("column", table.COLUMNS)
def test_a_cell_without_a_word_is_refused(column: str):
    records = [one for one in ran() if (one["client"], one["column"]) != ("Codex", column)]
    with pytest.raises(table.Unsaid, match=f"Codex by Responses: {column}: neither run with nor skipped for one"):
        table.rewritten(EMPTY, {"agents"}, records, MODELS)


def test_rows_of_what_was_not_run_stay_and_strangers_go():
    agents = table.rewritten(EMPTY, {"agents"}, ran(), MODELS)
    both = table.rewritten(agents, {"node"}, ran("node"), MODELS)
    assert "| Codex | Responses | 2 |" in both and "| @ai-sdk/anthropic | Messages | 2 |" in both
    changed = both.replace("| Codex | Responses | 2 |", "| Kodex | Responses | 2 |")
    assert "Kodex" not in table.rewritten(changed, {"node"}, ran("node"), MODELS)
