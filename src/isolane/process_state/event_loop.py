"""asyncio: the policy, the loop that is current in this thread, and the one that is said to run.

Nothing is asked of asyncio's public functions: they make a policy and a loop where there is none, and warn.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

from isolane.model.state import Change, Level
from isolane.process_state.base import RestoreError
from isolane.process_state.glance import Signs
from isolane.process_state.places import module_of
from isolane.process_state.slots import name_of


class LoopSnapshot(NamedTuple):
    """All as before the first use, where asyncio is not imported."""

    policy: Any = None
    loop: Any = None
    closed: bool = False
    made_when_asked: bool = True
    """Whether ``get_event_loop`` makes a loop where there is none, as it does until one was set, Python 3.13."""
    running: Any = None


_UNTOUCHED = LoopSnapshot()


class EventLoopKind:
    """What ``asyncio.get_event_loop`` and friends go by.

    ``asyncio.run``, until Python 3.13, leaves no current loop where one would have been made when asked for;
    a plugin for async tests may leave an idle one. So do most tests of a project that uses asyncio, and most code
    does not notice: harmless. A closed loop that stays current is not, nor one that still has something to do.
    """

    name = "event_loop"

    def snapshot(self) -> LoopSnapshot:
        """Look where asyncio keeps them."""
        events: Any = sys.modules.get("asyncio.events")
        if events is None:
            return _UNTOUCHED
        policy = getattr(events, "_event_loop_policy", None)
        local = getattr(policy, "_local", None)
        loop = getattr(local, "_loop", None)
        running = getattr(events, "_get_running_loop", _none)()
        return LoopSnapshot(policy, loop, _is_closed(loop), not getattr(local, "_set_called", False), running)

    def signs(self) -> Signs:
        """Return what a snapshot is made of: no more than whether asyncio is there, where it is not."""
        if "asyncio.events" in sys.modules:
            return Signs(objects=(self.snapshot,))
        return Signs(values=(lambda: "asyncio.events" in sys.modules,))

    def diff(self, before: LoopSnapshot, after: LoopSnapshot) -> list[Change]:
        """Return a change for the policy, the current loop, and the running one."""
        changes = []
        if not _same_policy(before, after):
            changes.append(Change(self.name, "policy", _tell_policy(before), _tell_policy(after)))
        if not _same_loop(before, after):
            changes.append(Change(self.name, "current loop", _tell(before), _tell(after), _level(before, after)))
        if before.running is not after.running:
            changes.append(Change(self.name, "running loop", name_of(before.running), name_of(after.running)))
        return changes

    def rebase(self, pending: LoopSnapshot, before: LoopSnapshot, after: LoopSnapshot) -> LoopSnapshot:
        """Take over what changed; the current loop with all that belongs to it."""
        loop = pending if _same_loop(before, after) else after
        return LoopSnapshot(
            pending.policy if _same_policy(before, after) else after.policy,
            loop.loop,
            loop.closed,
            loop.made_when_asked,
            pending.running if before.running is after.running else after.running,
        )

    def restore(self, before: LoopSnapshot) -> None:
        """Make the same policy and loop current. A loop that a test has left is not closed: others may have it."""
        now = self.snapshot()
        events: Any = sys.modules.get("asyncio.events")
        if events is None:
            return
        if not _same_policy(before, now):
            events._event_loop_policy = before.policy
            now = self.snapshot()
        if now.running is not before.running:
            events._set_running_loop(before.running)
        if _same_loop(before, now):
            return
        local: Any = getattr(events._event_loop_policy, "_local", None)
        if local is not None:
            local._loop = before.loop
            if hasattr(local, "_set_called"):
                local._set_called = not before.made_when_asked
        if before.loop is not None and _is_closed(before.loop) and not before.closed:
            raise RestoreError("loop-closed", "the event loop that is current was closed, and cannot be opened again.")


def _none() -> None:
    return None


def _is_asyncios(policy: Any) -> bool:
    """Whether it is the one that asyncio makes for itself when it needs one, or none yet."""
    return policy is None or module_of(type(policy)).startswith("asyncio.")


def _same_policy(before: LoopSnapshot, after: LoopSnapshot) -> bool:
    return before.policy is after.policy or (_is_asyncios(before.policy) and _is_asyncios(after.policy))


def _same_loop(before: LoopSnapshot, after: LoopSnapshot) -> bool:
    return before.loop is after.loop and before[2:4] == after[2:4]


def _is_closed(loop: Any) -> bool:
    try:
        return bool(loop is not None and loop.is_closed())
    except Exception:  # noqa: BLE001  # whatever a test has made current instead of a loop
        return False


def _has_work(loop: Any) -> bool:
    """Whether something waits to be called that has not been cancelled; loops not of asyncio do not tell."""
    try:
        waiting = [*getattr(loop, "_ready", ()), *getattr(loop, "_scheduled", ())]
    except TypeError:
        return False
    return any(not getattr(handle, "_cancelled", False) for handle in waiting)


def _level(before: LoopSnapshot, after: LoopSnapshot) -> Level:
    if after.closed:
        return Level.HARMLESS if before.closed else Level.DANGEROUS
    return Level.SUSPECT if after.loop is not None and _has_work(after.loop) else Level.HARMLESS


def _tell_policy(snapshot: LoopSnapshot) -> str | None:
    return "asyncio's" if _is_asyncios(snapshot.policy) else name_of(snapshot.policy)


def _tell(snapshot: LoopSnapshot) -> str:
    if snapshot.loop is None:
        return "none, made when asked for" if snapshot.made_when_asked else "none"
    return f"{name_of(snapshot.loop)}, {'closed' if snapshot.closed else 'open'}"
