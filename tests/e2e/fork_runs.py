"""What the tests of the fork engine ask of a run: who ran what, what was said, and what is left of it."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isolane.model.events import Event, TestFinished, TestStarted, decode

FORK = ("--isolane-engine", "fork")
TWO = (*FORK, "-n", "2")
LOAD = (*TWO, "--dist", "load")


def events(path: Path) -> list[Event]:
    """Return what the newest run in the project recorded."""
    newest = max((path / ".isolane" / "runs").glob("*/events.jsonl"))
    return [decode(line) for line in newest.read_text(encoding="utf-8").splitlines()]


def finished(path: Path) -> dict[str, TestFinished]:
    """Return each test's end, by the name behind the ``::``; of a test that ended twice, fail."""
    found: dict[str, TestFinished] = {}
    for event in events(path):
        if isinstance(event, TestFinished):
            name = event.node_id.partition("::")[2]
            assert name not in found, f"{event.node_id} was reported twice"
            found[name] = event
    return found


def started(path: Path) -> list[str]:
    """Return the tests that were started, as they were, by the name behind the ``::``."""
    return [event.node_id.partition("::")[2] for event in events(path) if isinstance(event, TestStarted)]


def test_cases(path: Path) -> list[ET.Element]:
    """Return the test cases of a JUnit file."""
    return list(ET.parse(path).getroot().iter("testcase"))


test_cases.__test__ = False  # type: ignore[attr-defined]


def lines_with(text: str, words: str) -> list[str]:
    """Return the lines that hold the words."""
    return [line for line in text.splitlines() if words in line]


def mark(project: Any) -> None:
    """Make the processes of this project's runs, and all they start, known to :func:`processes_left`."""
    project.environment["ISOLANE_TEST_MARK"] = str(project.path)


def processes_left(project: Any) -> Sequence[str]:
    """Return the command lines of marked processes that are still alive."""
    wanted = f"ISOLANE_TEST_MARK={project.path}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0") and int(folder.name) != os.getpid():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found
