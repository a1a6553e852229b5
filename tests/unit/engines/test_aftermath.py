"""A run that has left no record, because there is no place for one any more."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from isolane.engines.aftermath import close
from isolane.history.event_log import RunLogFile
from isolane.model.errors import RecordError
from isolane.model.record import RunRecord


def test_a_directory_that_was_removed_is_told_and_not_made_again(tmp_path: Path) -> None:
    log = RunLogFile(tmp_path / "runs" / "one")
    log.directory.mkdir(parents=True)
    shutil.rmtree(tmp_path / "runs")

    with pytest.raises(RecordError, match="was removed while the tests ran") as raised:
        close(log, RunRecord(), 0, time.time(), hung=False)

    assert raised.value.slug == "incomplete-record"
    assert not (tmp_path / "runs").exists()


FULL = """
import resource, sys, time
from pathlib import Path
from isolane.engines.aftermath import close
from isolane.history.event_log import RunLogFile
from isolane.model.errors import RecordError
from isolane.model.record import RunRecord

sys.dont_write_bytecode = True  # what is imported later must not be cut off
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
try:
    close(RunLogFile(Path(sys.argv[1])), RunRecord(), 1, time.time(), hung=False)
except RecordError as error:
    sys.stdout = sys.stderr
    print(error)
    sys.exit(7)
"""


def test_a_disk_too_full_even_for_the_output_is_told(tmp_path: Path) -> None:
    """The limit on the size of files stands for a full disk: nothing can be written, and the output is empty."""
    # coverage, where it measures what is started here, would say for itself that the disk is full.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    ended = subprocess.run(
        [sys.executable, "-c", FULL, tmp_path],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 7, ended.stderr
    assert ended.stderr == (
        f"{tmp_path}: File too large. Free the disk or make the directory writable. [incomplete-record]\n"
    )


def test_a_run_that_only_died_is_ended(tmp_path: Path) -> None:
    log = RunLogFile(tmp_path)

    [end] = close(log, RunRecord(), 1, time.time(), hung=False)

    assert log.read() == [end]
