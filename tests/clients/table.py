"""The table of docs/clients.md: what was run, made of what the tests wrote down while they ran (`ran.py`, `node/ran.mjs`).

A row is a client and the way it takes, a cell the number of models with which the tests of that column passed. Where that is
not every model that can (see, think), a skip has to say why, or making the table fails. Rows of suites that were not run stay
as they stand on the page.
"""

import json
from collections import defaultdict
from pathlib import Path

COLUMNS = ["chat", "stream", "tools", "images", "thinking", "structured output", "error", "cut stream"]
# Every client that is promised, by the folder that has its tests, in the order of the page.
ROWS = {
    "python": [
        ("openai (Python)", "Chat Completions"),
        ("openai (Python)", "Responses"),
        ("anthropic (Python)", "Messages"),
        ("AnthropicBedrock (Python)", "InvokeModel"),
        ("boto3", "Converse"),
        ("boto3", "InvokeModel"),
    ],
    "node": [
        ("openai (Node)", "Chat Completions"),
        ("openai (Node)", "Responses"),
        ("@anthropic-ai/sdk", "Messages"),
        ("@anthropic-ai/bedrock-sdk", "InvokeModel"),
        ("@aws-sdk/client-bedrock-runtime", "Converse"),
        ("@aws-sdk/client-bedrock-runtime", "InvokeModel"),
        ("@ai-sdk/openai", "Chat Completions"),
        ("@ai-sdk/openai", "Responses"),
        ("@ai-sdk/openai-compatible", "Chat Completions"),
        ("@ai-sdk/anthropic", "Messages"),
        ("@ai-sdk/amazon-bedrock", "Converse"),
    ],
    "python-langchain": [
        ("langchain-openai", "Chat Completions"),
        ("langchain-openai", "Responses"),
        ("langchain-anthropic", "Messages"),
        ("langchain-aws", "Converse"),
        ("Pydantic AI", "Chat Completions"),
        ("Pydantic AI", "Responses"),
        ("Pydantic AI", "Messages"),
        ("Pydantic AI", "Converse"),
    ],
    "python-litellm": [
        ("LiteLLM", "Chat Completions"),
        ("LiteLLM", "Messages"),
        ("LiteLLM", "Converse"),
        ("LiteLLM", "InvokeModel"),
        ("Strands Agents", "Chat Completions"),
        ("Strands Agents", "Messages"),
        ("Strands Agents", "Converse"),
    ],
    "agents": [
        ("Claude Code", "Messages"),
        ("Claude Code", "InvokeModel"),
        ("Codex", "Responses"),
        ("opencode", "Chat Completions"),
        ("opencode", "Converse"),
    ],
}
BEGIN, END = "<!-- what was run: made by `tests/clients/run --write` -->\n\n", "\n<!-- end of what was run -->\n"

Row = tuple[str, str]


class Unsaid(Exception):
    """A cell for which nothing was run, and nothing says why."""


def read(file: Path) -> list[dict]:
    """What the tests wrote down."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def between(page: str) -> str:
    """The part of a page that is made here."""
    return page.split(BEGIN)[1].split(END)[0]


def rewritten(page: str, suites: set[str], records: list[dict], models: list[dict]) -> str:
    """A page with the rows of these suites, and what is said of them, made of the records.

    Raises `Unsaid` where the records leave a cell without a word.
    """
    before, rest = page.split(BEGIN)
    return before + BEGIN + part(rest.split(END)[0], suites, records, models) + END + rest.split(END)[1]


def part(old: str, suites: set[str], records: list[dict], models: list[dict]) -> str:
    rows, words = {}, {}
    for suite, promised in ROWS.items():
        for row in promised:
            mine = [record for record in records if (record["client"], record["way"]) == row]
            rows[row] = line(row, mine, models) if suite in suites else kept(old, f"| {row[0]} | {row[1]} |")
        for client in dict(promised):
            mine = [record for record in records if record["client"] == client]
            words[client] = said(client, mine, models) if suite in suites else kept(old, f"- **{client}**")
    heads = [f"{column} ({len(able(column, models))})" for column in COLUMNS]
    table = ["| client | by | " + " | ".join(heads) + " |", "| --- | --- |" + " ---: |" * len(COLUMNS), *rows.values()]
    return "\n".join([known(models), *filled(table), "", *filled(words.values())]) + "\n"


def filled(texts) -> list[str]:
    return [text for text in texts if text]


def kept(old: str, beginning: str) -> str:
    """The lines of a part that begin so."""
    return "\n".join(found for found in old.splitlines() if found.startswith(beginning))


def known(models: list[dict]) -> str:
    """The models, and what they can."""
    lines = ["| model | given as | images | thinking |", "| --- | --- | --- | --- |"]
    for model in models:
        given = "its id (it lives on bedrock-mantle only)" if model["identifier"] == model["model"] else "a profile's ARN"
        can = ["●" if able else "–" for able in (model["sees"], model["thinking"])]
        lines.append(f"| `{model['model']}` | {given} | {' | '.join(can)} |")
    return "\n".join(lines) + "\n\n"


def able(column: str, models: list[dict]) -> set[str]:
    """The models for which a column has a meaning."""
    member = {"images": "sees", "thinking": "thinking"}.get(column)
    return {model["model"] for model in models if member is None or model[member]}


def line(row: Row, records: list[dict], models: list[dict]) -> str:
    return f"| {row[0]} | {row[1]} | " + " | ".join(cell(row, column, records, models) for column in COLUMNS) + " |"


def cell(row: Row, column: str, records: list[dict], models: list[dict]) -> str:
    """How many models it was run with."""
    with_word = defaultdict(set)
    for record in records:
        if record["column"] == column:
            with_word[record["outcome"]].add(record["model"])
    passed = with_word["passed"] - with_word["skipped"]
    if silent := able(column, models) - passed - with_word["skipped"]:
        raise Unsaid(f"{' by '.join(row)}: {column}: neither run with nor skipped for {', '.join(sorted(silent))}")
    return str(len(passed)) if passed else "–"


def said(client: str, records: list[dict], models: list[dict]) -> str:
    """A line for each reason and remark, with the ways, columns and models that it is about, where these are not all."""
    about = defaultdict(list)
    for record in records:
        if "text" in record:
            about[record["text"]].append(record)
    return "\n".join(f"- **{client}**{scope(about[text], records, models)}: {text}" for text in sorted(about))


def scope(some: list[dict], records: list[dict], models: list[dict]) -> str:
    ways, columns, names = ({record[key] for record in some} for key in ("way", "column", "model"))
    all_ways = {record["way"] for record in records}
    fitting = set.union(*(able(column, models) for column in columns))
    parts = [
        "" if ways == all_ways else f" by {listed(sorted(ways))}",
        "" if columns == set(COLUMNS) else ", " + listed([column for column in COLUMNS if column in columns]),
        "" if names == fitting else ", " + listed([f"`{model['model']}`" for model in models if model["model"] in names]),
    ]
    return "".join(parts)


def listed(words: list[str]) -> str:
    return " and ".join(filled([", ".join(words[:-1]), words[-1]]))
