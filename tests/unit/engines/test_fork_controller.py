"""The controller's loop over real forked processes that know nothing of pytest: they do what a unit's key says."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

from isolane.engines.fork.controller import Controller
from isolane.engines.fork.hearing import Hearing
from isolane.engines.fork.known_worker import Worker
from isolane.engines.fork.lane import FINISH, ONE_TEST, Board, Lane
from isolane.engines.fork.listener import Crash, Limits
from isolane.engines.fork.messages import Finished, Goodbye, Message, Started, WantsWork
from isolane.engines.fork.starts import Starts
from isolane.model.errors import IsolaneError
from isolane.planning.units import Unit


@dataclass
class Heard:
    """A listener that writes down what it is told. when_started: called with worker and test."""

    when_started: Callable[[str, int], None] = lambda worker, test: None
    started: list[tuple[str, int]] = field(default_factory=list)
    finished: list[tuple[str, int]] = field(default_factory=list)
    crashes: list[Crash] = field(default_factory=list)
    abandoned: list[int] = field(default_factory=list)
    lines: list[tuple[str, str, str]] = field(default_factory=list)
    workers: dict[str, str] = field(default_factory=dict)
    process_ids: list[int] = field(default_factory=list)

    def worker_starts(self, worker: str) -> None:
        self.workers[worker] = "starts"

    def worker_started(self, worker: str, process_id: int) -> None:
        self.workers[worker] = "there"
        self.process_ids.append(process_id)

    def message(self, worker: str, message: Message) -> None:
        if isinstance(message, Started):
            self.started.append((worker, message.test))
            self.when_started(worker, message.test)
        elif isinstance(message, Finished):
            self.finished.append((worker, message.test))

    def printed(self, worker: str, stream: str, line: str) -> None:
        self.lines.append((worker, stream, line))

    def worker_crashed(self, crash: Crash, *, replaced: bool) -> None:
        self.workers[crash.worker] = "replaced" if replaced else "crashed"
        self.crashes.append(crash)

    def worker_stopped(self, worker: str) -> None:
        self.workers[worker] = "stopped"

    def given_up(self, tests: Sequence[int], cause: str) -> None:
        self.abandoned += tests


def run(
    units: Sequence[Unit],
    count: int,
    does: Callable[[Lane, int], object],
    limits: Limits = Limits(),  # noqa: B008  # immutable
    heard: Heard | None = None,
    starts: Starts | None = None,
) -> tuple[Controller, Heard]:
    """Run the units; ``does`` is called in the worker for each test."""
    heard = heard or Heard()

    def worker(lane: Lane) -> NoReturn:
        with contextlib.suppress(BaseException):
            signal.signal(signal.SIGINT, signal.default_int_handler)
            out, _ = lane.enter()
            os.dup2(out, 1)
            with contextlib.suppress(KeyboardInterrupt):
                work(lane)
            lane.send(Goodbye({}))
            os._exit(0)
        os._exit(99)

    def work(lane: Lane) -> None:
        while True:
            order = lane.poll()
            if order is None:
                lane.send(WantsWork())
                order = lane.wait()
            if order.unit == FINISH:
                return
            for test in (order.first,) if order.unit == ONE_TEST else units[order.unit].tests[order.first :]:
                if lane.board.stopped:
                    return
                lane.send(Started(test, ("", 0, "")))
                does(lane, test)
                lane.send(Finished(test))

    controller = Controller(units, count, worker, heard, limits, starts=starts)
    heard.controller = controller  # type: ignore[attr-defined]
    controller.run()
    assert_nothing_is_left(heard)
    return controller, heard


def assert_nothing_is_left(heard: Heard) -> None:
    for process_id in heard.process_ids:
        with pytest.raises(ChildProcessError):  # waited for, each of them
            os.waitpid(process_id, os.WNOHANG)


def units_of(*sizes: int) -> list[Unit]:
    numbers = iter(range(10_000))
    return [Unit(f"unit-{position}", tuple(next(numbers) for _ in range(size))) for position, size in enumerate(sizes)]


def open_descriptors() -> set[str]:
    """Return those in use: what only garbage still holds is given up first, whoever made it."""
    gc.collect()
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def nothing(lane: Lane, test: int) -> None:
    pass


@pytest.mark.parametrize("count", [1, 2, 5])
def test_every_test_runs_once_and_a_unit_in_one_worker_in_its_order(count):
    before = open_descriptors()
    units = units_of(3, 1, 4, 1, 5, 9, 2, 6)
    controller, heard = run(units, count, nothing)

    assert sorted(test for _, test in heard.finished) == list(range(31))
    assert Counter(heard.started) == Counter(heard.finished)
    for unit in units:
        ran = [(worker, test) for worker, test in heard.finished if test in unit.tests]
        assert len({worker for worker, _ in ran}) == 1
        assert tuple(test for _, test in ran) == unit.tests
    assert heard.workers == {f"gw{number}": "stopped" for number in range(count)}
    assert controller.coordinator.statistics().completed == len(units)
    assert not open_descriptors() - before


def test_there_are_no_more_workers_than_units():
    assert run(units_of(2, 2), 8, nothing)[1].workers.keys() == {"gw0", "gw1"}
    assert run([], 8, nothing)[1].workers == {}


def test_what_waits_behind_a_long_test_is_taken_by_whoever_has_nothing_left(tmp_path):
    """The long test ends when all others have ended: where they waited behind it, the run would never end."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    units = units_of(*[1] * 12)

    def long_first(lane: Lane, test: int) -> None:
        if test == 0:
            with pipe.open() as wait:
                wait.read()

    class Waits(Heard):
        def message(self, worker: str, message: Message) -> None:
            super().message(worker, message)
            if isinstance(message, Finished) and len(self.finished) == 11:
                with pipe.open("w"):
                    pass

    _, heard = run(units, 2, long_first, heard=Waits())

    (slow,) = {worker for worker, test in heard.finished if test == 0}
    assert [test for worker, test in heard.finished if worker == slow] == [0]


def test_nothing_long_waits_behind_a_long_unit_while_another_worker_could_have_it():
    reader, writer = os.pipe()
    units = [Unit(f"unit-{number}", (number,), seconds) for number, seconds in enumerate((9.0, 6.0, 5.0, 4.0, 0.1))]

    def longest_waits(lane: Lane, test: int) -> None:
        if test == 0:
            os.read(reader, 1)
        elif test == 3:
            os.write(writer, b"x")

    _, heard = run(units, 2, longest_waits)
    os.close(reader)
    os.close(writer)

    (slow,) = {worker for worker, test in heard.started if test == 0}
    assert [test for worker, test in heard.started if worker != slow][:3] == [1, 2, 3]


@pytest.mark.req("S3.1")
def test_a_crash_costs_the_running_test_and_the_rest_of_its_unit_goes_on_elsewhere():
    units = units_of(4, 4)

    def crashes(lane: Lane, test: int) -> None:
        if test == 1:
            os.write(lane.captured[0], b"last words")
            os.kill(os.getpid(), signal.SIGKILL)

    controller, heard = run(units, 2, crashes)

    (crash,) = heard.crashes
    assert (crash.test, crash.cause, crash.printed[0]) == (1, "killed by SIGKILL", "last words")
    assert heard.workers[crash.worker] == "replaced"
    assert Counter(test for _, test in heard.finished) == Counter([0, 2, 3, 4, 5, 6, 7])
    assert Counter(test for _, test in heard.started) == Counter(range(8))
    after = [test for worker, test in heard.finished if test in (2, 3) and worker != crash.worker]
    assert after == [2, 3]
    assert controller.failed_workers == 1
    assert controller.coordinator.statistics().completed == 2


def test_after_five_crashes_of_a_unit_its_rest_is_given_up_and_others_go_on():
    units = units_of(8, 3)

    def crashes(lane: Lane, test: int) -> None:
        if test < 8:
            os._exit(test)

    _, heard = run(units, 2, crashes)

    assert [(crash.test, crash.cause) for crash in heard.crashes] == [
        (test, f"exited with code {test}") for test in range(5)
    ]
    assert heard.abandoned == [5, 6, 7]
    assert sorted(test for _, test in heard.finished) == [8, 9, 10]


@pytest.mark.parametrize(("restarts", "workers"), [(0, 1), (2, 3)])
def test_no_more_workers_are_replaced_than_may_be(restarts, workers):
    def crashes(lane: Lane, test: int) -> None:
        os._exit(1)

    _, heard = run(units_of(*[1] * 9), 1, crashes, Limits(restarts=restarts))

    assert len(heard.workers) == len(heard.crashes) == workers
    assert list(heard.workers.values()) == ["replaced"] * restarts + ["crashed"]


def test_workers_that_die_before_any_test_are_not_replaced_for_ever():
    heard = Heard()

    def worker(lane: Lane) -> NoReturn:
        os._exit(9)

    with pytest.raises(RuntimeError, match=r"^5 workers in a row .* exited with code 9"):
        Controller(units_of(1, 1), 2, worker, heard).run()
    assert len(heard.workers) <= 10
    assert_nothing_is_left(heard)


def test_the_cause_of_the_end_is_told_whatever_becomes_of_those_that_were_still_there():
    heard = Heard()

    def worker(lane: Lane) -> NoReturn:
        if lane.worker == "gw0":
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.pause()  # and be interrupted, without having begun a test
        os._exit(9)

    with pytest.raises(RuntimeError, match=r"^5 workers in a row .* exited with code 9"):
        Controller(units_of(1, 1), 2, worker, heard).run()
    assert heard.crashes[-1].worker == "gw0"
    assert_nothing_is_left(heard)


def refusing(monkeypatch: pytest.MonkeyPatch, refused: Callable[[int], bool]) -> list[int]:
    """Have the system refuse forks, by their number from 0, for want of memory; return the numbers that were tried."""
    tried: list[int] = []
    real = os.fork

    def fork() -> int:
        tried.append(len(tried))
        if refused(tried[-1]):
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        return real()

    monkeypatch.setattr(os, "fork", fork)
    return tried


@pytest.mark.parametrize("by_the_pool", [False, True])
@pytest.mark.parametrize("refused", [(0,), (1, 2), (0, 1, 2)])
def test_a_worker_that_the_system_refuses_is_started_later(
    monkeypatch: pytest.MonkeyPatch, refused: tuple[int, ...], by_the_pool: bool
):
    tried = refusing(monkeypatch, lambda number: number in refused)
    before = open_descriptors()
    starts = Starts() if by_the_pool else None

    for _ in range(2):  # What the first still wanted to start is of no interest to the second.
        _, heard = run(units_of(*[1] * 8), 2, nothing, starts=starts)

        assert sorted(test for _, test in heard.finished) == list(range(8))
        assert len(heard.process_ids) >= 1
        assert not heard.crashes
    assert len(tried) > max(refused)
    assert open_descriptors() <= before


def test_where_the_system_starts_no_worker_at_all_that_is_said(monkeypatch: pytest.MonkeyPatch):
    refusing(monkeypatch, lambda _: True)
    starts = Starts(patience=0.2)

    with pytest.raises(IsolaneError, match=r"no process for worker gw[01]: it was asked \d+ times") as failed:
        run(units_of(1, 1), 2, nothing, starts=starts)

    assert failed.value.slug == "no-room"
    assert {record.request for record in starts.audit.refusals} == {"worker gw0", "worker gw1"}


def test_another_error_of_a_fork_is_not_taken_for_want_of_room(monkeypatch: pytest.MonkeyPatch):
    def fork() -> int:
        raise OSError(errno.ENOSYS, "no fork here")

    monkeypatch.setattr(os, "fork", fork)
    with pytest.raises(OSError, match="no fork here"):
        run(units_of(1), 1, nothing)


def test_a_silent_worker_is_killed_and_its_test_named():
    def hangs(lane: Lane, test: int) -> None:
        if test == 1:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
            while True:
                signal.pause()

    _, heard = run(units_of(3, 1), 2, hangs, Limits(silence=0.6))

    (crash,) = heard.crashes
    assert (crash.test, crash.cause) == (1, "nothing was heard of it for 0.6 s")
    assert sorted(test for _, test in heard.finished) == [0, 2, 3]


def test_after_a_stop_what_runs_is_finished_and_nothing_starts():
    reader, writer = os.pipe()
    heard = Heard()

    def stop(worker: str, test: int) -> None:
        heard.controller.stop()  # type: ignore[attr-defined]
        os.write(writer, b"..")

    heard.when_started = stop
    run(units_of(*[5] * 6), 2, lambda lane, test: os.read(reader, 1), heard=heard)
    os.close(reader)
    os.close(writer)

    assert 1 <= len({worker for worker, _ in heard.started}) == len(heard.started) <= 2
    assert sorted(heard.finished) == sorted(heard.started)
    assert set(heard.workers.values()) == {"stopped"}


def test_a_test_can_be_queued_once_more():
    heard = Heard()

    def again(worker: str, test: int) -> None:
        if Counter(one for _, one in heard.started)[2] == 1 and test == 2:
            heard.controller.run_again(2)  # type: ignore[attr-defined]

    heard.when_started = again
    run(units_of(2, 2, 2), 1, nothing, heard=heard)

    assert Counter(test for _, test in heard.finished) == Counter([0, 1, 2, 2, 3, 4, 5])


@pytest.mark.parametrize("deaf", [False, True], ids=["workers that tear down", "workers that do not hear"])
def test_whatever_interrupts_the_loop_no_worker_is_left_and_that_soon(deaf):
    heard = Heard()

    def hangs(lane: Lane, test: int) -> None:
        while True:
            signal.pause()

    def interrupts(worker: str, test: int) -> None:
        if len(heard.started) == 2:
            raise KeyboardInterrupt

    heard.when_started = interrupts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT} if deaf else ())  # workers inherit it
    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            run(units_of(1, 1, 1), 2, hangs, heard=heard)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    assert time.monotonic() - started < 3.0  # 1.5 s for who does not hear it, and a busy machine
    assert_nothing_is_left(heard)
    assert set(heard.workers.values()) == ({"there"} if deaf else {"stopped"})
    assert heard.crashes == []


def test_lines_arrive_whole_with_their_worker_and_a_last_one_without_an_end_too():
    def prints(lane: Lane, test: int) -> None:
        for part in ("first ", f"{test}\nsec", f"ond {test}\n", "no end"):
            os.write(1, part.encode())

    _, heard = run(units_of(1, 1), 2, prints)

    said = {name: [line for worker, stream, line in heard.lines if worker == name] for name in heard.workers}
    expected: dict[str, list[str]] = {name: [] for name in heard.workers}
    for worker, test in heard.finished:
        expected[worker][-1:] = [f"{expected[worker][-1]}first {test}" if expected[worker] else f"first {test}"]
        expected[worker] += [f"second {test}", "no end"]
    assert said == expected
    assert {stream for _, stream, _ in heard.lines} == {"stdout"}


def test_a_worker_that_has_ended_in_the_same_turn_is_not_read_any_more():
    """Its end and its last message may come at once, and what follows its end was already picked to be read."""
    lane = Lane("gw0", Board())
    ended: Any = Worker("gw0", lane, None)  # type: ignore[arg-type]
    lane.close()

    hearing = Hearing({}, print, print, time.monotonic)
    assert hearing.hear(ended, lane.messages, "messages") is False
    hearing.close()
