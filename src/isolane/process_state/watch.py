"""Looks after each test at what it left behind, for a share of the tests' own time.

Some kinds of state are looked at in microseconds, after each test. The *dear* ones take longer than a quick test
runs, so they have a budget: they are looked at when the tests since the last look have taken long enough to pay for
it, and whenever the caller wants to know for sure. Tests since the last such look are *unchecked*: when dirt is
found, any of them may be who left it, and any that came later may have met it.

What a fixture of wider scope sets up is not left by the test in whose time that happens. It is left behind by the
fixture if it is still there when the fixture has been torn down.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from isolane.model.clock import Clock, SystemClock
from isolane.model.state import Change, Level
from isolane.process_state.base import Kind, RestoreError
from isolane.process_state.glance import Glance
from isolane.process_state.region_kind import RegionKind

DEFAULT_SHARE = 0.025
_States = Mapping[Kind[Any], Any]
Suspect = tuple[str, str]
"""A kind's name, and the module in which it has changed; an empty text where the kind does not go by modules."""


class Findings(NamedTuple):
    """What a look has found. whole: the dear kinds were looked at, too, so that nothing is unchecked.

    seen: the quick kinds were looked at; nothing was, where not.
    """

    changes: tuple[Change, ...]
    whole: bool
    seen: bool = True

    @property
    def dirty(self) -> bool:
        """Whether anything was found that may change what another test sees."""
        return any(change.level.is_dirt for change in self.changes)

    @property
    def doubtful(self) -> bool:
        """Whether anything was found for which a test may fail."""
        return any(change.level is not Level.HARMLESS for change in self.changes)


class _Owner:
    """A fixture that is set up: the state from before it, and what it has changed."""

    def __init__(self, before: _States) -> None:
        self.before = before
        self.at_teardown: _States | None = None
        self.names: set[tuple[str, str]] = set()
        self.of_others: set[tuple[str, str]] = set()


class StateWatch:
    """Knows what the state of this process should be, and finds what is otherwise.

    quick, dear: kinds of state, see above. share: how much of the tests' time the dear ones may take, 0 to 1.
    is_accepted: changes that nobody wants to hear of.
    """

    def __init__(
        self,
        quick: Sequence[Kind[Any]],
        dear: Sequence[Kind[Any]] = (),
        share: float = DEFAULT_SHARE,
        is_accepted: Callable[[Change], bool] = lambda _change: False,
        clock: Clock | None = None,
    ) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"share {share} is over 0 and at most 1")
        self._quick = tuple(quick)
        self._dear = tuple(dear)
        self._glance = Glance(self._quick)
        self._share = share
        self._is_accepted = is_accepted
        self._clock = clock or SystemClock()
        self._expected: dict[Kind[Any], Any] = {}
        self._owners: dict[Hashable, _Owner] = {}
        self._setting_up: list[_Owner] = []
        self._look_seconds = 0.0
        self._last_look_ended = 0.0
        self._quick_seconds = 0.0
        self._last_quick_ended = 0.0

    def begin(self) -> None:
        """Take the state as it is for the one that should be."""
        self._glance.take(self._quick)
        self._expected = _states(self._quick + self._dear)
        started = self._clock.monotonic()
        self._look_at(self._dear)  # the first took many times as long as any other will
        self._last_look_ended = self._last_quick_ended = self._clock.monotonic()
        self._look_seconds = self._last_look_ended - started

    def begin_in_fork(self) -> None:
        """Do the same in a forked process: what was done in it so far, by functions that are called at a fork, is not
        a test's. Only what has moved since the fork is read again.
        """
        kinds = self._glance.moved()
        self._glance.take(kinds)
        self._expected.update(_states((*kinds, *self._dear)))
        self._last_look_ended = self._last_quick_ended = self._clock.monotonic()

    # -- fixtures of wider scope

    def owner_begins(self, owner: Hashable) -> None:
        """A fixture is about to be set up."""
        record = self._owners[owner] = _Owner(self._now())
        self._setting_up.append(record)

    def owner_is_ready(self, owner: Hashable, *, failed: bool = False) -> None:
        """It is set up, and what it changed is its own. failed: what it changed, nobody will take back."""
        record = self._owners[owner]
        while self._setting_up and self._setting_up.pop() is not record:
            pass
        if failed:
            del self._owners[owner]
            return
        now = self._follow(record.before)
        record.names = self._names(record.before, now) - record.of_others
        for outer in self._setting_up:
            outer.of_others |= record.names

    def owner_ends(self, owner: Hashable) -> None:
        """It is about to be torn down."""
        record = self._owners.get(owner)
        if record is not None and record.at_teardown is None:
            record.at_teardown = self._now()

    def owner_has_ended(
        self, owner: Hashable, is_to_go: Callable[[Change], bool] = lambda _change: False
    ) -> tuple[Change, ...]:
        """It is torn down: return what it has left behind.

        is_to_go: what is not to stay. It is found by the next look, and can be put back then, where nothing else of its
        kind has been changed since the fixture was set up, by anyone who counts on it: a kind is put back whole.
        """
        record = self._owners.pop(owner, None)
        if record is None or record.at_teardown is None:
            return ()
        now = self._follow(record.at_teardown)
        names = record.names | self._names(record.at_teardown, now)
        left = tuple(change for change in self._changes(record.before, now) if (change.kind, change.name) in names)
        going = {(change.kind, change.name) for change in left if is_to_go(change)}
        kinds = {kind for kind, _ in going}
        for kind, before in record.before.items():
            if kind.name in kinds and all(
                change.level is Level.HARMLESS or (change.kind, change.name) in going
                for change in kind.diff(before, self._expected[kind])
            ):
                self._expected[kind] = before
                self._glance.forget()
        return left

    # -- looking

    def is_due(self) -> bool:
        """Return whether the tests since the last whole look have taken long enough to pay for another."""
        return (self._clock.monotonic() - self._last_look_ended) * self._share >= self._look_seconds

    def suspect(self, change: Change) -> Suspect:
        """Return the part of the state that a change is in, as :meth:`look` takes it."""
        kind = next((kind for kind in self._dear if kind.name == change.kind), None)
        return change.kind, kind.region_of(change.name) if isinstance(kind, RegionKind) else ""

    def _has_moved(self, suspects: Collection[Suspect]) -> bool:
        for kind in self._dear:
            for name, region in suspects:
                if kind.name == name and (
                    kind.has_moved(region)
                    if isinstance(kind, RegionKind)
                    else kind.snapshot() is not self._expected[kind]
                ):
                    return True
        return False

    def look(self, *, closely: bool, sparingly: bool = False, suspects: Collection[Suspect] = ()) -> Findings:
        """Return what has changed since the last look; from now on it is as it should be.

        closely: look at everything, whatever it costs. Dirt makes it so, too: it will be asked who it was. sparingly:
        the quick kinds have the same share of the tests' time as the dear ones, and are not looked at otherwise.
        suspects: parts of the state of dear kinds that are asked whether they have changed; if so, everything is
        looked at.
        """
        started = self._clock.monotonic()
        if sparingly and not closely and (started - self._last_quick_ended) * self._share < self._quick_seconds:
            return Findings((), whole=False, seen=False)
        kinds = self._glance.moved()
        if kinds:
            self._glance.take(kinds)
        changes = self._look_at(kinds)
        self._last_quick_ended = self._clock.monotonic()
        self._quick_seconds = (self._quick_seconds + self._last_quick_ended - started) / 2
        dirt = any(change.level.is_dirt for change in changes)
        whole = closely or dirt or not self._dear or self.is_due() or self._has_moved(suspects)
        if whole and self._dear:
            changes += self._look_at(self._dear)
        ended = self._clock.monotonic()
        if whole:
            self._look_seconds = (self._look_seconds + ended - started) / 2
            self._last_look_ended = self._last_quick_ended = ended
        return Findings(tuple(changes), whole)

    def restore(self, expected: _States, changes: Sequence[Change]) -> tuple[Change, ...]:
        """Put back what can be put back of ``changes``; return what is left of them.

        expected: from :meth:`expected`, taken before the look that found them.
        """
        kinds = {change.kind for change in changes}
        left: list[Change] = []
        for kind, before in expected.items():
            if kind.name in kinds:
                with suppress(RestoreError):
                    kind.restore(before)
                after = self._expected[kind] = kind.snapshot()
                left += kind.diff(before, after)
        self._glance.forget()
        names = {(change.kind, change.name) for change in changes}
        return tuple(change for change in left if (change.kind, change.name) in names)

    def expected(self) -> _States:
        """Return the state that should be, as of now."""
        return dict(self._expected)

    # -- the steps they share

    def _look_at(self, kinds: Sequence[Kind[Any]]) -> list[Change]:
        found: list[Change] = []
        expected = self._expected
        for kind in kinds:
            before = expected[kind]
            after = expected[kind] = kind.snapshot()
            changes = kind.diff(before, after)
            if changes:
                found += [change for change in changes if not self._is_accepted(change)]
        return found

    def _now(self) -> dict[Kind[Any], Any]:
        """Return the state as it is now; what a glance finds as it should be is not looked at."""
        return {**self._expected, **_states((*self._glance.moved(), *self._dear))}

    def _follow(self, before: _States) -> _States:
        """Let the changes since ``before`` be as it should be; return the state as it is now."""
        now = self._now()
        for kind, after in now.items():
            if before[kind] is not after:
                self._expected[kind] = kind.rebase(self._expected[kind], before[kind], after)
        self._glance.forget()
        return now

    def _changes(self, before: _States, now: _States) -> list[Change]:
        return [
            change
            for kind, after in now.items()
            if before[kind] is not after
            for change in kind.diff(before[kind], after)
            if not self._is_accepted(change)
        ]

    def _names(self, before: _States, now: _States) -> set[tuple[str, str]]:
        return {(change.kind, change.name) for change in self._changes(before, now)}


def _states(kinds: Sequence[Kind[Any]]) -> dict[Kind[Any], Any]:
    return {kind: kind.snapshot() for kind in kinds}
