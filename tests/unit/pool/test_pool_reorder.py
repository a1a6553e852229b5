from __future__ import annotations

import threading
from itertools import permutations

import pytest

from isolane.model.clock import FakeClock
from isolane.pool import ReorderBuffer

pytestmark = [pytest.mark.req("RB1")]


def filled(count: int) -> ReorderBuffer:
    buffer = ReorderBuffer(FakeClock())
    assert [buffer.submit() for _ in range(count)] == list(range(count))
    return buffer


def test_reverse_order() -> None:
    buffer = filled(5)

    assert [buffer.complete(index, f"result {index}") for index in (4, 3, 2, 1)] == [False] * 4
    assert buffer.take_ready() == []
    assert buffer.complete(0, "result 0")
    assert [one.result for one in buffer.take_ready()] == [f"result {index}" for index in range(5)]
    assert buffer.take_ready() == []


def test_gaps() -> None:
    buffer = filled(7)
    handed_out = []
    for index in (0, 2, 4, 6, 1, 3, 5):
        buffer.complete(index, index)
        handed_out.append([one.submit_index for one in buffer.take_ready()])

    assert handed_out == [[0], [], [], [], [1, 2], [3, 4], [5, 6]]
    assert buffer.pending_count == 0


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_any_order(order: tuple[int, ...]) -> None:
    buffer = filled(4)
    handed_out = []
    for index in order:
        buffer.complete(index, index)
        handed_out += [one.result for one in buffer.take_ready()]

    assert handed_out == [0, 1, 2, 3]


def test_timings() -> None:
    clock = FakeClock()
    buffer = ReorderBuffer(clock)
    buffer.submit()
    clock.advance(1)
    buffer.submit()
    clock.advance(1)
    buffer.complete(1, "second")
    clock.advance(1)
    buffer.complete(0, "first")

    first, second = buffer.take_ready()
    assert (first.submitted_at, first.completed_at, first.completed_as) == (0, 3, 1)
    assert (second.submitted_at, second.completed_at, second.completed_as) == (1, 2, 0)


def test_what_is_there_can_be_had_over_gaps() -> None:
    buffer = filled(4)
    for index in (3, 1):
        buffer.complete(index, index)

    assert [one.submit_index for one in buffer.take_all()] == [1, 3]
    assert buffer.pending_count == 2
    assert buffer.submitted_count == 4


@pytest.mark.parametrize("index", [2, -1])
def test_a_place_that_was_never_submitted(index: int) -> None:
    with pytest.raises(ValueError, match="never submitted"):
        filled(2).complete(index, None)


@pytest.mark.parametrize("handed_out", [False, True])
def test_a_second_result_for_a_place(handed_out: bool) -> None:
    buffer = filled(2)
    buffer.complete(0, None)
    if handed_out:
        buffer.take_ready()

    with pytest.raises(ValueError, match="place 0 has its result"):
        buffer.complete(0, None)


def test_many_threads() -> None:
    buffer = ReorderBuffer()
    together = threading.Barrier(8)
    handed_out: list[int] = []
    taking = threading.Lock()

    def work() -> None:
        together.wait(20)
        for _ in range(100):
            index = buffer.submit()
            buffer.complete(index, index)
            with taking:
                handed_out.extend(one.result for one in buffer.take_ready())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert handed_out == list(range(800))
