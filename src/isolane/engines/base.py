"""What every engine is: something that runs a plan and yields the run's events as they happen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from isolane.model.events import Event
from isolane.model.plan import RunPlan


class RunLog(Protocol):
    """Where a run's events are kept: the process that runs the tests writes them, the engine reads along."""

    @property
    def directory(self) -> Path:
        """Return the run's directory; the engine makes it, and puts the process's output there."""
        ...

    def read(self) -> list[Event]:
        """Return the events that have come since the last call."""
        ...

    def append(self, events: Sequence[Event]) -> None:
        """Add what the process could not write itself."""
        ...

    def trouble(self) -> str:
        """Return in a sentence why nothing can be written there, or nothing."""
        ...


class Engine(Protocol):
    """A way to run a plan."""

    @property
    def name(self) -> str:
        """Return the engine's name."""
        ...

    def command(self, plan: RunPlan) -> tuple[str, ...]:
        """Return the command that runs the plan, as a person would type it in the project's folder."""
        ...

    def run(self, plan: RunPlan) -> Iterator[Event]:
        """Run it; the last event is always a :class:`~isolane.model.events.RunFinished`."""
        ...
