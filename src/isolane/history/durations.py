"""How long a checkout's tests are expected to take: an index of its event logs, quick to read.

``.isolane/durations.json``, which can be removed at any time; the next run makes it again. Format history:

1. the first: ``format``; ``runs``, the ids of the runs counted in, as long as their logs are there; ``largest``, the
   most tests that one of them ran; ``tests``, by file and then by the rest of the node id
   ``[weight in thousandths, mean and spread in microseconds, time of the newest observation in seconds]``, all whole
   numbers: they are read in half the time of fractions

Any other format, and what cannot be read, is made anew from the logs.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from isolane.history.event_log import FILE_NAME, read_ends
from isolane.history.runs import DIRECTORY, make_home, runs_directory, write_whole
from isolane.model.errors import RecordError
from isolane.model.events import TestFinished, decode
from isolane.model.outcome import Category
from isolane.statistics.expected_duration import DurationEstimate, shrunk

INDEX_NAME = "durations.json"
FORMAT = 1
NEWEST_RUNS = 20
"""How many runs are looked at, the newest first."""
SPARE_TESTS = 10_000
"""How many tests more than the largest run had are kept: ids that change with every run must not pile up."""

_UNTOLD = frozenset({Category.CRASHED, Category.HUNG, Category.MISSING, Category.DUPLICATED})
"""How tests end that did not come to their own end: how long they would have taken is not known."""

_DAMAGE = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)
"""What comes of reading JSON that is not what it should be."""
_NO_FIGURE = 1e18
"""No weight, duration or time is as much; nor is infinity, and NaN is not less either."""

_PLAIN_PASS = re.compile(
    r'\{"kind":"test-finished","at":([\d.]+),"node_id":"([^"\\]*)","worker":"[^"\\]*","category":"passed",'
    r'"setup":([\d.]+),"call":([\d.]+),"teardown":([\d.]+)\}'
)
"""The line of nearly every test: read by this it need not be decoded, which takes ten times as long."""

_Row = list[int]


def expected_seconds(root: Path, node_ids: Sequence[str], now: float) -> list[float] | None:
    """Return the seconds that each test is expected to take; None where no run is known.

    root: where ``.isolane`` is. now: seconds since the Unix epoch; what was seen long ago counts less. A test that
    was never seen gets the mean of its file, or of the suite. Never raises for what is in, or not in, ``.isolane``.
    """
    index = _read(root)
    if index is None:
        index = _Index()
        if _catch_up(index, root):
            _write(root, index)
    return index.expected(node_ids, now)


def remember_run(root: Path, run_id: str) -> None:
    """Count a finished run's durations in, and those of the newest runs that nobody has counted in yet.

    A run counts once, however often this is called; one that has not come to its end does not count. Where the
    index cannot be written, nothing happens. Of two that write at the same time the last one wins, and the next
    run counts in what the other one knew.
    """
    index = _read(root) or _Index()
    if _catch_up(index, root, run_id):
        _write(root, index)


@dataclass
class _Index:
    """The index in memory, as it is in the file: most of its tests are neither asked for nor changed."""

    runs: set[str] = field(default_factory=set)
    largest: int = 0
    tests: dict[str, dict[str, _Row]] = field(default_factory=dict)

    @classmethod
    def of(cls, text: bytes) -> _Index:
        """Return the index of a file's content. Raises one of several errors for what is none."""
        raw = json.loads(text)
        if raw["format"] != FORMAT:
            raise ValueError(f"format {raw['format']}")
        tests = raw["tests"]
        for rows in tests.values():
            for row in rows.values():
                weight, mean, spread, at = row
                if not (weight >= 0 <= mean and spread >= 0 <= at and weight + mean + spread + at < _NO_FIGURE):
                    raise ValueError(f"{row} is no estimate")
        return cls({str(run_id) for run_id in raw["runs"]}, int(raw["largest"]), tests)

    def text(self) -> str:
        """Return the file's content."""
        content = {"format": FORMAT, "runs": sorted(self.runs), "largest": self.largest, "tests": self.tests}
        return json.dumps(content, separators=(",", ":"))

    def observe(self, run_id: str, tests: Sequence[tuple[str, float, float]]) -> None:
        """Count a run in. tests: node id, seconds, and when it ended."""
        self.runs.add(run_id)
        self.largest = max(self.largest, len(tests))
        for node_id, seconds, at in tests:
            module, _, name = node_id.partition("::")
            rows = self.tests.setdefault(module, {})
            with contextlib.suppress(ValueError):  # a negative duration: the clock was set back
                rows[name] = _row_of(_estimate_of(rows.get(name)).observe(seconds, at))
            if not rows:
                del self.tests[module]

    def forget(self) -> None:
        """Drop the tests that were not seen for longest, where there are too many."""
        most = self.largest + SPARE_TESTS
        if sum(map(len, self.tests.values())) <= most:
            return
        newest = [(-row[3], module, name) for module, rows in self.tests.items() for name, row in rows.items()]
        for _, module, name in sorted(newest)[most:]:
            del self.tests[module][name]
        self.tests = {module: rows for module, rows in self.tests.items() if rows}

    def expected(self, node_ids: Sequence[str], now: float) -> list[float] | None:
        """Return what is expected of each test in seconds, None where the index is empty."""
        if not self.tests:
            return None
        totals = {module: sum([row[1] for row in rows.values()]) / 1e6 for module, rows in self.tests.items()}
        of_suite = sum(totals.values()) / sum(map(len, self.tests.values()))
        rows: dict[str, _Row] = {}
        of_file, last = of_suite, None
        expected = []
        for node_id in node_ids:
            module, _, name = node_id.partition("::")
            if module != last:
                last = module
                rows = self.tests.get(module, {})
                of_file = totals[module] / len(rows) if rows else of_suite
            row = rows.get(name)
            if row is None:
                expected.append(of_file)
            else:
                weight, mean, _, at = row
                expected.append(shrunk(mean / 1e6, weight / 1e3, now - at, of_file))
        return expected


def _estimate_of(row: _Row | None) -> DurationEstimate:
    if row is None:
        return DurationEstimate()
    weight, mean, spread, at = row
    return DurationEstimate(weight / 1e3, mean / 1e6, spread / 1e6, at)


def _row_of(estimate: DurationEstimate) -> _Row:
    weight, mean, spread, at = estimate
    return [round(weight * 1e3), round(mean * 1e6), round(spread * 1e6), max(0, round(at))]


def _read(root: Path) -> _Index | None:
    """Return the index, or None where there is none that this isolane can use."""
    path = root / DIRECTORY / INDEX_NAME
    try:
        if not path.is_file():  # not there yet, or a device that would never end
            return None
        return _Index.of(path.read_bytes())
    except (OSError, *_DAMAGE):
        return None


def _write(root: Path, index: _Index) -> None:
    with contextlib.suppress(OSError):
        write_whole(make_home(root) / INDEX_NAME, index.text())


def _catch_up(index: _Index, root: Path, wanted: str | None = None) -> bool:
    """Count in the run that is wanted and the newest ones that are not in the index yet; return whether there were any.

    A run counts from when its log has an end: until then it could be counted by halves.
    """
    try:
        names = sorted((entry.name for entry in os.scandir(runs_directory(root)) if entry.is_dir()), reverse=True)
    except OSError:
        return False
    # A run whose log is gone cannot be counted twice: there is no need to remember that it was.
    index.runs.intersection_update(names)
    known = 0
    new = []
    for name in names:
        if known == NEWEST_RUNS and name != wanted:
            continue
        if name in index.runs or _is_over(root, name):
            known = min(known + 1, NEWEST_RUNS)
            if name not in index.runs:
                new.append(name)
    for name in reversed(new):  # as they happened: what is usual is known before what is not
        with contextlib.suppress(OSError):
            index.observe(name, _finished_tests(root, name))
    index.forget()
    return bool(new)


def _is_over(root: Path, run_id: str) -> bool:
    try:
        ends = read_ends(runs_directory(root) / run_id / FILE_NAME)
    except RecordError:
        return False
    return ends is not None and ends[1] is not None


def _finished_tests(root: Path, run_id: str) -> list[tuple[str, float, float]]:
    """Return node id, seconds and end of a run's tests that came to their own end. Raises OSError.

    All of them or none: half a run, counted in, would be counted in again. A damaged line is passed over.
    """
    path = runs_directory(root) / run_id / FILE_NAME
    kind = f'"{TestFinished.kind}"'
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        plain = _PLAIN_PASS.fullmatch(line)
        if plain is not None:
            at, node_id, setup, call, teardown = plain.groups()
            found.append((node_id, float(setup) + float(call) + float(teardown), float(at)))
            continue
        if kind not in line:  # the others need not be decoded
            continue
        try:
            event = decode(line, str(path))
            if isinstance(event, TestFinished) and event.category not in _UNTOLD:
                found.append((str(event.node_id), float(event.seconds), float(event.at)))
        except (RecordError, *_DAMAGE):
            continue
    return found
