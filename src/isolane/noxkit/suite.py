"""A project's suite as nox sessions: one environment, made once, and the sessions that share it."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nox

from isolane.noxkit.axes import AxisError, Variant, split_leading_number, typed_arguments, variants
from isolane.noxkit.families import FAMILIES, Family
from isolane.noxkit.lane import RUN_VARIABLE, Lane
from isolane.noxkit.programs import Programs

TAG = "suite"
"""The tag of every session that runs the suite: ``nox -t suite``, and how CI picks its matrix."""

USAGE_ERROR = 4
"""pytest's exit code for what was typed wrong, which every face of isolane uses."""


@dataclass(frozen=True)
class Suite:
    """How to make the environment of a suite's sessions, and what they are called.

    install: the arguments of each ``session.install`` call, in their order.
    environment: the name of the session that makes the environment the others share.
    """

    install: Sequence[Sequence[str]]
    environment: str = "environment"

    def define_sessions(
        self,
        families: Sequence[Family] = FAMILIES,
        *,
        environ: Mapping[str, str] = os.environ,
        argv: Sequence[str] = sys.argv,
    ) -> None:
        """Register the environment's session and every family's with nox.

        environ: where ISOLANE_WORKERS and ISOLANE_SEEDS are looked up. argv: nox's command line; a seed typed
        behind ``--`` is known before the sessions are named, so that their ids tell the seed that runs.
        Ends the program with one line and exit code 4 where a value means nothing.
        """
        os.environ.setdefault(RUN_VARIABLE, secrets.token_hex(4))
        # An environment made by another interpreter would be reused without a word.
        os.environ.setdefault("NOX_ENABLE_STALENESS_CHECK", "1")
        self._define_environment()
        seed, _ = split_leading_number(typed_arguments(argv))
        try:
            for family in families:
                typed_seed = seed if family.takes_seed else None
                self._define(
                    family,
                    variants(
                        family.workers,
                        family.seeds,
                        environ,
                        fixed_workers=family.fixed_workers,
                        typed_seed=typed_seed,
                    ),
                )
        except AxisError as error:
            print(f"isolane: {error}", file=sys.stderr)  # noqa: T201  (nox reads its noxfile before it can log)
            raise SystemExit(USAGE_ERROR) from None

    def session(self, **options: Any) -> Callable[[Callable[[Programs], None]], None]:
        """Register a session that works in the shared environment; the function takes its :class:`Programs`.

        options: those of ``nox.session``.
        """

        def register(function: Callable[[Programs], None]) -> None:
            def session_function(session: nox.Session) -> None:
                function(self._programs(session))

            session_function.__doc__ = function.__doc__
            self._register(session_function, **{"name": function.__name__, **options})

        return register

    def prepare(self, session: nox.Session) -> None:
        """Install what the suite needs into the session's own environment; nothing where it has none."""
        if session.venv_backend != "none":
            for arguments in self.install:
                session.install(*arguments)

    def _define_environment(self) -> None:
        def environment(session: nox.Session) -> None:
            """Make the environment that the test sessions share."""
            self.prepare(session)
            programs = Path(sys.executable).parent if session.venv_backend == "none" else Path(session.bin)
            self._marker(session).write_text(str(programs), encoding="utf-8")

        nox.session(name=self.environment, reuse_venv=True, allow_parallel=True, default=False)(environment)

    def _define(self, family: Family, chosen: Sequence[Variant]) -> None:
        def session_function(session: nox.Session, workers: str, seed: int | None) -> None:
            arguments = session.posargs
            if family.takes_seed:
                _, arguments = split_leading_number(arguments)
            family.run(Lane(self._programs(session), family.name, Variant(workers, seed), tuple(arguments)))

        session_function.__doc__ = family.summary
        parameters = [nox.param(variant.workers, variant.seed, id=str(variant)) for variant in chosen]
        self._register(
            nox.parametrize("workers,seed", parameters)(session_function),
            name=family.name,
            tags=[TAG],
            allow_parallel=family.side_by_side,
        )

    def _marker(self, session: nox.Session) -> Path:
        """Return the file that holds where the shared environment's programs are, one an interpreter.

        nox names an environment's directory by its own rules (and hashes a long name), so it is not guessed.
        """
        return session.cache_dir / f"{self.environment}-{session.python or 'default'}"

    def _programs(self, session: nox.Session) -> Programs:
        marker = self._marker(session)
        if not marker.is_file():
            session.skip(f"there is no environment for it; the {self.environment} session says why")
        directory = Path(marker.read_text(encoding="utf-8"))
        here = Path.cwd()
        return Programs(session, directory.relative_to(here) if directory.is_relative_to(here) else directory)

    def _register(self, function: Callable[..., None], **options: Any) -> None:
        """Register a session that has no environment of its own and runs after the shared one is made."""
        nox.session(venv_backend="none", requires=[self.environment], **options)(function)


def set_options() -> None:
    """Set nox's options: uv if there, environments kept, a missing interpreter an error only in CI."""
    nox.options.default_venv_backend = "uv|virtualenv"
    nox.options.reuse_venv = "yes"
    nox.options.download_python = "never"
    # uv leaves compiling to the first import; sessions start pytest so often that it pays to do it once.
    os.environ.setdefault("UV_COMPILE_BYTECODE", "1")
    nox.options.error_on_missing_interpreters = os.environ.get("CI", "").lower() not in ("", "0", "false")


def define_sessions(install: Sequence[Sequence[str]]) -> Suite:
    """Set nox's options and register all six families, the whole of what most noxfiles need."""
    set_options()
    suite = Suite(install)
    suite.define_sessions()
    return suite
