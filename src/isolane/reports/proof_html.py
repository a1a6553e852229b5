"""A proof as one page that needs nothing else: ``reports/proof.html``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from html import escape
from importlib.resources import files

from isolane.model.hunt import Finding
from isolane.model.proof import Proof, Verdict
from isolane.reports.figures import seconds_text
from isolane.reports.hunt_text import cause_lines
from isolane.reports.proof_text import grouped, heading, outcome_here, phase_rows, shown
from isolane.reports.timeline import Bar, Timeline, slowest

_ROW = 26
_LEFT = 70
_WIDTH = 900
_MOST_SLOW = 10
_MOST_ROWS = 100
_THINNEST = 0.4
"""Bars that are thinner, in units of the picture, are drawn as one with their neighbours."""


def proof_html(proof: Proof, timelines: Sequence[Timeline]) -> str:
    """Return the page. timelines: of the serial run first, then of those over workers."""
    title = f"{proof.verdict.value}: {proof.reason}"
    page = files("isolane.reports").joinpath("proof.html").read_text(encoding="utf-8")
    return page.replace("<!--title-->", escape(title)).replace("<!--body-->", "\n".join(_body(proof, timelines)))


def _body(proof: Proof, timelines: Sequence[Timeline]) -> Iterator[str]:
    mark = {Verdict.PROVEN: "good", Verdict.NOT_PROVEN: "bad", Verdict.INCONCLUSIVE: "open"}[proof.verdict]
    yield f'<header class="{mark}"><h1>{escape(proof.verdict.value.capitalize())}</h1>'
    yield f"<p>{escape(proof.reason)}.</p>"
    if proof.confidence:
        yield f"<p>{escape(proof.confidence[0].upper() + proof.confidence[1:])}.</p>"
    yield "</header><main>"
    yield from _causes(proof.causes)
    yield from _differences(proof)
    yield from _failures(proof)
    if timelines:
        yield from _timelines(timelines)
        yield from _slowest(timelines[0])
    yield from _runs(proof)
    yield "</main>"


def _causes(causes: Sequence[Finding]) -> Iterator[str]:
    if not causes:
        return
    yield '<section aria-labelledby="causes"><h2 id="causes">Causes</h2>'
    text = "\n".join(list(cause_lines(causes, 110))[1:])
    yield f'<pre tabindex="0">{escape(text)}</pre></section>'


def _differences(proof: Proof) -> Iterator[str]:
    if not proof.differences and not proof.flaky:
        return
    yield '<section aria-labelledby="differences"><h2 id="differences">What differs</h2>'
    for command, some in grouped(proof.differences):
        yield f"<details><summary>{escape(heading(some))}</summary>"
        rows = [(one.node_id, str(one.expected), outcome_here(one), f"{one.message} {one.location}") for one in some]
        yield from _table(("test", "serial run", "here", "why"), rows)
        yield f'<p>See it ({escape(shown(some))}):</p><pre tabindex="0">{escape(command)}</pre></details>'
    if proof.flaky:
        pairs = [(one.node_id, str(one.outcomes[0]), str(one.outcomes[1])) for one in proof.flaky]
        yield "<details open><summary>Differ between two serial runs of the same order</summary>"
        yield from _table(("test", "first", "second"), pairs)
        yield "</details>"
    yield "</section>"


def _failures(proof: Proof) -> Iterator[str]:
    if not proof.failures:
        return
    yield '<section aria-labelledby="failures"><h2 id="failures">Fail in the serial run</h2>'
    rows = [(one.node_id, str(one.outcome), f"{one.message} {one.location}") for one in proof.failures]
    yield from _table(("test", "outcome", "why"), rows)
    yield "</section>"


def _timelines(timelines: Sequence[Timeline]) -> Iterator[str]:
    serial = timelines[0]
    yield '<section aria-labelledby="timelines"><h2 id="timelines">Who ran what, when</h2>'
    yield (
        '<p class="zoom"><button type="button" data-zoom="0.5">Narrower</button> '
        '<button type="button" data-zoom="2">Wider</button> <span id="zoom" role="status">1 ×</span></p>'
    )
    longest = max(one.seconds for one in timelines)
    for one in timelines:
        speed = "" if one is serial else f", {serial.seconds / one.seconds:.2f} × as quick as the serial run"
        limit = "" if one is serial else f"; it cannot take less than {seconds_text(one.limit)}"
        label = f"{one.name}: {seconds_text(one.seconds)}{speed}{limit}"
        yield f"<h3>{escape(label)}</h3>"
        yield from _picture(one, label, longest)
    yield "</section>"


def _picture(timeline: Timeline, label: str, longest: float) -> Iterator[str]:
    height = _ROW * len(timeline.rows) + 20
    scale = (_WIDTH - _LEFT) / longest
    yield f'<div class="timeline" tabindex="0" role="group" aria-label="{escape(label, quote=True)}">'
    yield f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" preserveAspectRatio="none">'
    for number, (worker, bars) in enumerate(timeline.rows.items()):
        top = number * _ROW
        yield f'<text x="0" y="{top + 17}">{escape(worker)}</text>'
        yield (
            f'<rect class="start" x="{_LEFT}" y="{top + 4}" width="{max(0.0, bars[0].start) * scale:.2f}" '
            f'height="{_ROW - 8}"><title>start and collection</title></rect>'
        )
        for one in _drawn(bars, scale):
            kind = "bar bad" if one.is_bad else "bar"
            yield (
                f'<rect class="{kind}" x="{_LEFT + one.start * scale:.2f}" y="{top + 4}" '
                f'width="{max(_THINNEST, (one.end - one.start) * scale):.2f}" height="{_ROW - 8}">'
                f"<title>{escape(one.test)}: {escape(one.outcome)}, {_time(one.end - one.start)}</title></rect>"
            )
    yield f'<text x="{_LEFT}" y="{height - 4}">0 s</text>'
    yield f'<text x="{_WIDTH}" y="{height - 4}" text-anchor="end">{seconds_text(longest)}</text></svg></div>'


def _drawn(bars: Sequence[Bar], scale: float) -> Iterator[Bar]:
    """Yield the bars, quick ones in a row as one: a picture of 60,000 would open in nobody's browser."""
    run: list[Bar] = []

    def together() -> Bar:
        if len(run) == 1:
            return run[0]
        text = f"{len(run)} quick tests, from {run[0].test} to {run[-1].test}"
        return Bar(text, run[0].start, run[-1].end, "all well", False)

    for one in bars:
        thin = (one.end - one.start) * scale < _THINNEST and not one.is_bad
        if run and (not thin or (one.end - run[0].start) * scale > 2):
            yield together()
            run = []
        if thin:
            run.append(one)
        else:
            yield one
    if run:
        yield together()


def _slowest(timeline: Timeline) -> Iterator[str]:
    yield '<section aria-labelledby="slowest"><h2 id="slowest">Slowest tests</h2>'
    rows = [(one.test, _time(one.end - one.start), one.outcome) for one in slowest(timeline, _MOST_SLOW)]
    yield from _table(("test", "time, serially", "outcome"), rows)
    yield "</section>"


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else seconds_text(seconds)


def _runs(proof: Proof) -> Iterator[str]:
    yield '<section aria-labelledby="runs"><h2 id="runs">Runs</h2>'
    yield from _table(("run", "tests", "failed", "differ", "time"), phase_rows(proof.phases))
    when = datetime.fromtimestamp(proof.started, tz=timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    revision = f", revision {proof.revision[:12]}" if proof.revision else ""
    hash_seed = "random" if proof.hash_seed is None else proof.hash_seed
    yield f"<p><code>{escape(proof.project)}</code>{revision}, {when}, {seconds_text(proof.seconds)}. "
    yield f"Python {proof.python_version}, pytest {proof.pytest_version}, PYTHONHASHSEED={hash_seed}.</p>"
    for note in proof.notes:
        yield f"<p>Note: {escape(note)}.</p>"
    yield f'<p>The serial run to compare with:</p><pre tabindex="0">{escape(proof.baseline_command)}</pre></section>'


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    listed = list(rows)
    yield '<div class="table" tabindex="0"><table><thead><tr>'
    yield "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    yield "</tr></thead><tbody>"
    for row in listed[:_MOST_ROWS]:
        yield f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>"
    yield "</tbody></table></div>"
    if len(listed) > _MOST_ROWS:
        yield f"<p>and {len(listed) - _MOST_ROWS} more, in proof.json</p>"
