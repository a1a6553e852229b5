"""A suite in memory: what is planted in it is known, and a probe of it takes microseconds."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, TypeVar, cast

from isolane.model.explanation import Explained
from isolane.model.hunt import Answer, Finding, Probe
from isolane.model.outcome import PASSED, Category, Outcome
from isolane.model.state import Level
from isolane.planning.carriers import cleaner
from isolane.planning.hunt import hunt
from isolane.planning.pairs import Pairs, all_pairs
from isolane.planning.search import Batch, Search
from isolane.planning.survey import Survey, survey
from isolane.statistics.flake_rate import are_different

FAILED = Outcome(Category.FAILED, "AssertionError")
Result = TypeVar("Result")


@dataclass
class Odd:
    """A test that is not always well. sets: after all of one of these it is otherwise. brittle: then it is well.

    noise: how often it fails besides. turned: how it ends otherwise. ends: whether its process ends then.
    """

    sets: Sequence[Collection[str]] = ()
    brittle: bool = False
    noise: float = 0.0
    alone: Outcome = PASSED
    turned: Outcome = FAILED


@dataclass
class SimulatedSuite:
    """Tests that remember what ran before them in their process.

    seen: those whose leaks a look shows. seen_as: what each of them leaves.
    """

    tests: Sequence[str]
    odd: dict[str, Odd] = field(default_factory=dict)
    cleaners: Collection[str] = ()
    seen: Collection[str] = ()
    seen_as: Callable[[str], str] = str
    seed: int = 0
    probes: int = 0
    ran: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def answer(self, probe: Probe) -> Answer:
        self.probes += 1
        ran: set[str] = set()
        outcomes: dict[str, Outcome] = {}
        for test in probe.tests:
            self.ran += 1
            outcomes[test] = self._outcome(self.odd.get(test, Odd()), ran)
            if outcomes[test].category is Category.CRASHED:
                break
            ran = set() if test in self.cleaners else ran | {test}
        last = outcomes.get(probe.asked, Outcome(Category.MISSING))
        return Answer(outcomes, last, 0.0, self._found(outcomes) if probe.looks else ())

    def _outcome(self, odd: Odd, ran: set[str]) -> Outcome:
        if self._random.random() < odd.noise:
            return FAILED
        return odd.turned if any(ran.issuperset(one) for one in odd.sets) else odd.alone

    def _found(self, outcomes: Collection[str]) -> tuple[Explained, ...]:
        leaks = [
            SimpleNamespace(
                owner=one, change=SimpleNamespace(level=Level.DANGEROUS, kind="env", name=self.seen_as(one), after=1)
            )
            for one in outcomes
            if one in self.seen
        ]
        return tuple(Explained(cast(Any, leak), False) for leak in leaks)

    def ask(self, batch: Batch) -> list[Answer | None]:
        """Answer as a machine with two cores may: of what is behind the first that is enough, some has run."""
        answers: list[Answer | None] = []
        is_enough: Callable[[Answer], bool] = batch.enough or (lambda _: False)
        for number, probe in enumerate(batch.probes):
            answers.append(self.answer(probe))
            if is_enough(cast(Answer, answers[-1])):
                left = len(batch.probes) - number - 1
                ran_as_well = left and self._random.random() < 0.5
                answers += [self.answer(batch.probes[number + 1])] if ran_as_well else []
                answers += [None] * (len(batch.probes) - len(answers))
                break
        return answers

    def drive(self, search: Search[Result]) -> Result:
        try:
            batch = next(search)
            while True:
                batch = search.send(self.ask(batch))
        except StopIteration as end:
            return cast(Result, end.value)

    def survey(self, wanted: Sequence[str] = (), seeds: Sequence[int] = (1, 2)) -> Survey:
        return self.drive(survey(self.tests, seeds, wanted))

    def pairs(self, wanted: Sequence[str] = (), dirty: Collection[str] = ()) -> Pairs:
        return self.drive(all_pairs(self.tests, wanted or self.tests, dirty))

    def hunt_all(self, wanted: Sequence[str] = (), seeds: Sequence[int] = (1, 2)) -> dict[str, Finding]:
        surveyed = self.survey(wanted, seeds)
        found = {}
        for suspect in surveyed.suspects:
            finding = self.drive(hunt(suspect, surveyed.dirty, are_different))
            if suspect.is_hidden:
                finding = self.drive(cleaner(finding, self.tests))
            found[suspect.test] = finding
        return found

    def explains(self, finding: Finding) -> bool:
        """Return whether what is named is a smallest set that does it, and all others do it, too."""
        calm = replace(self, odd={test: replace(odd, noise=0.0) for test, odd in self.odd.items()})

        def ends(part: Sequence[str]) -> Outcome:
            return calm.answer(Probe((*part, finding.test))).last

        def turns(part: Sequence[str]) -> bool:
            return ends(part) != ends(())

        def is_smallest(part: Sequence[str]) -> bool:
            return turns(part) and not any(turns([*part[:place], *part[place + 1 :]]) for place in range(len(part)))

        return is_smallest(finding.needed) and all(is_smallest(one) for one in finding.others)


def named_tests(count: int, modules: int = 7, classes: int = 3) -> list[str]:
    """Return node ids in modules, every other one with classes."""
    names = []
    for number in range(count):
        module = number * modules // count
        of_class = f"TestC{number % classes}::" if module % 2 else ""
        names.append((f"test_{module:02}.py", of_class, f"test_{number}"))
    return [f"{module}::{of_class}{name}" for module, of_class, name in sorted(names, key=lambda one: one[:2])]
