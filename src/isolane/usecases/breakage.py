"""Why a run did not do what it was asked to: its process died, a file could not be collected, pytest itself failed."""

from __future__ import annotations

from isolane.model.errors import ExitCode
from isolane.model.outcome import Category
from isolane.model.record import RunRecord

_LONGEST_LINE = 300


def died(record: RunRecord) -> str:
    """Return how the process that ran the tests died, or nothing where it came to its own end."""
    for lost in record.lost_workers:
        if lost.worker == "controller":
            last = [one for one in record.finished.values() if one.category in (Category.CRASHED, Category.HUNG)]
            where = f" while {last[-1].node_id} ran" if last else ""
            return f"{lost.reason}{where}"
    crashed = [one for one in record.finished.values() if one.category is Category.CRASHED and not one.worker]
    return f"{crashed[-1].detail} while {crashed[-1].node_id} ran" if crashed else ""


def why_broken(record: RunRecord, output: str, *, may_be_empty: bool = False) -> str:
    """Return in a sentence, without its full stop, why a run came to no proper end; nothing where it did.

    output: what pytest printed. may_be_empty: no tests are no failure of this run.
    """
    if record.collection_failures:
        return _uncollected(record)
    how = died(record)
    if how:
        return f"the process {how}"
    no_end = {ExitCode.INTERRUPTED, ExitCode.INTERNAL_ERROR, ExitCode.USAGE_ERROR}
    if not (record.exit_code in no_end or (record.exit_code == ExitCode.NO_TESTS and not may_be_empty)):
        return ""
    if record.lost_workers and not record.outcomes:
        lost = record.lost_workers[0]
        return f"worker {lost.worker} was lost: {lost.reason}"
    return last_error(output, record.exit_code)


def last_error(output: str, exit_code: int | None) -> str:
    """Return the line of pytest's output that says most: that of its own error marks, else the last line."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    usage = [line for line in lines if ": error: " in line] if exit_code == ExitCode.USAGE_ERROR else []
    if usage:  # argparse marks the line before as the error, which lists all that it could have been
        return _cut(usage[-1].partition(": error: ")[2])
    marks = ["E   ", "ERROR: ", "ERROR "]
    if exit_code == ExitCode.INTERNAL_ERROR:
        marks.insert(0, "INTERNALERROR>")
    elif exit_code == ExitCode.INTERRUPTED:
        marks.insert(0, "!!!")
    for mark in marks:
        marked = [line for line in lines if line.startswith(mark)]
        if marked:
            return _cut(marked[-1].removeprefix(mark).strip("! "))
    return _cut(lines[-1]) if lines else "it said nothing"


def _cut(line: str) -> str:
    whole = line.rstrip(".")
    return whole if len(whole) <= _LONGEST_LINE else f"{whole[:_LONGEST_LINE]}…"


def _uncollected(record: RunRecord) -> str:
    first, *others = record.collection_failures
    if first.message.startswith("Different tests were collected"):  # xdist says it, of workers
        return first.message.partition(". ")[0]
    more = f" (and {len(others)} more)" if others else ""
    return f"{first.node_id or 'the tests'} could not be collected: {first.message}{more}"
