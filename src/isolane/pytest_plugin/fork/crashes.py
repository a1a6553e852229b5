"""What is reported of tests whose worker died, and how plugins have them run again."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from isolane.engines.fork.listener import Crash

_PHASE: Any = "???"
"""The phase of a report about a test whose worker died, as xdist has it."""
_SECTIONS = ("Captured stdout call", "Captured stderr call", "Fatal error", "The worker's tests again, in one process")
_PYTESTS_FRAME = re.compile(r'  File ".*[/\\\\]_pytest[/\\\\]python\.py"')

Location = tuple[str, "int | None", str]


class Scheduler:
    """What plugins that handle crashed tests may ask for, in xdist's words."""

    def __init__(self, config: pytest.Config, run_again: Callable[[str], None]) -> None:
        self.config = config
        self._run_again = run_again

    def mark_test_pending(self, item: str) -> None:
        """Run a test again that took its worker down."""
        self._run_again(item)


def crash_report(node_id: str, location: Location, crash: Crash, again: str = "") -> pytest.TestReport:
    """Return the report of the test that was running: how its worker ended, and what it had printed.

    again: the command that runs, in one process, what the worker had run.
    """
    printed = (*crash.printed[:2], shorten_trace(crash.printed[2]), again)
    return pytest.TestReport(
        nodeid=node_id,
        location=location,
        keywords={},
        outcome="failed",
        longrepr=f"worker {crash.worker!r} crashed while running {node_id!r}: {crash.cause}",
        when=_PHASE,
        sections=[(title, text) for title, text in zip(_SECTIONS, printed, strict=True) if text],
    )


def not_run_report(node_id: str, location: Location, cause: str) -> pytest.TestReport:
    """Return the report of a test that is not run any more."""
    return pytest.TestReport(
        nodeid=node_id,
        location=location,
        keywords={},
        outcome="failed",
        longrepr=f"not run: the tests it belongs with have crashed worker after worker (last: {cause})",
        when=_PHASE,
    )


def shorten_trace(text: str) -> str:
    """Return faulthandler's text without the frames below the test: pytest's, and those that started the worker.

    >>> frames = ['  File "test_a.py", line 5 in test', '  File "/_pytest/python.py", line 1 in f', '  File "x.py"']
    >>> print(shorten_trace("\\n".join(["Thread 1:", *frames])))
    Thread 1:
      File "test_a.py", line 5 in test
      (pytest's own frames are left out)
    """
    lines: list[str] = []
    leaving_out = False
    for line in text.splitlines():
        if not line.startswith("  "):
            leaving_out = False
        elif not leaving_out and _PYTESTS_FRAME.match(line):
            leaving_out = True
            lines.append("  (pytest's own frames are left out)")
        if not leaving_out or not line.startswith("  "):
            lines.append(line)
    return "\n".join(lines)
