"""What is said of a run's workers, and of a replay."""

from __future__ import annotations

from tests.unit.model.event_samples import run_started

from isolane.model.outcome import PASSED, Category, Outcome
from isolane.model.replay import Replayed, WorkerRow
from isolane.reports.replay_text import replayed_lines, worker_lines

FAILED = Outcome(Category.FAILED, "KeyError")


def replayed(*otherwise: str, tests: int = 20) -> list[str]:
    pairs = tuple((one, FAILED, PASSED) for one in otherwise)
    return list(replayed_lines(Replayed("gw1", tests, pairs, "pytest", "", 0)))


def test_workers_are_a_table() -> None:
    header = run_started(run_id="RUN", engine="fork", dist="loadscope", argv=("-n", "2", "-k", "a or b"))
    rows = [WorkerRow("gw0", 12, 0, "as it should"), WorkerRow("gw1", 7, 1, "killed by SIGKILL while a ran")]

    assert list(worker_lines(header, rows)) == [
        "RUN: engine fork, --dist loadscope, pytest -n 2 -k 'a or b'",
        "worker   tests  failed  ended",
        "gw0         12       0  as it should",
        "gw1          7       1  killed by SIGKILL while a ran",
    ]
    assert list(worker_lines(header, []))[-1] == "No test of this run is known to have run in a worker."


def test_a_replay_that_is_as_the_run_was_says_so() -> None:
    assert replayed(tests=1) == [
        "1 test of gw1, in one process: all ended as they had in the run.",
        "Once more: pytest",
    ]


def test_what_ended_otherwise_is_listed_but_not_without_end() -> None:
    assert replayed("a", "b")[:3] == [
        "20 tests of gw1, in one process: 2 ended otherwise than in the run:",
        "  a: failed (KeyError), now passed",
        "  b: failed (KeyError), now passed",
    ]
    assert replayed(*"abcdefghijklm")[-2:] == ["  … and 3 more", "Once more: pytest"]
