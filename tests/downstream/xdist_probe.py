"""A plugin for runs of pytest-xdist's own tests: what became of each, and which engine ran the runs inside it.

It is loaded in the environment of those tests and imports nothing of isolane.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path

import pytest

OUTCOMES = "XDIST_PROBE_OUTCOMES"
"""Names the file that is written: for each node id ``outcome`` and ``engines``."""
XDISTS_DEFAULT = "--dist load"
"""What xdist does where nothing is said; isolane keeps the tests of a scope together."""

_outcomes: dict[str, str] = {}
_engines: dict[str, list[str]] = {}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Let the runs inside the test have xdist's default, which pytester's own set-up would have removed."""
    os.environ["PYTEST_ADDOPTS"] = XDISTS_DEFAULT
    try:
        return (yield)
    finally:
        del os.environ["PYTEST_ADDOPTS"]
        pytester = getattr(item, "funcargs", {}).get("pytester")
        if pytester is not None:
            _engines[item.nodeid] = _engines_recorded_below(pytester.path)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note the outcome; a test that has failed in any phase has failed."""
    if report.failed:
        _outcomes[report.nodeid] = "failed"
    elif report.skipped or report.when == "call":
        outcome = "xfailed" if hasattr(report, "wasxfail") and report.skipped else report.outcome
        _outcomes.setdefault(report.nodeid, outcome)


def pytest_sessionfinish() -> None:
    """Write down what was noted."""
    noted = {
        node_id: {"outcome": outcome, "engines": _engines.get(node_id, [])} for node_id, outcome in _outcomes.items()
    }
    Path(os.environ[OUTCOMES]).write_text(json.dumps(noted, indent=1), encoding="utf-8")


def _engines_recorded_below(folder: Path) -> list[str]:
    found = set()
    for log in folder.rglob(".isolane/runs/*/events.jsonl"):
        with log.open(encoding="utf-8") as stream:
            found.add(str(json.loads(next(stream))["engine"]))
    return sorted(found)
