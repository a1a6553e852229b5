"""Restoration of process state after every test; a suite switches it on in its top-level conftest.py:

    pytest_plugins = ["isolane.pytest_plugin.isolation"]

The fixture is set up before every other function-scoped fixture of a test, whoever defines it, so that it is torn
down after them. What module and session fixtures do is theirs, and stays: also when they are set up late, by
``request.getfixturevalue`` in the middle of a test.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any

import pytest

from isolane.model.errors import UsageError
from isolane.process_state.base import RestoreError
from isolane.process_state.kinds import KINDS, RESTORED, Surroundings, check_names, make_kinds
from isolane.process_state.ownership import StateStack

pytest_plugins = ["isolane.pytest_plugin.fixtures"]

_FIXTURE = "restore_process_state"
_stack_of = pytest.StashKey[StateStack]()
_finish = pytest.StashKey[Callable[[], object]]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the kinds that ``isolane_restore`` asks for."""
    # Not at the top: pytest wants to be the one who imports a plugin, to rewrite its assertions.
    from isolane.pytest_plugin.fixtures import cache_references

    names = config.getini("isolane_restore")
    kinds = make_kinds(RESTORED if names is None else names, Surroundings(caches=cache_references(config)))
    config.stash[_stack_of] = StateStack(kinds)


@pytest.fixture(autouse=True)
def restore_process_state(request: pytest.FixtureRequest) -> Iterator[None]:
    """Put back, after the test, the environment, working directory, import path, logging, warnings and caches."""
    stack = request.config.stash[_stack_of]
    stack.begin(request.node, without=_kept_by(request.node))
    yield
    _tell(request.node, stack.undo(request.node))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Be the first function-scoped fixture of every test; let fixtures of wider scope own what they change."""
    if request.scope == "function":
        if fixturedef.argname == _FIXTURE:
            finish: Callable[[Any], None] = fixturedef.finish
            request.config.stash[_finish] = lambda: finish(request)
        else:
            request.getfixturevalue(_FIXTURE)
        return (yield)
    stack = request.config.stash[_stack_of]
    stack.begin(fixturedef)
    try:
        value = yield
    except BaseException:
        _tell(request.node, stack.undo(fixturedef))
        raise
    stack.adopt(fixturedef)
    # Runs before the fixture's own finalizers; pytest_fixture_post_finalizer runs after them.
    request.addfinalizer(partial(_begin_teardown, stack, fixturedef))
    return value


def _begin_teardown(stack: StateStack, fixturedef: pytest.FixtureDef[Any]) -> None:
    """In the midst of a test (its next parameter was asked for) what the teardown changes is the fixture's, too."""
    if not stack.is_empty:
        stack.begin(fixturedef)


def pytest_fixture_post_finalizer(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> None:
    """Let stay what the teardown of a fixture of wider scope changed."""
    if request.scope != "function":
        request.config.stash[_stack_of].adopt(fixturedef)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Restore also where a fixture's teardown ended in SystemExit.

    At that, pytest drops the teardowns that are left, ours among them, and takes these fixtures for set up for ever.
    """
    try:
        return (yield)
    finally:
        if not item.config.stash[_stack_of].is_empty:
            item.config.stash[_finish]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Restore after tests of other plugins that take no fixtures."""
    if hasattr(item, "fixturenames"):
        return (yield)
    stack = item.config.stash[_stack_of]
    stack.begin(item, without=_kept_by(item))
    try:
        return (yield)
    finally:
        _tell(item, stack.undo(item))


def _kept_by(item: pytest.Item) -> set[str]:
    """Return the kinds that ``isolane_keep`` markers name, on the test, its class or module."""
    named = [name for mark in item.iter_markers("isolane_keep") for name in mark.args or KINDS]
    try:
        check_names(named)
    except UsageError as error:
        pytest.fail(f"isolane_keep: {error}", pytrace=False)
    return set(named)


def _tell(node: Any, failures: list[Exception]) -> None:
    """Warn of what cannot be had back; fail for a cache that does not exist, or could not be cleared."""
    for failure in failures:
        if isinstance(failure, RestoreError):
            node.warn(pytest.PytestWarning(f"isolane: {failure}"))
    for failure in failures:
        if isinstance(failure, UsageError):
            pytest.fail(f"isolane_clear_caches: {failure}", pytrace=False)
        if not isinstance(failure, RestoreError):
            raise failure
