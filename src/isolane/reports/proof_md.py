"""A proof as a page of markdown: ``reports/proof.md``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone

from isolane.model.proof import Proof
from isolane.reports.figures import cell, seconds_text
from isolane.reports.proof_text import grouped, heading, phase_rows, shown


def proof_page(proof: Proof) -> str:
    """Return the whole page."""
    return "\n".join(_lines(proof)) + "\n"


def _lines(proof: Proof) -> Iterator[str]:
    yield f"# {proof.verdict.value.capitalize()}: {proof.reason}"
    yield ""
    if proof.confidence:
        yield f"{proof.confidence[0].upper()}{proof.confidence[1:]}."
        yield ""
    when = datetime.fromtimestamp(proof.started, tz=timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    revision = f", revision {proof.revision[:12]}" if proof.revision else ""
    yield f"`{proof.project}`{revision}, {when}, {seconds_text(proof.seconds)}. "
    yield f"Python {proof.python_version}, pytest {proof.pytest_version}."
    yield ""
    counts = ", ".join(f"{count} {name}" for name, count in sorted(proof.counts.items()))
    yield f"{proof.tests} tests in the serial run: {counts}."
    for note in proof.notes:
        yield f"Note: {note}."
    yield from _failures(proof)
    for command, differences in grouped(proof.differences):
        yield ""
        yield f"## {heading(differences)}"
        yield ""
        yield "| test | serial run | here | why |"
        yield "|---|---|---|---|"
        for one in differences:
            why = f"{one.message} {one.location}".strip()
            yield f"| `{cell(one.node_id)}` | {cell(str(one.expected))} | {cell(str(one.found))} | {cell(why)} |"
        yield ""
        yield f"See it ({shown(differences)}):"
        yield ""
        yield f"```console\n{command}\n```"
    if proof.flaky:
        yield ""
        yield "## Differ between two serial runs of the same order"
        yield ""
        yield "| test | first | second |"
        yield "|---|---|---|"
        for flaky in proof.flaky:
            yield f"| `{cell(flaky.node_id)}` | {cell(str(flaky.outcomes[0]))} | {cell(str(flaky.outcomes[1]))} |"
    yield ""
    yield "## Runs"
    yield ""
    yield "| run | tests | failed | differ | time |"
    yield "|---|---:|---:|---:|---:|"
    for row in phase_rows(proof.phases):
        yield f"| {' | '.join(map(cell, row))} |"
    yield ""
    yield "The serial run to compare with:"
    yield ""
    yield f"```console\n{proof.baseline_command}\n```"


def _failures(proof: Proof) -> Iterator[str]:
    if not proof.failures:
        return
    yield ""
    yield "## Fail in the serial run"
    yield ""
    yield "| test | outcome | why |"
    yield "|---|---|---|"
    for one in proof.failures:
        why = f"{one.message} {one.location}".strip()
        yield f"| `{cell(one.node_id)}` | {cell(str(one.outcome))} | {cell(why)} |"
