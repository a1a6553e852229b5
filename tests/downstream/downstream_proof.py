"""Run ``isolane prove`` on a prepared suite, as a person would, and read what it wrote."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from downstream_preparation import Prepared, clean_environ
from downstream_suites import KnownDifference, Suite

SEEDS = "1,2,3"
"""Drawn seeds would make an expectation of "these tests differ when shuffled" a matter of luck."""


@dataclass(frozen=True)
class Seen:
    """A test that a proof says to differ. kind: of the phase. command: shows it again; empty for a flaky one."""

    node_id: str
    kind: str
    outcome: str
    command: str = ""
    shown_again: bool = False


@dataclass(frozen=True)
class ProofRun:
    """What a proof came to. output: all that was printed. data: ``proof.json``."""

    suite: Suite
    exit_code: int
    output: str
    data: dict[str, Any]

    @property
    def seen(self) -> list[Seen]:
        """Return every difference, those between the two serial runs included."""
        kinds = {phase["name"]: phase["kind"] for phase in self.data["phases"]}
        differing = [
            Seen(
                one["node_id"],
                kinds[one["phase"]],
                one["found"]["outcome"],
                one["command"],
                one["shown_again"],
            )
            for one in self.data["differences"]
        ]
        flaky = [Seen(one["node_id"], "serial", one["outcomes"][1]["outcome"]) for one in self.data["flaky"]]
        return differing + flaky

    def seen_of(self, known: KnownDifference) -> list[Seen]:
        """Return the differences that an entry of the manifest covers."""
        return [one for one in self.seen if known.covers(one.node_id, one.kind)]

    @property
    def unknown(self) -> list[Seen]:
        """Return the differences that no entry of the manifest covers."""
        entries = self.suite.differences
        return [one for one in self.seen if not any(entry.covers(one.node_id, one.kind) for entry in entries)]


def prove(prepared: Prepared, reports: Path) -> ProofRun:
    """Run the proof; its reports go to ``reports``, which need not exist."""
    suite = prepared.suite
    (reports / "proof.json").unlink(missing_ok=True)
    command = [
        str(Path(sys.executable).with_name("isolane")),
        *("prove", str(prepared.source)),
        *("--python", str(prepared.python), "--seeds", SEEDS, "--reports", str(reports)),
        *("--", *suite.arguments),
    ]
    done = subprocess.run(
        command,
        env=clean_environ(suite.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    written = reports / "proof.json"
    data = json.loads(written.read_text(encoding="utf-8")) if written.exists() else {}
    return ProofRun(suite, done.returncode, f"$ {shlex.join(command)}\n{done.stdout}", data)


def failing_in(command: str, suite: Suite) -> Iterator[str]:
    """Run a printed command in a shell and yield the node ids that pytest's summary names as failed or in error."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    done = subprocess.run(
        ["sh", "-c", f"{command} -rfE"],
        env={**clean_environ(suite.environment), "PATH": path, "COLUMNS": "1000"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    for line in done.stdout.splitlines():
        word, _, rest = line.partition(" ")
        if word in ("FAILED", "ERROR"):
            yield rest.partition(" - ")[0]
