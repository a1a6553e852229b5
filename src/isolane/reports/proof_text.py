"""A proof in words, for a terminal: first the verdict, then what differs and how to see it, then the runs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from itertools import groupby

from isolane.model.proof import PYTEST_ITSELF, Difference, PhaseKind, PhaseResult, Proof
from isolane.reports.figures import seconds_text
from isolane.reports.hunt_text import cause_lines

_SHOWN_TESTS = 10


def proof_lines(proof: Proof, width: int = 80) -> Iterator[str]:
    """Yield the lines. Readable without colour; long lists are cut, the whole is in the reports."""
    yield from _wrapped(f"{proof.verdict.value.upper()}: {proof.reason}.", width)
    if proof.confidence:
        yield from _wrapped(f"  {proof.confidence[0].upper()}{proof.confidence[1:]}.", width)
    if proof.failures:
        yield ""
        one = len(proof.failures) == 1
        yield f"{len(proof.failures)} test{'' if one else 's'} fail{'s' if one else ''} in the serial run:"
        yield from _cut([(failure.node_id, str(failure.outcome)) for failure in proof.failures], width)
    if proof.flaky:
        yield ""
        yield "Differ between two serial runs of the same order:"
        yield from _cut([(one.node_id, f"{one.outcomes[0]}, then {one.outcomes[1]}") for one in proof.flaky], width)
    if proof.causes:
        yield ""
        yield "Causes:"
        yield from list(cause_lines(proof.causes, width))[1:]
    listed: set[str] = set()
    for command, differences in grouped(proof.differences):
        yield ""
        yield from _group(command, differences, listed, width)
        listed |= {one.node_id for one in differences} - {PYTEST_ITSELF}  # whose reason is another each time
    alone = (PhaseKind.MODULE, PhaseKind.TEST)
    if any(one.phase.kind in alone or one.expected.is_bad for one in proof.differences):
        yield ""
        yield "The serial run to compare with:"
        yield f"  {proof.baseline_command}"
    yield ""
    yield from _table(proof)
    for note in proof.notes:
        yield from _wrapped(f"Note: {note}.", width)


def grouped(differences: Iterable[Difference]) -> list[tuple[str, list[Difference]]]:
    """Return the differences that share a command together, in their order."""
    return [(command, list(some)) for command, some in groupby(differences, key=lambda one: one.command)]


def heading(differences: list[Difference]) -> str:
    """Return what the differences of one command have in common, in a line."""
    first = differences[0]
    count = sum(one.node_id != PYTEST_ITSELF for one in differences)
    tests = [f"{count} test{'' if count == 1 else 's'} end{'s' if count == 1 else ''} otherwise"] if count else []
    itself = ["pytest itself failed"] if count < len(differences) else []
    natures = ", ".join(sorted({one.nature.value for one in differences}))
    return f"{' and '.join(itself + tests)} in: {first.phase.name} ({natures})"


def outcome_here(one: Difference) -> str:
    """Return what was found, and how many tests did not run for it."""
    count = one.missing
    lost = f", {count} test{'' if count == 1 else 's'} did not run" if count else ""
    return f"{one.found}{lost}"


def shown(differences: list[Difference]) -> str:
    """Return whether the command showed them again."""
    again = sum(one.shown_again for one in differences)
    return f"run once to check: {again} of {len(differences)} shown again"


def _group(command: str, differences: list[Difference], listed: set[str], width: int) -> Iterator[str]:
    """Yield a group; tests that a group above has named already are only counted."""
    yield from _wrapped(f"{heading(differences)}:", width, "    ")
    new = [one for one in differences if one.node_id not in listed]
    yield from _cut([(one.node_id, f"{one.expected} -> {outcome_here(one)}{_why(one)}") for one in new], width)
    known = len(differences) - len(new)
    if known:
        yield f"  {'and ' if new else ''}{known} of those above"
    yield f"  see it ({shown(differences)}):"
    yield f"    {command}"


def _why(one: Difference) -> str:
    """Return why pytest itself failed; of tests there are many, and the report says why."""
    return f": {one.message}" if one.node_id == PYTEST_ITSELF and one.message else ""


def _cut(tests: list[tuple[str, str]], width: int) -> Iterator[str]:
    """Yield the first tests with what is said of each, folded after its node id where it is too long a line."""
    for node_id, said in tests[:_SHOWN_TESTS]:
        line = f"  {node_id}: {said}"
        if len(line) <= width:
            yield line
        else:
            yield f"  {node_id}"
            yield from _wrapped(f"      {said}", width, "      ")
    if len(tests) > _SHOWN_TESTS:
        yield f"  … and {len(tests) - _SHOWN_TESTS} more, in the report"


def _wrapped(text: str, width: int, indent: str = "  ") -> list[str]:
    """Return prose in lines of that width; a word that is longer (a path) stays whole."""
    return textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _table(proof: Proof) -> Iterator[str]:
    rows = list(phase_rows(proof.phases))
    rows.append(("total", "", "", "", seconds_text(proof.seconds)))
    yield f"{'run':<34} {'tests':>7} {'failed':>7} {'differ':>7} {'time':>9}"
    for row in rows:
        yield f"{row[0]:<34} {row[1]:>7} {row[2]:>7} {row[3]:>7} {row[4]:>9}"


def phase_rows(results: Iterable[PhaseResult]) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield (name, tests, failed, differ, time) for each run, the modules alone as one row.

    The name of a run over workers says which engine they were of.
    """
    for is_module, some in groupby(results, key=lambda one: one.phase.kind is PhaseKind.MODULE):
        group = list(some)
        if is_module:
            yield _row(f"{len(group)} modules, each alone", group)
        else:
            for one in group:
                engine = f" ({one.engine})" if one.phase.workers and one.engine else ""
                yield _row(f"{one.phase.name}{engine}", [one])


def _row(name: str, group: list[PhaseResult]) -> tuple[str, str, str, str, str]:
    return (
        name,
        str(sum(one.tests for one in group)),
        str(sum(one.failed for one in group)),
        str(sum(one.differences for one in group)),
        seconds_text(sum(one.seconds for one in group)),
    )
