"""A run on record as one page that needs nothing else, in the frame that a proof has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from html import escape

from isolane.model.state import Leak, Level
from isolane.reports.cases import Case, Cases
from isolane.reports.characters import writable
from isolane.reports.figures import seconds_text
from isolane.reports.html_parts import html_page, html_slowest, html_table, html_timelines
from isolane.reports.timeline import Timeline


def run_html(run: Cases, timeline: Timeline | None) -> str:
    """Return the page. timeline: None where no test ran. Values of state that is left are not in it, only names."""
    text = html_page(f"isolane: {_verdict(run)}", _body(run, timeline))
    return writable_lines(text).encode("ascii", "xmlcharrefreplace").decode("ascii")


def writable_lines(text: str) -> str:
    """Return text of which each line is writable."""
    return "\n".join(map(writable, text.split("\n")))


def _bad(run: Cases) -> list[Case]:
    return [one for one in run.tests if one.outcome.is_bad]


def _verdict(run: Cases) -> str:
    if run.trouble:
        return "not whole"
    return "failed" if _bad(run) or run.collection_failures or run.record.exit_code else "passed"


def _body(run: Cases, timeline: Timeline | None) -> Iterator[str]:
    verdict = _verdict(run)
    mark = {"passed": "good", "failed": "bad"}.get(verdict, "open")
    counts = ", ".join(f"{count} {name}" for name, count in sorted(run.record.counts().items()))
    yield f'<header class="{mark}"><h1>{verdict.capitalize()}</h1>'
    yield f"<p>{len(run.tests)} tests{': ' if counts else ''}{escape(counts)}.</p>"
    if run.trouble:
        yield f"<p>{escape(run.trouble.capitalize())}.</p>"
    yield "</header><main>"
    yield from _section("lost", "Could not be collected", ("file", "why"), _uncollected(run))
    yield from _section("failures", "Failed", ("test", "outcome", "why"), _failures(run))
    yield from _section("again", "Passed only when run again", ("test", "attempts"), _again(run))
    yield from _section("left", "Left behind", ("who", "kind", "what", "how"), _left(run))
    if timeline is not None:
        yield from html_timelines([timeline])
        yield from html_slowest(timeline)
    yield '<section aria-labelledby="run"><h2 id="run">The run</h2>'
    when = datetime.fromtimestamp(run.began, tz=timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    facts = [*run.facts.items(), ("began", when), ("took", seconds_text(max(0.0, run.ended - run.began)))]
    yield from html_table(("what", "value"), facts, "")
    yield "</section></main>"


def _section(name: str, title: str, heads: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    listed = list(rows)
    if listed:
        yield f'<section aria-labelledby="{name}"><h2 id="{name}">{title}</h2>'
        yield from html_table(heads, listed, "")
        yield "</section>"


def _uncollected(run: Cases) -> Iterator[tuple[str, str]]:
    yield from ((one.node_id, one.message) for one in run.collection_failures)


def _failures(run: Cases) -> Iterator[tuple[str, str, str]]:
    for one in _bad(run):
        yield one.node_id, str(one.outcome), f"{one.message} {run.location(one)}".strip()


def _again(run: Cases) -> Iterator[tuple[str, str]]:
    yield from ((one.node_id, str(len(one.earlier) + 1)) for one in run.tests if one.is_flaky)


def _left(run: Cases) -> Iterator[tuple[str, str, str, str]]:
    of_tests = [plain for one in run.tests if one.finished is not None for plain in one.finished.leaks]
    of_imports = run.record.end.leaks if run.record.end is not None else ()
    for leak in map(Leak.from_plain, (*of_tests, *of_imports)):
        if leak.change.level is not Level.HARMLESS:
            yield leak.owner, leak.change.kind, leak.change.name, leak.change.level.value
