"""Which line is to blame for a change that stays: looked for while the steps of a run go by.

A step is a look at the state: the lines that had run since the look before, and what differed from the beginning. A
place may differ for a while and be put back, or differ already and be changed again:

    line 1  SEEN = {}            nothing differs
    line 2  SEEN["a"] = 1        SEEN['a'] differs
    line 3  SEEN.clear()         nothing differs
    line 4  SEEN["a"] = 1        SEEN['a'] differs
    line 5  SEEN["a"] += 1       SEEN['a'] differs, and is another value

To blame is line 4: after it the place differed, and has ever since. Line 5 is told as well: it made it what it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from isolane.model.explanation import Blame, Stack
from isolane.model.state import Change

Place = tuple[str, str]
"""Kind and name of what can change."""


class CulpritSearch:
    """Keeps of all steps two for each place that differs: when that began, and when it last changed."""

    def __init__(self) -> None:
        self._found: dict[Place, tuple[Blame, Change]] = {}

    def step(self, stack: Stack, differing: Mapping[Place, Change]) -> None:
        """Take a step. differing: all that is not as it was at the beginning, now that these lines have run."""
        found = self._found
        for place in [place for place in found if place not in differing]:
            del found[place]
        for place, change in differing.items():
            known = found.get(place)
            if known is None:
                found[place] = Blame(stack, stack), change
            elif known[1] != change:
                found[place] = Blame(known[0].since, stack), change

    def blame(self, change: Change) -> Blame | None:
        """Return who is to blame for a change that is there after the last step; ``None`` where no step showed it.

        A change of the same container counts where this one's own key was not seen to change.
        """
        known = self._found.get((change.kind, change.name))
        if known is None:
            known = next((one for one in self._found.values() if one[1].place == change.place), None)
        return known[0] if known else None
