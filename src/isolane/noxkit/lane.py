"""One session of a family under way: its variant, what was typed, and which files are its own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import nox

from isolane.noxkit.axes import Variant
from isolane.noxkit.programs import Programs

COVERAGE_DATA = Path("reports", "coverage", "data")
"""Where sessions keep the coverage data that they measured: a directory a nox run, in it a file a session."""

RUN_VARIABLE = "ISOLANE_NOX_RUN"
"""Names one run of nox: with ``-j`` each session is a process of its own and has it from the first one."""


@dataclass(frozen=True)
class Lane:
    """What a family's session works with. arguments: what was typed behind ``--``."""

    programs: Programs
    family: str
    variant: Variant
    arguments: tuple[str, ...]

    @property
    def session(self) -> nox.Session:
        """Return nox's session."""
        return self.programs.session

    @property
    def slug(self) -> str:
        """Return a file name that no other session has."""
        return f"{self.family}-{self.variant.slug}"

    @property
    def data_file(self) -> Path:
        """Return the session's own coverage data file, absolute: a test may change its working directory."""
        return (COVERAGE_DATA / os.environ[RUN_VARIABLE] / self.slug).resolve()

    @property
    def order(self) -> tuple[str, ...]:
        """Return pytest's arguments for the variant's seed; without one, pytest-randomly stays out of it."""
        if self.variant.seed is None:
            return ("-p", "no:randomly")
        return (f"--randomly-seed={self.variant.seed}",)

    def pytest(self, *, under: tuple[str, ...] = (), hunts: bool = False) -> None:
        """Run the suite once in this session's variant, recorded. under: ``coverage run`` and the like.

        hunts: whether failures are looked into, unless ISOLANE_HUNT says otherwise.

        pytest's cache is the session's own: ``--lf`` means what failed in this one. Its temporary directories
        need no care, pytest numbers them over all runs of a user.
        """
        self.programs.run(
            "python",
            *("-m", *under, *(("-m",) if under else ()), "pytest"),
            *self.order,
            *("-o", f"cache_dir={self.session.cache_dir / 'pytest' / self.slug}"),
            *self.arguments,
            environment={
                "COVERAGE_FILE": str(self.data_file),
                "ISOLANE_RECORD": "on",
                "PYTEST_WORKERS": self.variant.workers,
                **({"ISOLANE_HUNT": os.environ.get("ISOLANE_HUNT", "on")} if hunts else {}),
            },
        )
