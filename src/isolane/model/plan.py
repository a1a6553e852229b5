"""A run, decided: what an engine is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunPlan:
    """One pytest run in a project, with the project's own interpreter.

    arguments: pytest's arguments. workers: 0 runs in one process. label: what the run is for. seed: shuffle the
    tests by it. order_file: run exactly the node ids in this file, in their order. stall_seconds: how long
    nothing may happen before the run is taken for hung.
    """

    project: Path
    python: str
    arguments: tuple[str, ...] = ()
    label: str = "serial"
    workers: int = 0
    dist: str = "loadscope"
    seed: int | None = None
    order_file: Path | None = None
    stall_seconds: float = 600.0
