"""A proof as a page of markdown: ``reports/proof.md``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone

from isolane.model.proof import Difference, Failure, Proof
from isolane.reports.figures import cell, code_cell, seconds_text
from isolane.reports.hunt_text import cause_lines
from isolane.reports.proof_text import grouped, heading, outcome_here, phase_rows, shown


def proof_page(proof: Proof) -> str:
    """Return the whole page."""
    return "\n".join(_lines(proof)) + "\n"


def _lines(proof: Proof) -> Iterator[str]:
    yield f"# {proof.verdict.value.capitalize()}: {cell(proof.reason)}"
    yield ""
    if proof.confidence:
        yield f"{proof.confidence[0].upper()}{proof.confidence[1:]}."
        yield ""
    when = datetime.fromtimestamp(proof.started, tz=timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    revision = f", revision {proof.revision[:12]}" if proof.revision else ""
    yield f"`{proof.project}`{revision}, {when}, {seconds_text(proof.seconds)}."
    hash_seed = "random" if proof.hash_seed is None else proof.hash_seed
    yield f"Python {proof.python_version}, pytest {proof.pytest_version}, PYTHONHASHSEED={hash_seed}."
    yield ""
    counts = ", ".join(f"{count} {name}" for name, count in sorted(proof.counts.items()))
    yield f"{proof.tests} tests in the serial run: {counts}."
    for note in proof.notes:
        yield ""
        yield f"Note: {note}."
    yield from _failures(proof)
    if proof.causes:
        yield ""
        yield "## Causes"
        yield ""
        yield "```text"
        yield from list(cause_lines(proof.causes, 120))[1:]
        yield "```"
    for command, differences in grouped(proof.differences):
        yield ""
        yield f"## {heading(differences)}"
        yield ""
        yield "| test | serial run | here | why |"
        yield "|---|---|---|---|"
        for one in differences:
            outcomes = f"{cell(str(one.expected))} | {cell(outcome_here(one))}"
            yield f"| {code_cell(one.node_id)} | {outcomes} | {_why(one)} |"
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
            yield f"| {code_cell(flaky.node_id)} | {' | '.join(cell(str(one)) for one in flaky.outcomes)} |"
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
        yield f"| {code_cell(one.node_id)} | {cell(str(one.outcome))} | {_why(one)} |"


def _why(one: Difference | Failure) -> str:
    return f"{code_cell(one.message)} {code_cell(one.location)}".strip()
