"""Module globals: names bound in the project's modules, and what they refer to, where it can be changed in place."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType

from isolane.model.state import Level
from isolane.process_state import places
from isolane.process_state.contents import ABSENT, Edit
from isolane.process_state.project_modules import namespace
from isolane.process_state.region_kind import RegionKind, is_code, is_passing, level_inside
from isolane.process_state.regions import Place, Root


class ModuleGlobalsKind(RegionKind):
    """What is bound in each module, and the dictionaries, lists, sets and objects that are reached from it.

    Classes and functions are seen being replaced; what is changed in them is for the kinds ``class_attributes``
    and ``functions``. Other modules, loggers, threads, files and pytest's own objects are not entered.
    """

    name = "module_globals"

    def _roots_of(self, name: str, module: ModuleType) -> Iterator[Root]:
        yield Root(namespace(module), places.NAMESPACE, name)

    def _weighed(self, place: Place, edit: Edit) -> Level | None:
        """Tell also what is new and hardly seen: the name of a module that a function has imported as a global, and a
        numbered name that stands in no text, which the program has made up and nobody asks for.
        """
        key, was, now = edit
        level = super()._weighed(place, edit)
        if level is not Level.SUSPECT or place.depth or was is not ABSENT or type(key) is not str:
            return level
        if type(now) is ModuleType:
            return Level.NOTED if sys.modules.get(str(namespace(now).get("__name__"))) is now else level
        return Level.NOTED if key[-1:].isdigit() and not self._sources.say(key) else level

    def _level(self, place: Place, edit: Edit) -> Level | None:
        if place.depth:
            return level_inside(place, edit)
        key, was, now = edit
        if is_passing(key):
            return None
        if was is ABSENT:
            # The import system binds a submodule in its package, once: without it `package.module` is not found.
            is_submodule = issubclass(type(now), ModuleType) and sys.modules.get(f"{place.name}.{key}") is now
            return Level.HARMLESS if is_submodule else Level.SUSPECT
        return Level.DANGEROUS if now is ABSENT or is_code(was) else Level.SUSPECT
