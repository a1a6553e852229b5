"""``isolane report``: a run on record, written in a form that other tools read."""

from __future__ import annotations

import json
import tokenize
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isolane.history.revision import checkout_of
from isolane.history.runs import find_run, write_whole
from isolane.model.errors import UsageError
from isolane.model.events import Event, RunStarted
from isolane.reports.cases import cases_of
from isolane.reports.ctrf import ctrf_report
from isolane.reports.findings import Remark, remarks_of_run
from isolane.reports.junit import junit_xml
from isolane.reports.perfetto import perfetto_trace
from isolane.reports.places import Places
from isolane.reports.run_html import run_html
from isolane.reports.sarif import sarif_log
from isolane.reports.timeline import timeline_of

_WHOLE_SUITE = frozenset({"serial", "parallel"})


@dataclass(frozen=True)
class ReportRequest:
    """What was asked. format: ``junit``, ``ctrf``, ``sarif``, ``perfetto`` or ``html``. output: None to return it.

    run: an id, the beginning of one, ``last``, the newest of a whole suite, or a run's directory.
    """

    format: str
    run: str = "last"
    project: Path = Path()
    output: Path | None = None


def report(request: ReportRequest) -> str:
    """Return a run's report, or, where it goes to a file, a line that says so.

    Raises :class:`~isolane.model.errors.UsageError` for a run that is not on record and a file that cannot be one;
    OSError where it cannot be written.
    """
    run = find_run(request.project.resolve(), request.run, lambda header: header.label in _WHOLE_SUITE, "run")
    if request.output is not None and request.output.is_dir():
        raise UsageError("not-a-file", f"{request.output} is a folder.", "Name a file for the report.")
    text = run_report(request.format, list(run.events()), places_of(run.header))
    if request.output is None:
        return text
    if request.output.exists() and not request.output.is_file():
        request.output.write_text(text, encoding="utf-8")  # a pipe or a device, which is not to be replaced
    else:
        write_whole(request.output.resolve(), text)
    return f"{request.output}: {run.header.run_id} as {request.format}\n"


def run_report(format_: str, events: Sequence[Event], places: Places) -> str:
    """Return a run in one of the formats. places: finds the lines of its tests."""
    if format_ == "perfetto":
        name = next((one.run_id for one in reversed(events) if isinstance(one, RunStarted)), "")
        return trace_text([(name, events)])
    run = cases_of(events)
    if format_ == "sarif":
        return sarif_text(remarks_of_run(run, places), whole=not run.trouble)
    if format_ == "html":
        return run_html(run, timeline_of("the run", events))
    return _json(ctrf_report(run)) if format_ == "ctrf" else junit_xml(run)


def sarif_text(remarks: Iterable[Remark], *, whole: bool = True) -> str:
    """Return findings as SARIF. whole: whether what was looked at had come to its end."""
    return _json(sarif_log(remarks, whole=whole))


def trace_text(runs: Sequence[tuple[str, Sequence[Event]]]) -> str:
    """Return runs, each with its name, as a trace. An event a line: there may be hundreds of thousands."""
    trace = perfetto_trace(runs)
    lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in trace.pop("traceEvents"))
    return f'{json.dumps(trace)[:-1]}, "traceEvents": [\n{lines}\n]}}\n'


def places_of(header: RunStarted) -> Places:
    """Return what finds the lines of a run's tests."""
    return places_in(Path(header.rootdir), Path(header.directory))


def places_in(rootdir: Path, directory: Path) -> Places:
    """Return what finds lines. rootdir: what node ids are named from. directory: where pytest was started."""
    return Places(checkout_of(rootdir) or rootdir, rootdir, directory, _text)


def _text(path: Path) -> str | None:
    """Return a source file's text, None where it cannot be read as one."""
    try:
        with tokenize.open(path) as file:
            return file.read()
    except (OSError, SyntaxError, ValueError):
        return None


def _json(data: Any) -> str:
    return json.dumps(data, indent=1) + "\n"
