"""Class attributes: set, deleted, replaced in the project's classes, or changed in place."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from isolane.model.state import Level
from isolane.process_state import places
from isolane.process_state.contents import ABSENT, Edit
from isolane.process_state.project_modules import namespace
from isolane.process_state.region_kind import RegionKind, is_code, is_passing, level_inside
from isolane.process_state.regions import Place, Root

_MARKS = frozenset(
    {
        "pytestmark",
        "_classSetupFailed",
        "_class_cleanups",
        "_testMethodDoc",
        "_testMethodName",
        "tearDown_exceptions",
        "__abstractmethods__",
        "__annotate_func__",
        "__annotations_cache__",
        "__doc__",
        "__slotnames__",
        "_abc_impl",
    }
)
"""What pytest and unittest note on a class, and what Python itself keeps there (``__slotnames__`` is pickle's)."""
_MARK_STARTS = ("__unittest_", "__pydantic_")
_GROWS_BY_ITSELF = frozenset({"_abc_impl", "_value2member_map_"})
"""Caches by design: an enumeration of flags keeps here each combination that was ever asked for."""


class ClassAttributesKind(RegionKind):
    """The classes that a module was imported with, and the classes in these; not what they inherit from elsewhere."""

    name = "class_attributes"

    def _roots_of(self, name: str, module: ModuleType) -> Iterator[Root]:
        for cls in classes_of(name, module):
            yield Root(cls, places.CLASS, f"{name}.{places.qualified_name(cls)}")

    def _follows(self, name: str) -> bool:
        return super()._follows(name) and name not in _GROWS_BY_ITSELF

    def _level(self, place: Place, edit: Edit) -> Level | None:
        if place.depth:
            return level_inside(place, edit)
        key, was, now = edit
        if is_passing(key, _MARKS, _MARK_STARTS):
            return Level.HARMLESS
        if was is ABSENT:
            return Level.SUSPECT
        return Level.DANGEROUS if now is ABSENT or is_code(was) else Level.SUSPECT


def classes_of(name: str, module: ModuleType) -> list[type]:
    """Return the classes that are defined in a module, outside functions: those that say so, each once."""
    found: dict[int, type] = {}
    waiting = list(namespace(module).values())
    while waiting:
        value = waiting.pop()
        if places.is_class(value) and id(value) not in found and places.module_of(value) == name:
            found[id(value)] = value
            waiting += places.CLASS.read(value).values
    return list(found.values())
