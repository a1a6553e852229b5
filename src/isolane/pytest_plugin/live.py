"""``--isolane-live``: a picture of the run in the place of pytest's dots, drawn by a process beside it.

A thread would keep the run from being forked, and a picture drawn between two reports would stand still while a test
hangs. The process reads the run's log as it grows; when it fails, nothing else does.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Generator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

import isolane
from isolane.pytest_plugin.run_session import session_key

_LONGEST_END = 5.0
_NOT_PASSED_ON = ("COV_CORE_", "COVERAGE_PROCESS_")
"""What makes coverage measure processes that tests start."""


def register_live_view(config: pytest.Config) -> None:
    """Register it, where the run is a session and has its terminal to itself."""
    session = config.stash.get(session_key, None)
    if session is not None and session.is_recorded and not getattr(config.option, "usepdb", False):
        config.pluginmanager.register(LiveView(session.root, session.session_id), "isolane-live")


class LiveView:
    """Shows the run while its tests run."""

    def __init__(self, root: Path, session_id: str) -> None:
        self._root = root
        self._session_id = session_id

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Keep back what pytest prints, until the picture has gone."""
        reporter: Any = session.config.pluginmanager.getplugin("terminalreporter")
        if reporter is None or session.config.option.collectonly:
            return (yield)
        writer = reporter._tw
        terminal = writer._file
        process = self._start(terminal)
        if process is None:
            return (yield)
        kept = writer._file = StringIO()
        try:
            return (yield)
        finally:
            self._stop(process)
            writer._file = terminal
            terminal.write(kept.getvalue())
            terminal.flush()

    def _start(self, terminal: Any) -> subprocess.Popen[bytes] | None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)}
        try:
            terminal.flush()
            return subprocess.Popen(
                [sys.executable, "-m", "isolane.cli.live", str(self._root), self._session_id],
                cwd=Path(isolane.__file__).parents[1],  # where no module of the project can stand in the way
                env=kept,
                stdin=subprocess.PIPE,
                stdout=terminal.fileno(),
            )
        except (OSError, ValueError, AttributeError):  # no room for a process, or a terminal that is none
            return None

    @staticmethod
    def _stop(process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_LONGEST_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
