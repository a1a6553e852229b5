"""Why tests of a proof end otherwise: each difference that an order makes is hunted down."""

from __future__ import annotations

from dataclasses import replace

from isolane.model.errors import IsolaneError
from isolane.model.hunt import HuntResult, Sort
from isolane.model.proof import PYTEST_ITSELF, Nature, PhaseKind, Proof, Verdict
from isolane.planning.pairs import pairs_claim
from isolane.planning.proof import with_pairs
from isolane.usecases.collisions import hunt_collisions
from isolane.usecases.hunt import HuntRequest, hunt_suite
from isolane.usecases.observer import Observer

_OF_AN_ORDER = (Nature.ALONE, Nature.COMPANY, Nature.ORDER)
MOST_HUNTED = 50
"""Tests whose cause is looked for; most suites have few causes and many tests that suffer from them."""


def with_causes(proof: Proof, request: HuntRequest, observer: Observer) -> Proof:
    """Return the proof with the causes of its differences, as far as a hunt finds them; a note where there is none.

    What only workers side by side show, and what was not shown again, no order explains. With all pairs asked for, the
    hunt goes through the whole suite: what it finds besides speaks against the proof, and what it has been through is
    part of the confidence. Where the serial runs differ, or broke, there is nothing to hunt in.
    """
    tests = list(
        dict.fromkeys(
            one.node_id for one in proof.differences if one.node_id != PYTEST_ITSELF and one.nature in _OF_AN_ORDER
        )
    )
    imported = {
        str(one.phase.module) if one.node_id == PYTEST_ITSELF else one.node_id: one.expected
        for one in proof.differences
        if one.phase.kind is PhaseKind.MODULE and one.nature is Nature.ALONE
    }
    proof = _with_collisions(proof, request, observer)
    if not (tests or imported) and (not request.all_pairs or proof.verdict is Verdict.INCONCLUSIVE):
        return proof
    asked = [] if request.all_pairs else tests[:MOST_HUNTED]
    # A file that cannot be imported alone is no test that an order could change.
    failed: dict[str, list[str]] | None = None if asked or request.all_pairs else {}
    try:
        found = hunt_suite(replace(request, tests=tuple(asked), imported=imported, failed=failed), observer)
    except IsolaneError as error:
        why = f"the causes of the differences were not looked for: {error.what.rstrip('.')}"
        return replace(proof, notes=(*proof.notes, why))
    notes = [note.rstrip(".") for note in found.notes]
    notes += [f"causes were looked for of {len(asked)} of {len(tests)} tests"] if 0 < len(asked) < len(tests) else []
    notes += _imports(proof, found)
    causes = tuple(one for one in found.findings if one.sort not in (Sort.BROKEN, Sort.UNCLEAR))
    causes = (*causes, *proof.causes)
    proof = replace(proof, causes=causes, seconds=proof.seconds + found.seconds, notes=(*proof.notes, *notes))
    return proof if found.pairs is None else with_pairs(proof, pairs_claim(len(found.dirty), *found.pairs))


def _with_collisions(proof: Proof, request: HuntRequest, observer: Observer) -> Proof:
    """Return the proof with the pairs of tests that collide, where something was seen in parallel only."""
    tests = list(
        dict.fromkeys(
            one.node_id
            for one in proof.differences
            if one.node_id != PYTEST_ITSELF
            and one.phase.kind is PhaseKind.PARALLEL
            and one.nature in (Nature.PARALLEL, Nature.INTERMITTENT)
        )
    )
    if not tests:
        return proof
    try:
        found = hunt_collisions(replace(request, tests=tuple(tests)), observer)
    except IsolaneError as error:
        why = f"which tests collide was not looked for: {error.what.rstrip('.')}"
        return replace(proof, notes=(*proof.notes, why))
    caused = {one.test for one in found.findings}
    left = [one for one in tests if one not in caused]
    notes = []
    if left:
        count = "1 test that differs" if len(left) == 1 else f"{len(left)} tests that differ"
        tried = found.meetings[0] if found.meetings else 0
        notes = [
            f"nothing that two tests touch is the cause of {count} in parallel only ({left[0]}): "
            f"{tried} pair{'' if tried == 1 else 's'} of tests that touch one thing were run at the same time"
        ]
    return replace(
        proof,
        causes=tuple(one for one in found.findings if one.test in tests),
        seconds=proof.seconds + found.seconds,
        notes=(*proof.notes, *notes),
    )


def _imports(proof: Proof, found: HuntResult) -> list[str]:
    """Return a note on tests that end otherwise in an interpreter of their own, and in no fork of a collected suite."""
    caused = {one.test for one in found.findings if one.needed}
    differ = [
        str(one.phase.module) if one.node_id == PYTEST_ITSELF else one.node_id
        for one in proof.differences
        if one.phase.kind is PhaseKind.MODULE and one.shown_again
    ]
    alone = [one for one in differ if one not in caused]
    if not alone:
        return []
    count = "1 test that differs" if len(alone) == 1 else f"{len(alone)} tests that differ"
    return [
        f"neither an order nor what files do when they are imported was found to be the cause of {count} alone "
        f"({alone[0]})"
    ]
