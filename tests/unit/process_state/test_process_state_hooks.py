"""Hooks are given back; what coverage, a debugger and pytest hook in for themselves is left to them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from types import FunctionType

import pytest

from isolane.model.state import Change, Level
from isolane.process_state.base import RestoreError
from isolane.process_state.hooks import HooksKind

KIND = HooksKind()
REPLACEABLE = [
    (sys, "excepthook"),
    (sys, "displayhook"),
    (sys, "unraisablehook"),
    (sys, "breakpointhook"),
    (threading, "excepthook"),
]


def ignore(*args: object) -> None:
    """A hook, and a trace function that follows nobody."""


@pytest.fixture(autouse=True)
def undone() -> Iterator[None]:
    # By hand: these tests must not depend on what they test. A coverage tracer takes itself back this way, too.
    hooks = [(module, name, getattr(module, name)) for module, name in REPLACEABLE]
    following = (sys.gettrace(), sys.getprofile(), threading.gettrace(), threading.getprofile())
    yield
    for module, name, hook in hooks:
        setattr(module, name, hook)
    puts = (sys.settrace, sys.setprofile, threading.settrace, threading.setprofile)
    for put, function in zip(puts, following, strict=True):
        put(function)


def of_package(package: str) -> FunctionType:
    """A function that says it is from that package."""

    def function(*args: object) -> None: ...

    function.__module__ = package
    return function


@pytest.mark.req("R2.4")
@pytest.mark.parametrize(("module", "name"), REPLACEABLE, ids=lambda value: getattr(value, "__name__", value))
def test_a_replaced_hook_is_told_and_given_back(module: object, name: str) -> None:
    hook = getattr(module, name)
    before = KIND.snapshot()
    setattr(module, name, ignore)
    (change,) = KIND.diff(before, KIND.snapshot())
    assert (change.name, change.after, change.level) == (
        f"{module.__name__}.{name}",
        f"{__name__}.ignore",
        Level.DANGEROUS,
    )
    KIND.restore(before)
    assert getattr(module, name) is hook
    assert KIND.diff(before, KIND.snapshot()) == []


@pytest.mark.req("R2.4")
def test_trace_and_profile_functions_are_told_and_given_back() -> None:
    before = KIND.snapshot()
    threading.settrace(ignore)
    threading.setprofile(ignore)
    sys.setprofile(ignore)
    sys.settrace(ignore)
    after = KIND.snapshot()
    KIND.restore(before)
    assert {(change.name, change.after, change.level) for change in KIND.diff(before, after)} == {
        (f"{module}.{function}", f"{__name__}.ignore", Level.DANGEROUS)
        for module in ("sys", "threading")
        for function in ("settrace", "setprofile")
    }
    assert KIND.diff(before, KIND.snapshot()) == []
    assert ignore not in (sys.gettrace(), sys.getprofile(), threading.gettrace(), threading.getprofile())


def test_who_measures_comes_unnoticed_and_goes_without_harm() -> None:
    sys.setprofile(None)
    before = KIND.snapshot()
    tracer = of_package("coverage.pytracer")
    sys.setprofile(tracer)
    measured = KIND.snapshot()
    assert KIND.diff(before, measured) == []
    KIND.restore(before)
    assert sys.getprofile() is tracer, "left to who measures"

    sys.setprofile(None)
    assert KIND.diff(measured, KIND.snapshot()) == [
        Change("hooks", "sys.setprofile", "coverage.pytracer.of_package.<locals>.function", None, Level.HARMLESS)
    ]
    KIND.restore(measured)
    assert sys.getprofile() is tracer


def test_pytests_own_hooks_may_take_turns() -> None:
    sys.unraisablehook = of_package("_pytest.unraisableexception")
    before = KIND.snapshot()
    sys.unraisablehook = partial(of_package("_pytest.unraisableexception"), 1)
    own = KIND.snapshot()
    assert KIND.diff(before, own) == []
    sys.unraisablehook = ignore
    assert [change.name for change in KIND.diff(own, KIND.snapshot())] == ["sys.unraisablehook"]


def test_a_fixtures_hook_stays_and_the_tests_goes() -> None:
    initial = KIND.snapshot()
    sys.displayhook = ignore
    before = KIND.snapshot()
    sys.excepthook = ignore
    KIND.restore(KIND.rebase(initial, before, KIND.snapshot()))
    assert sys.excepthook is ignore
    assert sys.displayhook is not ignore


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring came with Python 3.12")
def test_a_tool_left_registered_is_freed_for_the_next() -> None:
    sys.monitoring.use_tool_id(4, "coverage.py")
    try:
        before = KIND.snapshot()
        sys.monitoring.use_tool_id(3, "test's")
        assert KIND.diff(before, KIND.snapshot()) == [Change("hooks", "sys.monitoring tool 3", None, "test's")]
        KIND.restore(before)
        assert sys.monitoring.get_tool(3) is None
    finally:
        sys.monitoring.free_tool_id(4)
    with pytest.raises(RestoreError, match=r"tool 4 of sys\.monitoring, coverage\.py, has gone.*\[tool-gone\]"):
        KIND.restore(before)


def test_a_run_under_coverage_leaves_nothing() -> None:
    script = """
import coverage
from isolane.process_state.hooks import HooksKind
kind = HooksKind()
before = kind.snapshot()
measurement = coverage.Coverage(data_file=None, config_file=False)
measurement.start()
assert kind.snapshot() != before
assert kind.diff(before, kind.snapshot()) == []
measurement.stop()
assert kind.diff(before, kind.snapshot()) == []
"""
    # This suite may itself be measured, in child processes, too.
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, env=unmeasured)
    assert child.stderr == ""
