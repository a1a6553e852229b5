"""Explains every planted test in one run: a plugin of the suite in ``planted``, loaded with ``-p``.

What ``isolane explain`` does in its second run, for the kind that is planted, in a fork for each test. The blame goes
into :data:`~isolane.model.plan.EXPLANATIONS_NAME` in the directory that ``EXPLAIN_INTO`` names.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

from isolane.pytest_plugin.state.explaining import Explainer


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool:
    """Run the test in a process that nobody has left anything in."""
    planted = item.get_closest_marker("leaves")
    assert planted is not None
    child = os.fork()
    if not child:
        code = 1
        try:
            explainer = Explainer(item.config, Path(os.environ["EXPLAIN_INTO"]), (planted.args[0],))
            item.config.pluginmanager.register(explainer)
            reports = runtestprotocol(item, log=True, nextitem=None)
            code = int(any(report.failed for report in reports))
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(code)
    if os.waitpid(child, 0)[1]:
        item.session.testsfailed += 1
    return True
