"""Functions: their code, defaults, attributes, and the variables that they share with the function around them."""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType, ModuleType

from isolane.model.state import Level
from isolane.process_state import places
from isolane.process_state.class_attributes import classes_of
from isolane.process_state.contents import Edit
from isolane.process_state.project_modules import namespace
from isolane.process_state.region_kind import RegionKind, is_code, is_passing, level_inside
from isolane.process_state.regions import Place, Root

_RUN = frozenset({"__code__", "__defaults__", "__kwdefaults__"})
_MARKS = frozenset({"pytestmark", "hypothesis"})


class FunctionsKind(RegionKind):
    """The functions and methods that a module was imported with, also those behind decorators that say so."""

    name = "functions"

    def _roots_of(self, name: str, module: ModuleType) -> Iterator[Root]:
        for function in functions_of(name, module):
            where = f"{name}.{function.__qualname__}"
            yield Root(function, places.FUNCTION, where)
            for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
                yield Root(cell, places.CELL, f"{where}.<closure>.{variable}")

    def _level(self, place: Place, edit: Edit) -> Level | None:
        key, was, _ = edit
        if place.depth:
            return level_inside(place, edit)
        if key in _RUN or is_code(was):
            return Level.DANGEROUS
        if is_passing(key, _MARKS, ("_hypothesis",)):
            return Level.HARMLESS
        return Level.SUSPECT


def functions_of(name: str, module: ModuleType) -> list[FunctionType]:
    """Return the functions whose globals are the module's, that are bound in it or in a class of it."""
    own = namespace(module)
    waiting = list(own.values())
    for cls in classes_of(name, module):
        waiting += places.CLASS.read(cls).values
    found: dict[int, FunctionType] = {}
    while waiting:
        value = waiting.pop()
        cls = type(value)
        if cls is FunctionType:
            if id(value) in found:
                continue
            if value.__globals__ is own:
                found[id(value)] = value
            waiting.append((places.attributes_of_function(value) or {}).get("__wrapped__"))
        elif cls is staticmethod or cls is classmethod:
            waiting.append(value.__func__)
        elif cls is property:
            waiting += (value.fget, value.fset, value.fdel)
    return list(found.values())
