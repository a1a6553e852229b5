"""Policy and loops of asyncio are given back; what asyncio and its plugins do all the time is harmless."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import warnings
from asyncio import events
from collections.abc import Iterator

import pytest

from isolane.model.state import Change, Level
from isolane.process_state.base import RestoreError
from isolane.process_state.event_loop import EventLoopKind

KIND = EventLoopKind()
MAKES_LOOPS = sys.version_info < (3, 14)
"""Whether get_event_loop makes a loop where there is none."""


with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.14: policies are on their way out

    class OwnPolicy(asyncio.DefaultEventLoopPolicy):
        """A policy that is not asyncio's."""


@pytest.fixture(autouse=True)
def undone() -> Iterator[None]:
    """Start as a process does that has not used asyncio; close what loops are left current."""
    policy = events._event_loop_policy
    events._event_loop_policy = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield
    events._set_running_loop(None)
    loop = getattr(getattr(events._event_loop_policy, "_local", None), "_loop", None)
    events._event_loop_policy = policy
    if loop is not None:
        loop.close()


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.mark.req("R2.4")
def test_a_policy_is_told_and_given_back_with_its_loop(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    before = KIND.snapshot()
    asyncio.set_event_loop_policy(OwnPolicy())
    policy, current = KIND.diff(before, KIND.snapshot())
    assert policy == Change("event_loop", "policy", "asyncio's", f"{__name__}.OwnPolicy object")
    assert current.level is Level.HARMLESS
    KIND.restore(before)
    assert events._event_loop_policy is before.policy
    assert asyncio.get_event_loop_policy().get_event_loop() is loop
    assert KIND.diff(before, KIND.snapshot()) == []


def test_looking_makes_neither_policy_nor_loop_and_asyncios_own_policy_may_come() -> None:
    before = KIND.snapshot()
    assert events._event_loop_policy is None
    asyncio.get_event_loop_policy()
    after = KIND.snapshot()
    assert after.policy is not None
    assert KIND.diff(before, after) == []
    KIND.restore(before)
    assert events._event_loop_policy is after.policy


@pytest.mark.req("R2.4")
def test_a_closed_loop_that_stays_current_is_dangerous(loop: asyncio.AbstractEventLoop) -> None:
    before = KIND.snapshot()
    asyncio.set_event_loop(loop)
    loop.close()
    (change,) = KIND.diff(before, KIND.snapshot())
    assert (change.name, change.after, change.level) == (
        "current loop",
        f"{type(loop).__module__}.{type(loop).__qualname__} object, closed",
        Level.DANGEROUS,
    )
    KIND.restore(before)
    assert KIND.diff(before, KIND.snapshot()) == []
    if MAKES_LOOPS:
        assert not asyncio.get_event_loop_policy().get_event_loop().is_closed()


def test_one_closed_loop_after_another_is_no_worse(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.close()
    before = KIND.snapshot()
    asyncio.set_event_loop(other := asyncio.new_event_loop())
    other.close()
    assert [change.level for change in KIND.diff(before, KIND.snapshot())] == [Level.HARMLESS]


def test_an_idle_loop_is_harmless_and_one_with_work_left_is_suspect(loop: asyncio.AbstractEventLoop) -> None:
    before = KIND.snapshot()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(asyncio.sleep(0))
    loop.call_later(1000, print).cancel()
    assert [change.level for change in KIND.diff(before, KIND.snapshot())] == [Level.HARMLESS]
    loop.call_later(1000, print)
    assert [change.level for change in KIND.diff(before, KIND.snapshot())] == [Level.SUSPECT]
    KIND.restore(before)
    assert not loop.is_closed(), "others may have it"


def test_a_loop_closed_under_others_hands_is_told_and_cannot_be_had_back(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    before = KIND.snapshot()
    loop.close()
    assert [change.level for change in KIND.diff(before, KIND.snapshot())] == [Level.DANGEROUS]
    with pytest.raises(RestoreError, match="loop-closed"):
        KIND.restore(before)


@pytest.mark.req("R2.4")
def test_a_loop_that_is_said_to_run_is_told_and_forgotten(loop: asyncio.AbstractEventLoop) -> None:
    before = KIND.snapshot()
    events._set_running_loop(loop)
    assert [(change.name, change.before, change.level) for change in KIND.diff(before, KIND.snapshot())] == [
        ("running loop", None, Level.DANGEROUS)
    ]
    KIND.restore(before)
    asyncio.run(asyncio.sleep(0))


def test_a_run_is_harmless_and_after_restoring_a_loop_is_made_when_asked_for_again() -> None:
    before = KIND.snapshot()
    asyncio.run(asyncio.sleep(0))
    assert {change.level for change in KIND.diff(before, KIND.snapshot())} <= {Level.HARMLESS}
    KIND.restore(before)
    assert KIND.diff(before, KIND.snapshot()) == []
    if MAKES_LOOPS:
        assert not asyncio.get_event_loop_policy().get_event_loop().is_closed()


def test_whatever_is_current_instead_of_a_loop_does_no_harm() -> None:
    before = KIND.snapshot()
    asyncio.get_event_loop_policy()._local._loop = 5
    assert [change.level for change in KIND.diff(before, KIND.snapshot())] == [Level.HARMLESS]
    KIND.restore(before)
    assert KIND.diff(before, KIND.snapshot()) == []


def test_a_fixtures_loop_stays_and_the_tests_policy_goes(loop: asyncio.AbstractEventLoop) -> None:
    initial = KIND.snapshot()
    asyncio.set_event_loop_policy(OwnPolicy())
    before = KIND.snapshot()
    asyncio.set_event_loop(loop)
    pending = KIND.rebase(initial, before, KIND.snapshot())
    asyncio.set_event_loop(None)
    KIND.restore(pending)
    assert not isinstance(asyncio.get_event_loop_policy(), OwnPolicy)
    assert asyncio.get_event_loop_policy().get_event_loop() is loop
    assert KIND.rebase(pending, before, before) == pending


def test_nobody_imports_asyncio_to_look() -> None:
    script = """
import sys
from isolane.process_state.event_loop import EventLoopKind
kind = EventLoopKind()
before = kind.snapshot()
kind.restore(before)
assert "asyncio" not in sys.modules
import asyncio
print(kind.diff(before, kind.snapshot()))
"""
    child = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)
    assert (child.stdout, child.stderr) == ("[]\n", "")
