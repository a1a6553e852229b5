"""``--isolane-stress-load``: processes that keep the machine busy, threads that switch often, event loops that lag."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from asyncio import base_events
from pathlib import Path
from typing import Any

import pytest

from isolane.coordination.processors import available_processors

SWITCH_SECONDS = 1e-5
"""How long a thread may run on before another has its turn: a five-hundredth of what is usual."""
LATE_SHARE = 0.125
"""Of an event loop's turns, how many come late."""
LATEST_SECONDS = 0.002
_PRESSURE = Path(__file__).with_name("pressure.py")
_loop: Any = base_events.BaseEventLoop
_sleep = time.sleep
"""Bound here: a test that replaces time.sleep does not mean ours."""


class Load:
    """Puts the run under load, from its configuration to its end.

    presses: whether this process starts those that keep the machine busy; workers have theirs from the controller.
    """

    def __init__(self, *, presses: bool) -> None:
        self._presses = presses
        self._kinds = [*["processor"] * available_processors(), "disk", "memory"] if presses else []
        self._processes: list[subprocess.Popen[bytes]] = []
        self._interval = sys.getswitchinterval()
        self._run_once = _loop._run_once
        self._random = random.Random()

    def begin(self) -> None:
        """Begin."""
        sys.setswitchinterval(SWITCH_SECONDS)
        _loop._run_once = self._late()
        command = [sys.executable, "-I", "-S", str(_PRESSURE)]
        for kind in self._kinds:
            self._processes.append(
                subprocess.Popen(
                    [*command, kind, str(os.getpid())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )

    def end(self) -> None:
        """End; more than once does no harm."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()
        self._processes.clear()
        _loop._run_once = self._run_once
        sys.setswitchinterval(self._interval)

    def pytest_report_header(self) -> str | None:
        """Say what the run is under."""
        if not self._presses:
            return None
        return (
            f"isolane: under load: {len(self._kinds)} processes for processors, disk and memory; threads switch every "
            f"{SWITCH_SECONDS * 1e6:.0f} µs; event loops are up to {LATEST_SECONDS * 1e3:.0f} ms late"
        )

    def _late(self) -> Any:
        run_once, generator = self._run_once, self._random

        def _run_once(loop: Any) -> None:
            if generator.random() < LATE_SHARE:
                _sleep(generator.random() * LATEST_SECONDS)
            run_once(loop)

        return _run_once


def put_under_load(config: pytest.Config) -> None:
    """Begin, and end with the run."""
    load = Load(presses=not hasattr(config, "workerinput"))
    config.pluginmanager.register(load, "isolane-load")
    config.add_cleanup(load.end)
    load.begin()
