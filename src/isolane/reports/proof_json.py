"""A proof as data: ``reports/proof.json``. The schema is described in docs/proof-json.md."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from isolane.model.outcome import Outcome
from isolane.model.proof import SCHEMA, Difference, PhaseResult, Proof
from isolane.reports.hunt_text import finding_as_data


def proof_as_data(proof: Proof) -> dict[str, Any]:
    """Return the proof as what JSON can hold; times are ISO 8601 in UTC, durations seconds."""
    return {
        "schema": SCHEMA,
        "verdict": proof.verdict.value,
        "reason": proof.reason,
        "confidence": proof.confidence,
        "project": proof.project,
        "python": proof.python,
        "python_version": proof.python_version,
        "pytest_version": proof.pytest_version,
        "hash_seed": proof.hash_seed,
        "revision": proof.revision,
        "arguments": list(proof.arguments),
        "started": datetime.fromtimestamp(proof.started, tz=timezone.utc).isoformat(),
        "seconds": round(proof.seconds, 3),
        "baseline_command": proof.baseline_command,
        "tests": {"total": proof.tests, **proof.counts},
        "failures": [
            {"node_id": one.node_id, **_outcome(one.outcome), "message": one.message, "location": one.location}
            for one in proof.failures
        ],
        "phases": [_phase(one) for one in proof.phases],
        "checks": [_phase(one) for one in proof.checks],
        "differences": [_difference(one) for one in proof.differences],
        "causes": [finding_as_data(one) for one in proof.causes],
        "flaky": [
            {"node_id": one.node_id, "outcomes": [_outcome(outcome) for outcome in one.outcomes]} for one in proof.flaky
        ],
        "notes": list(proof.notes),
    }


def _outcome(outcome: Outcome) -> dict[str, str]:
    return {"outcome": outcome.category.value, "detail": outcome.detail}


def _phase(result: PhaseResult) -> dict[str, Any]:
    phase = result.phase
    return {
        "name": phase.name,
        "kind": phase.kind.value,
        "workers": phase.workers,
        "engine": result.engine,
        "seed": phase.seed,
        "module": phase.module,
        "seconds": round(result.seconds, 3),
        "tests": result.tests,
        "failed": result.failed,
        "exit_code": result.exit_code,
        "differences": result.differences,
        "run": result.run_id,
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "node_id": difference.node_id,
        "phase": difference.phase.name,
        "expected": _outcome(difference.expected),
        "found": _outcome(difference.found),
        "message": difference.message,
        "location": difference.location,
        "nature": difference.nature.value,
        "command": difference.command,
        "shown_again": difference.shown_again,
        "missing": difference.missing,
    }
