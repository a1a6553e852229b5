"""Files that are imported in a suite in memory: those are named that make a test end otherwise, and no others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from simulated_suite import FAILED

from isolane.model.explanation import Explained
from isolane.model.hunt import Answer, Finding, Probe, Sort
from isolane.model.identity import module_of
from isolane.model.outcome import PASSED
from isolane.model.state import Change, Leak
from isolane.planning.imports import NOT_COLLECTED, OWNER, by_imports, is_below, is_conftest
from isolane.planning.search import Batch

ENV, LOGGING = "env", "logging"
MOST_PROBES = 60


@dataclass
class SimulatedImports:
    """files: all of them, in order. sets: after all of one of these are imported a test is otherwise.

    kinds: what each file leaves. unseen: files of which that is not seen.
    """

    files: Sequence[str]
    sets: Sequence[Collection[str]]
    is_brittle: bool = False
    kinds: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unseen: Collection[str] = ()
    needs_preloaded: bool = False
    by_module: bool = False
    probes: int = 0

    def imported(self, probe: Probe) -> set[str]:
        """Return what a probe imports: the conftests of each of its files, too."""
        assert probe.files is not None
        files = set(probe.files or self.files)
        return files | {one for one in self.files if is_conftest(one) and any(is_below(file, one) for file in files)}

    def answer(self, probe: Probe) -> Answer:
        self.probes += 1
        own = module_of(probe.asked)
        imported = self.imported(probe)
        left = {one for one in imported if ENV not in probe.restored}
        loads = any(imported >= set(one) for one in self.sets)
        turned = any(left >= set(one) for one in self.sets)
        if self.by_module:  # what is imported stays, whatever is put back
            turned = loads or "xml.dom" in probe.preloaded
        ends = PASSED if turned == self.is_brittle else FAILED
        if probe.asked == own and ends is FAILED:
            ends = NOT_COLLECTED
        shows = probe.looks or probe.traced
        can_see = not self.needs_preloaded or "shop" in probe.preloaded
        found = [
            Explained(Leak(f"{OWNER}{file}", Change(kind, "NAME", None, file)), True)
            for file in (one for one in self.files if one in imported and one != own and shows and can_see)
            for kind in self.kinds.get(file, (ENV,) if any(file in one for one in self.sets) else ())
            if file not in self.unseen and (not probe.traced or kind in probe.traced)
        ]
        outcomes = {own: PASSED} | dict.fromkeys(probe.tests, ends)
        return Answer(
            outcomes, ends, found=tuple(found), modules=("shop", "xml", *(["xml.dom", "json"] if loads else []))
        )

    def drive(self, search: Any) -> Any:
        try:
            batch: Batch = next(search)
            while True:
                answers: list[Answer | None] = []
                for probe in batch.probes:
                    is_enough = any(batch.enough(one) for one in answers if one) if batch.enough else False
                    answers.append(None if is_enough else self.answer(probe))
                batch = search.send(answers)
        except StopIteration as end:
            return end.value

    def find(self, module: str, tests: Sequence[str] = (), settled: Collection[Finding] = ()) -> list[Finding]:
        asked = tuple(tests or (f"{module}::test",))

        def ends(test: str):
            return self.answer(Probe((test,), files=())).last

        return list(self.drive(by_imports(module, asked, self.files, ends, settled)))


def suite(count: int) -> list[str]:
    """Return files in three directories, of which one has a conftest, behind that of all."""
    names = ["tests/conftest.py"]
    for folder in ("api", "core", "web"):
        names += [f"tests/{folder}/conftest.py"] if folder == "api" else []
        names += [f"tests/{folder}/test_{number:03}.py" for number in range(count)]
    return names


@st.composite
def planted(draw: st.DrawFn) -> tuple[list[str], str, list[str]]:
    files = suite(draw(st.integers(2, 40)))
    modules = [one for one in files if not is_conftest(one)]
    module = draw(st.sampled_from(modules))
    candidates = [one for one in modules if one != module]
    needed = draw(st.lists(st.sampled_from(candidates), min_size=1, max_size=3, unique=True))
    return files, module, [one for one in files if one in needed]


@given(planted(), st.booleans(), st.booleans(), st.booleans())
def test_the_files_that_do_it_are_named_in_their_order_and_no_others(plant, is_brittle, is_seen, is_of_file):
    files, module, needed = plant
    suite = SimulatedImports(files, [needed], is_brittle, unseen=() if is_seen else files)
    asked = module if is_of_file else f"{module}::test"
    (found,) = suite.find(module, [asked])

    assert (found.test, found.sort, list(found.needed)) == (asked, Sort.IMPORT, needed)
    assert found.alone.is_bad == is_brittle
    assert found.after is not None
    assert found.after.is_bad != is_brittle
    assert found.others == ()
    assert found.tried == is_seen
    assert {one.leak.owner for one in found.carriers} == ({f"{OWNER}{one}" for one in needed} if is_seen else set())
    assert suite.probes < MOST_PROBES * (1 + len(needed))


@given(st.integers(1, 30), st.integers(0, 29), st.booleans())
def test_a_conftest_is_named_and_not_the_tests_that_it_is_imported_for(count, number, is_seen):
    conftest = "tests/api/conftest.py"
    suite_of_it = SimulatedImports(suite(count), [[conftest]], unseen=() if is_seen else suite(count))
    (found,) = suite_of_it.find(f"tests/web/test_{number % count:03}.py")
    assert (found.sort, found.needed, found.others) == (Sort.IMPORT, (conftest,), ())


@given(st.integers(1, 12))
def test_what_a_conftest_of_its_own_does_is_in_each_of_its_runs(count):
    files = suite(count)
    found = SimulatedImports(files, [["tests/api/conftest.py"], ["tests/conftest.py"]]).find("tests/api/test_000.py")
    assert found == []


@given(planted(), st.integers(1, 5))
def test_tests_of_one_file_that_suffer_from_the_same_files_are_found_together(plant, count):
    files, module, needed = plant
    tests = [f"{module}::test_{number}" for number in range(count)]
    one, all_of_them = (SimulatedImports(files, [needed]) for _ in range(2))
    first = one.find(module, tests[:1])
    found = all_of_them.find(module, tests)
    assert [(each.test, each.sort, each.needed, each.tried) for each in found] == [
        (test, Sort.IMPORT, first[0].needed, True) for test in tests
    ]
    assert all_of_them.probes - one.probes <= 2 + count  # of which count were asked how they end with all


@given(planted())
def test_what_was_found_for_another_file_is_tried_first(plant):
    files, module, needed = plant
    unknown, known = (SimulatedImports(files, [needed]) for _ in range(2))
    (found,) = unknown.find(module)
    (again,) = known.find(module, (), [found])
    assert again.needed == found.needed
    assert known.probes <= unknown.probes + 1


@given(planted(), st.data())
def test_another_set_of_files_that_does_the_same_is_named_beside_it(plant, data):
    files, module, needed = plant
    rest = [one for one in files if not is_conftest(one) and one not in (*needed, module)]
    if rest:
        other = data.draw(st.sampled_from(rest))
        (found,) = SimulatedImports(files, [needed, [other]]).find(module)
        sets = {frozenset(found.needed), *map(frozenset, found.others)}
        assert sets == {frozenset(needed), frozenset([other])}


@given(planted())
def test_a_test_that_ends_the_same_alone_costs_one_probe(plant):
    files, module, _ = plant
    suite = SimulatedImports(files, [])
    assert suite.find(module) == []
    assert suite.probes == 2  # of which one was ours


def test_only_the_kind_that_helps_is_told_and_what_is_imported_already_is_seen():
    files = suite(2)
    polluter = "tests/core/test_001.py"
    suite_of_it = SimulatedImports(
        files,
        [[polluter]],
        kinds={polluter: (LOGGING, ENV), "tests/core/test_000.py": (ENV,)},
        needs_preloaded=True,
    )
    (found,) = suite_of_it.find("tests/web/test_000.py")
    assert found.tried
    assert [one.leak.change.kind for one in found.carriers] == [ENV]


@given(planted(), st.booleans())
def test_a_module_that_is_imported_by_another_file_alone_is_named(plant, is_seen):
    files, module, needed = plant
    kinds = {} if is_seen else dict.fromkeys(needed, ())
    suite = SimulatedImports(files, [needed], is_brittle=True, by_module=True, kinds=kinds)
    (found,) = suite.find(module)
    assert (list(found.needed), found.tried) == (needed, True)
    assert [(one.leak.change.kind, one.leak.change.name) for one in found.carriers] == [("modules", "xml.dom")]


def test_what_wavers_is_not_blamed_on_anybody():
    class Wavering(SimulatedImports):
        def answer(self, probe: Probe) -> Answer:
            answer = super().answer(probe)
            alone = probe.files == ("tests/web/test_000.py",)
            if alone and self.probes > 2:
                return Answer({probe.asked: FAILED}, FAILED)
            return answer

    (found,) = Wavering(suite(2), [["tests/api/test_000.py"]]).find("tests/web/test_000.py")
    assert (found.sort, found.needed) == (Sort.UNCLEAR, ())
