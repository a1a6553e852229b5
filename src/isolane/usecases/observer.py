"""Who hears of runs while they go on.

Apart from what runs them: the command line has an observer also where it runs nothing, and starts sooner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from isolane.model.events import Event
    from isolane.model.plan import RunPlan
    from isolane.model.record import RunRecord


class Observer(Protocol):
    """Who wants to hear of runs while they go on."""

    def run_started(self, title: str, plan: RunPlan) -> None:
        """A run begins."""
        ...

    def event(self, event: Event) -> None:
        """Something happened in it."""
        ...

    def run_finished(self, title: str, record: RunRecord, remark: str) -> None:
        """It is over."""
        ...


class Silence:
    """An observer that hears nothing."""

    def run_started(self, title: str, plan: RunPlan) -> None:
        """Pass over."""

    def event(self, event: Event) -> None:
        """Pass over."""

    def run_finished(self, title: str, record: RunRecord, remark: str) -> None:
        """Pass over."""
