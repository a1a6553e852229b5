"""Runs to write reports of. ``python -m tests.unit.reports.run_samples`` writes the goldens anew: read the diff."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tests.unit.model.event_samples import ended, passed, run_finished, run_started
from tests.unit.reports.proof_samples import GOLDENS, ONE

from isolane.model.events import (
    CollectionFailed,
    CollectionFinished,
    Event,
    RunFinished,
    TestFinished,
    TestStarted,
    WorkerStarted,
    WorkerStopped,
)
from isolane.model.outcome import Category
from isolane.model.quarantine import MARK
from isolane.model.state import Change, Leak, Level
from isolane.reports.findings import remarks_of_proof
from isolane.reports.places import Places
from isolane.usecases.report import run_report, sarif_text

FARES, ROUTES = "tests/test_fares.py", "tests/test_routes.py"
ODD = 'TestZone::test_name[<é&"\x1b[1m\n::\udce9\ufffe>]'
"""What an id may hold: marks of XML, an escape, a line end, the mark between names, and what is no character."""

SOURCES = {
    f"/project/{FARES}": """\
import os


def test_fare(stops):
    pass


class TestZone:
    if os.name:

        def test_name(self, name):
            pass


def test_flaky():
    pass


def test_leaks():
    os.environ["TZ"] = "x"
""",
    f"/project/{ROUTES}": "def test_crash(): pass\n",
    "/project/tests/conftest.py": "import pytest\n\n\n@pytest.fixture(scope='module')\ndef zone():\n    yield\n",
}


def places(checkout: str = "/project", sources: Mapping[str, str] = SOURCES) -> Places:
    return Places(Path(checkout), Path("/project"), Path("/project"), lambda path: sources.get(str(path)))


def left(owner: str, kind: str, name: str, level: Level, after: str = "secret") -> tuple[object, ...]:
    return tuple(Leak(owner, Change(kind, name, None, after, level)).to_plain())


def _started(node_id: str, worker: str, at: float) -> TestStarted:
    return TestStarted(at, node_id, worker)


def _over(at: float, event: TestFinished) -> TestFinished:
    return replace(event, at=at)


_LEAKS = f"{FARES}::test_leaks"
TESTS = (
    f"{FARES}::test_fare[a::b]",
    f"{FARES}::{ODD}",
    f"{FARES}::test_flaky",
    f"{FARES}::test_in_vain",
    _LEAKS,
    f"{ROUTES}::test_skipped",
    f"{ROUTES}::test_known",
    f"{ROUTES}::test_in_quarantine",
    f"{ROUTES}::test_setup",
    f"{ROUTES}::test_crash",
    f"{ROUTES}::test_strict",
    f"{ROUTES}::test_never_run",
)
_HEADER = run_started(
    run_id="20260102T030405.000000-parallel-abc123", label="parallel", engine="fork", workers=2, dist="loadscope",
    isolation="leak", seed=7,
)  # fmt: skip

# fmt: off
MANY: Sequence[Event] = (
    _HEADER,
    CollectionFailed(1_000.1, "tests/test_broken.py", "ModuleNotFoundError: No module named 'fare'"),
    CollectionFinished(1_000.2, TESTS),
    WorkerStarted(1_000.25, "gw0", 4711),
    WorkerStarted(1_000.25, "gw1", 4712),
    _started(TESTS[0], "gw0", 1_000.3),
    _started(TESTS[5], "gw1", 1_000.3),
    _over(1_000.304, passed(TESTS[0], "gw0", setup=0.001, call=0.0025, teardown=0.0005)),
    _started(TESTS[1], "gw0", 1_000.304),
    _over(1_000.31, ended(TESTS[5], Category.SKIPPED, "needs a <server>", "gw1")),
    _started(TESTS[6], "gw1", 1_000.31),
    _over(1_000.404, ended(
        TESTS[1], Category.FAILED, "ValueError", "gw0", call=0.1, location=f"/project/{FARES}:12",
        message="ValueError: \x1b[31mred\x1b[0m ]]> \udce9",
    )),
    _started(TESTS[2], "gw0", 1_000.404),
    _over(1_000.41, ended(TESTS[6], Category.XFAILED, "issue 7", "gw1", call=0.1)),
    _over(1_000.42, ended(TESTS[7], Category.XFAILED, f"{MARK}known since May", "gw1")),
    _over(1_000.6, passed(TESTS[2], "gw0", call=0.19, attempts=2, earlier=("AssertionError: assert 1 == 2",))),
    _started(TESTS[3], "gw0", 1_000.6),
    _over(1_000.62, ended(
        TESTS[8], Category.SETUP_ERROR, "OSError", "gw1", setup=0.1, message="OSError: no such file",
        location="/usr/lib/os.py:3",
    )),
    _started(TESTS[9], "gw1", 1_000.62),
    _over(1_000.7, ended(
        TESTS[3], Category.FAILED, "KeyError", "gw0", call=0.1, message="KeyError: 'c'", attempts=3,
        earlier=("KeyError: 'a'", ""),
    )),
    _started(TESTS[4], "gw0", 1_000.7),
    _over(1_000.8, passed(
        TESTS[4], "gw0", call=0.1,
        leaks=(
            left(_LEAKS, "env", "TZ", Level.DANGEROUS),
            left(_LEAKS, "module_globals", "fares.cache['a']", Level.SUSPECT),
            left(_LEAKS, "module_globals", "fares.cache['b']", Level.SUSPECT),
            left(_LEAKS, "modules", "fares", Level.HARMLESS),
            left("fixture zone of tests", "locale_time", "TZ", Level.DANGEROUS),
            left("fixture event_loop", "threads", "loop", Level.SUSPECT),
        ),
    )),
    WorkerStopped(1_000.9, "gw1", "killed by SIGKILL"),
    _over(1_000.9, ended(
        TESTS[9], Category.CRASHED, "was killed by SIGKILL", "", message="the process was killed while this test ran"
    )),
    WorkerStarted(1_000.95, "gw1", 4713),
    _over(1_001.0, ended(TESTS[10], Category.FAILED, "XPASS(strict)", "gw1", message="[XPASS(strict)] issue 8")),
    RunFinished(
        1_001.5, 1, {"start": 0.5, "collection": 0.3, "tests": 0.7, "teardown": 0.1, "reporting": 0.4}, {"passed": 3},
        leaks=(
            left("module tests/conftest.py", "env", "APP", Level.DANGEROUS),
            left("module gone.py", "cwd", "cwd", Level.SUSPECT),
        ),
    ),
)
# fmt: on
"""A run in which all happens that can."""

CLEAN: Sequence[Event] = (
    run_started(), CollectionFinished(1_000.1, (TESTS[0],)), _started(TESTS[0], "controller", 1_000.2),
    passed(TESTS[0], call=0.1), run_finished(),
)  # fmt: skip
KILLED: Sequence[Event] = MANY[:9]
"""The record ends while two tests run."""
INTERRUPTED: Sequence[Event] = (*KILLED, run_finished(exit_code=2))
EMPTY: Sequence[Event] = (_HEADER, CollectionFinished(1_000.2, ()), run_finished(exit_code=5))
HEADLESS: Sequence[Event] = (run_started(),)
EACH: Sequence[Event] = (
    run_started(workers=2, dist="each"),
    CollectionFinished(1_000.2, (TESTS[0],)),
    passed(TESTS[0], "gw0", call=0.1),
    ended(TESTS[0], Category.FAILED, "KeyError", "gw1", message="KeyError: 'a'", call=0.1),
    passed(TESTS[0], "gw10", call=0.1),
    run_finished(exit_code=1),
)

ALL = {
    "many": MANY,
    "clean": CLEAN,
    "killed": KILLED,
    "interrupted": INTERRUPTED,
    "empty": EMPTY,
    "headless": HEADLESS,
    "each": EACH,
}

SUFFIXES = {"junit": "xml", "ctrf": "ctrf.json", "sarif": "sarif", "perfetto": "trace.json", "html": "html"}


def written(name: str, events: Sequence[Event]) -> str:
    """Return a report of a run in /project, as ``isolane report`` writes it."""
    return run_report(name, events, places())


if __name__ == "__main__":
    for format_, suffix in SUFFIXES.items():
        (GOLDENS / f"run.{suffix}").write_text(written(format_, MANY), encoding="utf-8")
    (GOLDENS / "proof.sarif").write_text(sarif_text(remarks_of_proof(ONE, places())), encoding="utf-8")
