"""What isolane asks of pytest's importer and plugin manager for its own modules."""

from __future__ import annotations

import sys
from importlib.machinery import SourceFileLoader

import pytest
from _pytest.assertion.rewrite import AssertionRewritingHook

from isolane.pytest_plugin.own_modules import load_plugins, load_without_rewriting

OWN = "isolane.pytest_plugin.process_fixtures"


def test_pythons_own_importer_loads_isolane_and_pytests_still_loads_other_plugins(pytestconfig):
    hook = AssertionRewritingHook(pytestconfig)
    hook.mark_rewrite("isolane", "this")
    manager = pytest.PytestPluginManager()
    manager.rewrite_hook = hook
    assert hook.find_spec("isolane.model", sys.modules["isolane"].__path__) is not None

    load_without_rewriting(manager)

    assert hook.find_spec("isolane.model", sys.modules["isolane"].__path__) is None
    assert hook.find_spec("this") is not None


def test_this_very_run_has_loaded_them_so():
    import isolane.pytest_plugin.state.start as late

    assert type(late.__loader__) is SourceFileLoader


def test_an_importer_that_is_built_otherwise_is_left_alone():
    manager = pytest.PytestPluginManager()
    before = manager.rewrite_hook

    load_without_rewriting(manager)

    assert manager.rewrite_hook is before


def test_a_plugin_is_registered_once_under_its_full_name():
    manager = pytest.PytestPluginManager()
    load_plugins(manager, OWN)
    load_plugins(manager, OWN)

    assert manager.get_plugin(OWN) is sys.modules[OWN]


def test_a_plugin_that_is_blocked_stays_out():
    manager = pytest.PytestPluginManager()
    manager.set_blocked(OWN)

    load_plugins(manager, OWN)

    assert manager.get_plugin(OWN) is None
