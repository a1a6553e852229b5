"""What pages are made of: a frame that needs nothing else, tables, and pictures of who ran what, when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib.resources import files

from isolane.reports.figures import seconds_text
from isolane.reports.timeline import Bar, Timeline, slowest

_ROW = 26
_LEFT = 70
_WIDTH = 900
_MOST_SLOW = 10
_MOST_ROWS = 100
_THINNEST = 0.4
"""Bars that are thinner, in units of the picture, are drawn as one with their neighbours."""


def html_page(title: str, body: Iterable[str]) -> str:
    """Return a whole page. body: lines of HTML."""
    page = files("isolane.reports").joinpath("proof.html").read_text(encoding="utf-8")
    return page.replace("<!--title-->", escape(title)).replace("<!--body-->", "\n".join(body))


def html_timelines(timelines: Sequence[Timeline]) -> Iterator[str]:
    """Yield a section with a picture of each run, all to one scale; of several the first is the serial one."""
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


def html_slowest(timeline: Timeline, head: str = "time") -> Iterator[str]:
    """Yield a section with the tests that took longest."""
    yield '<section aria-labelledby="slowest"><h2 id="slowest">Slowest tests</h2>'
    rows = [(one.test, _time(one.end - one.start), one.outcome) for one in slowest(timeline, _MOST_SLOW)]
    yield from html_table(("test", head, "outcome"), rows)
    yield "</section>"


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else seconds_text(seconds)


def html_table(heads: Sequence[str], rows: Iterable[Sequence[str]], where: str = "in proof.json") -> Iterator[str]:
    """Yield a table. where: what is said of rows that are left out of a long one."""
    listed = list(rows)
    yield '<div class="table" tabindex="0"><table><thead><tr>'
    yield "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    yield "</tr></thead><tbody>"
    for row in listed[:_MOST_ROWS]:
        yield f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>"
    yield "</tbody></table></div>"
    if len(listed) > _MOST_ROWS:
        left_out = f"and {len(listed) - _MOST_ROWS} more"
        yield f"<p>{', '.join(filter(None, (left_out, where)))}</p>"
