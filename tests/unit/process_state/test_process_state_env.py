"""The environment is given back as it was, whatever was done to it."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isolane.model.state import Change
from isolane.process_state.env import EnvironmentKind, IsolatedEnvironment

KIND = EnvironmentKind()

NAMES = st.one_of(
    st.sampled_from(["ISOLANE_A", "ISOLANE_B", "HOME", "PATH", "LANG"]),
    st.binary(min_size=1, max_size=4).filter(lambda raw: not {0, ord("=")} & set(raw)).map(os.fsdecode),
)
VALUES = st.binary(max_size=6).filter(lambda raw: 0 not in raw).map(os.fsdecode)
STEPS = st.one_of(
    st.tuples(st.just("set"), NAMES, VALUES),
    st.tuples(st.just("delete"), NAMES),
    st.tuples(st.just("clear")),
    st.tuples(st.just("replace by a copy")),
    st.tuples(st.just("replace by nothing")),
)


def take(step: tuple[str, ...]) -> None:
    match step:
        case ("set", name, value):
            os.environ[name] = value
        case ("delete", name):
            os.environ.pop(name, None)
        case ("clear",):
            os.environ.clear()
        case ("replace by a copy",):
            os.environ = dict(os.environ)  # noqa: B003  # what tests do, and must not
        case ("replace by nothing",):
            os.environ = {}  # noqa: B003


@pytest.mark.req("R2.4")
@given(st.lists(STEPS, max_size=6))
def test_any_changes_are_undone(steps: list[tuple[str, ...]]) -> None:
    mapping, text, raw = os.environ, dict(os.environ), dict(os.environb)
    before = KIND.snapshot()
    for step in steps:
        take(step)

    KIND.restore(before)

    assert os.environ is mapping
    assert dict(os.environ) == text
    assert dict(os.environb) == raw
    assert KIND.snapshot() == before
    assert KIND.diff(before, KIND.snapshot()) == []


@given(st.dictionaries(NAMES, VALUES, max_size=4), st.dictionaries(NAMES, st.none() | VALUES, max_size=4))
def test_what_a_fixture_set_in_between_stays(by_test: dict[str, str], by_fixture: dict[str, str | None]) -> None:
    initial = KIND.snapshot()
    expected = dict(os.environ)
    os.environ.update(by_test)
    before = KIND.snapshot()
    for name, value in by_fixture.items():
        if os.environ.get(name) != value:
            expected.pop(name, None) if value is None else expected.__setitem__(name, value)
        os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
    pending = KIND.rebase(initial, before, KIND.snapshot())
    os.environ.clear()
    try:
        KIND.restore(pending)
        assert dict(os.environ) == expected
    finally:
        KIND.restore(initial)


def test_a_diff_names_each_variable_with_both_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOLANE_GONE", "old")
    monkeypatch.setenv("ISOLANE_OTHER", "\udcff")
    before = KIND.snapshot()
    monkeypatch.delenv("ISOLANE_GONE")
    monkeypatch.setenv("ISOLANE_OTHER", "plain")
    monkeypatch.setenv("ISOLANE_NEW", "1")

    assert KIND.diff(before, KIND.snapshot()) == [
        Change("env", "ISOLANE_GONE", "old", None),
        Change("env", "ISOLANE_NEW", None, "1"),
        Change("env", "ISOLANE_OTHER", "\udcff", "plain"),
    ]


def test_child_processes_get_the_restored_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOLANE_KEPT", "kept")
    before = KIND.snapshot()
    os.environ = {}  # noqa: B003
    os.environb.clear()
    os.environb[b"ISOLANE_LEAKED"] = b"1"

    KIND.restore(before)

    # No ``env=``: the child inherits what the C library holds, which is what programs started from C see.
    script = "import os; print(os.environ.get('ISOLANE_KEPT'), os.environ.get('ISOLANE_LEAKED'))"
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert child.stdout.split() == ["kept", "None"]


def test_pytests_own_variable_is_neither_reported_nor_moved_but_comes_back_when_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "test (setup)")
    before = KIND.snapshot()
    os.environ["PYTEST_CURRENT_TEST"] = "test (call)"
    assert KIND.diff(before, KIND.snapshot()) == []
    KIND.restore(before)
    assert os.environ["PYTEST_CURRENT_TEST"] == "test (call)"

    os.environ.clear()
    KIND.restore(before)
    assert os.environ["PYTEST_CURRENT_TEST"] == "test (setup)"


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this platform has no time.tzset")
def test_the_time_zone_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    before, zone = KIND.snapshot(), time.tzname
    with monkeypatch.context() as patcher:
        patcher.setenv("TZ", "XYZ-5")
        time.tzset()
        assert time.tzname[0] == "XYZ"
    # The variable is back, the C library has not noticed.
    KIND.restore(before)
    assert time.tzname == zone


@pytest.mark.req("FR-5")
def test_key_and_path_are_set_removed_and_cleared_and_all_of_it_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BMTC_API_KEY", "production")
    before = dict(os.environ)
    with monkeypatch.context() as patcher:
        environment = IsolatedEnvironment(patcher)
        environment.set("BMTC_DB_PATH", os.path.join("data", "bmtc.sqlite3"))  # noqa: PTH118
        environment.set("BMTC_N0", "5")
        assert environment.clear("BMTC_?[!0]*") == ("BMTC_API_KEY", "BMTC_DB_PATH")
        environment.delete("BMTC_API_KEY")
        assert os.environ["BMTC_N0"] == "5"
        assert "BMTC_DB_PATH" not in os.environ
    assert dict(os.environ) == before


def test_clearing_everything_leaves_pytest_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    IsolatedEnvironment(monkeypatch).clear()
    assert list(os.environ) == ["PYTEST_CURRENT_TEST"]


def test_a_value_that_is_no_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TypeError):
        IsolatedEnvironment(monkeypatch).set("BMTC_N0", 5)  # type: ignore[arg-type]
