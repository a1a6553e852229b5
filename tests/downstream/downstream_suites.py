"""The manifest of real third-party suites: what is fetched, how it is run, and what verdict is true."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MANIFEST = Path(__file__).with_name("suites.toml")
VERDICTS = ("proven", "not proven", "inconclusive")
PHASES = ("serial", "module alone", "parallel", "shuffled")


@dataclass(frozen=True)
class KnownDifference:
    """Tests that are known not to end the same way everywhere, and why.

    tests: globs over node ids (``[`` and ``]`` stand for themselves). phases: the kinds of phases in which they
    may differ; ``serial`` is the second serial run. always: every proof shows some; otherwise a proof may.
    count: how many differ in a proof, 0 when it varies.
    """

    tests: tuple[str, ...]
    why: str
    phases: tuple[str, ...]
    always: bool
    count: int = 0

    def covers(self, node_id: str, phase: str) -> bool:
        """Return whether the node id is one of these tests, and may differ in such a phase."""
        globs = (one.replace("[", "[[]") for one in self.tests)
        return phase in self.phases and any(fnmatchcase(node_id, glob) for glob in globs)


@dataclass(frozen=True)
class Suite:
    """One suite: a source distribution with its hash, an exact environment, and the expected proof.

    sha256: of the sdist. requirements: everything in the environment but the suite itself, exact pins with
    their markers, build backends included. python: the oldest interpreter the pins are for. seconds: how long
    a proof may take on two cores before it is taken for hung. tests: how many run. verdicts: those that are
    true, several where chance decides; reason: why, when it is not simply proven.
    """

    name: str
    version: str
    sha256: str
    special: str
    python: tuple[int, int]
    quick: bool
    seconds: int
    arguments: tuple[str, ...]
    requirements: tuple[str, ...]
    tests: int
    verdicts: tuple[str, ...]
    reason: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    differences: tuple[KnownDifference, ...] = ()

    @property
    def folder_name(self) -> str:
        """Return the name of its folder in the cache; interpreters do not share an environment."""
        return f"{self.name}-{self.version}-py{sys.version_info.major}.{sys.version_info.minor}"


def read_manifest(path: Path = MANIFEST) -> tuple[Suite, ...]:
    """Return the suites in the manifest's order.

    Raises ``ValueError`` with the suite's name for a field that is missing, unknown or out of range.
    """
    with path.open("rb") as stream:
        raw = tomllib.load(stream)
    common = tuple(raw["common-requirements"])
    return tuple(_suite(entry, common) for entry in raw["suite"])


def _suite(entry: dict[str, Any], common: tuple[str, ...]) -> Suite:
    values = dict(entry)
    expected = values.pop("expected", {})
    major, _, minor = str(values.pop("python", "3.11")).partition(".")
    verdict = expected.pop("verdict", "proven")
    try:
        suite = Suite(
            python=(int(major), int(minor)),
            arguments=tuple(values.pop("arguments")),
            requirements=(*values.pop("requirements"), *(common if values.pop("common", True) else ())),
            verdicts=(verdict,) if isinstance(verdict, str) else tuple(verdict),
            differences=tuple(_difference(item) for item in expected.pop("differences", ())),
            **values,
            **expected,
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"suite {entry.get('name', entry)!r}: {error}") from error
    unknown = set(suite.verdicts) - set(VERDICTS)
    if unknown or not suite.verdicts:
        raise ValueError(f"suite {suite.name!r}: verdict {sorted(unknown)} is not one of {VERDICTS}")
    if len(suite.sha256) != 64:
        raise ValueError(f"suite {suite.name!r}: sha256 has {len(suite.sha256)} digits, not 64")
    return suite


def _difference(entry: dict[str, Any]) -> KnownDifference:
    phases = tuple(entry["phases"])
    if not phases or set(phases) - set(PHASES):
        raise KeyError(f"phases {phases} are not among {PHASES}")
    return KnownDifference(**{**entry, "tests": tuple(entry["tests"]), "phases": phases})
