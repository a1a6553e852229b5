"""Checks each difference's command: it was run once, and showed the difference again or did not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from isolane.model.outcome import MISSING, Outcome
from isolane.model.plan import RunPlan
from isolane.model.proof import Difference, Nature, Phase, PhaseKind, PhaseResult
from isolane.planning.compare import same_outcome
from isolane.usecases.execution import Execution, Observer, differences, execute, result_of, why_missing
from isolane.usecases.suggestion import Suggestion, suggest
from isolane.usecases.workshop import Workshop

_Found = tuple[str, Outcome, Outcome]


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
        found = differences(expected, execution)
        if not found:
            return []
        if phase.kind is PhaseKind.PARALLEL:
            return self._check_parallel(phase, execution, found)
        nature = Nature.ALONE if phase.kind is PhaseKind.MODULE else Nature.ORDER
        suggestion = suggest(self._workshop, replace(execution.plan, label="check"), self._added)
        return self._settle(phase, execution, found, suggestion, nature)

    def _check_parallel(self, phase: Phase, execution: Execution, found: list[_Found]) -> list[Difference]:
        """First the worker's own sequence, in one process; what that does not show needs workers side by side."""
        settled: list[Difference] = []
        # Where records are only kept for the while, a command that reads one would be of no use afterwards.
        sequences = {} if self._workshop.note else execution.record.sequences
        for worker, sequence in sorted(sequences.items()):
            here = [one for one in found if one[0] in set(sequence)]
            if not here or len(sequence) < 2:
                continue
            last = max(sequence.index(node_id) for node_id, _, _ in here)
            order = execution.directory / f"order-{worker or 'lost'}.txt"
            order.write_text("\n".join(sequence[: last + 1]) + "\n", encoding="utf-8", errors="surrogateescape")
            plan = self._serial_plan(execution.plan, order)
            suggestion = suggest(self._workshop, plan, self._added)
            shown = self._settle(phase, execution, here, suggestion, Nature.ORDER)
            settled += [one for one in shown if one.shown_again]
        done = {one.node_id for one in settled}
        rest = [one for one in found if one[0] not in done]
        if rest:
            suggestion = suggest(self._workshop, replace(execution.plan, label="check"), self._added)
            settled += self._settle(phase, execution, rest, suggestion, Nature.PARALLEL)
        place = {node_id: position for position, (node_id, _, _) in enumerate(found)}
        return sorted(settled, key=lambda one: place[one.node_id])

    def _serial_plan(self, plan: RunPlan, order: Path) -> RunPlan:
        return replace(plan, label="check", workers=0, dist=None, order=order)

    def _settle(
        self, phase: Phase, execution: Execution, found: list[_Found], suggestion: Suggestion, nature: Nature
    ) -> list[Difference]:
        """Run the suggestion once and return the differences with what it showed."""
        title = f"check: {phase.name}"
        self._observer.run_started(title, suggestion.plan)
        again = execute(self._workshop, suggestion.plan, self._observer)
        outcomes = again.outcomes
        shown = {node_id for node_id, _, other in found if same_outcome(outcomes.get(node_id, MISSING), other)}
        self._observer.run_finished(title, again.record, f"{len(shown)} of {len(found)} shown again")
        self.results.append(result_of(phase, again, len(shown)))
        settled = []
        absent = why_missing(execution)
        for node_id, expected, other in found:
            finished = execution.record.finished.get(node_id)
            settled.append(
                Difference(
                    node_id=node_id,
                    phase=phase,
                    expected=expected,
                    found=other,
                    message=finished.message if finished else absent,
                    location=finished.location if finished else "",
                    nature=nature if node_id in shown else Nature.INTERMITTENT,
                    command=suggestion.text,
                    shown_again=node_id in shown,
                )
            )
        return settled
