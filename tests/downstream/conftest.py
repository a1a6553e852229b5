"""Real third-party suites run only when asked for: ``-m downstream``, or ISOLANE_DOWNSTREAM_RUN=1."""

from __future__ import annotations

import os

import pytest

pytest.register_assert_rewrite("plugin_runs")

RUN_VARIABLE = "ISOLANE_DOWNSTREAM_RUN"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "downstream: proves a real suite that is fetched from a package index")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect them, rather than skip: a skip is for what somebody wanted to run."""
    asked = "downstream" in config.getoption("markexpr") or os.environ.get(RUN_VARIABLE) == "1"
    if asked:
        return
    left_out = [item for item in items if item.get_closest_marker("downstream")]
    if left_out:
        items[:] = [item for item in items if not item.get_closest_marker("downstream")]
        config.hook.pytest_deselected(items=left_out)
