"""The dashboard: figures and picture from a stream of events, on a clock that stands still."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from isolane.coordination.dashboard import LiveDashboard, resident_bytes
from isolane.coordination.sessions import Session, SessionState
from isolane.model.clock import FakeClock
from isolane.model.events import (
    CollectionFinished,
    Event,
    RunFinished,
    TestFinished,
    TestStarted,
    WorkerStarted,
    WorkerStopped,
)
from isolane.model.outcome import Category

START = 1_000_000.0
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def session(name: str = "20261121-a", state: SessionState = SessionState.RUNNING) -> Session:
    return Session(name, "pytest -n 4", state, 1, START, START)


def finished(node_id: str, worker: str, at: float, *, seconds: float = 1.0, message: str = "") -> TestFinished:
    category = Category.FAILED if message else Category.PASSED
    return TestFinished(START + at, node_id, worker, category, call=seconds, message=message)


class Scene:
    """A dashboard with one session, and its events told at moments of its clock."""

    def __init__(self, workers: int, tests: int, name: str = "20261121-a") -> None:
        self.clock = FakeClock(START)
        self.name = name
        self.dashboard = LiveDashboard(self.clock, memory=lambda process: 10_000_000)
        self.dashboard.set_sessions([session(name)])
        self.tests = tuple(f"tests/unit/test_module.py::test_{number}" for number in range(tests))
        self.tell(CollectionFinished(START, self.tests))
        self.tell(*(WorkerStarted(START, f"gw{number}", 100 + number) for number in range(workers)))

    def tell(self, *events: Event) -> None:
        for event in events:
            self.dashboard.add(self.name, event)

    def start(self, worker: str, number: int) -> None:
        self.tell(TestStarted(self.clock.now(), self.tests[number], worker))


@pytest.mark.req("S4.3")
def test_every_figure_is_right_at_every_moment() -> None:
    scene = Scene(workers=3, tests=5)
    summary = scene.dashboard.get_summary
    assert summary()["tasks"] == {"queued": 5, "completed": 0, "failed": 0}
    scene.start("gw0", 0)
    scene.start("gw1", 1)
    scene.clock.advance(2)
    assert summary() == {
        "workers": {"total": 3, "idle": 1, "busy": 2, "offline": 0, "utilisation": pytest.approx(4 / 6)},
        "sessions": {"active": 1, "total": 1},
        "tasks": {"queued": 3, "completed": 0, "failed": 0},
    }
    scene.tell(
        finished(scene.tests[0], "gw0", 2, seconds=2), finished(scene.tests[1], "gw1", 2, seconds=2, message="no")
    )
    scene.tell(WorkerStopped(START + 2, "gw1", "crashed"))
    scene.start("gw2", 2)
    scene.clock.advance(2)
    assert summary() == {
        "workers": {"total": 3, "idle": 1, "busy": 1, "offline": 1, "utilisation": pytest.approx(6 / 10)},
        "sessions": {"active": 1, "total": 1},
        "tasks": {"queued": 2, "completed": 2, "failed": 1},
    }
    scene.tell(finished(scene.tests[2], "gw2", 4), RunFinished(START + 4, 1))
    scene.dashboard.set_sessions([session(state=SessionState.COMPLETED)])
    assert summary() == {
        "workers": {"total": 3, "idle": 0, "busy": 0, "offline": 3, "utilisation": 0.0},
        "sessions": {"active": 0, "total": 1},
        "tasks": {"queued": 0, "completed": 3, "failed": 1},
    }


@pytest.mark.req("L1")
def test_the_picture() -> None:
    scene = Scene(workers=4, tests=8)
    scene.start("gw2", 0)
    scene.clock.advance(60)
    scene.start("gw0", 1)
    scene.tell(finished(scene.tests[2], "gw1", 60, message="AssertionError: 1 != 2"))
    scene.tell(WorkerStopped(START + 60, "gw3", "killed by signal 9"))
    scene.clock.advance(5.25)
    assert scene.dashboard.render(80).splitlines() == [
        "1 session, 3 workers (2 busy, 1 idle), 28% in use, 5 queued",
        "20261121-a  running  pytest -n 4",
        "  [##..................] 1/8, 1 failed, 1:05, about 7:37 left, 40 MB",
        "  failed  tests/unit/test_module.py::test_2  AssertionError: 1 != 2",
        "  gw2     tests/unit/test_module.py::test_0                                 1:05",
        "  gw0     tests/unit/test_module.py::test_1                                5.2 s",
        "  gw1     idle                                                            1 done",
        "  gw3     gone: killed by signal 9                                        0 done",
    ]


@pytest.mark.req("L1")
@pytest.mark.parametrize("color", [False, True], ids=["plain", "colour"])
@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("workers", [1, 8, 64])
def test_the_picture_fits(workers: int, width: int, color: bool) -> None:
    scene = Scene(workers, tests=200, name="20261121T171509.820811-parallel-ea27d0")
    for number in range(0, workers, 2):
        scene.start(f"gw{number}", number)
        scene.clock.advance(0.5)
    for number in range(100, 110):
        scene.tell(finished(scene.tests[number], "gw0", 1, message="ValueError: " + "long " * 30))

    drawn = scene.dashboard.render(width, color=color)

    lines = COLOUR.sub("", drawn).splitlines()
    assert COLOUR.search(drawn) is not None if color else "\x1b" not in drawn
    assert max(map(len, lines)) <= width
    assert len(lines) == 3 + 5 + workers
    for number in range(workers):
        row = next(line for line in lines if line.split()[0] == f"gw{number}")
        assert row.rstrip().endswith(" s" if number % 2 == 0 else " done") or re.search(r"\d:\d\d$", row)
    assert "10/200" in lines[2]
    low = COLOUR.sub("", scene.dashboard.render(width, height=7)).splitlines() if workers > 1 else lines[:7]
    assert len(low) == 7


def test_the_end_of_a_long_node_id_stays_where_the_test_has_its_name() -> None:
    scene = Scene(workers=1, tests=1)
    scene.tell(TestStarted(START, f"tests/{'very/' * 30}test_x.py::test_name", "gw0"))
    assert scene.dashboard.render(60).splitlines()[-1].endswith("test_x.py::test_name 0.0 s")


def test_xdist_does_not_tell_who_runs_what() -> None:
    scene = Scene(workers=2, tests=4)
    scene.start("", 0)
    assert scene.dashboard.get_summary()["workers"]["busy"] == 1
    assert [line.split()[0] for line in scene.dashboard.render().splitlines()[3:]] == ["?", "gw1"]
    scene.clock.advance(1)
    scene.tell(finished(scene.tests[0], "gw1", 1))
    assert [line.split()[:2] for line in scene.dashboard.render().splitlines()[3:]] == [
        ["gw0", "idle"],
        ["gw1", "idle"],
    ]


def test_a_serial_run_is_one_worker() -> None:
    scene = Scene(workers=0, tests=2)
    scene.start("controller", 0)
    assert scene.dashboard.get_summary()["workers"]["total"] == 1


def test_the_time_left_is_from_learned_durations_where_there_are_any() -> None:
    scene = Scene(workers=2, tests=4)
    run = scene.dashboard.runs[scene.name]
    assert run.seconds_left(scene.clock.now()) is None
    run.expect(dict(zip(scene.tests, (10.0, 2.0, 2.0, 2.0), strict=True)), scene.tests)
    assert run.seconds_left(scene.clock.now()) == 8
    scene.start("gw0", 0)
    scene.start("gw1", 1)
    scene.clock.advance(2)
    scene.tell(finished(scene.tests[1], "gw1", 2, seconds=2))
    assert run.seconds_left(scene.clock.now()) == (8 + 4) / 2
    scene.clock.advance(100)
    assert run.seconds_left(scene.clock.now()) == 4 / 2


@pytest.mark.req("S4.2")
def test_several_sessions_at_once_each_with_its_own_workers() -> None:
    scene = Scene(workers=2, tests=4)
    other = session("20261121-b")
    scene.dashboard.set_sessions([session(), other, session("20261120-old", SessionState.FAILED)])
    scene.start("gw0", 0)
    scene.dashboard.add(other.session_id, CollectionFinished(START, ("x", "y")))
    scene.dashboard.add(other.session_id, WorkerStarted(START, "gw0", 7))
    scene.dashboard.add(other.session_id, TestStarted(START, "x", "gw0"))

    summary = scene.dashboard.get_summary()
    assert summary["sessions"] == {"active": 2, "total": 3}
    assert summary["workers"] == {"total": 3, "idle": 1, "busy": 2, "offline": 0, "utilisation": 0.0}
    assert summary["tasks"] == {"queued": 4, "completed": 0, "failed": 0}
    drawn = scene.dashboard.render()
    assert drawn.startswith("2 sessions, 3 workers (2 busy, 1 idle)")
    assert drawn.index("20261121-a") < drawn.index("test_0") < drawn.index("20261121-b") < drawn.index("  gw0     x")
    assert "old" not in drawn
    assert len(scene.dashboard.render(height=5).splitlines()) == 5


def test_before_anything_is_known_it_is_collecting() -> None:
    dashboard = LiveDashboard(FakeClock(START + 3), memory=lambda process: None)
    assert dashboard.render() == "0 sessions, 0 workers (0 busy, 0 idle), 0% in use, 0 queued"
    dashboard.set_sessions([session()])
    assert dashboard.render().splitlines()[1:] == ["20261121-a  running  pytest -n 4", "  collecting, 3.0 s"]
    assert json.loads(json.dumps(dashboard.as_data()))["runs"][0]["seconds_left"] is None


def test_as_data_tells_the_same() -> None:
    scene = Scene(workers=2, tests=3)
    scene.start("gw1", 0)
    scene.clock.advance(4)
    (run,) = json.loads(json.dumps(scene.dashboard.as_data()))["runs"]
    assert run["running"] == [{"node_id": scene.tests[0], "worker": "gw1", "since": START, "seconds": 4.0}]
    assert [(one["name"], one["live"]) for one in run["workers"]] == [("gw0", True), ("gw1", True)]
    assert (run["total"], run["queued"], run["memory"]) == (3, 2, 30_000_000)


def test_memory_of_a_process(hold_in_process: Callable[[Callable[[], object]], int]) -> None:
    size = resident_bytes(hold_in_process(lambda: None))
    assert size is None or 1_000_000 < size < 10_000_000_000
    assert resident_bytes(2**22 + 1) is None
