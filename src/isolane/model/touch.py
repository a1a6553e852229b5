"""What tests touch outside their process, and which of them get in each other's way there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import combinations, product
from typing import Any


class Sort(str, Enum):
    """What is touched."""

    FILE = "file"
    """A file or directory that is written, made, renamed or removed; or read, and another test writes it."""
    PORT = "port"
    """A port of this machine that is bound; none that the system chose itself."""
    DATABASE = "db"
    """An SQLite file that is opened."""
    CONNECTION = "connection"
    """An address that is connected to."""
    PROGRAM = "program"
    """A program that is started. What that touches itself, nobody hears of."""
    VARIABLE = "env"
    """An environment variable that is set or removed: of this process, and of programs that it starts."""


IN_THE_WAY = frozenset({Sort.FILE, Sort.PORT, Sort.DATABASE})
"""What two processes cannot both have as they like."""


@dataclass(frozen=True, order=True)
class Touch:
    """One thing that is touched. name: its path, seen from the project where it lies there, its number, its name.

    writes: whether it may be changed: then nobody else may have it at the same time.
    """

    sort: Sort
    name: str
    writes: bool = True

    @property
    def resource(self) -> str:
        """Return what the marker ``isolane_resource`` is to name it."""
        return f"{self.sort.value}:{self.name}"


@dataclass(frozen=True)
class TestTouches:
    """What a test touches; also what fixtures touch that it uses, of whatever scope.

    resources: those that its markers name, and whether exclusively. alone: it is marked to run alone.
    """

    __test__ = False
    test: str
    touches: frozenset[Touch]
    resources: frozenset[tuple[str, bool]] = frozenset()
    alone: bool = False


@dataclass(frozen=True)
class Conflict:
    """One thing that some tests must not touch at the same time.

    exclusive: tests that may change it. shared: those that only read it. unmarked: those whose markers do not keep
    them from the others yet.
    """

    resource: str
    exclusive: tuple[str, ...]
    shared: tuple[str, ...] = ()
    unmarked: tuple[str, ...] = ()

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield the pairs of tests that must not run at the same time."""
        yield from combinations(self.exclusive, 2)
        yield from product(self.exclusive, self.shared)


@dataclass(frozen=True)
class TouchMap:
    """What a suite touches. failed: how many tests did: what they would have touched is not known. run: its name."""

    tests: Sequence[TestTouches]
    at_import: frozenset[Touch]
    conflicts: Sequence[Conflict]
    failed: int
    run: str
    count: int = 0
    notes: Sequence[str] = ()

    def as_data(self) -> dict[str, Any]:
        """Return it in types that JSON has."""
        return {
            "run": self.run,
            "tests_run": self.count,
            "failed": self.failed,
            "tests": {one.test: _plain(one.touches) for one in self.tests if one.touches},
            "at_import": _plain(self.at_import),
            "conflicts": [
                {
                    "resource": one.resource,
                    "exclusive": list(one.exclusive),
                    "shared": list(one.shared),
                    "unmarked": list(one.unmarked),
                    "pairs": [list(pair) for pair in one.pairs()],
                }
                for one in self.conflicts
            ],
            "not_seen": list(self.notes),
        }


def _plain(touches: frozenset[Touch]) -> list[Mapping[str, Any]]:
    return [{"sort": one.sort.value, "name": one.name, "writes": one.writes} for one in sorted(touches)]
