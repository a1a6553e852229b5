"""Quarantine: tests that still run and are told of, and do not decide the exit code until a day that is set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

MARK = "quarantined: "
"""How the detail of a quarantined test's outcome begins where it failed: the record of such a run says xfailed."""


@dataclass(frozen=True)
class Entry:
    """One test. test: its node id; that of a function stands for all its parameters. expiry: the last day it holds."""

    test: str
    reason: str
    owner: str
    expiry: date

    def covers(self, node_id: str) -> bool:
        """Return whether it is about this test.

        >>> one = Entry("test_a.py::test_b", "", "", date(2030, 1, 1))
        >>> one.covers("test_a.py::test_b[1]"), one.covers("test_a.py::test_bc")
        (True, False)
        """
        return node_id == self.test or node_id.startswith(f"{self.test}[")

    def holds(self, today: date) -> bool:
        """Return whether it is still in force."""
        return today <= self.expiry


@dataclass(frozen=True)
class Quarantine:
    """All entries of a project."""

    entries: Sequence[Entry] = ()

    def entry_of(self, node_id: str, today: date) -> Entry | None:
        """Return the entry that is in force for a test, if there is one."""
        return next((one for one in self.entries if one.covers(node_id) and one.holds(today)), None)

    def expired(self, today: date) -> list[Entry]:
        """Return the entries that hold no more."""
        return [one for one in self.entries if not one.holds(today)]


@dataclass(frozen=True)
class Standing:
    """What the runs on record say of an entry. runs: how many its tests ran in since they failed last, of how many.

    failures: in how many they failed.
    """

    entry: Entry
    is_expired: bool
    is_healed: bool
    clean_runs: int
    runs: int
    failures: int
