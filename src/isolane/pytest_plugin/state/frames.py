"""Which of the lines that run are the project's, a library's, or only what runs the tests."""

from __future__ import annotations

import importlib.util
import linecache
import os
import sys
from dataclasses import replace
from enum import IntEnum
from pathlib import Path
from types import CodeType, FrameType

from isolane.model.explanation import Frame, Stack
from isolane.process_state.origins import is_library_file

_RUNNERS = (
    "pytest", "_pytest", "pluggy", "isolane", "xdist", "pytest_timeout", "importlib", "threading", "runpy",
    "contextlib", "os", "posixpath", "_collections_abc",
)  # fmt: skip
"""What runs the tests, and what is so plain that its lines say nothing: from 3.11 on most of it has no file."""


class Sort(IntEnum):
    """Whose a line is."""

    RUNNER = 0
    LIBRARY = 1
    PROJECT = 2


class Frames:
    """directory: where the project's files are named from. original: what it is a copy of, if it is.

    What was compiled in the original, and copied, says that it comes from there.
    """

    def __init__(self, directory: Path, original: Path | None = None) -> None:
        self._directories = [
            os.path.join(os.path.realpath(one), "")  # noqa: PTH118
            for one in (directory, original)
            if one is not None
        ]
        self._runners = tuple(_directories_of(_RUNNERS))
        self._sorts: dict[str, Sort] = {}
        self._told: dict[str, str] = {}

    def sort(self, code: CodeType) -> Sort:
        """Return whose the code is."""
        return self.sort_of(code.co_filename)

    def sort_of(self, file: str) -> Sort:
        """Return whose the code in a file is: decided once a file."""
        found = self._sorts.get(file)
        if found is None:
            found = self._sorts[file] = self._sort(file)
        return found

    def _sort(self, file: str) -> Sort:
        if file.startswith("<"):  # frozen, or made by exec
            return Sort.RUNNER if file.startswith("<frozen") else Sort.LIBRARY
        path = os.path.realpath(file)
        if path.startswith(self._runners) or path in self._runners:
            return Sort.RUNNER
        return Sort.LIBRARY if is_library_file(path) else Sort.PROJECT

    def stack(self, frame: FrameType | None, line: int) -> Stack:
        """Return the lines that are being executed, ``line`` in ``frame``, from the project's outermost down.

        Without what runs the tests; where there is no line of the project's, the innermost run of a library's.
        """
        found: list[tuple[Sort, Frame]] = []
        innermost = True
        while frame is not None:
            sort = self.sort(frame.f_code)
            if sort is not Sort.RUNNER:
                number = line if innermost else frame.f_lineno
                found.append((sort, self._frame(frame.f_code, number, sort)))
            innermost = False
            frame = frame.f_back
        outermost = next(
            (place for place in range(len(found) - 1, -1, -1) if found[place][0] is Sort.PROJECT),
            min(len(found), 3) - 1,
        )
        return tuple(one for _, one in reversed(found[: outermost + 1]))

    def _frame(self, code: CodeType, line: int, sort: Sort) -> Frame:
        name = getattr(code, "co_qualname", code.co_name)
        return Frame(self.told(code.co_filename), line, name, sort is Sort.PROJECT, code.co_filename)

    def with_sources(self, stack: Stack) -> Stack:
        """Return the stack with the lines' text; until then ``source`` is the file's whole path."""
        return tuple(replace(one, source=linecache.getline(one.source, one.line).strip()) for one in stack)

    def told(self, file: str) -> str:
        """Return a file as it is named in reports."""
        found = self._told.get(file)
        if found is None:
            found = self._told[file] = self._tell(file)
        return found

    def _tell(self, file: str) -> str:
        path = os.path.realpath(file) if not file.startswith("<") else file
        for directory in self._directories:
            if path.startswith(directory) and not is_library_file(path):
                return path[len(directory) :]
        places = [os.path.join(os.path.realpath(one), "") for one in sys.path if one]  # noqa: PTH118
        inside = [place for place in places if path.startswith(place)]
        return path[len(max(inside, key=len)) :] if inside and is_library_file(path) else path


def _directories_of(packages: tuple[str, ...]) -> list[str]:
    found = []
    for name in packages:
        spec = importlib.util.find_spec(name)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            found.append(os.path.join(os.path.realpath(place), ""))  # noqa: PTH118
        if spec and spec.has_location and spec.origin and not spec.submodule_search_locations:
            found.append(os.path.realpath(spec.origin))
    return found
