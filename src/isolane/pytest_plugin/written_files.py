"""Which files a run writes that another run with the same arguments would spoil."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

_REPORT_OPTIONS = ("xmlpath", "htmlpath", "report_log")
"""Where pytest and its plugins keep the name of a report that a run writes as a whole."""
_PART_OF_MEASUREMENT = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
"""With one of these coverage measures a process that another one has started, and gives its data a name of its own."""


class WrittenFiles(NamedTuple):
    """The files. until_exit: whether one is written when pytest has ended, by what has started it in this process."""

    paths: tuple[Path, ...]
    until_exit: bool


def written_files(config: pytest.Config) -> WrittenFiles:
    """Return what a run is going to write, as far as its arguments say."""
    known = config.known_args_namespace
    found = [one for one in (getattr(known, name, None) for name in _REPORT_OPTIONS) if one]
    if getattr(known, "cov_source", None) and not getattr(known, "no_cov", False):
        with contextlib.suppress(Exception):  # a configuration that pytest-cov is going to complain of
            from coverage import Coverage

            found.append(str(Coverage(config_file=getattr(known, "cov_config", True)).get_option("run:data_file")))
    outside = _measured_from_outside()
    if outside is not None:
        found.append(outside)
    return WrittenFiles(tuple(Path(config.invocation_params.dir, one) for one in found), outside is not None)


def _measured_from_outside() -> str | None:
    """Return the data file of ``coverage run -m pytest``; None where nobody measures, or each process for itself."""
    coverage: Any = sys.modules.get("coverage")
    measuring = getattr(coverage, "Coverage", None) and coverage.Coverage.current()
    if measuring is None or any(name in os.environ for name in _PART_OF_MEASUREMENT):
        return None
    # pytest-cov of a run that this one is inside of gives its data a name of its own, and has no option that tells.
    if measuring.get_option("run:parallel") or getattr(measuring, "_data_suffix_specified", None):
        return None
    name = measuring.get_option("run:data_file")
    return name if isinstance(name, str) else None
