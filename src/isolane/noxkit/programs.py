"""The programs of the environment that sessions share, and how a session runs one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nox

INTERRUPT_SECONDS = 5.0
"""How long a command has after Ctrl-C to stop its workers and close its record; nox would give it 0.3."""


@dataclass(frozen=True)
class Programs:
    """The shared environment, for one session. directory: where its programs are."""

    session: nox.Session
    directory: Path

    @property
    def python(self) -> Path:
        """Return the environment's interpreter, absolute."""
        return self.directory.absolute() / "python"

    def run(
        self,
        program: str,
        *arguments: str | Path,
        environment: Mapping[str, str] | None = None,
        success_codes: Sequence[int] = (0,),
    ) -> None:
        """Run a program in the shared environment; another exit code than these ends the session."""
        self.session.run(
            str(self.directory / program),
            *(str(argument) for argument in arguments),
            env={**self._variables(), **(environment or {})},
            success_codes=list(success_codes),
            external=True,
            interrupt_timeout=INTERRUPT_SECONDS,
        )

    def output(self, program: str, *arguments: str) -> str:
        """Return what a program prints."""
        printed = self.session.run(
            str(self.directory / program),
            *arguments,
            env=self._variables(),
            external=True,
            silent=True,
            log=False,
        )
        return str(printed or "")

    def _variables(self) -> dict[str, str]:
        variables = {"PATH": os.pathsep.join([str(self.directory.resolve()), os.environ.get("PATH", "")])}
        place = self.directory.parent.resolve()
        if (place / "pyvenv.cfg").is_file():
            variables["VIRTUAL_ENV"] = str(place)
        return variables
