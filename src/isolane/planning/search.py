"""How a search asks its questions: probes, many at once, and an answer for each.

Pure: probes are yielded, and their answers are sent back. What is asked of a probe is how its last test ends. Nothing
here knows how probes are run; each runs in a process in which nothing has run before.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from isolane.model.hunt import Answer, Probe
from isolane.model.outcome import Category, Outcome
from isolane.planning.compare import same_outcome

CONFIRMATIONS = 3
"""How often a test runs alone before anything is said of it."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Batch:
    """Probes that may run side by side. enough: an answer that makes those behind it needless; None: all count.

    at_once: all of them run at the same time, and nothing beside them, as workers of one run would: named as such, with
    one home and one directory for temporary files. Of two the first one begins. one_by_one: from now on
    no two probes run side by side, but where they are to.
    """

    probes: Sequence[Probe]
    enough: Callable[[Answer], bool] | None = None
    at_once: bool = False
    one_by_one: bool = False


Search = Generator[Batch, Sequence[Answer | None], Result]
"""Is sent an answer for each probe, in order; None for those that were left out."""


def has_turned(alone: Outcome, outcome: Outcome) -> bool:
    """Return whether a test that ends so alone has ended otherwise: one that is bad alone, well.

    That it did not come to run says nothing of it.
    """
    if outcome.category is Category.MISSING:
        return False
    return not outcome.is_bad if alone.is_bad else not same_outcome(outcome, alone)
