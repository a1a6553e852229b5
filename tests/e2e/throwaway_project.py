"""A throw-away project, and how isolane and pytest are run in it as real processes.

Not in conftest.py: several folders have one, and only one of them is the module ``conftest`` in a run of them all.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

from isolane.history.runs import RunSummary, summaries

QUICK = "-p no:hypothesispytest -p no:randomly -p no:cacheprovider -p no:rerunfailures"
"""Keeps what the nested suites do not need out of their start."""


@dataclass
class Ended:
    """A process that ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    @property
    def data(self) -> Any:
        return json.loads(self.out)


class Started(subprocess.Popen[str]):
    """A process that does not outlive a test that has failed: it may wait for what the test no longer does."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is not None:
            self.kill()
        super().__exit__(kind, error, trace)  # type: ignore[arg-type]


@dataclass
class Project:
    """A folder with a suite in it."""

    path: Path
    environment: dict[str, str] = field(default_factory=dict)

    def write(self, files: Mapping[str, str]) -> Project:
        for name, text in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(dedent(text), encoding="utf-8")
        return self

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", *words]

    def start(self, *words: str, **more: Any) -> Started:
        return Started(
            self.command(*words),
            cwd=self.path,
            env=self.environment | more.pop("env", {}),
            stdin=subprocess.DEVNULL,
            text=True,
            # Who started the suite (a shell, in the background; nohup) may have made it ignore these, and children
            # inherit that.
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": hear_signals, **more},
        )

    def _run(self, words: tuple[str, ...], env: Mapping[str, str]) -> Ended:
        with self.start(*words, env=dict(env)) as process:
            out, err = process.communicate(timeout=100)
        return Ended(process.returncode, out, err)

    def pytest(self, *arguments: str, **env: str) -> Ended:
        return self._run(("pytest", *arguments), env)

    def isolane(self, *arguments: str, **env: str) -> Ended:
        return self._run(("isolane", *arguments), env)

    def module(self, name: str, *arguments: str, **env: str) -> Ended:
        return self._run((name, *arguments), env)

    def runs(self) -> list[RunSummary]:
        return summaries(self.path)


def hear_signals() -> None:
    """Let a new process be interrupted, and end when its terminal does."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def clean_environment() -> dict[str, str]:
    """What a person's shell would have: nothing of the run that this test is part of."""
    ours = ("PYTEST_", "ISOLANE_", "GITHUB_", "COVERAGE_FILE", "PYTHONHASHSEED")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {"PYTEST_ADDOPTS": QUICK}
