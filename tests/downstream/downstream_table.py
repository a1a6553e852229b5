"""Print docs/downstream.md's table from the proofs that the last ``nox -s downstream`` left in the cache.

``python tests/downstream/downstream_table.py``
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from downstream_preparation import cache_folder
from downstream_suites import Suite, read_manifest

HEAD = ("suite", "what is special", "tests", "serial s", "runs", "runs s", "prove s", "verdict", "differ")


def table(suites: tuple[Suite, ...], reports: Path) -> str:
    """Return a Markdown table of the suites that have a proof in ``reports``, in the manifest's order."""
    rows = [
        HEAD,
        tuple("---" if name in ("suite", "what is special", "verdict", "differ") else "---:" for name in HEAD),
    ]
    for suite in suites:
        written = reports / suite.name / "proof.json"
        if written.exists():
            rows.append(_row(suite, json.loads(written.read_text(encoding="utf-8"))))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(suite: Suite, proof: Mapping[str, Any]) -> tuple[str, ...]:
    runs = [*proof["phases"], *proof["checks"]]
    return (
        f"{suite.name} {suite.version}",
        suite.special,
        f"{proof['tests']['total']:,}",
        f"{proof['phases'][0]['seconds']:.1f}",
        f"{len(runs)}",
        f"{sum(run['seconds'] for run in runs):.1f}",
        f"{proof['seconds']:.1f}",
        proof["verdict"],
        _differences(proof) or "–",
    )


def _differences(proof: Mapping[str, Any]) -> str:
    """Return how many tests differ in each kind of phase."""
    kinds = {phase["name"]: phase["kind"] for phase in proof["phases"]}
    tests = {(kinds[one["phase"]], one["node_id"]) for one in proof["differences"]}
    tests |= {("serial", one["node_id"]) for one in proof["flaky"]}
    return ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(kind for kind, _ in tests).items()))


if __name__ == "__main__":
    print(table(read_manifest(), cache_folder() / "reports"), end="")
