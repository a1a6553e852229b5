"""What GitHub Actions shows of a run: lines of its log that become annotations, and a part of the step's summary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from isolane.reports.cases import Cases
from isolane.reports.characters import cut, writable
from isolane.reports.figures import cell, code_cell
from isolane.reports.findings import Remark, Weight, distinct
from isolane.reports.places import Place, Places

MOST = 10
"""How many errors, and how many warnings, GitHub takes of a step."""
_LONGEST_TITLE = 255
_LONGEST_MESSAGE = 4_000
_MOST_ROWS = 50


@dataclass(frozen=True)
class Annotation:
    """level: ``error`` or ``warning``. place: None where there is no line to show it at."""

    level: str
    title: str
    message: str
    place: Place | None = None


def annotations_of_run(run: Cases, places: Places) -> Iterator[Annotation]:
    """Yield what failed, where it failed; tests that passed only when run again are warnings."""
    for failure in run.collection_failures:
        title = f"{failure.node_id or 'the tests'} cannot be collected"
        place = places.of_test(failure.node_id) if failure.node_id else None
        yield Annotation("error", title, failure.message, place)
    for case in run.tests:
        if case.outcome.is_bad:
            place = places.of_line(case.location) or places.of_test(case.node_id)
            yield Annotation("error", f"{case.node_id} {case.outcome}", case.message or str(case.outcome), place)
    for case in run.tests:
        if case.is_flaky:
            title = f"{case.node_id} passed only at attempt {len(case.earlier) + 1}"
            yield Annotation("warning", title, "\n".join(filter(None, case.earlier)), places.of_test(case.node_id))


def annotations_of_remarks(remarks: Iterable[Remark]) -> Iterator[Annotation]:
    """Yield what a proof has found, the worst first, each thing once."""
    for one in distinct(remarks):
        level = "error" if one.weight is Weight.ERROR else "warning"
        yield Annotation(level, one.rule.short.rstrip("."), one.message, one.place)


def workflow_commands(annotations: Iterable[Annotation]) -> list[str]:
    """Return the lines to print: no more of a level than GitHub takes; the last one says how many are left out."""
    lines = []
    found = list(annotations)
    for level in ("error", "warning"):
        of_level = [one for one in found if one.level == level]
        if len(of_level) > MOST:
            left = len(of_level) - MOST + 1
            of_level[MOST - 1 :] = [Annotation(level, f"and {left} more", "They are in the log, and in the summary.")]
        lines += [_command(one) for one in of_level]
    return lines


def run_summary(run: Cases) -> str:
    """Return the part of a step's summary that is about a run's tests, empty where all is well."""
    bad = [(one.node_id, str(one.outcome), one.message) for one in run.tests if one.outcome.is_bad]
    bad += [(one.node_id, "not collected", one.message) for one in run.collection_failures]
    flaky = [
        (one.node_id, f"passed at attempt {len(one.earlier) + 1}", one.earlier[-1]) for one in run.tests if one.is_flaky
    ]
    lines = [f"**{run.trouble.capitalize()}.**", ""] if run.trouble else []
    for rows, words in ((bad, "failed"), (flaky, "flaky")):
        if rows:
            lines += [f"### {len(rows)} {words}", "", "| test | outcome | why |", "|---|---|---|"]
            lines += [f"| {' | '.join(_cells(row))} |" for row in rows[:_MOST_ROWS]]
            lines += ["", f"and {len(rows) - _MOST_ROWS} more", ""] if len(rows) > _MOST_ROWS else [""]
    return "\n".join(lines)


def _cells(row: Sequence[str]) -> Iterator[str]:
    name, outcome, message = (writable(one) for one in row)
    yield from (code_cell(name), cell(outcome), code_cell(message))


def _command(one: Annotation) -> str:
    properties = {"file": one.place.file, "line": str(one.place.line)} if one.place is not None else {}
    properties["title"] = cut(one.title, _LONGEST_TITLE)
    given = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{one.level} {given}::{_data(cut(one.message, _LONGEST_MESSAGE))}"


def _data(text: str) -> str:
    """Return text as a command's message: line ends stay, other control characters are shown as escapes."""
    return "%0A".join(writable(line.replace("%", "%25")) for line in text.split("\n"))


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
