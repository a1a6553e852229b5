"""Warnings filters and hooks are given back, and Python decides anew by them."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isolane.model.state import Change
from isolane.process_state.warnings_filters import WarningsKind

KIND = WarningsKind()
ACTIONS = st.sampled_from(["error", "ignore", "always", "default", "once", "module"])
STEPS = st.one_of(
    st.tuples(st.just("simple"), ACTIONS, st.booleans()),
    st.tuples(st.just("filter"), ACTIONS, st.sampled_from(["", "deprecated"])),
    st.tuples(st.just("reset")),
    st.tuples(st.just("enter"), st.booleans()),
    st.tuples(st.just("replace"), st.booleans()),
    st.tuples(st.just("replace by a tuple")),
    st.tuples(st.just("hook"), st.sampled_from(["showwarning", "formatwarning"])),
)


def take(step: tuple) -> None:
    match step:
        case ("simple", action, append):
            warnings.simplefilter(action, append=append)
        case ("filter", action, message):
            warnings.filterwarnings(action, message)
        case ("reset",):
            warnings.resetwarnings()
        case ("enter", record):
            warnings.catch_warnings(record=record).__enter__()
        case ("replace", keep):
            warnings.filters = list(warnings.filters) if keep else []
        case ("replace by a tuple",):
            warnings.filters = tuple(warnings.filters)
        case ("hook", name):
            setattr(warnings, name, lambda *args, **kwargs: "")


@pytest.fixture(autouse=True)
def undone() -> Iterator[None]:
    # In a context of its own: these tests must not depend on what they test.
    with warnings.catch_warnings():
        yield


@pytest.mark.req("R2.4")
@given(st.lists(STEPS, max_size=6))
def test_any_changes_are_undone(steps: list[tuple]) -> None:
    filters, entries, show = warnings.filters, list(warnings.filters), warnings.showwarning
    before = KIND.snapshot()
    try:
        for step in steps:
            if isinstance(warnings.filters, list):
                take(step)
        KIND.snapshot()
        KIND.restore(before)
        assert warnings.filters is filters
        assert filters == entries
        assert warnings.showwarning is show
        assert KIND.snapshot() == before
        assert KIND.diff(before, KIND.snapshot()) == []
    finally:
        warnings.filters = filters
        filters[:] = entries


@pytest.mark.req("R2.4")
def test_python_forgets_what_it_had_decided_by_the_other_filters() -> None:
    def warn() -> None:
        warnings.warn("the same line", UserWarning, stacklevel=1)

    shown: list[object] = []
    # Not pytest.warns: leaving that would make Python forget, too.
    warnings.showwarning = lambda message, *args, **kwargs: shown.append(message)
    warnings.simplefilter("error")
    before = KIND.snapshot()
    warnings.simplefilter("default")
    warn()
    assert len(shown) == 1
    KIND.restore(before)
    with pytest.raises(UserWarning, match="the same line"):
        warn()


def test_a_recording_that_was_never_left_records_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    warnings.simplefilter("always")
    warnings.showwarning = lambda message, *args, **kwargs: print(f"shown: {message}")
    before = KIND.snapshot()
    recorded = warnings.catch_warnings(record=True).__enter__()
    KIND.restore(before)
    warnings.warn("after", UserWarning, stacklevel=1)
    assert recorded == []
    assert capsys.readouterr().out == "shown: after\n"


def test_a_diff_writes_filters_as_the_command_line_does() -> None:
    warnings.filterwarnings("ignore", "old.*", DeprecationWarning)
    before = KIND.snapshot()
    warnings.filters.pop(0)
    warnings.filterwarnings("error", category=UserWarning, module="app")
    warnings.formatwarning = repr
    removed, added, hook = KIND.diff(before, KIND.snapshot())
    assert removed == Change("warnings", "ignore:old.*:DeprecationWarning", 0, None)
    assert added == Change("warnings", "error::UserWarning:app", None, 0)
    assert hook == Change("warnings", "warnings.formatwarning", "formatwarning", "repr")

    KIND.restore(before)
    warnings.filters = list(warnings.filters)
    assert KIND.diff(before, KIND.snapshot()) == [Change("warnings", "warnings.filters", "the list", "another object")]


def test_a_fixtures_filter_stays_and_the_tests_goes() -> None:
    initial = KIND.snapshot()
    warnings.filterwarnings("ignore", "by the test")
    before = KIND.snapshot()
    warnings.filterwarnings("ignore", "by the fixture")
    fixtures = warnings.filters[0]
    KIND.restore(KIND.rebase(initial, before, KIND.snapshot()))
    assert warnings.filters == [fixtures, *initial.entries]


@pytest.mark.skipif(sys.version_info < (3, 14), reason="warnings have contexts from Python 3.14 on")
def test_filters_of_a_context_are_given_back() -> None:
    script = """
import warnings
from isolane.process_state.warnings_filters import WarningsKind
kind = WarningsKind()
with warnings.catch_warnings():
    warnings.simplefilter("error")
    before = kind.snapshot()
    warnings.simplefilter("ignore")
    warnings.catch_warnings(record=True).__enter__()
    kind.restore(before)
    assert kind.diff(before, kind.snapshot()) == []
    try:
        warnings.warn("raised")
    except UserWarning:
        print("right")
"""
    for setting in ("0", "1"):
        child = subprocess.run(
            [sys.executable, "-X", f"context_aware_warnings={setting}", "-c", script],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (child.stdout, child.stderr) == ("right\n", "")
