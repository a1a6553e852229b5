"""What the kinds that look into the project's modules have in common: a region a module, and edits of places."""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Iterator, Sequence
from types import CodeType, ModuleType
from typing import Any, NamedTuple

from isolane.model.state import Change, Level
from isolane.process_state import contents, places
from isolane.process_state.base import RestoreError
from isolane.process_state.contents import ABSENT, Content, Edit
from isolane.process_state.filled import happens_by_itself, is_hardly_seen, is_order_of_keys
from isolane.process_state.places import Sort
from isolane.process_state.project_modules import ProjectModules
from isolane.process_state.regions import Place, PlaceKey, Region, Root, Walk
from isolane.process_state.sequences import rebase_items
from isolane.process_state.sources import Sources

_MOST_LINES = 20
"""How many changes of one place are told one by one."""
_TOLD = 3
"""How many of the items that came to a sequence or went from it are named."""

_PLACES_IN_TEXT = frozenset({"lineno", "col_offset", "end_lineno", "end_col_offset"})
"""Of the node of a syntax tree, which somebody may have to set to compile it."""

_PASSING_STARTS = ("@", "_pytest", "__pytest")
_PASSING = frozenset({"__annotate__", "__annotations__", "__builtins__", "__cached__", "__warningregistry__"})


class Regions(NamedTuple):
    """The regions of one look by their modules' names; the same object as that of the look before, if nothing moved."""

    by_module: dict[str, Region]


class RegionKind:
    """State inside the project's modules. A subclass says where to start and how bad a change is."""

    name = ""

    def __init__(self, modules: ProjectModules) -> None:
        self._modules = modules
        self._last = Regions({})
        self._ours: dict[str, ModuleType] = {}
        self._roots: dict[str, tuple[Root, ...]] = {}
        self._owners: dict[int, str] = {}
        self._waived: dict[int, set[str]] = {}
        self._walk = Walk(lambda module: module in self._ours, self._follows)
        self._sources = Sources(modules)

    def snapshot(self) -> Regions:
        """Look at every region, and read again those where anything moved."""
        current = self._modules.current()
        regions = self._last.by_module
        stale: set[str] = set()
        gone: list[str] = []
        if current is not self._ours:
            gone = [name for name in regions if current.get(name) is not self._ours.get(name)]
            self._ours = current
            for name in gone:
                self._forget(name, stale)
            regions = {name: region for name, region in regions.items() if name not in gone}
            for name, module in current.items():
                if name not in regions:
                    self._roots[name] = tuple(self._roots_of(name, module))
                    stale.add(name)
        stale.update([name for name, region in regions.items() if not region.is_current()])
        if not stale and not gone:
            return self._last
        read = dict(regions)
        while waiting := [name for name in current if name in stale]:
            for name in waiting:
                stale.discard(name)
                read[name] = self._read(name, read.get(name), stale)
        self._last = Regions(read)
        return self._last

    def region_of(self, name: str) -> str:
        """Return the module that a change's name is in, of those that were looked at; an empty text for none."""
        while name and name not in self._last.by_module:
            name = name.rpartition(".")[0]
        return name

    def has_moved(self, region: str) -> bool:
        """Return whether anything in one module has changed since the last snapshot."""
        known = self._last.by_module.get(region)
        return known is not None and not known.is_current()

    def _read(self, name: str, old: Region | None, stale: set[str]) -> Region:
        owners, waived = self._owners, self._waived

        def is_free(thing: int) -> bool:
            owner = owners.get(thing, name)
            if owner != name:
                waived.setdefault(thing, set()).add(name)
            return owner == name

        region = self._walk.read(name, self._roots[name], is_free)
        mine = {thing for thing, _ in region.places}
        if old is not None:
            self._give_up({thing for thing, _ in old.places} - mine, name, stale)
        owners.update(dict.fromkeys(mine, name))
        return region

    def _forget(self, name: str, stale: set[str]) -> None:
        self._roots.pop(name, None)
        region = self._last.by_module.get(name)
        if region is not None:
            self._give_up({thing for thing, _ in region.places}, name, stale)

    def _give_up(self, things: Iterable[int], owner: str, stale: set[str]) -> None:
        """Let others have what is no longer reached from here; those that had met it look again."""
        for thing in things:
            if self._owners.get(thing) == owner:
                del self._owners[thing]
                stale.update(self._waived.pop(thing, ()))

    def diff(self, before: Regions, after: Regions) -> list[Change]:
        """Return a change a name, key or attribute; a sequence is told item by item if its length is the same."""
        if before is after:
            return []
        old, new = _moved(before, after)
        changes: list[Change] = []
        for key, place in new.items():
            known = old.get(key)
            if known is not None and _differs(known, place):
                changes += self._tell(known, place)
        return changes

    def _tell(self, old: Place, new: Place) -> Iterator[Change]:
        was, now = old.content.values, new.content.values
        is_harmless = is_order_of_keys(old.sort, old.name, old.content, new.content)
        if old.sort.is_keyed:
            made = contents.edits(old.content, new.content)
            if not made and old.sort is places.MAPPING:
                worst = Level.HARMLESS if is_harmless else Level.SUSPECT
                yield Change(self.name, old.name, "its keys in one order", "in another", worst)
        elif old.sort is places.BUFFER:
            yield self._change(old.name, was[0], now[0], Level.SUSPECT)
            return
        elif len(was) == len(now) and old.sort is not places.SET:
            made = [
                (position, first, second)
                for position, (first, second) in enumerate(zip(was, now, strict=True))
                if not contents.same(first, second)
            ]
        else:
            told = _difference(was, now)
            worst = Level.NOTED if _only_code_differs(was, now) else Level.SUSPECT
            worst = Level.HARMLESS if is_harmless else worst
            yield Change(self.name, old.name, f"{len(was)} items", f"{len(now)} items{told}", worst)
            return
        for number, edit in enumerate(made):
            if old.sort.is_keyed:
                level = self._weighed(old, edit)
            else:
                level = Level.HARMLESS if is_harmless else _level_of(edit[1], edit[2])
            if level is None:
                continue
            if number >= _MOST_LINES and level is not Level.DANGEROUS:
                more = len(made) - number
                yield Change(self.name, old.name, f"{len(was)} items", f"{len(now)} items: {more} more changes", level)
                return
            yield self._change(old.name + old.sort.step(edit[0]), edit[1], edit[2], level)

    def _change(self, name: str, was: object, now: object, level: Level) -> Change:
        first, second = places.describe(was), places.describe(now)
        if (was is ABSENT and now is None) or (was is None and now is ABSENT):  # only what is not there is told as None
            first, second = first if was is ABSENT else "None", second if now is ABSENT else "None"
        if first == second:  # two objects that look the same from here
            first, second = f"{first}", f"another {second}"
        return Change(self.name, name, first, second, level)

    def rebase(self, pending: Regions, before: Regions, after: Regions) -> Regions:
        """Make the same edits to what is pending."""
        if before is after:
            return pending
        if pending is before:
            return after
        old, new = _moved(before, after)
        merged = dict(pending.by_module)
        found = {key: place for region in merged.values() for key, place in region.places.items()}
        changed: dict[str, dict[PlaceKey, Place]] = {}
        for name, region in after.by_module.items():
            mine = merged.setdefault(name, region)
            if mine is before.by_module.get(name):
                merged[name] = region
            if merged[name] is region:
                continue
            for key, place in region.places.items():
                known, kept = old.get(key), found.get(key)
                if kept is None:
                    changed.setdefault(name, dict(mine.places))[key] = place
                elif key in new and known is not None and _differs(known, place):
                    target = changed.setdefault(name, dict(mine.places))
                    target[key] = kept._replace(content=_rebased(place.sort, kept, known, place))
        for name, found_now in changed.items():
            merged[name] = merged[name].with_places(found_now)
        return Regions(merged)

    def restore(self, before: Regions) -> None:
        """Put back every place that has changed, wherever it is now; what is harmless stays."""
        now = self.snapshot()
        if now is before:
            return
        failed: list[tuple[str, Exception]] = []
        for name, region in before.by_module.items():
            if now.by_module.get(name) is region:
                continue
            for place in region.places.values():
                try:
                    self._put_back(place)
                except Exception as error:  # noqa: BLE001  # the others have their turn first
                    failed.append((place.name, error))
        if failed:
            where, first = failed[0]
            raise RestoreError(
                f"{self.name}-not-restored".replace("_", "-"),
                f"{where} cannot be put back after the test ({type(first).__name__}: {first}).",
            ) from first

    def _put_back(self, place: Place) -> None:
        thing, sort, content = place.thing, place.sort, place.content
        current = sort.read(thing)
        if contents.identical(current, content):
            return
        if not sort.is_keyed:
            if not is_order_of_keys(sort, place.name, content, current):
                sort.write(thing, content)
            return
        found = contents.edits(content, current, same=contents.is_same_object)
        made = [edit for edit in found if self._is_put_back(place, edit)]
        sort.undo(thing, made)
        if sort is places.MAPPING and len(made) == len(found):  # else it holds what is harmless, which stays
            places.MAPPING.put_in_order(thing, content)

    def _is_put_back(self, place: Place, edit: Edit) -> bool:
        """What is no dirt stays, but for a container that was replaced: others may have it as well."""
        level = self._weighed(place, edit)
        return level is not None and (level.is_dirt or _has_same_items(*edit[1:]))

    def _roots_of(self, name: str, module: ModuleType) -> Iterator[Root]:
        """Return where to start for a module that has not been looked at before."""
        raise NotImplementedError

    def _follows(self, name: str) -> bool:
        """Return whether to look into what a namespace or a class has under this name."""
        return not name.startswith("__") and not is_passing(name)

    def _level(self, place: Place, edit: Edit) -> Level | None:
        """Return how bad it is that the place has changed so; ``None`` for what is no change of the program's state."""
        raise NotImplementedError

    def _weighed(self, place: Place, edit: Edit) -> Level | None:
        """Return the same, and that it is only noted where no more than that is to be said of it."""
        level = self._level(place, edit)
        if level is not None and level.is_dirt and is_hardly_seen(place.sort, edit, self._sources):
            return Level.NOTED
        return level


def is_code(value: object) -> bool:
    """Return whether a value is a function, a class, or what is made of functions."""
    cls = type(value)
    return issubclass(cls, type) or id(cls) in places.CODE


def is_passing(name: object, also: Collection[str] = (), also_starts: tuple[str, ...] = ()) -> bool:
    """Return whether a name in a namespace is pytest's or Python's own, and no state of the program."""
    return type(name) is str and (name.startswith((*_PASSING_STARTS, *also_starts)) or name in _PASSING or name in also)


def level_inside(place: Place, edit: Edit) -> Level:
    """Return the level of a change somewhere inside what a module or a class refers to.

    An object of a library may keep for itself, in its dictionary or in slots, what it likes: names with an underscore,
    what it made when it was first needed, such as the parts of a path. A ``functools.cached_property`` has been asked
    for, and would say the same again; so has a key of a ``defaultdict`` that stands for what is made for any key.
    """
    key, was, now = edit
    if (was is ABSENT and places.is_default(place.thing, now)) or (
        now is ABSENT and places.is_default(place.thing, was)
    ):
        return Level.HARMLESS
    if (place.sort is places.NAMESPACE or place.sort is places.INSTANCE) and type(key) is str:
        if was is ABSENT and key in place.lazily_made:
            return Level.HARMLESS
        if place.of_library and (key.startswith("_") or was is None or was is ABSENT):
            return Level.HARMLESS
        if place.of_library and key in _PLACES_IN_TEXT:
            return Level.HARMLESS
    is_harmless = happens_by_itself(place.thing, place.sort, place.name, edit)
    return Level.HARMLESS if is_harmless else _level_of(was, now)


def _level_of(was: object, now: object) -> Level:
    if _has_same_items(was, now):
        return Level.HARMLESS
    return Level.DANGEROUS if is_code(was) and now is not ABSENT else Level.SUSPECT


def _has_same_items(was: object, now: object) -> bool:
    """Return whether a container of Python's own has been replaced by another that holds the very same objects.

    Many a suite resets its settings so before each test. Of empty ones nobody knows what had been in them.
    """
    if type(was) is dict and type(now) is dict:
        return bool(was) and _are_same([*was, *was.values()], [*now, *now.values()])
    if type(was) is type(now) and type(was) in (list, tuple):
        return bool(was) and _are_same(was, now)  # type: ignore[arg-type]
    return False


def _are_same(some: Sequence[object], others: Sequence[object]) -> bool:
    return len(some) == len(others) and all(map(operator.is_, some, others))


def _only_code_differs(was: Sequence[object], now: Sequence[object]) -> bool:
    """Return whether all that came to a set, or went from it, is code: nobody calls that, and it never changes."""
    had, has = set(map(contents.token_of, was)), set(map(contents.token_of, now))
    differs = [one for one in (*was, *now) if (contents.token_of(one) in had) != (contents.token_of(one) in has)]
    return bool(differs) and all(type(one) is CodeType for one in differs)


def _moved(before: Regions, after: Regions) -> tuple[dict[PlaceKey, Place], dict[PlaceKey, Place]]:
    """Return the places of the regions that are not the same in both, as they were and as they are."""
    old: dict[PlaceKey, Place] = {}
    new: dict[PlaceKey, Place] = {}
    for name, region in before.by_module.items():
        if after.by_module.get(name) is not region:
            old.update(region.places)
    for name, region in after.by_module.items():
        if before.by_module.get(name) is not region:
            new.update(region.places)
    return old, new


def _differs(old: Place, new: Place) -> bool:
    if contents.same_content(old.content, new.content):
        return False
    if old.sort is not places.SET:
        return True
    # Sets of the same items may well give them in another order.
    return set(map(contents.token_of, old.content.values)) != set(map(contents.token_of, new.content.values))


def _difference(was: tuple[Any, ...], now: tuple[Any, ...]) -> str:
    """Return which items came and which went, the first few of each."""
    had, has = set(map(contents.token_of, was)), set(map(contents.token_of, now))
    came = [f"+ {places.describe(item)!r}" for item in now if contents.token_of(item) not in had]
    went = [f"− {places.describe(item)!r}" for item in was if contents.token_of(item) not in has]
    told = [*came[:_TOLD], *went[:_TOLD]]
    return f": {', '.join(told)}{', …' if len(told) < len(came) + len(went) else ''}" if told else ""


def _rebased(sort: Sort, pending: Place, before: Place, after: Place) -> Content:
    if sort.is_keyed:
        return contents.with_edits(pending.content, contents.edits(before.content, after.content))
    if sort is places.BUFFER:
        return after.content
    return Content((), rebase_items(pending.content.values, before.content.values, after.content.values))
