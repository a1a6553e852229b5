"""Whether parallel runs may stay the default, from the last runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from isolane.model.record import RunRecord
from isolane.planning.compare import same_outcome

LAST_RUNS = 3
MOST_NEW_FLAKY = 0.05
MOST_INTERMITTENT = 2
MOST_SLOWER = 2.0


@dataclass(frozen=True)
class GateDecision:
    """keep: whether parallel runs stay. reasons: why not. facts: what was looked at. tests: those that misbehaved."""

    keep: bool
    reasons: tuple[str, ...]
    facts: tuple[str, ...]
    tests: tuple[str, ...]


@dataclass(frozen=True)
class GateFigures:
    """What the gate decides on. tests: in the newest serial run. misbehaving: those that are newly flaky.

    slower: the parallel time, over the serial.
    """

    serial_runs: int
    parallel_runs: int
    tests: int
    misbehaving: tuple[str, ...]
    intermittent: int
    slower: float

    @property
    def share(self) -> float:
        """Return which part of the tests is newly flaky."""
        return len(self.misbehaving) / max(1, self.tests)


def measure_gate(serial: Sequence[RunRecord], parallel: Sequence[RunRecord]) -> GateFigures:
    """Return the figures. serial, parallel: whole runs, newest first, at least one of each.

    A test is newly flaky when it ended the same way in all serial runs, and otherwise in one of the last three
    parallel runs. An intermittent failure is one such test failing in one such run. A test that is not in the
    serial runs (it is new, or was not asked for) says nothing.
    """
    last = parallel[:LAST_RUNS]
    stable = {
        node_id: outcome
        for node_id, outcome in serial[0].outcomes.items()
        if all(same_outcome(outcome, run.outcomes.get(node_id, outcome)) for run in serial[1:])
    }
    misbehaving: set[str] = set()
    intermittent = 0
    for run in last:
        for node_id, outcome in run.outcomes.items():
            if node_id in stable and not same_outcome(stable[node_id], outcome):
                misbehaving.add(node_id)
                intermittent += outcome.is_bad
    slower = median(run.seconds for run in last) / max(1e-9, median(run.seconds for run in serial[:LAST_RUNS]))
    return GateFigures(
        len(serial), len(last), len(serial[0].outcomes), tuple(sorted(misbehaving)), intermittent, slower
    )


def decide_gate(serial: Sequence[RunRecord], parallel: Sequence[RunRecord]) -> GateDecision:
    """Return the decision over :func:`measure_gate`'s figures."""
    found = measure_gate(serial, parallel)
    share, intermittent, runs = found.share, found.intermittent, found.parallel_runs
    reasons = []
    if share > MOST_NEW_FLAKY:
        reasons.append(f"{share:.1%} of the tests are newly flaky (over {MOST_NEW_FLAKY:.0%})")
    if intermittent > MOST_INTERMITTENT:
        reasons.append(f"{intermittent} intermittent failures in {runs} runs (over {MOST_INTERMITTENT})")
    if found.slower > MOST_SLOWER:
        reasons.append(f"parallel takes {found.slower:.1f} × the serial time (over {MOST_SLOWER:.0f} ×)")
    facts = (
        f"{runs} parallel run{'s' if runs != 1 else ''} against {found.serial_runs} serial",
        f"{len(found.misbehaving)} of {found.tests} tests newly flaky ({share:.1%})",
        f"{intermittent} intermittent failure{'s' if intermittent != 1 else ''}",
        f"parallel / serial time {found.slower:.2f}",
    )
    return GateDecision(not reasons, tuple(reasons), facts, found.misbehaving)
