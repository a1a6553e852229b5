"""The small words: outcomes, names, plans and how they are handed over, changes of state."""

from __future__ import annotations

import os
import re

import pytest

from isolane.model.identity import module_of, new_run_id
from isolane.model.outcome import BAD, Category, Outcome
from isolane.model.plan import Handover
from isolane.model.proof import Phase, PhaseKind
from isolane.model.state import Change, Plain


def test_an_outcome_reads_as_its_category_and_its_detail() -> None:
    assert str(Outcome(Category.FAILED, "ValueError")) == "failed (ValueError)"
    assert str(Outcome(Category.SETUP_ERROR)) == "error in setup"


def test_what_makes_a_run_fail() -> None:
    bad = {category.value for category in Category if Outcome(category).is_bad}

    assert bad == {"failed", "error in setup", "error in teardown", "crashed", "hung"}
    assert bad == {category.value for category in BAD}


@pytest.mark.parametrize(
    ("node_id", "module"),
    [
        ("tests/test_a.py::test_x", "tests/test_a.py"),
        ("tests/test_a.py::TestX::test_y[a::b]", "tests/test_a.py"),
        ("tests/[slug]/test_a.py::test_x", "tests/[slug]/test_a.py"),
        ("docs/page.rst", "docs/page.rst"),
        ("", ""),
    ],
)
def test_the_module_of_a_node_id(node_id: str, module: str) -> None:
    assert module_of(node_id) == module


def test_run_ids_sort_by_start_time_whatever_ran() -> None:
    # Suites of a few milliseconds give several runs a second, and summaries are told apart by their names alone.
    starts = (0.0, 0.001, 0.5, 0.999999, 1.0, 60.0, 1_000_000_000.25, 4_000_000_000.0)
    labels = ("stress", "check", "serial", "a", "z", "b", "y", "c")
    ids = [new_run_id(now, label) for now, label in zip(starts, labels, strict=True)]

    assert sorted(ids) == ids


def test_a_run_id_names_what_ran_and_is_never_given_twice() -> None:
    ids = {new_run_id(1_000_000_000.0, "parallel") for _ in range(50)}

    assert len(ids) == 50
    for run_id in ids:
        assert re.fullmatch(r"20010909T014640\.000000-parallel-[0-9a-f]{6}", run_id)


def test_a_handover_comes_back_from_its_text() -> None:
    handover = Handover(
        run_directory="/r/\udcff 'x'", label="check", seed=7, order="/o", parent=3, restore={"A": None, "B": 'x"\n'}
    )

    assert Handover.decode(handover.encode()) == handover
    assert "\0" not in handover.encode()


def test_a_handover_of_the_least() -> None:
    assert Handover.decode(Handover("/r", "serial").encode()) == Handover("/r", "serial")


@pytest.mark.parametrize(
    ("phase", "name"),
    [
        (Phase(PhaseKind.SERIAL), "serial"),
        (Phase(PhaseKind.SERIAL, repeat=2), "serial again"),
        (Phase(PhaseKind.MODULE, module="a.py"), "alone: a.py"),
        (Phase(PhaseKind.PARALLEL, workers=1), "parallel, 1 worker"),
        (Phase(PhaseKind.PARALLEL, workers=4), "parallel, 4 workers"),
        (Phase(PhaseKind.SHUFFLED, seed=0), "shuffled, seed 0"),
    ],
)
def test_a_phase_has_a_name_for_people(phase: Phase, name: str) -> None:
    assert phase.name == name


def test_a_change_tells_what_was_and_what_is() -> None:
    assert str(Change("env", "KEY", None, "secret")) == "env KEY: None → 'secret'"


class Text(str):
    """A test's own sort of string."""

    __slots__ = ()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("é", "é"),
        (os.fsdecode(b"\xff"), r"\udcff"),
        (Text("own"), "own"),
        (("a", Text("own"), os.fsdecode(b"\xff")), ("a", "own", r"\udcff")),
    ],
)
def test_a_change_is_told_in_text_that_anybody_can_write(given: Plain, told: Plain) -> None:
    change = Change("env", given if isinstance(given, str) else "KEY", given, given)

    assert (change.before, change.after) == (told, told)
    assert type(change.name) is str
    assert not isinstance(change.before, Text)
    repr(change).encode("utf-8")
    str(change).encode("utf-8")
