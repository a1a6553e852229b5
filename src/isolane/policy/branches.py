"""Branches that run side by side, each on a copy of the state, and come together in the order of their edges."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from isolane.model.clock import Clock
from isolane.model.errors import RuleError, RuleLimitError
from isolane.policy.workflow import Branch

OUT_OF_TIME = frozenset({"rule-time", "policy-time"})
"""Slugs of errors that say that something took too long."""


class ParallelResult(dict[str, Any]):
    """What became of a branch, by key or by attribute.

    branch: its first node. success. state: as it was at the fan-in, None where the branch failed. error, error_type,
    traceback: text, empty where it did not. timing_ms: all attempts together. attempts: how many. timed_out.
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Stop:
    """Ends what runs side by side: whoever added something to be called is called, and who comes later at once."""

    def __init__(self) -> None:
        self._is_set = threading.Event()
        self._called: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    @property
    def is_set(self) -> bool:
        """Return whether all is to end."""
        return self._is_set.is_set()

    def add(self, call: Callable[[], None]) -> None:
        """Have this called when all is to end."""
        with self._lock:
            self._called.append(call)
            late = self.is_set
        if late:
            call()

    def set(self) -> None:
        """End all."""
        with self._lock:
            self._is_set.set()
            called, self._called = self._called, []
        for call in called:
            call()

    def wait(self, seconds: float) -> None:
        """Pause for so long, or until all is to end."""
        self._is_set.wait(seconds)


Work = Callable[[Branch, dict[str, Any], float, Stop], Mapping[str, Any]]
"""Runs a branch once on a state, until a deadline, and returns the state at its end."""


@dataclass(frozen=True)
class Together:
    """How branches run. deadline: of all, on the clock. most: how many at a time. stop: of what is around them."""

    clock: Clock
    deadline: float
    most: int
    fail_fast: bool
    stop: Stop

    def run(self, branches: Sequence[Branch], state: Mapping[str, Any], work: Work) -> list[ParallelResult]:
        """Return the results in the order of the branches; a branch that fails is a result, too."""
        # Our own values, to and fro: a third of what a deep copy takes, and one half of that once for all.
        try:
            packed = pickle.dumps(dict(state), pickle.HIGHEST_PROTOCOL)
        except (TypeError, AttributeError, ValueError, RecursionError, pickle.PicklingError) as error:
            raise RuleError("rule-state", f"The state cannot be given to branches: {error}.") from None
        stop = Stop()
        self.stop.add(stop.set)
        with ThreadPoolExecutor(min(self.most, len(branches)), "isolane-branch") as threads:
            try:
                waiting = [threads.submit(self._one, branch, packed, work, stop) for branch in branches]
                return [one.result() for one in waiting]
            except BaseException:
                stop.set()
                raise

    def _one(self, branch: Branch, packed: bytes, work: Work, stop: Stop) -> ParallelResult:
        started = self.clock.monotonic()
        deadline = self.deadline if branch.timeout is None else min(self.deadline, started + branch.timeout)
        attempts = 0
        while True:
            attempts += 1
            try:
                state = self._attempt(branch, packed, work, deadline, stop)
                problem = None
                break
            except RuleError as error:
                state, problem = None, error
            left = deadline - self.clock.monotonic()
            if attempts >= branch.retry.attempts or stop.is_set or left <= 0:
                break
            stop.wait(min(left, branch.retry.pause(attempts)))
        if problem is not None and self.fail_fast:
            stop.set()
        return ParallelResult(
            branch=branch.start,
            success=problem is None,
            state=state,
            error="" if problem is None else problem.what,
            error_type="" if problem is None else type(problem).__name__,
            traceback="" if problem is None else problem.lua_traceback,
            timing_ms=(self.clock.monotonic() - started) * 1000,
            attempts=attempts,
            timed_out=problem is not None and problem.slug in OUT_OF_TIME,
        )

    def _attempt(self, branch: Branch, packed: bytes, work: Work, deadline: float, stop: Stop) -> Mapping[str, Any]:
        if stop.is_set:
            raise RuleError("rule-stopped", f"{branch.start} was not run: another branch had failed.")
        if self.clock.monotonic() >= deadline:
            raise RuleLimitError("policy-time", f"{branch.start} was not run: the time was over.")
        return work(branch, pickle.loads(packed), deadline, stop)
