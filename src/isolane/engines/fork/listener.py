"""Who hears what happens in a run of forked workers, and within which limits it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from isolane.engines.fork.messages import Message


@dataclass(frozen=True)
class Crash:
    """A worker died. test: what it was running, None if nothing. printed: that test's stdout, stderr, and a trace."""

    worker: str
    test: int | None
    cause: str
    printed: tuple[str, str, str]


class Listener(Protocol):
    """Who hears what happens in a run."""

    def worker_starts(self, worker: str) -> None:
        """A worker is about to be forked; the same name may come again, for a fresh process."""
        ...

    def worker_started(self, worker: str, process_id: int) -> None:
        """It is there."""
        ...

    def message(self, worker: str, message: Message) -> None:
        """It says something."""
        ...

    def told_early(self, worker: str, messages: Sequence[Message]) -> None:
        """These messages have been passed on, though nobody has looked yet: their tests may run once more."""
        ...

    def runs_again(self, worker: str, messages: Sequence[Message]) -> None:
        """What it had said of these tests does not count: they run once more."""
        ...

    def printed(self, worker: str, stream: str, line: str) -> None:
        """It wrote a line (``stdout`` or ``stderr``) that no capture holds."""
        ...

    def worker_crashed(self, crash: Crash, *, replaced: bool) -> None:
        """It died; of the test it was running nothing more will be heard."""
        ...

    def worker_stopped(self, worker: str) -> None:
        """It ended as it was told to."""
        ...

    def given_up(self, tests: Sequence[int], cause: str) -> None:
        """These tests are not run: their unit has crashed too many workers."""
        ...


class UntoldListener(Listener):
    """What a :class:`Listener` does that tells nobody while a run goes on; a base for such."""

    def worker_started(self, worker: str, process_id: int) -> None:
        """Nothing to tell."""

    def told_early(self, worker: str, messages: Sequence[Message]) -> None:
        """Nothing to tell."""

    def runs_again(self, worker: str, messages: Sequence[Message]) -> None:
        """Nothing to tell."""

    def printed(self, worker: str, stream: str, line: str) -> None:
        """What is printed past every capture is of no interest."""

    def given_up(self, tests: Sequence[int], cause: str) -> None:
        """What is left of a unit that crashes is of no interest."""


@dataclass(frozen=True)
class Limits:
    """silence: seconds without any message, while a test runs, after which a worker is killed; None for ever.

    restarts: how many dead workers are replaced in all; None for as many as it takes. holds: whether what is said of
    a test waits until the worker has looked at what the test left behind: it may have to be run again.
    """

    silence: float | None = None
    restarts: int | None = None
    holds: bool = False
