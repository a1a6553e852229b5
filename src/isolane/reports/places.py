"""Where in a project's sources something is, as whoever looks at the checkout names it."""

from __future__ import annotations

import ast
import os.path
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from isolane.model.identity import module_of
from isolane.reports.cases import name_of, suite_of

_OWNER = re.compile(r"fixture (?P<name>\S+)(?: of (?P<node>.+))?|module (?P<file>.+)", re.DOTALL)


@dataclass(frozen=True)
class Place:
    """A line. file: from the checkout's root, with slashes. line: from 1. width: its characters, 0 if not known."""

    file: str
    line: int = 1
    width: int = 0


class Places:
    """Finds them. read: returns a file's text, None where it cannot be read.

    checkout: what files are named from. rootdir: what node ids are. directory: what the files of lines are, where they
    are not absolute.
    """

    def __init__(self, checkout: Path, rootdir: Path, directory: Path, read: Callable[[Path], str | None]) -> None:
        self._checkout = checkout
        self._rootdir = rootdir
        self._directory = directory
        self._read = read
        self._texts: dict[Path, str | None] = {}
        self._trees: dict[Path, ast.Module | None] = {}

    def of_test(self, node_id: str) -> Place:
        """Return where a test is written: the innermost part of its name that is found, or its file's first line."""
        file = self._rootdir / module_of(node_id)
        names = (*suite_of(node_id)[1:], name_of(node_id).partition("[")[0])
        return self._in_checkout(file, self._line_of(file, names)) or Place(module_of(node_id) or ".")

    def of_owner(self, owner: str, node_id: str) -> Place:
        """Return where who left state is written. node_id: the test after which it was seen, where there was one."""
        match = _OWNER.fullmatch(owner)
        if match is None:
            return self.of_test(owner)
        found = None
        if match["file"]:
            # What a hunt has imported is named as node ids are.
            below = [one / match["file"] for one in (self._directory, self._rootdir)]
            file = next((one for one in below if self._text_of(one) is not None), below[0])
            found = self._in_checkout(file, 1)
        elif match["node"]:
            node = match["node"]
            file = self._rootdir / module_of(node)
            file = file if file.suffix == ".py" else file / "conftest.py"
            if self._text_of(file) is not None:
                names = (*node.split("::")[1:], match["name"])
                found = self._in_checkout(file, self._line_of(file, names))
        return found or (self.of_test(node_id) if node_id else Place(owner.rpartition(" ")[2]))

    def of_line(self, location: str) -> Place | None:
        """Return where ``file:line`` is, None where that is not in the checkout."""
        file, _, line = location.rpartition(":")
        return self._in_checkout(self._directory / file, int(line)) if file and line.isdecimal() else None

    def _in_checkout(self, file: Path, line: int) -> Place | None:
        # Not resolved: a file behind a link is in the checkout by the name that it has there.
        name = os.path.relpath(file, self._checkout)
        if name.startswith(os.pardir):
            return None
        lines = (self._text_of(file) or "").splitlines()
        width = len(lines[line - 1]) if 0 < line <= len(lines) else 0
        return Place(name.replace(os.sep, "/"), max(line, 1), width)

    def _text_of(self, file: Path) -> str | None:
        if file not in self._texts:
            self._texts[file] = self._read(file)
        return self._texts[file]

    def _line_of(self, file: Path, names: Sequence[str]) -> int:
        if file not in self._trees:
            self._trees[file] = _parsed(self._text_of(file) or "")
        return line_of_definition(self._trees[file], names)


def line_of_definition(tree: ast.Module | None, names: Sequence[str]) -> int:
    """Return the line of the definition that these names lead to, each in the one before; as far as they do lead."""
    within: ast.AST | None = tree
    line = 1
    for name in names:
        found = [one for one in _definitions(within) if one.name == name] if within is not None else []
        if not found:
            break
        within = found[-1]  # the last of one name is the one that counts
        line = found[-1].lineno
    return line


def _definitions(within: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Yield the definitions in a scope, also those under an ``if`` or a ``try``."""
    for one in ast.iter_child_nodes(within):
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield one
        elif isinstance(one, ast.stmt | ast.ExceptHandler):
            yield from _definitions(one)


def _parsed(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
