"""Runs a policy: node after node, branches side by side, each with a Lua runtime of its own."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from isolane.model.clock import Clock, SystemClock
from isolane.model.errors import RuleError, RuleLimitError
from isolane.policy.branches import OUT_OF_TIME, ParallelResult, Stop, Together
from isolane.policy.document import Path
from isolane.policy.lua_runtime import LuaRuntime
from isolane.policy.policy_file import read_policy
from isolane.policy.scope import RuntimeScopes
from isolane.policy.steps import apply_step
from isolane.policy.worker_pool import POOL
from isolane.policy.workflow import Branch, Edge, Node, Parallel, Workflow

_State = dict[str, Any]


@dataclass(frozen=True)
class WorkflowResult:
    """The state at the end. timed_out: the total time-out ended it, and this is how far it had come."""

    state: Mapping[str, Any]
    timed_out: bool = False

    @property
    def parallel_results(self) -> list[ParallelResult]:
        """Return what became of the branches that ran last, in the order of their edges."""
        return list(self.state.get("parallel_results", ()))


class YAMLEngine:
    """Reads and runs policies.

    lua_enabled: whether they may hold Lua. lua_timeout: seconds for each piece of Lua. memory_mb: for each runtime.
    trusted: Lua runs in this process, not in killable ones. most_branches: how many run at a time (default: as many as
    there are processors, at least 2). A policy's own limits of time count where they
    are tighter.

    An engine may run several policies at once, from several threads.
    """

    def __init__(
        self,
        lua_enabled: bool = False,
        lua_timeout: float = 30.0,
        *,
        memory_mb: int = 64,
        trusted: bool = False,
        most_branches: int | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._lua_enabled = lua_enabled
        self._lua_timeout = lua_timeout
        self._memory_mb = memory_mb
        self._trusted = trusted
        self._most_branches = most_branches or max(2, os.cpu_count() or 2)
        self._clock = clock or SystemClock()
        self._scopes = RuntimeScopes(self._new_runtime)

    def load(self, text: str, name: str = "policy.yaml") -> Workflow:
        """Return a policy; :class:`PolicyError` where the text is none. name: what errors call the file."""
        return read_policy(text, name)

    def check(self, workflow: Workflow) -> None:
        """Raise :class:`PolicyError` where a policy's Lua is not Lua, with the line; nothing of it is run."""
        with self._scopes.execution():
            for path, code, is_condition in workflow.code():
                runtime = self._runtime_for(workflow, path)
                try:
                    runtime.check_condition(code) if is_condition else runtime.check(code)
                except RuleError as error:
                    raise workflow.document.error(path, error.what.rstrip("."), line=error.lua_line) from None

    def warm_up(self, workflow: Workflow) -> None:
        """Start the processes that a policy will need; they come up while the caller does something else."""
        if self._lua_enabled and not self._trusted and workflow.uses_lua:
            POOL.prepare(min(self._most_branches, workflow.most_branches), self._memory_mb)

    def run(
        self, workflow: Workflow, state: Mapping[str, Any] | None = None, *, keep_partial: bool = False
    ) -> WorkflowResult:
        """Run a policy on a state, and return it as it is at the end. The state that was given stays as it is.

        Raises :class:`RuleError` where a node fails that is in no branch, and :class:`RuleLimitError` when the total
        time-out is over; with ``keep_partial`` the result then holds what had been done, and says so.
        """
        total = workflow.limits.total
        execution = _Execution(
            workflow,
            self._clock.monotonic() + total if total else math.inf,
            {"settings": dict(workflow.settings), **(state or {})},
        )
        with self._scopes.execution():
            try:
                end = self._walk(execution, workflow.start, None, execution.latest, execution.deadline, Stop())
                if self._clock.monotonic() > execution.deadline:
                    raise _out_of_time(workflow)
            except RuleLimitError as error:
                over = error.slug in OUT_OF_TIME and self._clock.monotonic() >= execution.deadline
                if not over:
                    raise
                if keep_partial:
                    return WorkflowResult(execution.latest, timed_out=True)
                raise _out_of_time(workflow) from None
        return WorkflowResult(end)

    def _get_lua_runtime(self) -> LuaRuntime:
        """Return the Lua runtime of what runs on this thread; see :class:`RuntimeScopes`."""
        return self._scopes.runtime()

    def _new_runtime(self) -> LuaRuntime:
        return LuaRuntime(self._lua_timeout, self._memory_mb, self._trusted)

    def _runtime_for(self, workflow: Workflow, path: Path) -> LuaRuntime:
        if not self._lua_enabled:
            raise workflow.document.error(
                path, "this is Lua, and the engine is to run none", "YAMLEngine(lua_enabled=True)"
            )
        return self._get_lua_runtime()

    # -- walking

    def _walk(
        self, run: _Execution, start: str, until: str | None, state: _State, deadline: float, stop: Stop
    ) -> _State:
        """Follow the edges from a node to another, which is not run, or to where they end."""
        name: str | None = start
        while name is not None and name != until:
            if self._clock.monotonic() >= deadline:
                raise RuleLimitError("policy-time", f"{name} was not run: the time was over.")
            state = self._node(run, run.workflow.nodes[name], state, deadline)
            run.reached(state, until)
            parallel = run.workflow.parallel_from(name)
            if parallel is not None:
                state = {**state, "parallel_results": self._parallel(run, parallel, state, deadline, stop)}
                run.reached(state, until)
                name = parallel.fan_in
            else:
                edges = run.workflow.edges_from(name)
                name = next((one.target for one in edges if self._leads_on(run, one, state, deadline)), None)
        return state

    def _parallel(
        self, run: _Execution, parallel: Parallel, state: _State, deadline: float, stop: Stop
    ) -> list[ParallelResult]:
        def work(branch: Branch, state: _State, deadline: float, stop: Stop) -> _State:
            with self._scopes.branch():
                if self._lua_enabled:
                    stop.add(self._get_lua_runtime().interrupt)
                return self._walk(run, branch.start, parallel.fan_in, state, deadline, stop)

        together = Together(self._clock, deadline, self._most_branches, parallel.fail_fast, stop)
        return together.run(parallel.branches, state, work)

    def _node(self, run: _Execution, node: Node, state: _State, deadline: float) -> _State:
        if not node.kind:
            return state
        try:
            if node.kind == "run":
                runtime = self._runtime_for(run.workflow, node.path)
                return runtime.execute_node(node.spec, state, timeout=self._seconds(run, deadline))
            return {**state, **apply_step(node.kind, node.spec, state, self._seconds(run, deadline))}
        except RuleError as error:
            raise _located(error, run.workflow, node.path, f"rule {node.name!r}") from None

    def _leads_on(self, run: _Execution, edge: Edge, state: _State, deadline: float) -> bool:
        if not edge.when:
            return True
        path = (*edge.path, "when")
        try:
            runtime = self._runtime_for(run.workflow, path)
            return runtime.eval_condition(edge.when, state, timeout=self._seconds(run, deadline))
        except RuleError as error:
            raise _located(error, run.workflow, path, f"the edge to {edge.target!r}") from None

    def _seconds(self, run: _Execution, deadline: float) -> float:
        left = min(self._lua_timeout, max(0.001, deadline - self._clock.monotonic()))
        return min(left, run.workflow.limits.lua or left)


class _Execution:
    """A workflow that runs. latest: the state outside all branches, as far as it has come."""

    def __init__(self, workflow: Workflow, deadline: float, state: _State) -> None:
        self.workflow = workflow
        self.deadline = deadline
        self.latest = state

    def reached(self, state: _State, until: str | None) -> None:
        """Remember a state, unless it is a branch's."""
        if until is None:
            self.latest = state


def _located(error: RuleError, workflow: Workflow, path: Path, who: str) -> RuleError:
    """Return the error with whose it is, the file's line and, where Lua told it, the line of the code."""
    document, line = workflow.document, error.lua_line
    file_line = document.mark(path).line if line is None else document.line_of_code(path, line)
    of_lua = "" if line is None else f", line {line} of its Lua"
    return type(error)(
        error.slug,
        f"{document.name}:{file_line}: {who}{of_lua}: {error.what}",
        error.hint,
        lua_line=line,
        lua_traceback=error.lua_traceback,
    )


def _out_of_time(workflow: Workflow) -> RuleLimitError:
    return RuleLimitError(
        "policy-time", f"{workflow.document.name} took over {workflow.limits.total:g} s.", "Raise its limit 'total'."
    )
