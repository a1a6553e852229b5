"""A proof: what was run, what differed, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from isolane.model.hunt import Finding
from isolane.model.outcome import Outcome

SCHEMA = 1
PYTEST_ITSELF = "(pytest itself)"
"""Stands for the run as a whole among the node ids that are compared."""


class Verdict(str, Enum):
    """What the runs together say."""

    PROVEN = "proven"
    NOT_PROVEN = "not proven"
    INCONCLUSIVE = "inconclusive"


class PhaseKind(str, Enum):
    """Under which condition a phase runs the tests."""

    SERIAL = "serial"
    MODULE = "module alone"
    TEST = "test alone"
    PARALLEL = "parallel"
    SHUFFLED = "shuffled"


class Nature(str, Enum):
    """What a difference turned out to be when its command was run."""

    ALONE = "depends on other modules"
    COMPANY = "depends on other tests"
    ORDER = "depends on the order"
    PARALLEL = "only in parallel"
    INTERMITTENT = "not shown again"


@dataclass(frozen=True)
class Phase:
    """One run of the proof."""

    kind: PhaseKind
    workers: int = 0
    seed: int | None = None
    module: str | None = None
    repeat: int = 1

    @property
    def name(self) -> str:
        """Return what a person calls it."""
        again = " again" if self.repeat > 1 else ""
        if self.kind is PhaseKind.MODULE:
            return f"alone: {self.module}"
        if self.kind is PhaseKind.TEST:
            return "each test alone"
        if self.kind is PhaseKind.PARALLEL:
            return f"parallel, {self.workers} worker{'s' if self.workers != 1 else ''}{again}"
        if self.kind is PhaseKind.SHUFFLED:
            return f"shuffled, seed {self.seed}"
        return f"serial{again}"


@dataclass(frozen=True)
class PhaseResult:
    """A phase that ran. seconds: its whole process. run_id: the directory of its record.

    engine: what really ran it, as its record says; empty where it never came to say so.
    """

    phase: Phase
    seconds: float
    tests: int
    failed: int
    exit_code: int
    run_id: str
    differences: int
    engine: str = ""


@dataclass(frozen=True)
class Difference:
    """A test, or pytest itself, that ended otherwise than in the baseline.

    command: gives the found outcome again; it was executed once. shown_again: whether it did. missing: how many
    tests did not run because pytest itself failed.
    """

    node_id: str
    phase: Phase
    expected: Outcome
    found: Outcome
    message: str = ""
    location: str = ""
    nature: Nature = Nature.INTERMITTENT
    command: str = ""
    shown_again: bool = False
    missing: int = 0


@dataclass(frozen=True)
class Flaky:
    """A test that ended differently in two serial runs of the same order."""

    node_id: str
    outcomes: tuple[Outcome, Outcome]


@dataclass(frozen=True)
class Failure:
    """A test that fails in the baseline."""

    node_id: str
    outcome: Outcome
    message: str
    location: str


@dataclass(frozen=True)
class Proof:
    """The whole of it. seconds: wall time of everything. baseline_command: the serial run."""

    verdict: Verdict
    reason: str
    project: str
    python: str
    python_version: str
    pytest_version: str
    revision: str | None
    arguments: tuple[str, ...]
    started: float
    seconds: float
    baseline_command: str
    tests: int
    counts: dict[str, int]
    failures: tuple[Failure, ...]
    phases: tuple[PhaseResult, ...]
    checks: tuple[PhaseResult, ...]
    differences: tuple[Difference, ...]
    flaky: tuple[Flaky, ...]
    confidence: str
    hash_seed: int | None = None
    """PYTHONHASHSEED of all runs; None where each had its own."""
    reports: str = ""
    """Where the project's configuration wants reports."""
    notes: tuple[str, ...] = ()
    causes: tuple[Finding, ...] = ()
    """Why tests end otherwise, as far as that was looked for and found."""
