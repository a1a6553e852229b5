"""A worker's connections, between two real processes."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from isolane.engines.fork.lane import FINISH, Board, ControllerGoneError, Lane, Order
from isolane.engines.fork.messages import Broken, Decoder, Finished, Message, Started
from isolane.engines.fork.process import Process, fork


@pytest.fixture
def lane():
    one = Lane("gw0", Board())
    yield one
    one.close()


def forked(lane: Lane, does: Callable[[Lane], object]) -> Process:
    """Let a worker do that in a process of its own; its exit code is 1 where that failed."""

    def child() -> None:
        try:
            lane.enter()
            does(lane)
        except BaseException:  # noqa: BLE001  # it must not come back into the test
            os._exit(1)
        os._exit(0)

    process = fork(child)
    lane.hold()
    return process


def ended(process: Process) -> str:
    process.reap()
    process.close()
    return process.cause()


def heard(lane: Lane, process: Process) -> list[Message]:
    """Everything that the worker says until it ends."""
    assert ended(process) == "exited with code 0"
    return list(Decoder().feed(lane.messages.recv(1 << 18)))


def test_a_worker_gets_its_orders_in_order_and_waits_for_the_next(lane):
    def repeats(worker: Lane) -> None:
        while (order := worker.wait()).unit != FINISH:
            worker.send(Started(order.unit, ("", order.first, str(order.token))))

    process = forked(lane, repeats)
    for order in (Order(11, 3, 0), Order(2**40, 4, 17), Order(0, FINISH, 0)):
        assert lane.give(order)

    assert heard(lane, process) == [Started(3, ("", 0, "11")), Started(4, ("", 17, str(2**40)))]


def test_what_waits_can_be_taken_back_and_the_worker_never_sees_it(lane):
    for number in range(3):
        lane.give(Order(number, number, 0))
    assert lane.take_back() == Order(0, 0, 0)

    def takes_all(worker: Lane) -> None:
        while (order := worker.poll()) is not None:
            worker.send(Finished(order.unit))

    assert heard(lane, forked(lane, takes_all)) == [Finished(1), Finished(2)]
    assert lane.take_back() is None


def test_every_order_is_taken_once_whoever_is_quicker(lane):
    """Both sides read the same inbox as fast as they can."""
    orders = 200

    def races(worker: Lane) -> None:
        while (order := worker.wait()).unit != FINISH:
            worker.send(Finished(order.unit))

    process = forked(lane, races)
    lane.inbox.setblocking(True)
    stolen = []
    for number in range(orders):
        lane.give(Order(0, number, 0))
        if number % 3 == 0 and (order := lane.take_back()) is not None:
            stolen.append(order.unit)
    lane.give(Order(0, FINISH, 0))

    done = [message.test for message in heard(lane, process)]
    assert sorted(done + stolen) == list(range(orders))
    assert done == sorted(done)


def test_all_workers_see_at_once_that_no_test_may_start(lane):
    def looks(worker: Lane) -> None:
        before = worker.board.stopped
        worker.wait()
        worker.send(Broken(f"{before} {worker.board.stopped}"))

    process = forked(lane, looks)
    lane.board.stop()
    lane.give(Order(0, 0, 0))

    (said,) = heard(lane, process)
    assert isinstance(said, Broken)
    assert said.text.endswith("True")


def test_a_worker_that_waits_notices_that_its_controller_is_gone(lane):
    def waits(worker: Lane) -> None:
        with pytest.raises(ControllerGoneError):
            worker.wait()
        with pytest.raises(ControllerGoneError):
            worker.send(Finished(0))

    process = forked(lane, waits)
    lane.close()

    assert ended(process) == "exited with code 0"


def test_an_order_to_a_worker_that_has_gone_is_refused(lane):
    process = forked(lane, lambda worker: None)
    ended(process)
    lane._inbox_in.close()  # the controller's own copy, from which it steals

    assert lane.give(Order(0, 0, 0)) is False


def test_a_child_of_a_test_says_nothing_and_gets_no_orders(lane):
    lane.give(Order(0, 5, 0))

    def forks(worker: Lane) -> None:
        child = os.fork()
        if child == 0:
            worker.send(Finished(99))
            worker.poll()  # ends it: it has come out of its test
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
        order = worker.poll()
        assert order is not None
        worker.send(Finished(order.unit))

    assert heard(lane, forked(lane, forks)) == [Finished(5)]


def test_what_a_dead_worker_had_printed_is_still_there(lane):
    def prints(worker: Lane) -> None:
        os.write(worker.captured[0], b"to stdout \xff\n")
        os.write(worker.captured[1], b"x" * 300_000 + b"the end")
        os.kill(os.getpid(), 9)

    assert ended(forked(lane, prints)) == "killed by SIGKILL"
    out, error, trace = lane.printed()
    assert out == "to stdout �\n"
    assert error.endswith("the end")
    assert len(error) == 1 << 18
    assert trace == ""
