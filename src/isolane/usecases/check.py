"""Checks each difference's command: it was run once, and showed the difference again or did not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from isolane.model.outcome import MISSING, Outcome
from isolane.model.plan import RunPlan
from isolane.model.proof import PYTEST_ITSELF, Difference, Nature, Phase, PhaseKind, PhaseResult
from isolane.planning.compare import same_outcome
from isolane.usecases.execution import Execution, cut_off, differences, execute, result_of
from isolane.usecases.observer import Observer
from isolane.usecases.suggestion import Suggestion, suggest
from isolane.usecases.workshop import Workshop

_NATURES = {PhaseKind.MODULE: Nature.ALONE, PhaseKind.TEST: Nature.COMPANY}


class Checker:
    """Runs the commands that are to be printed, one run for all differences of a phase that share it."""

    def __init__(
        self, workshop: Workshop, observer: Observer, baseline: Mapping[str, Outcome], added: tuple[str, ...]
    ) -> None:
        self._workshop = workshop
        self._observer = observer
        self._baseline = baseline
        self._added = added
        self.results: list[PhaseResult] = []

    def check(self, phase: Phase, execution: Execution, expected: Mapping[str, Outcome]) -> list[Difference]:
        """Return the phase's differences, each with a command that was run to see whether it shows it again."""
        found = list(_found(phase, execution, expected))
        if not found:
            return []
        if phase.kind is PhaseKind.PARALLEL:
            return self._check_parallel(execution, found)
        nature = _NATURES.get(phase.kind, Nature.ORDER)
        suggestion = suggest(self._workshop, replace(execution.plan, label="check"), self._added)
        return self._settle(found, suggestion, nature)

    def _check_parallel(self, execution: Execution, found: list[Difference]) -> list[Difference]:
        """First the worker's own sequence, in one process; what that does not show needs workers side by side."""
        settled: list[Difference] = []
        # Where records are only kept for the while, a command that reads one would be of no use afterwards.
        sequences = {} if self._workshop.note else execution.record.sequences
        for worker, sequence in sorted(sequences.items()):
            here = [one for one in found if one.node_id in set(sequence)]
            if not here or len(sequence) < 2:
                continue
            last = max(sequence.index(one.node_id) for one in here)
            order = execution.directory / f"order-{worker or 'lost'}.txt"
            order.write_text("\n".join(sequence[: last + 1]) + "\n", encoding="utf-8", errors="surrogateescape")
            suggestion = suggest(self._workshop, self._serial_plan(execution.plan, order), self._added)
            settled += [one for one in self._settle(here, suggestion, Nature.ORDER) if one.shown_again]
        done = {one.node_id for one in settled}
        rest = [one for one in found if one.node_id not in done]
        if rest:
            suggestion = suggest(self._workshop, self._parallel_plan(execution), self._added)
            settled += self._settle(rest, suggestion, Nature.PARALLEL)
        place = {one.node_id: position for position, one in enumerate(found)}
        return sorted(settled, key=lambda one: place[one.node_id])

    def _parallel_plan(self, execution: Execution) -> RunPlan:
        """Return the plan once more, with its engine where that would not be found again by itself."""
        plan, record = replace(execution.plan, label="check"), execution.record
        pytest_alone_can = record.engine == "xdist" and not self._workshop.interpreter.has("isolane")
        if pytest_alone_can or record.setting("engine") == "serial":
            return replace(plan, engine=record.engine)
        return plan

    def _serial_plan(self, plan: RunPlan, order: Path) -> RunPlan:
        return replace(plan, label="check", workers=0, dist=None, order=order)

    def _settle(self, found: list[Difference], suggestion: Suggestion, nature: Nature) -> list[Difference]:
        """Run the suggestion once and return the differences with what it showed."""
        phase = found[0].phase
        title = f"check: {phase.name}"
        self._observer.run_started(title, suggestion.plan)
        again = execute(self._workshop, suggestion.plan, self._observer)
        outcomes = again.outcomes
        shown = {one.node_id for one in found if same_outcome(outcomes.get(one.node_id, MISSING), one.found)}
        self._observer.run_finished(title, again.record, f"{len(shown)} of {len(found)} shown again")
        self.results.append(result_of(phase, again, len(shown)))
        return [
            replace(
                one,
                nature=nature if one.node_id in shown else Nature.INTERMITTENT,
                command=suggestion.text,
                shown_again=one.node_id in shown,
            )
            for one in found
        ]


def _found(phase: Phase, execution: Execution, expected: Mapping[str, Outcome]) -> Iterator[Difference]:
    """Yield a run's differences as far as the run itself tells of them."""
    for node_id, before, now in differences(expected, execution):
        if node_id == PYTEST_ITSELF:
            missing = len(cut_off(expected, execution))
            yield Difference(node_id, phase, before, now, execution.failure, missing=missing)
            continue
        finished = execution.record.finished.get(node_id)
        message, location = (finished.message, finished.location) if finished else ("", "")
        yield Difference(node_id, phase, before, now, message, location)
