"""Events to test with: each builder gives a whole event, of which a test names only what it is about."""

from __future__ import annotations

from typing import Any

from isolane.model.events import (
    CollectionFailed,
    CollectionFinished,
    Event,
    RunFinished,
    RunStarted,
    TestFinished,
    TestStarted,
    WorkerStarted,
    WorkerStopped,
)
from isolane.model.outcome import Category


def run_started(**changed: Any) -> RunStarted:
    values: dict[str, Any] = {
        "at": 1_000.0,
        "run_id": "20260102T030405.000000-serial-abc123",
        "label": "serial",
        "argv": ("-q", "tests"),
        "directory": "/project",
        "rootdir": "/project",
        "inifile": "/project/pyproject.toml",
        "python": "/project/.venv/bin/python",
        "python_version": "3.11.4",
        "pytest_version": "8.4.0",
        "platform": "linux",
        "engine": "serial",
        "workers": 0,
        "dist": "no",
        "seed": None,
        "isolation": "none",
        "revision": "0123456789abcdef0123456789abcdef01234567",
        "process_started": 999.5,
        **changed,
    }
    return RunStarted(**values)


def run_finished(
    seconds: float = 1.0, *, at: float = 1_001.0, exit_code: int = 0, tests: int = 1, **phases: float
) -> RunFinished:
    return RunFinished(at, exit_code, phases or {"tests": seconds}, {"passed": tests})


def passed(node_id: str, worker: str = "controller", **changed: Any) -> TestFinished:
    return ended(node_id, Category.PASSED, worker=worker, **changed)


def ended(
    node_id: str, category: Category, detail: str = "", worker: str = "controller", **changed: Any
) -> TestFinished:
    return TestFinished(1_000.5, node_id, worker, category, detail, **changed)


# fmt: off
ONE_OF_EACH: tuple[Event, ...] = (
    run_started(
        positional=("tests",),
        addopts=("-ra",),
        added=("-n", "0"),
        settings={"seeds": "1,2"},
        isolane_version="0.1.0",
        seed=7,
        inifile=None,
        revision=None,
    ),
    CollectionFinished(1_000.1, ("a.py::test_one", "a.py::test_two[x::y]"), deselected=3),
    CollectionFailed(1_000.2, "b.py", "SyntaxError: invalid syntax"),
    WorkerStarted(1_000.3, "gw0", 4711),
    WorkerStopped(1_000.4, "gw0", "Not properly terminated"),
    TestStarted(1_000.5, "a.py::test_one", "gw0"),
    TestFinished(
        1_000.6, "a.py::test_one", "gw0", Category.FAILED, "KeyError", 0.25, 0.5, 0.125, "KeyError: 'a'", "a.py:3", 2,
        ("KeyError: 'b'",), (("a.py::test_one", "env", "A", None, "1", "dangerous"),),
    ),
    RunFinished(
        1_002.0, 1, {"start": 0.5, "tests": 1.5}, {"failed": 1},
        (("module a.py", "sys_path", "sys.path", ("a", "b"), ("a",), "suspect"),),
    ),
)
# fmt: on
"""One whole event of each kind, with a value other than the default in every field."""
