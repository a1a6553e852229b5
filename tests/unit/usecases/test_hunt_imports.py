"""Which files are imported alone, how what is imported is typed, and whose paths a finding names."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.model.event_samples import run_started

from isolane.engines.scratch import Scratch
from isolane.model.explanation import Explained
from isolane.model.hunt import Answer, Finding, HuntResult, Probe, Sort
from isolane.model.outcome import MISSING, PASSED, Category, Outcome
from isolane.model.state import Change, Leak
from isolane.planning.imports import NOT_COLLECTED
from isolane.planning.search import Search
from isolane.pytest_plugin.hunt.after_failures import without_workers
from isolane.usecases.hunt import in_original
from isolane.usecases.hunt_imports import MOST_FILES, Collected, with_imports
from isolane.usecases.selection import by_name, typed_files

FAILED = Outcome(Category.FAILED, "KeyError")
FILES = ("conftest.py", "test_a.py", "test_b.py", "test_c.py")
TESTS = tuple(f"{file}::{name}" for file in FILES[1:] for name in ("test_one", "test_two"))


class NothingFound:
    """Probes in which all ends as in the suite, so that no file does anything to another."""

    probes = 0

    def __init__(self, collected: Collected) -> None:
        self.collected = collected
        self.asked: list[tuple[str, ...]] = []

    def drive(self, search: Search[list[Finding]]) -> list[Finding]:
        try:
            batch = next(search)
            while True:
                batch = search.send([self.answer(probe) for probe in batch.probes])
        except StopIteration as end:
            found: list[Finding] = end.value
            return found

    def answer(self, probe: Probe) -> Answer:
        assert probe.files == (probe.asked.partition("::")[0],)
        self.asked.append(probe.tests)
        return Answer({test: self.collected.ends(test) for test in probe.tests})


def asked(
    *findings: Finding, wanted: tuple[str, ...] = (), lost: tuple[str, ...] = (), everywhere: bool = False
) -> list[tuple[str, ...]]:
    """Return the tests of each file that is imported alone."""
    prober = NothingFound(Collected(FILES, TESTS, lost, {}))
    result = HuntResult(findings, 6)
    found = with_imports(result, prober.collected, wanted, everywhere=everywhere, prober=prober)  # type: ignore[arg-type]
    assert (tuple(found.findings), found.notes, found.files) == (findings, (), len(prober.asked))
    return prober.asked


def test_tests_that_are_broken_in_each_process_are_asked_and_explained_ones_are_not() -> None:
    broken = Finding(TESTS[1], Sort.BROKEN, FAILED)
    victim = Finding(TESTS[2], Sort.VICTIM, PASSED, FAILED, (TESTS[0],))
    assert asked() == []
    assert asked(victim) == []
    assert asked(broken, victim) == [(TESTS[1],)]
    flaky = Finding(TESTS[4], Sort.FLAKY, PASSED)
    assert asked(flaky, wanted=(TESTS[4],)) == []
    assert asked(broken, victim, everywhere=True) == [TESTS[:2], TESTS[3:4], TESTS[4:]]


def test_what_is_named_is_asked_a_test_by_the_end_of_its_name_or_a_file() -> None:
    assert asked(wanted=("test_b.py::test_one",)) == [TESTS[2:3]]
    assert asked(wanted=("test_two",)) == [TESTS[1:2], TESTS[3:4], TESTS[5:]]
    assert asked(wanted=("test_c.py",)) == [TESTS[4:]]
    assert asked(wanted=("test_c.py",), everywhere=True) == [TESTS[4:]]


def test_a_file_that_cannot_be_imported_is_asked_as_such() -> None:
    assert asked(lost=("test_d.py", "api/conftest.py")) == [("test_d.py",)]
    collected = Collected(FILES, TESTS, ("test_d.py",), {TESTS[0]: FAILED})
    assert [collected.ends(one) for one in ("test_d.py", "test_a.py", *TESTS[:2])] == [
        NOT_COLLECTED,
        PASSED,
        FAILED,
        MISSING,
    ]


def test_a_suite_that_is_broken_everywhere_costs_no_more_than_a_few_starts() -> None:
    files = [f"test_{number}.py" for number in range(MOST_FILES + 5)]
    broken = [Finding(f"{file}::test", Sort.BROKEN, FAILED) for file in files]
    prober = NothingFound(Collected(files, [one.test for one in broken], (), {}))
    result = HuntResult(broken, len(broken))
    found = with_imports(result, prober.collected, (), everywhere=False, prober=prober)  # type: ignore[arg-type]
    assert len(prober.asked) == MOST_FILES
    note = f"Of {MOST_FILES + 5} files with tests that nothing explains {MOST_FILES} were imported alone."
    assert found.notes == (note,)


def test_files_are_typed_from_where_pytest_was_started_and_a_conftest_by_its_directory(tmp_path: Path) -> None:
    header = run_started(rootdir=str(tmp_path), directory=str(tmp_path / "tests"))
    words = typed_files(header, ["tests/test_a.py", "tests/api/conftest.py", "tests/api/test_b.py"])
    assert words == ["test_a.py", "api", "--ignore-glob=api/*", "api/test_b.py"]


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ("tests/test_a.py::test", ["-k", "test_a.py and test"]),
        ("tests/test_a.py::TestB::test[a::b]", ["-k", "test_a.py and TestB and test"]),
        ("tests/test_a.py", ["--collect-only"]),
    ],
)
def test_a_test_is_chosen_by_the_names_of_its_file_its_classes_and_its_own(test: str, words: list[str]) -> None:
    assert by_name(test) == words


def test_what_is_found_in_the_copy_is_told_of_the_users_own_files(tmp_path: Path) -> None:
    original, copy = tmp_path / "checkout", tmp_path / "scratch" / "checkout"
    scratch = Scratch(original, copy, copy / "service")
    changes = [
        Change("files", f"{copy}/service/dümmy.h5", None, "a file"),
        Change("files", f"{copy}/other.h5", None, "a file"),
        Change("cwd", "cwd", f"{copy}/service", str(tmp_path)),
        Change("modules", "mailer", f"module from {copy}/service/mailer.py", None),
    ]
    carriers = tuple(Explained(Leak("a.py::test", one), False) for one in changes)
    found = in_original(Finding("b.py::test", Sort.VICTIM, PASSED, FAILED, carriers=carriers), scratch)
    assert [(one.leak.change.name, one.leak.change.before) for one in found.carriers] == [
        ("dümmy.h5", None),
        (f"{original}/other.h5", None),
        ("cwd", f"{original}/service"),
        ("mailer", "module from mailer.py"),
    ]


@pytest.mark.parametrize(
    ("typed", "left"),
    [
        (["-q", "-n", "2", "tests"], ["-q", "tests"]),
        (["-n2", "-nauto", "--dist=load", "--dist", "loadscope", "-d"], []),
        (["--isolane-hunt", "--isolane-order", "o.txt", "--isolane-seed=3"], []),
        (["-k", "n2", "--noconftest", "-nothing"], ["-k", "n2", "--noconftest", "-nothing"]),
    ],
)
def test_the_session_that_hunts_has_no_workers_and_no_order_of_the_run(typed: list[str], left: list[str]) -> None:
    assert without_workers(typed) == left
