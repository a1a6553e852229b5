"""Probes that cannot be forked: each is a run of its own, in a new interpreter, one after the other.

Those about imports never can; of others it depends on the suite.
"""

from __future__ import annotations

import json
import shutil
import site
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from isolane.engines.scratch import Scratch, ScratchKeeper
from isolane.model.explanation import Explained
from isolane.model.hunt import Answer, HuntOrders, Probe
from isolane.model.identity import module_of
from isolane.model.outcome import MISSING, PASSED, Category, Outcome
from isolane.model.plan import FINDINGS_NAME, RunPlan
from isolane.planning.imports import NOT_COLLECTED
from isolane.planning.search import Batch, Search
from isolane.planning.whole_hunt import WholeHunt
from isolane.statistics.flake_rate import are_different
from isolane.usecases.breakage import died
from isolane.usecases.execution import Execution, execute
from isolane.usecases.observer import Observer
from isolane.usecases.selection import options_of, typed_files
from isolane.usecases.workshop import Workshop

_SILENCE = 120.0
"""Seconds without a word after which a probe is taken for hung."""
_GO_ON = "--continue-on-collection-errors"

Result = TypeVar("Result")


class FreshProber:
    """hunted: the run that collected the tests. scratch: the copy in which it ran. probes: how many have run.

    silence: seconds without a word after which a probe is taken for hung; None takes two minutes.
    """

    def __init__(
        self,
        workshop: Workshop,
        hunted: Execution,
        scratch: Scratch | None,
        observer: Observer,
        silence: float | None = None,
    ) -> None:
        self._workshop = workshop
        self._header = hunted.record.header
        self._plan = replace(hunted.plan, label="probe", stall_seconds=silence or _SILENCE)
        self._order = hunted.directory / "order-of-probe.txt"
        self._keeper = ScratchKeeper(scratch.original, scratch.copy) if scratch else None
        self._observer = observer
        self.probes = 0

    def hunt(
        self, orders: HuntOrders, tests: Sequence[str], failed: Mapping[str, Sequence[str]] | None = None
    ) -> list[dict[str, Any]]:
        """Hunt, and return what is told."""
        told: list[dict[str, Any]] = []
        orders = replace(orders, count=1, are_cheap=False)
        whole = WholeHunt(
            orders, tests, tell=told.append, probes=lambda: self.probes, are_different=are_different, failed=failed
        )
        self.drive(whole.search())
        return [*told, {"probes": self.probes}]

    def drive(self, search: Search[Result]) -> Result:
        """Run whatever probes a search asks for, to its end."""
        generator: Generator[Batch, Sequence[Answer | None], Result] = search
        try:
            batch = next(generator)
            while True:
                batch = generator.send(self._answers(batch))
        except StopIteration as end:
            result: Result = end.value
            return result

    def _answers(self, batch: Batch) -> list[Answer | None]:
        answers: list[Answer | None] = [None] * len(batch.probes)
        for place, probe in enumerate(batch.probes):
            answer = answers[place] = self._answer(probe)
            if batch.enough is not None and batch.enough(answer):
                break
        return answers

    def _answer(self, probe: Probe) -> Answer:
        self.probes += 1
        title = f"probe {self.probes}"
        # What a probe leaves that has been killed goes with this.
        with tempfile.TemporaryDirectory(prefix="isolane-hunt-", ignore_cleanup_errors=True) as temporary:
            places = {**self._plan.environment, **own_places(Path(temporary))}
            plan = replace(self._plan_of(probe), probe=("probe", probe.encode()), environment=places)
            self._observer.run_started(title, plan)
            execution = execute(self._workshop, plan, self._observer)
        self._observer.run_finished(title, execution.record, "")
        if self._keeper is not None:
            self._keeper.refresh()
        outcomes = {test: _plain(outcome) for test, outcome in execution.record.outcomes.items()}
        if probe.files is not None:
            module = module_of(probe.asked)
            outcomes[module] = of_file(module, execution)
        lines = list(_lines(execution))
        found = [Explained.from_plain(line) for line in lines if "leak" in line]
        modules = next((tuple(line["modules"]) for line in lines if "modules" in line), ())
        shutil.rmtree(execution.directory, ignore_errors=True)
        return Answer(outcomes, outcomes.get(probe.asked, MISSING), execution.seconds, tuple(found), modules)

    def _plan_of(self, probe: Probe) -> RunPlan:
        if probe.files is None or self._header is None:
            return replace(self._plan, order=self._written(probe.tests))
        words = list(self._plan.arguments)
        if probe.files:
            words = [*options_of(self._header), *typed_files(self._header, probe.files)]
        # A file that cannot be collected without the others is of no interest, but where it is the one asked about.
        words.append(_GO_ON)
        if "::" not in probe.asked:
            return replace(self._plan, arguments=(*words, "--collect-only"))
        return replace(self._plan, arguments=tuple(words), order=self._written(probe.tests))

    def _written(self, tests: Sequence[str]) -> Path:
        self._order.write_text("\n".join(tests) + "\n", encoding="utf-8", errors="surrogateescape")
        return self._order


OWN_PLACES = ("HOME", "TMPDIR", "PYTHONUSERBASE")
"""What :func:`own_places` sets."""


def own_places(home: Path) -> dict[str, str]:
    """Return the environment of a run whose home is this directory, and whose temporary files are in it."""
    temporary = home / "tmp"
    temporary.mkdir()
    # What is installed for the user alone is found by the home, too.
    return {"HOME": str(home), "TMPDIR": str(temporary), "PYTHONUSERBASE": site.getuserbase()}


def _plain(outcome: Outcome) -> Outcome:
    """Return a crash as a crash: how the process ended is told otherwise of a fork."""
    return Outcome(outcome.category) if outcome.category in (Category.CRASHED, Category.HUNG) else outcome


def of_file(module: str, execution: Execution) -> Outcome:
    """Return whether a file was collected, as if that were a test."""
    if any(one.node_id == module for one in execution.record.collection_failures):
        return NOT_COLLECTED
    return Outcome(Category.CRASHED) if died(execution.record) and not execution.record.node_ids else PASSED


def _lines(execution: Execution) -> Iterator[dict[str, Any]]:
    try:
        lines = (execution.directory / FINDINGS_NAME).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return
    yield from map(json.loads, lines)
