"""A YAML file as plain values that know where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from isolane.model.errors import PolicyError
from isolane.policy.libraries import import_library

_MOST_BYTES = 2**18
_MOST_DEPTH = 32
_TAG = "tag:yaml.org,2002:"
_MAPPING, _SEQUENCE = f"{_TAG}map", f"{_TAG}seq"
_SCALARS = {f"{_TAG}{kind}" for kind in ("str", "int", "float", "bool", "null")}

Path = tuple[str | int, ...]


class Mark(NamedTuple):
    """A place in the file, counted from 1. is_block: text that begins on the line below, after ``|`` or ``>``."""

    line: int
    column: int
    is_block: bool


class Document:
    """A file's values: mappings with text for keys, lists, text, numbers, booleans, None.

    Anchors, aliases, tags and keys that stand twice are refused: a policy is read by people, and an alias of aliases is
    how a small file becomes a large value.
    """

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self._marks: dict[Path, Mark] = {(): Mark(1, 1, False)}
        self._seen: set[int] = set()
        self._yaml = import_library("yaml")
        if len(text.encode("utf-8", "surrogatepass")) > _MOST_BYTES:
            raise self.error((), f"the file is over {_MOST_BYTES // 1024} kB")
        self.data: Any = self._read(text)

    def error(self, path: Path, what: str, hint: str = "", line: int | None = None) -> PolicyError:
        """Return the error of a value: it names file, line and column. line: of code in that value, from 1."""
        mark = self.mark(path)
        place = f"{mark.line}:{mark.column}" if line is None else f"{self.line_of_code(path, line)}"
        return PolicyError("policy", f"{self.name}:{place}: {what}.", hint)

    def mark(self, path: Path) -> Mark:
        """Return where a value stands, or the nearest one around it."""
        while path not in self._marks:
            path = path[:-1]
        return self._marks[path]

    def line_of_code(self, path: Path, line: int) -> int:
        """Return the file's line of a line, from 1, of the text at ``path``."""
        mark = self.mark(path)
        return mark.line + line - (0 if mark.is_block else 1)

    def _read(self, text: str) -> Any:
        yaml = self._yaml
        loader = None
        try:
            loader = yaml.SafeLoader(text)
            root = loader.get_single_node()
            return None if root is None else self._plain(root, (), loader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            if mark is not None:
                self._marks[()] = Mark(mark.line + 1, mark.column + 1, False)
            raise self.error((), f"this is not YAML: {error.problem or error.context}") from None
        except yaml.reader.ReaderError as error:
            before = text[: error.position]
            column = error.position - (before.rfind("\n") + 1) + 1
            self._marks[()] = Mark(before.count("\n") + 1, column, False)
            raise self.error((), f"this is not YAML: {error.reason}") from None
        except (RecursionError, ValueError, ArithmeticError, LookupError) as error:
            raise self.error((), f"this is not YAML that a policy may have: {error}") from None
        finally:
            if loader is not None:
                loader.dispose()

    def _plain(self, node: Any, path: Path, loader: Any) -> Any:
        start = node.start_mark
        if id(node) in self._seen:  # the same node in two places: one of them is an alias
            raise self.error(path[:-1], f"aliases are not read ({path[-1]!r} has one)", "Write it out.")
        self._seen.add(id(node))
        self._marks[path] = Mark(start.line + 1, start.column + 1, getattr(node, "style", None) in ("|", ">"))
        if len(path) > _MOST_DEPTH:
            raise self.error(path, f"this is nested over {_MOST_DEPTH} deep")
        if node.tag == _MAPPING:
            return self._mapping(node, path, loader)
        if node.tag == _SEQUENCE:
            return [self._plain(one, (*path, position), loader) for position, one in enumerate(node.value)]
        if node.tag not in _SCALARS:
            raise self.error(path, f"a value of the kind {node.tag.removeprefix(_TAG)!r} is not read", "Quote it.")
        return loader.construct_object(node)

    def _mapping(self, node: Any, path: Path, loader: Any) -> Mapping[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            place = (*path, f"key {key}")
            self._marks[place] = Mark(key_node.start_mark.line + 1, key_node.start_mark.column + 1, False)
            if key_node.tag not in _SCALARS:
                raise self.error(place, "a key is text")
            if key in result:
                raise self.error(place, f"{key!r} stands twice")
            result[key] = self._plain(value_node, (*path, key), loader)
        return result
