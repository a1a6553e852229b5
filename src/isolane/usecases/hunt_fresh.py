"""A hunt whose probes cannot be forked: each is a run of its own, in a new interpreter, one after the other."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from isolane.engines.scratch import Scratch, ScratchKeeper
from isolane.model.explanation import Explained
from isolane.model.hunt import Answer, HuntOrders, Probe
from isolane.model.outcome import MISSING, Category, Outcome
from isolane.model.plan import FINDINGS_NAME
from isolane.planning.search import Batch, Search
from isolane.planning.whole_hunt import WholeHunt
from isolane.statistics.flake_rate import are_different
from isolane.usecases.execution import Execution, execute
from isolane.usecases.observer import Observer
from isolane.usecases.workshop import Workshop

_SILENCE = 120.0
"""Seconds without a word after which a probe is taken for hung."""


class FreshHunt:
    """hunted: the run that collected the tests, and could not be forked. scratch: the copy in which it ran."""

    def __init__(
        self, workshop: Workshop, hunted: Execution, scratch: Scratch | None, orders: HuntOrders, observer: Observer
    ) -> None:
        self._workshop = workshop
        self._plan = replace(hunted.plan, label="probe", stall_seconds=orders.silence or _SILENCE)
        self._order = hunted.directory / "order-of-probe.txt"
        self._keeper = ScratchKeeper(scratch.original, scratch.copy) if scratch else None
        self._orders = replace(orders, count=1, are_cheap=False)
        self._observer = observer
        self._probes = 0

    def run(self, tests: Sequence[str]) -> list[dict[str, Any]]:
        """Hunt, and return what is told."""
        told: list[dict[str, Any]] = []
        whole = WholeHunt(
            self._orders, tests, tell=told.append, probes=lambda: self._probes, are_different=are_different
        )
        self._drive(whole.search())
        return [*told, {"probes": self._probes}]

    def _drive(self, search: Search[None]) -> None:
        generator: Generator[Batch, Sequence[Answer | None], None] = search
        try:
            batch = next(generator)
            while True:
                batch = generator.send(self._answers(batch))
        except StopIteration:
            return

    def _answers(self, batch: Batch) -> list[Answer | None]:
        answers: list[Answer | None] = [None] * len(batch.probes)
        for place, probe in enumerate(batch.probes):
            answer = answers[place] = self._answer(probe)
            if batch.enough is not None and batch.enough(answer):
                break
        return answers

    def _answer(self, probe: Probe) -> Answer:
        self._probes += 1
        title = f"probe {self._probes}"
        self._order.write_text("\n".join(probe.tests) + "\n", encoding="utf-8", errors="surrogateescape")
        # What a probe leaves that has been killed goes with this.
        with tempfile.TemporaryDirectory(prefix="isolane-hunt-", ignore_cleanup_errors=True) as temporary:
            home = Path(temporary, "home")
            home.mkdir()
            places = {**self._plan.environment, "TMPDIR": temporary, "HOME": str(home)}
            plan = replace(self._plan, probe=("probe", probe.encode()), order=self._order, environment=places)
            self._observer.run_started(title, plan)
            execution = execute(self._workshop, plan, self._observer)
        self._observer.run_finished(title, execution.record, "")
        if self._keeper is not None:
            self._keeper.refresh()
        outcomes = {test: _plain(outcome) for test, outcome in execution.record.outcomes.items()}
        found = _found(execution)
        shutil.rmtree(execution.directory, ignore_errors=True)
        return Answer(outcomes, outcomes.get(probe.asked, MISSING), execution.seconds, tuple(found))


def _plain(outcome: Outcome) -> Outcome:
    """Return a crash as a crash: how the process ended is told otherwise of a fork."""
    return Outcome(outcome.category) if outcome.category in (Category.CRASHED, Category.HUNG) else outcome


def _found(execution: Execution) -> list[Explained]:
    try:
        lines = (execution.directory / FINDINGS_NAME).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [Explained.from_plain(json.loads(line)) for line in lines]
