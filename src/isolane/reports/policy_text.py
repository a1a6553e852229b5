"""What a policy decided, in words and as data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from isolane.policy.steps import VERDICTS
from isolane.policy.verdicts import PolicyDecision, RuleVerdict

_OVERALL = {"roll back": "roll back to serial (PYTEST_WORKERS=1)"}


def decision_lines(decision: PolicyDecision) -> Iterator[str]:
    """Yield the verdict over all, and each rule's, with its reason and what it saw."""
    yield f"{_OVERALL.get(decision.verdict, decision.verdict)}: {decision.policy}, run {decision.run_id}"
    width = max(map(len, VERDICTS))
    for one in decision.verdicts:
        yield f"  {one.verdict:{width}}  {one.rule}{f': {one.reason}' if one.reason else ''}{_numbers(one)}"


def decision_as_data(decision: PolicyDecision) -> dict[str, Any]:
    """Return the decision as what JSON can hold."""
    return {
        "policy": decision.policy,
        "run": decision.run_id,
        "verdict": decision.verdict,
        "good": decision.is_good,
        "rules": [
            {
                "rule": one.rule,
                "verdict": one.verdict,
                "reason": one.reason,
                "numbers": dict(one.numbers),
                "broken": one.is_broken,
            }
            for one in decision.verdicts
        ],
    }


def _numbers(verdict: RuleVerdict) -> str:
    shown = [f"{name} {value:.4g}" for name, value in verdict.numbers.items()]
    return f" ({', '.join(shown)})" if shown else ""
