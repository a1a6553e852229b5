"""The table that docs/downstream.md shows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from downstream_suites import read_manifest
from downstream_table import table

PROOF = {
    "verdict": "not proven",
    "seconds": 61.04,
    "tests": {"total": 1234},
    "phases": [
        {"name": "serial", "kind": "serial", "seconds": 10.06},
        {"name": "shuffled, seed 1", "kind": "shuffled", "seconds": 20},
        {"name": "shuffled, seed 2", "kind": "shuffled", "seconds": 20},
    ],
    "checks": [{"name": "shuffled, seed 1", "seconds": 10}],
    "differences": [
        {"phase": "shuffled, seed 1", "node_id": "a.py::test_a"},
        {"phase": "shuffled, seed 2", "node_id": "a.py::test_a"},
        {"phase": "shuffled, seed 2", "node_id": "a.py::test_b"},
    ],
    "flaky": [{"node_id": "a.py::test_c"}],
}


def test_a_row_for_each_suite_with_a_proof(tmp_path: Path) -> None:
    first = replace(read_manifest()[0], name="one", version="1.0", special="odd")
    written = tmp_path / "one" / "proof.json"
    written.parent.mkdir()
    written.write_text(json.dumps(PROOF), encoding="utf-8")

    lines = table((first, replace(first, name="two")), tmp_path).splitlines()

    assert len(lines) == 3
    assert lines[2] == "| one 1.0 | odd | 1,234 | 10.1 | 4 | 60.1 | 61.0 | not proven | 1 serial, 2 shuffled |"
