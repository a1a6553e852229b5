"""Many runs of one suite: what is asked of them, and what is told of each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any


class Behaviour(str, Enum):
    """What is wrong with a test that did not pass in every run; one word for one thing."""

    BROKEN = "broken"
    """Failed in every run, and by itself."""
    FLAKY = "flaky"
    """Failed in some runs though order and seed were the same."""
    ORDER = "order- or seed-dependent"
    """Fails after certain tests, in certain orders or with certain seeds, in those again and again."""
    COLLISION = "collision"
    """Fails while another run of the suite is going on, and not where it has the machine to itself."""
    UNCLEAR = "unclear"
    """Failed in some orders; whether they are what makes it fail is not known."""


@dataclass(frozen=True)
class StressOrders:
    """What is asked of a session whose runs are forked; goes through the handover as JSON.

    count: how many runs side by side. runs: how many at most, None for no such limit. rate: go on until each test's
    flake rate is known to be under it, or over it. seconds: start no run after so long. varied: each run has an order
    and a seed of its own, drawn by ``seed`` and its number; else all have that of ``seed``, or the suite's own.
    """

    count: int
    runs: int | None
    rate: float | None = None
    seconds: float | None = None
    varied: bool = False
    seed: int | None = None
    stall_seconds: float | None = None

    def encode(self) -> str:
        """Return it as text."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> StressOrders:
        """Return what :meth:`encode` wrote."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class StressedRun:
    """One run. number: from 1. worker: who made it; after a crash another one, the last. workers: whose test that was,
    of each failed one. bad: how they ended, by node id. died: how a process of it died, if one did.

    seconds: from its first test's start to its last one's end.
    """

    number: int
    run_id: str
    worker: str
    seed: int | None
    tests: int
    bad: Mapping[str, str]
    workers: Mapping[str, str]
    died: str = ""
    seconds: float = 0.0

    def as_data(self) -> dict[str, Any]:
        """Return it in types that JSON has."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> StressedRun:
        """Return what :meth:`as_data` told of."""
        return cls(**data)


@dataclass(frozen=True)
class Tally:
    """How one test ended, in all runs.

    outcomes: how often it ended how. first: the run in which it failed first, by number. well: the first in which it
    did not, 0 where there is none. What was made once more, with nothing beside it, as (how often the test failed, of
    how often): alone: the first run in which it failed; elsewhere: one in which it had not; by_itself: no other test.
    """

    failures: int
    runs: int
    outcomes: Mapping[str, int]
    first: int = 0
    well: int = 0
    alone: tuple[int, int] = (0, 0)
    elsewhere: tuple[int, int] = (0, 0)
    by_itself: tuple[int, int] = (0, 0)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Tally:
        """Return what became a list of lists in JSON."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in data.items()
        }
        return cls(**values)
