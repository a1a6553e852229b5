"""Merge coverage data files into one."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from isolane.coverage_data.files import check_data_files, find_data_files
from isolane.model.errors import RecordError, UsageError

if TYPE_CHECKING:
    from coverage import Coverage


def combine_data(directory: Path, data_file: Path, *, keep: bool = False) -> list[Path]:
    """Merge the directory's coverage data into ``data_file`` and return the files merged.

    Which files those are, :func:`find_data_files` says. ``data_file`` is replaced whole or left as it was;
    unless ``keep``, the merged files are removed, and nothing else is left behind.

    Raises :class:`UsageError` where there is no data, :class:`RecordError` where it cannot be merged.
    """
    found = find_data_files(directory, data_file)
    whole = check_data_files(found)
    if not whole:
        raise UsageError(
            "no-coverage-data",
            f"There is no coverage data for {data_file.name} in {directory.resolve()}.",
            "Run the tests under coverage first: coverage run -m pytest, or pytest --cov.",
        )
    if whole != [data_file]:
        _merge(whole, data_file)
    if not keep:
        for path in found:
            if path.resolve() != data_file.resolve():
                path.unlink(missing_ok=True)
    return whole


def _merge(paths: Sequence[Path], data_file: Path) -> None:
    from coverage.exceptions import CoverageException, CoverageWarning

    try:
        data_file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".combining-", dir=data_file.parent) as scratch:
            merged = Path(scratch, data_file.name)
            measurement = open_coverage(merged)
            with warnings.catch_warnings():
                # coverage only warns of a file that it leaves out, one of another version's format for example.
                warnings.simplefilter("error", CoverageWarning)
                measurement.combine(data_paths=[str(path) for path in paths], keep=True)
            measurement.save()
            measurement.get_data().close()
            merged.replace(data_file)
    except (CoverageException, CoverageWarning, OSError) as error:
        raise RecordError("coverage-not-combined", f"Coverage data could not be merged: {error}") from None


def open_coverage(data_file: Path) -> Coverage:
    """Return coverage with the current directory's configuration, on that data file.

    Raises :class:`UsageError` where coverage is missing or its configuration is wrong.
    """
    try:
        from coverage import Coverage
        from coverage.exceptions import CoverageException
    except ImportError:
        raise UsageError("no-coverage", "coverage is not installed.", "pip install 'isolane[coverage]'") from None
    try:
        return Coverage(data_file=os.fspath(data_file), messages=False)
    except CoverageException as error:
        raise UsageError("bad-coverage-configuration", f"coverage's configuration cannot be used: {error}") from None
