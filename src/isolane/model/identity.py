"""Names of things: tests by node id, workers, runs."""

from __future__ import annotations

import os
from datetime import datetime, timezone

CONTROLLER = "controller"
"""The worker name of tests that run in the controlling process itself (a serial run)."""


def module_of(node_id: str) -> str:
    """Return the file part of a node id, as pytest writes it (posix separators, relative to rootdir).

    >>> module_of("tests/test_a.py::TestX::test_y[a::b]")
    'tests/test_a.py'
    """
    return node_id.partition("::")[0]


def class_of(node_id: str) -> str:
    """Return the node id's class part with its module, or nothing for a function of the module.

    Behind the module only what stands before a ``[`` counts: a parameter may hold ``::``. The module's path may
    hold a ``[`` too.

    >>> class_of("tests/test_a.py::TestX::test_y[a::b]"), class_of("tests/test_a.py::test_y[a::b]")
    ('tests/test_a.py::TestX', '')
    """
    module, _, names = node_id.partition("::")
    classes = names.partition("[")[0].rpartition("::")[0]
    return f"{module}::{classes}" if classes else ""


def new_run_id(now: float, label: str) -> str:
    """Return a run id that sorts by start time (to the microsecond), tells what ran, and is unique over processes.

    now: seconds since the Unix epoch, UTC. label: short, e.g. ``serial``.

    >>> new_run_id(0.0, "serial").startswith("19700101T000000.000000-serial-")
    True
    """
    stamp = datetime.fromtimestamp(now, tz=timezone.utc).strftime("%Y%m%dT%H%M%S.%f")
    return f"{stamp}-{label}-{os.urandom(3).hex()}"
