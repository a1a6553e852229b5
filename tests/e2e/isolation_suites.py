"""How the suites of the isolation tests are run: by a real pytest in a process of its own, in the order of the file."""

from __future__ import annotations

import pytest
from throwaway_project import QUICK

ON = 'pytest_plugins = ["isolane.pytest_plugin.isolation"]\n'
"""The conftest that switches restoration on."""

_OURS = ("PYTEST_WORKERS", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_ADDOPTS")


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run the suite as if from a shell, whatever run this one is part of."""
    with pytest.MonkeyPatch.context() as patcher:
        for name in _OURS:
            patcher.delenv(name, raising=False)
        return pytester.runpytest_subprocess(*QUICK.split(), *arguments, timeout=60)
