"""Generators that a test has seeded are told and given back; those that it has only used go on."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from isolane.model.clock import FakeClock
from isolane.model.state import Change, Level
from isolane.process_state.random_state import RandomStateKind

KIND = RandomStateKind(reseeded=False)
SEEDED = Change("random_state", "random", "where it was", "seeded", Level.SUSPECT)
MOVED = Change("random_state", "random", "where it was", "moved on", Level.HARMLESS)


@pytest.fixture(autouse=True)
def undone() -> Iterator[None]:
    state = random.getstate()
    yield
    random.setstate(state)


def found(change: Callable[[], object]) -> list[Change]:
    before = KIND.snapshot()
    change()
    return [found for found in KIND.diff(before, KIND.snapshot()) if found.name == "random"]


@pytest.mark.req("R2.4")
@pytest.mark.parametrize("drawn", [0, 1, 623, 624, 5000])
def test_seeding_is_told_however_many_numbers_are_drawn_then_and_given_back(drawn: int) -> None:
    random.getrandbits(32 * 100)
    state = random.getstate()
    before = KIND.snapshot()
    assert found(lambda: (random.seed(42), random.getrandbits(32 * drawn or 1))) == [SEEDED]
    KIND.restore(before)
    assert random.getstate() == state
    assert KIND.diff(before, KIND.snapshot()) == []


@pytest.mark.parametrize("drawn", [1, 523, 524, 525, 624, 1247, 1248, 1249, 50_000, 99_000])
def test_drawing_is_harmless_and_the_next_test_gets_other_numbers(drawn: int) -> None:
    random.seed(7)
    random.getrandbits(32 * 100)
    before = KIND.snapshot()
    assert found(lambda: random.getrandbits(32 * drawn)) == [MOVED]
    state = random.getstate()
    KIND.restore(before)
    assert random.getstate() == state


@pytest.mark.parametrize(("seconds", "told"), [(0.001, "seeded"), (0.1, "moved on"), (10, "moved on")])
def test_who_takes_long_may_have_drawn_many(seconds: float, told: str) -> None:
    clock = FakeClock()
    kind = RandomStateKind(reseeded=False, clock=clock)
    before = kind.snapshot()
    random.getrandbits(32 * 300_000)
    clock.advance(seconds)
    assert [change.after for change in kind.diff(before, kind.snapshot())] == [told]


def test_running_ahead_ends() -> None:
    clock = FakeClock()
    kind = RandomStateKind(reseeded=False, clock=clock)
    before = kind.snapshot()
    random.seed(42)
    clock.advance(1e9)
    assert kind.diff(before, kind.snapshot()) == [SEEDED]


def test_gauss_and_shuffle_are_drawing_too() -> None:
    assert found(lambda: random.gauss(0, 1)) == [MOVED]
    assert found(lambda: random.shuffle(list(range(2000)))) == [MOVED]


def test_a_state_that_is_put_back_is_no_change_and_one_from_earlier_is_suspect() -> None:
    random.seed(7)
    earlier = random.getstate()
    random.random()
    state = random.getstate()
    assert found(lambda: (random.seed(0), random.random(), random.setstate(state))) == []
    assert found(lambda: random.setstate(earlier)) == [SEEDED]


def test_a_seed_of_a_fixture_stays_and_a_number_that_it_drew_is_no_matter() -> None:
    initial = KIND.snapshot()
    random.seed(1)
    before = KIND.snapshot()
    random.random()
    assert KIND.rebase(initial, before, KIND.snapshot()) == initial
    before = KIND.snapshot()
    random.seed(2)
    fixtures = random.getstate()
    pending = KIND.rebase(initial, before, KIND.snapshot())
    random.seed(3)
    KIND.restore(pending)
    assert random.getstate() == fixtures


def test_the_number_that_gauss_has_in_reserve_is_given_back() -> None:
    random.seed(7)
    random.gauss(0, 1)
    state = random.getstate()
    assert state[2] is not None
    before = KIND.snapshot()
    random.seed(8)
    KIND.restore(before)
    assert random.getstate() == state


@pytest.mark.parametrize("implementation", [sys.implementation.name, "another"])
def test_the_state_that_is_looked_up_is_the_one_that_is_told(
    implementation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.implementation, "name", implementation)
    kind = RandomStateKind(reseeded=False)
    for drawn in (1, 623, 1):
        random.getrandbits(32 * drawn)
        assert struct.unpack("=625I", kind.snapshot().python) == random.getstate()[1]


def test_whatever_stands_in_for_the_generator_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "getstate", lambda: 5)
    kind = RandomStateKind(reseeded=False)
    before = kind.snapshot()
    assert before.python is None
    kind.restore(before)
    assert kind.diff(before, kind.snapshot()) == []


def in_new_process(script: str) -> str:
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert child.stderr == ""
    return child.stdout


@pytest.mark.parametrize(("plugin", "told"), [("pytest_randomly", 0), ("json", 1)])
def test_where_every_test_is_seeded_anew_nothing_can_be_left(plugin: str, told: int) -> None:
    script = f"""
import random, {plugin}
from isolane.process_state.random_state import RandomStateKind
kind = RandomStateKind()
before = kind.snapshot()
random.seed(42)
print(len(kind.diff(before, kind.snapshot())))
"""
    if plugin == "pytest_randomly":
        pytest.importorskip(plugin)
    assert in_new_process(script) == f"{told}\n"


def test_numpys_generator_is_looked_at_in_the_same_way() -> None:
    pytest.importorskip("numpy")
    script = """
import sys
from isolane.process_state.random_state import RandomStateKind
kind = RandomStateKind(reseeded=False)
kind.snapshot()
assert "numpy" not in sys.modules
import numpy

def told(change):
    before = kind.snapshot()
    change()
    return [(change.name, change.after) for change in kind.diff(before, kind.snapshot())]

print(told(lambda: numpy.random.seed(42)))
before = kind.snapshot()
state = numpy.random.get_state()
for drawn in (1, 624, 5000):
    print(told(lambda: numpy.random.random(drawn)))
kind.restore(before)
print(numpy.random.get_state()[2] == state[2])
numpy.random.seed(1)
numpy.random.random(1000)
kind.restore(before)
print((numpy.random.get_state()[1] == state[1]).all(), numpy.random.get_state()[2] == state[2])
print(told(lambda: numpy.random.default_rng(5).random()))
"""
    moved = "[('numpy.random', 'moved on')]\n"
    assert in_new_process(script) == "[('numpy.random', 'seeded')]\n" + 3 * moved + "False\nTrue True\n[]\n"
