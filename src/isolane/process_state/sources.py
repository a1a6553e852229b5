"""What the project's source texts say of a name: whether anybody asks for it, and whether it is only counted up.

It is the text that is asked, and not the functions: to look at a function's code would copy its memory in a forked
process, and code that is kept in a dictionary would not be found.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from isolane.process_state.project_modules import ProjectModules, namespace

_WORD = re.compile(rb"[^\W\d]\w*")
_MANGLED = re.compile(r"_[^\W_]\w*?(__\w*[^\W_])")
"""How Python writes ``__name`` of a class for everyone else."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Sources:
    """The texts of the project's modules, read when they are first asked for, and again when modules came.

    A module whose text cannot be had may say anything.
    """

    def __init__(self, modules: ProjectModules) -> None:
        self._modules = modules
        self._read: set[str] = set()
        self._words: set[bytes] = set()
        self._whole = True
        self._counters: dict[tuple[str, int], bool] = {}

    def say(self, name: str) -> bool:
        """Return whether a name stands in any of the texts, as a word."""
        for file, text in self._texts():
            if file not in self._read:
                self._read.add(file)
                self._words.update(_WORD.findall(text))
        return not self._whole or name.encode() in self._words

    def only_count(self, name: str) -> bool:
        """Return whether all that is done with a name, by code that can still run, is to add a number to it.

        It may be read, too, by the functions that add to it, and by nobody else: what comes of the number is theirs.
        """
        key = name, len(self._modules.current())
        if key not in self._counters:
            mangled = _MANGLED.fullmatch(name)
            names = {name, mangled[1]} if mangled else {name}
            said = re.compile(rb"\b(?:" + b"|".join(re.escape(one.encode()) for one in names) + rb")\b")
            found = [_uses(text, names) for _, text in self._texts(again=True) if said.search(text)]
            self._counters[key] = self._whole and any(found) and None not in found
        return self._counters[key]

    def quote_once(self, name: str) -> bool:
        """Return whether a name stands in all of the texts once, in quotes."""
        quoted = re.compile(rb"""(["'])""" + re.escape(name.encode(errors="replace")) + rb"\1")
        found = sum(len(quoted.findall(text)) for _, text in self._texts(again=True))
        return self._whole and found == 1

    def _texts(self, *, again: bool = False) -> Iterator[tuple[str, bytes]]:
        """Yield the files that were not read yet, or all of them, and what is in them."""
        for module in self._modules.current().values():
            file = namespace(module).get("__file__")
            if type(file) is not str or (file in self._read and not again):
                continue
            try:
                text = Path(file).read_bytes() if file.endswith(".py") else None
            except OSError:
                text = None
            if text is None:
                self._whole = False
                self._read.add(file)
            else:
                yield file, text


def _uses(text: bytes, names: set[str]) -> int | None:
    """Return how many functions of a module only count up the name; None where anything else is done with it."""
    counting: set[ast.AST] = set()
    reading: set[ast.AST | None] = set()
    try:
        waiting: list[tuple[ast.AST, ast.AST | None]] = [(ast.parse(text), None)]
    except (SyntaxError, ValueError):
        return None
    while waiting:
        node, function = waiting.pop()
        if isinstance(node, ast.AugAssign) and _named(node.target, names):
            value = node.value
            is_number = isinstance(value, ast.Constant) and type(value.value) is int and value.value > 0
            if function is None or not isinstance(node.op, ast.Add) or not is_number:
                return None
            counting.add(function)
            waiting += ((one, function) for one in ast.iter_child_nodes(node.target))
            continue
        if _named(node, names):
            context = node.ctx  # type: ignore[attr-defined]
            if isinstance(context, ast.Load):
                reading.add(function)
            elif function is not None or not isinstance(node, ast.Name):
                return None  # what a module or a class begins with is all that may be set
        elif _says(node, names):
            return None
        inside = node if isinstance(node, _Function) else function
        waiting += ((one, inside) for one in ast.iter_child_nodes(node))
    return len(counting) if reading <= counting else None


def _named(node: ast.AST, names: set[str]) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr in names) or (isinstance(node, ast.Name) and node.id in names)


def _says(node: ast.AST, names: set[str]) -> bool:
    """Return whether a node that is no use of a name has it all the same: as a text, an argument, an import."""
    if isinstance(node, ast.Constant):
        return type(node.value) is str and node.value in names
    if isinstance(node, ast.Global | ast.Nonlocal):
        return False
    said = (getattr(node, field, None) for field in ("name", "asname", "arg", "attr", "id"))
    return any(one in names for one in said if type(one) is str)
