"""Values of fixtures that several tests share: what is in them when they are set up, and what tests make of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from isolane.model.state import Level
from isolane.process_state import places
from isolane.process_state.contents import Edit
from isolane.process_state.project_modules import ProjectModules
from isolane.process_state.region_kind import RegionKind, level_inside
from isolane.process_state.regions import Place, Root, Walk

KIND = "fixtures"


class FixtureValues:
    """The values that are set up at present, by a name each, which has its place in it: ``tests.test_a.basket``."""

    def __init__(self) -> None:
        self._held: dict[str, Any] = {}

    def current(self) -> dict[str, Any]:
        """Return them, each in a dictionary of its own; the very same one as long as none came or went."""
        return self._held

    def set_up(self, name: str, value: object) -> None:
        """Take a value; it may be another one than the last of that name."""
        place, _, own = name.rpartition(".")
        self._held = {**self._held, name: (place, {own: value})}

    def torn_down(self, name: str) -> None:
        """Forget it."""
        self._held = {known: held for known, held in self._held.items() if known != name}


class FixtureValuesKind(RegionKind):
    """What can be changed in place in such values. They are looked into as a module's globals are.

    A value is there from when it is set up, which is no change; so whoever looks has to follow what fixtures do.
    """

    name = KIND

    def __init__(self, values: FixtureValues, modules: ProjectModules) -> None:
        source: Any = values
        super().__init__(source)
        self._walk = Walk(lambda module: module in modules.current(), self._follows)

    def _roots_of(self, name: str, module: Any) -> Iterator[Root]:  # noqa: ARG002
        place, held = module
        yield Root(held, places.NAMESPACE, place)

    def _level(self, place: Place, edit: Edit) -> Level | None:
        return level_inside(place, edit) if place.depth else None
