"""Changes that a suite lives with: found after so many tests that a fresh process for each would cost more than it all.

A cache that every test fills, a configuration that a fixture resets before each test to what it was: to give up a
process for them would be to run each test in a process of its own. So when three tests have been seen to leave a
change at one place, and it is not a dangerous one, processes go on with it. What that could hide is not believed: a
test that fails in such a process is run once more in a fresh one, and if it passes there, no change is tolerated any
more.
"""

from __future__ import annotations

from collections.abc import Iterable

from isolane.model.state import Leak, Level

ENOUGH_OWNERS = 3


class Customs:
    """What is tolerated in a run; kept by its controller, and taken over by each process that it forks."""

    def __init__(self) -> None:
        self._owners: dict[tuple[str, str], set[str]] = {}
        self._trusted = True
        self.tolerated: set[tuple[str, str]] = set()
        """Kind and name, as :attr:`Change.place`."""

    def add(self, leaks: Iterable[Leak]) -> None:
        """Take note of what a test has left."""
        for leak in leaks:
            if leak.change.level is Level.SUSPECT and self._trusted:
                owners = self._owners.setdefault(leak.change.place, set())
                owners.add(leak.owner)
                if len(owners) >= ENOUGH_OWNERS:
                    self.tolerated.add(leak.change.place)

    def distrust(self) -> None:
        """Tolerate nothing any more: a test has failed for it."""
        self._trusted = False
        self.tolerated.clear()
