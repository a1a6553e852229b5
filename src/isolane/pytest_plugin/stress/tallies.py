"""How often each test ended how, over many runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from isolane.model.outcome import Outcome
from isolane.model.stress import Tally
from isolane.planning.stress import Repetition


class Tallies:
    """Counts. A test that passes every time is no more than the number of runs."""

    def __init__(self) -> None:
        self.runs = 0
        """How many have ended."""
        self._first = 0
        """The run that ended first: a test that has not failed before did not fail there."""
        self._otherwise: dict[str, dict[str, int]] = {}
        """Of each test that has ended otherwise than passed: how often how."""
        self.bad: dict[str, Tally] = {}
        """Those that have failed."""

    def add(self, number: int, outcomes: dict[str, Outcome], unrun: Sequence[str] = ()) -> None:
        """Take a run into account. outcomes: of its tests that did not simply pass. unrun: those it did not come to."""
        self.runs += 1
        bad = {node_id for node_id, outcome in outcomes.items() if outcome.is_bad}
        for node_id, tally in self.bad.items():
            if not tally.well and node_id not in bad and node_id not in unrun:
                self.bad[node_id] = replace(tally, well=number)
        for node_id in unrun:
            counts = self._otherwise.setdefault(node_id, {})
            counts["missing"] = counts.get("missing", 0) + 1
        for node_id, outcome in outcomes.items():
            counts = self._otherwise.setdefault(node_id, {})
            counts[str(outcome)] = counts.get(str(outcome), 0) + 1
            if outcome.is_bad:
                before = self.bad.get(node_id) or Tally(0, 0, {}, first=number, well=self._first)
                self.bad[node_id] = replace(before, failures=before.failures + 1)
        self._first = self._first or number
        for node_id, tally in self.bad.items():
            self.bad[node_id] = replace(tally, runs=self.runs - self._otherwise[node_id].get("missing", 0))

    def repeated(self, repetition: Repetition, outcome: Callable[[str], Outcome]) -> None:
        """Take a repetition into account."""
        for node_id in repetition.tests:
            tally = self.bad[node_id]
            failures, runs = getattr(tally, repetition.of)
            changed: Any = {repetition.of: (failures + outcome(node_id).is_bad, runs + 1)}
            self.bad[node_id] = replace(tally, **changed)

    def final(self) -> dict[str, Tally]:
        """Return the tallies of the tests that have failed, each with how often it ended how."""
        return {node_id: replace(tally, outcomes=self._outcomes(node_id, tally)) for node_id, tally in self.bad.items()}

    def _outcomes(self, node_id: str, tally: Tally) -> dict[str, int]:
        otherwise = {name: count for name, count in self._otherwise[node_id].items() if name != "missing"}
        passed = tally.runs - sum(otherwise.values())
        return {**({"passed": passed} if passed else {}), **otherwise}

    def as_data(self) -> dict[str, Any]:
        """Return them in types that JSON has."""
        return {node_id: asdict(tally) for node_id, tally in self.final().items()}
