"""Changes that a suite lives with: found after so many tests that a fresh process for each would cost more than it all.

A cache that every test fills, a configuration that a fixture resets before each test to what it was: to give up a
process for them would be to run each test in a process of its own. So there is a budget for fresh processes, a share of
the tests' own time. While it is used up, processes go on with what is only suspect; and when three tests have been
seen to leave a suspect change at one place, or ten a dangerous one, they go on with that for good.

What that could hide is not believed: a test that fails in such a process is run once more in a fresh one, and if it
passes there, nothing is tolerated any more, whatever it costs.
"""

from __future__ import annotations

from collections.abc import Iterable

from isolane.model.state import Leak, Level

ENOUGH_OWNERS = {Level.SUSPECT: 3, Level.DANGEROUS: 10}
"""How many tests have to leave a change at one place."""
SHARE = 0.1
"""How much of the tests' own time fresh processes, and running tests again, may cost."""
FREE = 5
"""How many fresh processes are not counted: a small suite gets all it needs."""


class Customs:
    """What is tolerated in a run; kept by its controller, and taken over by each process that it forks."""

    def __init__(self) -> None:
        self._owners: dict[tuple[str, str], set[str]] = {}
        self._trusted = True
        self._tested = self._spent = 0.0
        self._free = FREE
        self.tolerated: set[tuple[str, str]] = set()
        """Kind and name, as :attr:`Change.place`."""

    @property
    def lenient(self) -> bool:
        """Whether the budget is used up, so that what is only suspect is lived with for the moment."""
        return self._trusted and self._spent > SHARE * self._tested

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
            if enough is not None and self._trusted:
                owners = self._owners.setdefault(leak.change.place, set())
                owners.add(leak.owner)
                if len(owners) >= enough:
                    self.tolerated.add(leak.change.place)

    def distrust(self) -> None:
        """Tolerate nothing any more: a test has failed for it."""
        self._trusted = False
        self.tolerated.clear()
