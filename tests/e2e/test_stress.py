"""``isolane stress``: runs in forks of one collection, kept so that a failing one can be shown again."""

from __future__ import annotations

import errno
import os
import shlex
from typing import Any

import pytest

from isolane.engines import pytest_process, serial
from isolane.model.plan import RunPlan
from isolane.usecases.observer import Silence
from isolane.usecases.stress import StressRequest, stress

FORKED = {
    "test_a.py": """
        import os
        from pathlib import Path

        HERE = Path(__file__).parent
        with (HERE / "collected").open("a") as file:
            print(os.getpid(), file=file)
        state = []

        def test_pollutes(): state.append(1)

        def test_victim(): assert not state

        def test_every_other_time():
            count = HERE / "count"
            number = int(count.read_text()) + 1 if count.exists() else 1
            count.write_text(str(number))
            assert number % 2

        def test_temporary(tmp_path):
            assert tmp_path.name == "test_temporary0"
            (tmp_path / "file").touch()
    """
}


def test_one_collection_does_for_all_runs_and_a_failing_one_is_shown_again(project: Any) -> None:
    ended = project.write(FORKED).isolane("stress", "4", "-n", "1", "--json", "--", "-p", "no:randomly")
    assert ended.code == 1, ended.text
    assert len((project.path / "collected").read_text().splitlines()) == 1
    assert (ended.data["runs"], ended.data["forked"], ended.data["failed_runs"]) == (4, True, 4)
    victim, flaky = ended.data["misbehaving"]
    assert (victim["node_id"], victim["behaviour"]) == ("test_a.py::test_victim", "order- or seed-dependent")
    assert (victim["by_itself"], victim["failures"]) == ([0, 5], 4)
    assert (flaky["node_id"], flaky["behaviour"], flaky["failures"]) == (
        "test_a.py::test_every_other_time",
        "flaky",
        2,
    )
    runs = project.runs()
    assert [(run.header.label, run.header.engine) for run in runs] == [("stress", "fork")] * 4
    assert sorted(run.header.run_id for run in runs) == sorted(ended.data["run_ids"])
    assert "assert not [1]" in (runs[0].directory / "output.txt").read_text()
    words = shlex.split(victim["replay"])
    shown = project.isolane(*words[words.index("replay") :])
    assert shown.code == 1, shown.text
    assert "1 failed, 1 passed, 2 deselected" in shown.out


def test_orders_vary_and_what_depends_on_them_is_told_from_what_is_flaky(project: Any) -> None:
    ended = project.write(FORKED).isolane(
        "stress", "6", "-n", "2", "--orders", "varied", "--json", "test_a.py::test_pollutes", "test_a.py::test_victim"
    )
    assert ended.code == 1, ended.text
    (victim,) = ended.data["misbehaving"]
    assert 0 < victim["failures"] < 6
    assert victim["behaviour"] == "order- or seed-dependent"
    assert sorted(run.header.seed for run in project.runs()) == [1, 2, 3, 4, 5, 6]
    assert {(run.header.workers, run.header.dist) for run in project.runs()} == {(2, "each")}


def test_it_goes_on_until_the_rate_is_known_and_says_why_it_does_not_fork(project: Any) -> None:
    project.write({"test_a.py": "def test_a(): pass\n"})
    ended = project.isolane("stress", "--until-rate", "30%", "-n", "2")
    assert ended.code == 0, ended.text
    assert "9 runs of 1 test in 2 workers, a run each" in ended.out  # 0.7^9 is 4.04 %
    assert "no test has a flake rate over 30.00%, at 95% confidence." in ended.out
    a_thread = "import threading\nthreading.Thread(target=threading.Event().wait, name='waits', daemon=True).start()\n"
    project.write({"conftest.py": a_thread})
    ended = project.isolane("stress", "1", "-n", "1")
    assert ended.code == 0, ended.text
    assert ended.out.startswith("Each run in a new interpreter, and not in a fork: thread 'waits' alive")


@pytest.mark.parametrize("fresh", [("--fresh",), ()], ids=["asked for", "a hash seed of its own each"])
def test_fresh_runs_collect_each_time(project: Any, fresh: tuple[str, ...]) -> None:
    environment = {} if fresh else {"PYTHONHASHSEED": "random"}
    ended = project.write(FORKED).isolane("stress", "2", "-n", "1", *fresh, "test_a.py::test_pollutes", **environment)
    assert ended.code == 0, ended.text
    assert len((project.path / "collected").read_text().splitlines()) == 2
    assert ("PYTHONHASHSEED=random gives each" in ended.out) is not bool(fresh)


REFUSES = """
    import errno
    import os

    real, tried = os.fork, []

    def fork():
        tried.append(1)
        if len(tried) <= {times}:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        return real()

    os.fork = fork
"""


def test_a_run_that_the_system_has_no_room_for_is_made_later(project: Any) -> None:
    project.write({"test_a.py": "def test_a(): pass\n", "conftest.py": REFUSES.format(times=2)})
    ended = project.isolane("stress", "3", "-n", "2", "--json")
    assert ended.code == 0, ended.text
    assert (ended.data["runs"], ended.data["forked"], ended.data["failed_runs"]) == (3, True, 0)


def test_a_fresh_run_that_the_system_has_no_room_for_is_made_later(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write({"test_a.py": "def test_a(): pass\n"})
    real, tried = pytest_process.run_pytest, []

    def run_pytest(plan: RunPlan, *others: Any) -> Any:
        tried.append(plan.label)
        if len(tried) == 1:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return real(plan, *others)

    monkeypatch.setattr(serial, "run_pytest", run_pytest)
    result = stress(StressRequest(project.path, 1, workers="1", fresh=True), Silence())

    assert (result.runs, result.failed_runs, len(tried)) == (1, 0, 2)
