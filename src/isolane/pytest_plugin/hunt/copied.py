"""Runs in a copy of a project: what is imported from the project comes from the copy."""

from __future__ import annotations

import sys
from pathlib import Path


def import_from_copy(original: str, copy: str) -> None:
    """Let places to import from that are in the project lead into the copy: an installed one may name its own."""
    sys.path[:] = [_in_copy(entry, original, copy) for entry in sys.path]
    # An editable installation that is no entry of the path is a finder, with a table of where its packages are.
    for finder in sys.meta_path:
        of_setuptools = getattr(sys.modules.get(getattr(finder, "__module__", "")), "MAPPING", None)
        for table in (of_setuptools, getattr(finder, "_redirections", None)):
            if isinstance(table, dict):
                for name, place in table.items():
                    if isinstance(place, str):
                        table[name] = _in_copy(place, original, copy)


def _in_copy(entry: str, original: str, copy: str) -> str:
    if not Path(entry).is_relative_to(original):
        return entry
    place = Path(copy, Path(entry).relative_to(original))
    return str(place) if place.exists() else entry
