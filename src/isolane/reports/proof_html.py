"""A proof as one page that needs nothing else: ``reports/proof.html``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from html import escape

from isolane.model.hunt import Finding
from isolane.model.proof import Proof, Verdict
from isolane.reports.figures import seconds_text
from isolane.reports.html_parts import html_page, html_slowest, html_table, html_timelines
from isolane.reports.hunt_text import cause_lines
from isolane.reports.proof_text import grouped, heading, outcome_here, phase_rows, shown
from isolane.reports.timeline import Timeline


def proof_html(proof: Proof, timelines: Sequence[Timeline]) -> str:
    """Return the page. timelines: of the serial run first, then of those over workers."""
    title = f"{proof.verdict.value}: {proof.reason}"
    return html_page(title, _body(proof, timelines))


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
        yield from html_timelines(timelines)
        yield from html_slowest(timelines[0], "time, serially")
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
        yield from html_table(("test", "serial run", "here", "why"), rows)
        yield f'<p>See it ({escape(shown(some))}):</p><pre tabindex="0">{escape(command)}</pre></details>'
    if proof.flaky:
        pairs = [(one.node_id, str(one.outcomes[0]), str(one.outcomes[1])) for one in proof.flaky]
        yield "<details open><summary>Differ between two serial runs of the same order</summary>"
        yield from html_table(("test", "first", "second"), pairs)
        yield "</details>"
    yield "</section>"


def _failures(proof: Proof) -> Iterator[str]:
    if not proof.failures:
        return
    yield '<section aria-labelledby="failures"><h2 id="failures">Fail in the serial run</h2>'
    rows = [(one.node_id, str(one.outcome), f"{one.message} {one.location}") for one in proof.failures]
    yield from html_table(("test", "outcome", "why"), rows)
    yield "</section>"


def _runs(proof: Proof) -> Iterator[str]:
    yield '<section aria-labelledby="runs"><h2 id="runs">Runs</h2>'
    yield from html_table(("run", "tests", "failed", "differ", "time"), phase_rows(proof.phases))
    when = datetime.fromtimestamp(proof.started, tz=timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    revision = f", revision {proof.revision[:12]}" if proof.revision else ""
    hash_seed = "random" if proof.hash_seed is None else proof.hash_seed
    yield f"<p><code>{escape(proof.project)}</code>{revision}, {when}, {seconds_text(proof.seconds)}. "
    yield f"Python {proof.python_version}, pytest {proof.pytest_version}, PYTHONHASHSEED={hash_seed}.</p>"
    for note in proof.notes:
        yield f"<p>Note: {escape(note)}.</p>"
    yield f'<p>The serial run to compare with:</p><pre tabindex="0">{escape(proof.baseline_command)}</pre></section>'
