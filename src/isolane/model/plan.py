"""A run, decided: what an engine is asked to do, and how that is handed to the process that does it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

HANDOVER_VARIABLE = "ISOLANE_RUN"
ISOLATION_VARIABLE = "ISOLANE_ISOLATION"
"""How far forked workers keep tests apart; one of isolane's own options."""
STALL_SECONDS = 600.0
EXPLANATIONS_NAME = "explained.jsonl"
"""In a run's directory: what a run that explains has found, one JSON object a line."""
AT_IMPORT = "import:"
"""What stands before a kind of state that ``explain`` is to trace while modules are imported, and not in the test."""
TOUCHES_NAME = "touched.jsonl"
"""In a run's directory: what tests have touched outside their process, one JSON object a test or fixture."""
FINDINGS_NAME = "findings.jsonl"
"""In a run's directory: what a hunt has found, one JSON object a line."""
STRESSED_NAME = "stressed.jsonl"
"""In the directory of a session whose runs are forked: what became of each run, one JSON object a line."""
SIDE_BY_SIDE = "each"
"""The ``dist`` of a run that one worker makes of the whole suite, while others make theirs; xdist's word for it."""
QUARANTINE = "isolane.quarantine.toml"
"""In the root directory of a project: the tests whose failures do not decide its runs."""
ENGINES = ("auto", "fork", "xdist")
"""What may run a plan's workers: forked ones, xdist's, or (auto) forked ones where that is safe, else xdist's."""


@dataclass(frozen=True)
class RunPlan:
    """One pytest run in a project, with the project's own interpreter.

    arguments: pytest's arguments. label: what the run is for. workers: 0 runs in one process. dist: how tests are
    grouped for workers; None leaves it to the project's own configuration. engine: what runs the workers, one of
    :data:`ENGINES`; None takes the project's own setting. seed: shuffle the tests by it. order: run
    exactly these node ids, in this order.
    stall_seconds: how long nothing may happen before the run is taken for hung; None takes the project's own setting,
    which the run itself tells. hang_seconds: the same once the tests are collected, if that is shorter: a suite may
    collect for long. environment: added to the process's own. probe: ``explain``, ``map``, ``hunt``, ``probe`` or
    ``stress``, and what that is to look at; nothing in most runs. copied: the directory that the project is in, and
    the copy of it in which this run is, if it is.
    """

    project: Path
    python: str
    arguments: tuple[str, ...] = ()
    label: str = "serial"
    workers: int = 0
    dist: str | None = "loadscope"
    engine: str | None = None
    seed: int | None = None
    order: Path | None = None
    stall_seconds: float | None = None
    hang_seconds: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    probe: tuple[str, ...] = ()
    copied: tuple[str, ...] = ()


@dataclass(frozen=True)
class Handover:
    """What an engine tells the plugin in the process that it starts, in one environment variable.

    It goes through the environment so that the arguments of the run are exactly those a person would type. The
    plugin takes it out again, and puts ``restore`` back, before the first test can see it.
    """

    run_directory: str
    label: str
    workers: int = 0
    """The plan's: PYTEST_WORKERS and the ini file have no say in it."""
    engine: str | None = None
    """The plan's."""
    seed: int | None = None
    order: str | None = None
    parent: int | None = None
    """The process that waits for the run: the run does not outlive it."""
    restore: Mapping[str, str | None] = field(default_factory=dict)
    probe: tuple[str, ...] = ()
    """The plan's."""
    copied: tuple[str, ...] = ()
    """The plan's."""

    @property
    def judges(self) -> bool:
        """Return whether the run is one like a person's, and no look at failures: quarantined ones are wanted there."""
        return not self.probe and self.label not in ("stress", "replay")

    def encode(self) -> str:
        """Return the variable's value."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> Handover:
        """Return what :meth:`encode` wrote."""
        values = json.loads(text)
        return cls(**{**values, **{name: tuple(values.get(name, ())) for name in ("probe", "copied")}})
