"""The clock that only a test moves, and the machine's."""

from __future__ import annotations

import time

import pytest

from isolane.model.clock import Clock, FakeClock, SystemClock


def test_a_fake_clock_stands_still_until_it_is_moved() -> None:
    clock = FakeClock(start=100.0)

    assert (clock.now(), clock.monotonic()) == (100.0, 0.0)
    assert (clock.now(), clock.monotonic()) == (100.0, 0.0)

    clock.advance(2.5)
    clock.advance(0.5)
    clock.advance(0.0)

    assert (clock.now(), clock.monotonic()) == (103.0, 3.0)
    assert FakeClock().now() == 0.0


def test_sleeping_on_a_fake_clock_takes_its_time_and_none_of_ours() -> None:
    clock = FakeClock()
    before = time.monotonic()

    clock.sleep(3600.0)

    assert clock.monotonic() == 3600.0
    assert time.monotonic() - before < 60


def test_time_cannot_go_back() -> None:
    clock = FakeClock(start=5.0)

    with pytest.raises(ValueError, match="cannot go back: -1"):
        clock.advance(-1)
    with pytest.raises(ValueError, match="cannot go back"):
        clock.sleep(-0.1)
    assert clock.now() == 5.0


def test_the_system_clock_is_the_machines() -> None:
    clock: Clock = SystemClock()

    before = (time.time(), time.monotonic())
    seen = (clock.now(), clock.monotonic())
    clock.sleep(0.01)
    after = (time.time(), time.monotonic())

    assert before[0] <= seen[0] <= after[0]
    assert before[1] <= seen[1] <= after[1] - 0.01
