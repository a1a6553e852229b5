"""Changes that a suite lives with: found after so many tests that a fresh process for each would cost more than it all.

A cache that every test fills, a configuration that a fixture resets before each test to what it was: to give up a
process for them would be to run each test in a process of its own. So there is a budget for fresh processes, a share of
the tests' own time. While it is used up, processes go on with what is only suspect; and when three tests have been
seen to leave a suspect change at one place, or five a dangerous one, they go on with that for good.

What that could hide is not believed: a test that fails in such a process is run once more in a fresh one. If it passes
there, the places that were dirty in its process are *doubted*: nothing is lived with there any more, also when the
budget is used up. Only while it is *overdrawn*, and fresh processes have cost as much as the tests themselves, are they
lived with like the others. So doubts cost about the tests' own time at most, and who fails is still run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum

from isolane.model.state import Change, Leak, Level

ENOUGH_OWNERS = {Level.SUSPECT: 3, Level.DANGEROUS: 5}
"""How many tests have to leave a change at one place."""
SHARE = 0.05
"""How much of the tests' own time fresh processes, and running tests again, may cost."""
MOST = 1.0
"""The same where a test has failed for what was left: from here on the budget is overdrawn."""
FREE = 3
"""How many fresh processes are not counted: a small suite gets all it needs."""


Place = tuple[str, str]
"""Kind and name, as :attr:`Change.place`."""


class Budget(IntEnum):
    """What is left for fresh processes."""

    LEFT = 0
    USED_UP = 1
    OVERDRAWN = 2


class Customs:
    """What is tolerated in a run; kept by its controller, and taken over by each process that it forks."""

    def __init__(self) -> None:
        self._owners: dict[Place, set[str]] = {}
        self._tested = self._spent = 0.0
        self._free = FREE
        self.tolerated: set[Place] = set()
        """Where enough tests have left something."""
        self.doubted: set[Place] = set()
        """Where something had been left when a test failed that passes in a fresh process."""
        self.is_outdated: Callable[[], bool] = lambda: False
        """Asked in a forked process: whether places are doubted since of which it does not know. Then all are."""

    @property
    def budget(self) -> Budget:
        """How much may still be spent on fresh processes."""
        if self._spent <= SHARE * self._tested:
            return Budget.LEFT
        return Budget.USED_UP if self._spent <= MOST * self._tested else Budget.OVERDRAWN

    def are_broken_by(self, change: Change, budget: Budget) -> bool:
        """Return whether a process with such a change is to be given up."""
        place = change.place
        if budget is not Budget.OVERDRAWN and (place in self.doubted or self.is_outdated()):
            return change.level is not Level.HARMLESS
        if not change.level.is_dirt or place in self.tolerated:
            return False
        return change.level is Level.DANGEROUS or budget is Budget.LEFT

    def tested(self, seconds: float) -> None:
        """Take note of time that went into tests."""
        self._tested += seconds

    def spent(self, seconds: float) -> None:
        """Take note of time that went into a fresh process, or into tests that are run again."""
        self._free -= 1
        if self._free < 0:
            self._spent += seconds

    def add(self, leaks: Iterable[Leak]) -> None:
        """Take note of what a test has left."""
        for leak in leaks:
            enough = ENOUGH_OWNERS.get(leak.change.level)
            if enough is not None:
                owners = self._owners.setdefault(leak.change.place, set())
                owners.add(leak.owner)
                if len(owners) >= enough:
                    self.tolerated.add(leak.change.place)

    def doubt(self, places: Iterable[Place]) -> None:
        """Tolerate nothing more at these places: a test has failed for what was left at one of them."""
        self.doubted.update(places)
