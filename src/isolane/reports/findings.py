"""What is to be mended, each with its place: what a run has seen tests leave behind, what a proof has found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256

from isolane.model.explanation import Explained, line_of
from isolane.model.hunt import Finding as Cause
from isolane.model.hunt import Sort
from isolane.model.outcome import Outcome
from isolane.model.proof import PYTEST_ITSELF, Nature, Proof
from isolane.model.state import Change, Leak, Level
from isolane.reports.cases import Cases
from isolane.reports.hunt_text import mend
from isolane.reports.places import Place, Places


class Weight(str, Enum):
    """How bad it is, in SARIF's words."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Rule:
    """What sort of thing is found. help: what to do about it."""

    id: str
    short: str
    full: str
    help: str


@dataclass(frozen=True)
class Remark:
    """Something to be mended. key: what it is known again by, when lines have moved. related: where else to look."""

    rule: Rule
    weight: Weight
    message: str
    place: Place
    key: tuple[str, ...]
    related: tuple[tuple[str, Place], ...] = ()

    @property
    def fingerprint(self) -> str:
        """Return what is the same for the same thing, wherever it is written: 32 hexadecimal digits."""
        text = "\0".join((self.rule.id, *self.key))
        return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def distinct(remarks: Iterable[Remark]) -> list[Remark]:
    """Return remarks, the worst first, each thing once; of one bad as the other leaks come before who suffers."""
    weights = list(Weight)
    kept: dict[str, Remark] = {}
    for one in sorted(remarks, key=lambda one: (weights.index(one.weight), not one.rule.id.startswith(_LEAK))):
        kept.setdefault(one.fingerprint, one)
    return list(kept.values())


_LEAK = "leak-"


_DIFFERENCE = "isolane prove ran the suite serially, module by module, in parallel and in other orders, and compared."
_ORDER = Rule(
    "order-dependent-test",
    "A test ends otherwise when other tests ran before it, or did not.",
    f"{_DIFFERENCE} This test depends on what other tests leave behind.",
    "Put back what the polluter changes, or set up in the test what it needs. isolane hunt names both.",
)
_PARALLEL = Rule(
    "parallel-only-failure",
    "A test ends otherwise only when others run at the same time.",
    f"{_DIFFERENCE} This test shares something with tests that run beside it: a file, a port, a database.",
    "Give each worker its own. isolane map lists what tests touch outside their process.",
)
_FLAKY = Rule(
    "flaky-test",
    "A test ends differently though nothing is different.",
    "The same test, in the same order, ended in different ways.",
    "isolane stress says how often; isolane.quarantine.toml keeps it from deciding until it is mended.",
)
_IMPORT = Rule(
    "import-dependent-test",
    "A test ends otherwise when other files are imported, or are not.",
    f"{_DIFFERENCE} This test depends on what a conftest or another test module does when it is imported.",
    "Do it in a fixture, or import in the test's own file what it needs. isolane hunt names the line.",
)
_EXPLAINED = (Sort.VICTIM, Sort.BRITTLE, Sort.IMPORT, Sort.FLAKY)


def leak_rule(kind: str) -> Rule:
    """Return the rule of state of a kind that is left behind."""
    words = kind.replace("_", " ")
    return Rule(
        f"{_LEAK}{kind.replace('_', '-')}",
        f"State is left behind: {words}.",
        "A test, a fixture or the import of a module changes state of the process and does not put it back: tests that "
        "run later in that process see it.",
        f"To mend it: {mend(kind)}. isolane explain TEST names the line that changes it.",
    )


def remarks_of_run(run: Cases, places: Places) -> Iterator[Remark]:
    """Yield what a run has seen: each piece of state that is left, and tests that passed only when run again.

    What tests of the same function leave at the same place is said once for each test. Values are not told: a variable
    may hold a password, and these findings are uploaded.
    """
    for case in run.tests:
        finished = case.finished
        for leak in map(Leak.from_plain, finished.leaks if finished is not None else ()):
            yield from _leak(leak, case.node_id, places)
        if case.is_flaky:
            attempts = len(case.earlier) + 1
            message = f"{case.node_id} passed only at attempt {attempts}."
            yield Remark(_FLAKY, Weight.WARNING, message, places.of_test(case.node_id), (case.node_id,))
    for leak in map(Leak.from_plain, run.record.end.leaks if run.record.end is not None else ()):
        yield from _leak(leak, "", places)


def _leak(leak: Leak, node_id: str, places: Places) -> Iterator[Remark]:
    change = leak.change
    if change.level.is_dirt:
        weight = Weight.WARNING if change.level is Level.DANGEROUS else Weight.NOTE
        message = f"{leak.owner} leaves {_told(change)} behind."
        place = places.of_owner(leak.owner, node_id)
        yield Remark(leak_rule(change.kind), weight, message, place, (leak.owner, *change.place))


def remarks_of_proof(proof: Proof, places: Places) -> Iterator[Remark]:
    """Yield what a proof has found: the lines that carry state over, and the tests that end otherwise."""
    for cause in proof.causes:
        if cause.sort in (Sort.VICTIM, Sort.IMPORT) and not cause.alone.is_bad:
            for carrier in cause.carriers:
                yield _carrier(cause, carrier, places)
        if cause.sort in _EXPLAINED:
            yield _cause(cause, places)
    explained = {cause.test for cause in proof.causes if cause.sort in _EXPLAINED}
    for one in proof.differences:
        if one.node_id not in explained and one.node_id != PYTEST_ITSELF:
            rule = {Nature.PARALLEL: _PARALLEL, Nature.INTERMITTENT: _FLAKY}.get(one.nature, _ORDER)
            weight = Weight.WARNING if rule is _FLAKY else Weight.ERROR
            message = f"{one.node_id} ended otherwise in a run ({one.phase.name}): {one.found}, not {one.expected}."
            yield Remark(rule, weight, message, places.of_test(one.node_id), (one.node_id,))
    for flaky in proof.flaky:
        if flaky.node_id != PYTEST_ITSELF:
            first, second = flaky.outcomes
            message = f"{flaky.node_id} ended differently in two serial runs: {first}, then {second}."
            yield Remark(_FLAKY, Weight.WARNING, message, places.of_test(flaky.node_id), (flaky.node_id,))


def _carrier(cause: Cause, carrier: Explained, places: Places) -> Remark:
    leak = carrier.leak
    line = line_of(carrier.blame.since) if carrier.blame else None
    place = places.of_line(line.place) if line is not None and line.of_project else None
    message = f"{leak.owner} leaves {_told(leak.change)} behind, and {_ending(cause)}."
    return Remark(
        leak_rule(leak.change.kind),
        Weight.ERROR if cause.tried else Weight.WARNING,
        message,
        place or places.of_owner(leak.owner, cause.test),
        (leak.owner, *leak.change.place),
        (("the test that ends otherwise", places.of_test(cause.test)),),
    )


def _cause(cause: Cause, places: Places) -> Remark:
    needed = _list(cause.needed)
    if cause.sort is Sort.FLAKY:
        message = f"{cause.test} ends differently though nothing is different."
        return Remark(_FLAKY, Weight.WARNING, message, places.of_test(cause.test), (cause.test,))
    if cause.sort is Sort.IMPORT:
        message = f"{_ending(cause)} where {needed} is imported, too; with its own file alone it ends {cause.alone}."
        related = tuple((f"imported: {one}", places.of_test(one)) for one in cause.needed)
        return Remark(_IMPORT, Weight.ERROR, message, places.of_test(cause.test), (cause.test,), related)
    if cause.sort is Sort.BRITTLE:
        message = f"{cause.test} is well only after {needed}; alone it is {cause.alone}."
    else:
        message = f"{_ending(cause)} after {needed}; alone it is {cause.alone}."
    related = tuple((f"runs before: {one}", places.of_test(one)) for one in cause.needed)
    return Remark(_ORDER, Weight.ERROR, message, places.of_test(cause.test), (cause.test,), related)


def _ending(cause: Cause) -> str:
    after: Outcome | str = cause.after if cause.after is not None else "otherwise"
    return f"{cause.test} ends {after}"


def _told(change: Change) -> str:
    """Return which piece of state, without its values."""
    how = "new" if change.before is None else "removed" if change.after is None else "changed"
    return f"{change.kind} {change.name} ({how}, {change.level.value})"


def _list(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{names[0]} and {len(names) - 1} others"
