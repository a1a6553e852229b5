"""What a worker notes of its coverage, for the case that it is killed."""

from __future__ import annotations

import marshal
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from isolane.pytest_plugin.fork.measurement import WorkerMeasurement


@contextmanager
def measured(path: Path) -> Iterator[tuple[WorkerMeasurement, dict[str, set[int]]]]:
    """Yield what notes into that file, and the lines that coverage has seen by file."""
    lines: dict[str, set[int]] = {}
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        coverage = SimpleNamespace(_collector=SimpleNamespace(data=lines, file_tracers={}))
        yield WorkerMeasurement(coverage, descriptor), lines
    finally:
        os.close(descriptor)


def test_a_note_has_what_is_new(tmp_path: Path) -> None:
    with measured(tmp_path / "notes") as (measurement, lines):
        lines["a.py"] = {1, 2}
        measurement.test_over()
        measurement.test_over()
        lines["a.py"].add(3)
        measurement.test_over()

    with (tmp_path / "notes").open("rb") as notes:
        assert [marshal.load(notes), marshal.load(notes)] == [[("a.py", None, {1, 2})], [("a.py", None, {3})]]
        assert notes.read() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_stops_the_notes_and_not_the_tests() -> None:
    with measured(Path("/dev/full")) as (measurement, lines):
        for number in range(2):
            lines["a.py"] = {number, -1}
            measurement.test_over()
