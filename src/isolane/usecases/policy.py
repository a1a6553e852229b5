"""``isolane policy``, and ``isolane gate --policy``: what a run means by rules that are kept in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isolane.history.runs import DIRECTORY, RunSummary, find_run
from isolane.model.clock import SystemClock
from isolane.model.errors import PolicyError, UsageError
from isolane.planning.gate import GateFigures, measure_gate
from isolane.policy.engine import YAMLEngine
from isolane.policy.verdicts import PolicyDecision, verdicts_of
from isolane.policy.workflow import Workflow
from isolane.usecases.gate import records, runs_to_compare, whole_runs
from isolane.usecases.policy_facts import facts_of

_MOST_CHARACTERS = 2**20
_SHIPPED = Path(__file__).parents[1] / "policy" / "shipped"


@dataclass(frozen=True)
class PolicyRequest:
    """What was asked. policy: a file, or the name of one that comes along. run: None for the newest one.

    trusted: its Lua runs in this process.
    """

    policy: str
    run: str | None = None
    project: Path = Path()
    trusted: bool = False


@dataclass(frozen=True)
class CheckedPolicy:
    """A policy that can be run."""

    workflow: Workflow

    def as_data(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        workflow = self.workflow
        return {
            "policy": workflow.name,
            "description": workflow.description,
            "nodes": [name for name, node in workflow.nodes.items() if node.kind],
            "lua": workflow.uses_lua,
        }

    def __str__(self) -> str:
        workflow = self.workflow
        count = sum(bool(node.kind) for node in workflow.nodes.values())
        parts = f"{count} part{'s' if count != 1 else ''}, {'with' if workflow.uses_lua else 'without'} Lua"
        return f"{workflow.document.name}: a policy ({parts})"


def shipped_policies() -> dict[str, Path]:
    """Return the policies that come along, by name."""
    return {path.stem: path for path in sorted(_SHIPPED.glob("*.yaml"))}


def check_policy(policy: str, *, trusted: bool) -> CheckedPolicy:
    """Return a policy that is one, all its Lua included; raises :class:`PolicyError` with its line otherwise."""
    workflow = _read(policy)
    if workflow.uses_lua:
        _engine(workflow, trusted=trusted).check(workflow)
    return CheckedPolicy(workflow)


def run_policy(request: PolicyRequest) -> PolicyDecision:
    """Hold a run against a policy. Raises :class:`UsageError` where there is no such run, or no such policy."""
    workflow = _read(request.policy)
    runs = whole_runs(request.project)
    if request.run is not None:
        chosen = find_run(request.project, request.run)
    elif runs:
        chosen = runs[0]
    else:
        where = request.project / DIRECTORY
        raise UsageError("no-run", f"No whole run is on record in {where}.", "Make one: pytest --isolane-record=on")
    known = [one for one in runs if one.directory.name <= chosen.directory.name]
    try:
        serial, parallel = runs_to_compare(request.project, known)
        figures = measure_gate(records(serial), records(parallel))
    except UsageError:
        figures = None
    return _decide(workflow, chosen, runs, figures, trusted=request.trusted)


def gate_by_policy(root: Path, policy: str, *, trusted: bool) -> PolicyDecision:
    """Hold the newest parallel run against a policy; raises :class:`UsageError` as the gate itself does."""
    workflow = _read(policy)
    runs = whole_runs(root)
    serial, parallel = runs_to_compare(root, runs)
    return _decide(workflow, parallel[0], runs, measure_gate(records(serial), records(parallel)), trusted=trusted)


def _decide(
    workflow: Workflow, run: RunSummary, runs: Sequence[RunSummary], figures: GateFigures | None, *, trusted: bool
) -> PolicyDecision:
    engine = _engine(workflow, trusted=trusted, tests=0 if run.end is None else run.end.tests)
    engine.warm_up(workflow)
    before = [one for one in runs if one.directory.name < run.directory.name][: workflow.history]
    facts = facts_of(run.record(), [one.record() for one in before], figures, SystemClock().now())
    result = engine.run(workflow, facts, keep_partial=True)
    name = workflow.name or workflow.document.name
    return PolicyDecision(name, run.header.run_id, tuple(verdicts_of(result, name)))


def _engine(workflow: Workflow, *, trusted: bool, tests: int = 0) -> YAMLEngine:
    # What is known of a test takes Lua a kilobyte; the rest is for the rules.
    return YAMLEngine(lua_enabled=workflow.uses_lua, trusted=trusted, memory_mb=64 + tests // 500)


def _read(policy: str) -> Workflow:
    path = Path(policy)
    shipped = shipped_policies()
    if not path.exists() and policy in shipped:
        path = shipped[policy]
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MOST_CHARACTERS)  # more than a policy may have, and less than a device
    except UnicodeDecodeError as error:
        raise PolicyError("policy", f"{policy} is not text in UTF-8 ({error.reason}).", "Save it as UTF-8.") from None
    except OSError as error:
        hint = f"Those that come along: {', '.join(shipped)}."
        raise PolicyError("no-policy", f"{policy} cannot be read: {error.strerror}.", hint) from None
    return YAMLEngine().load(text, policy)
