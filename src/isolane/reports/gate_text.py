"""What the gate decided, in words."""

from __future__ import annotations

from collections.abc import Iterator

from isolane.planning.gate import GateDecision

_SHOWN = 10


def gate_lines(decision: GateDecision) -> Iterator[str]:
    """Yield the decision, its reasons, what it was made from, and the tests that misbehaved."""
    if decision.keep:
        yield "keep"
    else:
        yield f"roll back to serial (PYTEST_WORKERS=1): {'; '.join(decision.reasons)}"
    yield f"  {', '.join(decision.facts)}"
    yield from (f"  {node_id}" for node_id in decision.tests[:_SHOWN])
    if len(decision.tests) > _SHOWN:
        yield f"  … and {len(decision.tests) - _SHOWN} more"
