"""A pytest plugin: what a test shows of a client, written down for the table of docs/clients.md; see `table.py`.

A test says which column of the table it fills, and which client it is about, by two markers:

- `column(NAME)`, or more than one;
- `client(NAME, WAY)`, or `client(by={ID: (NAME, WAY)})`, where one parameter of the test is one of the `ID`s.

The model is the one that a fixture of `places.py` hands out. A skip's reason is written down, too, and so is a remark: what
`remark` is told by a test that passes.
"""

import json
import os
from collections.abc import Callable

import pytest
from places import MODELS


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "column(name): the column of the table of docs/clients.md that the test fills")
    config.addinivalue_line("markers", "client(name, way, by): the client whose row it is")


@pytest.fixture
def remark(record_property) -> Callable[[str], None]:
    """Says what a reader of the table should know of a test that passes."""
    return lambda text: record_property("remark", text)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = yield
    for column in item.iter_markers("column"):
        client, way = client_of(item)
        record = {"client": client, "way": way, "column": column.args[0], "model": model_of(item)}
        if report.skipped:
            write(record | {"outcome": "skipped", "text": report.longrepr[2].removeprefix("Skipped: ")})
        elif report.when == "call" and report.passed:
            write(record | {"outcome": "passed"})
            for _, text in report.user_properties:
                write(record | {"outcome": "remark", "text": text})
    return report


def client_of(item: pytest.Item) -> tuple[str, str]:
    marker = item.get_closest_marker("client")
    if not marker.kwargs:
        return marker.args
    by = marker.kwargs["by"]
    [found] = [by[value] for value in item.callspec.params.values() if isinstance(value, str) and value in by]
    return found


def model_of(item: pytest.Item) -> str:
    """The model of the first parameter that is or begins with one of `MODELS`; a test without is about the first."""
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    for value in parameters:
        first = value[0] if isinstance(value, tuple) else value
        if first in MODELS:
            return first["model"]
    return MODELS[0]["model"]


def write(record: dict) -> None:
    """Appends a line; to nothing where the tests run without `drive.py`."""
    if name := os.environ.get("OUTCROP_RAN"):
        with open(name, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
