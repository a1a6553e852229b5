"""A worker's tests run again in one process: what was there to replay, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from isolane.model.outcome import Outcome


@dataclass(frozen=True)
class WorkerRow:
    """A worker of a run: how many tests it ran, how many of them failed, and how it ended."""

    worker: str
    tests: int
    failed: int
    ended: str


@dataclass(frozen=True)
class Replayed:
    """A worker's tests, run in one process. command: does it once more. exit_code: pytest's.

    otherwise: (node id, then, now) of the tests that ended otherwise.
    """

    worker: str
    tests: int
    otherwise: tuple[tuple[str, Outcome, Outcome], ...]
    command: str
    output: str
    exit_code: int | None
