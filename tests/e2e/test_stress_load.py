"""``--isolane-stress-load``: what a test sees of it, and that it ends with the run."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SUITE = {
    "test_a.py": """
        import asyncio, os, sys, threading, time
        from pathlib import Path

        def pressing():
            found = []
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    words = entry.read_bytes().split(b"\\0")
                except OSError:
                    continue
                ours = any(word.endswith(b"pressure.py") for word in words)
                if ours and os.getcwd() == os.readlink(entry.parent / "cwd"):
                    found.append(words[words.index(b"-S") + 2].decode())
            return sorted(found)

        def test_machine():
            processors = len(os.sched_getaffinity(0))
            assert pressing() == sorted(["disk", "memory", *["processor"] * processors])

        def test_threads():
            assert sys.getswitchinterval() < 1e-4

        def test_event_loop():
            async def turns():
                for _ in range(200):
                    await asyncio.sleep(0)
            started = time.perf_counter()
            asyncio.run(turns())
            assert time.perf_counter() - started > 0.004  # 25 late turns of 1 ms each, on average

        def test_waits():
            if "WAITS" in os.environ:
                Path("waits").write_text("waits")
                threading.Event().wait(60)  # until the run is killed
    """
}


def pressing_in(folder: Path) -> list[str]:
    """Processes that keep the machine busy for a run in this folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"pressure.py" in entry.read_bytes() and entry.with_name("cwd").readlink() == folder:
                found.append(entry.parent.name)
        except OSError:
            continue
    return found


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        os.sched_yield()


@pytest.mark.parametrize("words", [(), ("-n", "2"), ("-n", "2", "--isolane-engine", "xdist")], ids=" ".join)
def test_tests_run_under_load_and_it_ends_with_them(project: Any, words: tuple[str, ...]) -> None:
    ended = project.write(SUITE).pytest("--isolane-stress-load", *words)
    assert ended.code == 0, ended.text
    assert "isolane: under load: " in ended.out
    assert pressing_in(project.path) == []


def test_it_ends_with_a_run_that_is_killed(project: Any) -> None:
    waits = project.write(SUITE).path / "waits"
    os.mkfifo(waits)
    process = project.start("pytest", "--isolane-stress-load", env={"WAITS": "1"})
    assert waits.read_text() == "waits"
    assert pressing_in(project.path)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    wait_until(lambda: not pressing_in(project.path))
