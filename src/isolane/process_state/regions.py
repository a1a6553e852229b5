"""Regions: all that can be changed in place and is reached from one module, seen often and read again seldom.

A look at a region that nobody changed does not read it. The garbage collector's own way through the objects
(``gc.get_referents``: in C, never running anybody's code) lists what all its places refer to, and the addresses of
that list are compared with those of the last time. Only when they differ is the region walked again.

A region refers to everything it found until the next look, and so keeps it alive for no longer, unless a fixture of
wider scope was set up just then: until that is torn down. That is also why an address cannot have passed to another
object in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from gc import get_referents
from itertools import chain, islice
from types import SimpleNamespace
from typing import Any, NamedTuple

from isolane.process_state import memory, places
from isolane.process_state.contents import ATOMS, Content, identical
from isolane.process_state.dict_version import tells_of_attributes, version_of, version_piece
from isolane.process_state.identity import addresses
from isolane.process_state.memory import Piece, cell_piece, function_piece
from isolane.process_state.places import LARGE, Sort

DEEPEST = 6
"""How many steps from a root are followed."""
MOST_PLACES = 2_000
"""How many places of one region are looked at: the nearest to its roots."""

_FENCE = [object()]
"""Stands between the places in a list of what they refer to, so that nothing can move from one to the next unseen."""
_FEW_KEYS = 8
"""Dictionaries with more keys are checked for another key by their length and the last one: new keys come last."""
_FEW_ITEMS = 64
"""Lists with more items are quicker copied by themselves than left to the collector."""

_LEFT_ALONE = (
    "_pytest", "pytest", "pluggy", "logging", "threading", "_thread", "weakref", "typing", "re", "importlib",
    "_frozen_importlib", "io", "asyncio", "concurrent", "contextvars", "ctypes", "hypothesis", "coverage", "abc",
    "functools", "isolane",
)  # fmt: skip
"""Where classes come from whose objects change by being used, or are another kind's to look at."""

_NOTHING = Content((), ())

PlaceKey = tuple[int, Sort]


class Place(NamedTuple):
    """One thing that can be changed, and what was in it."""

    thing: Any
    sort: Sort
    name: str
    content: Content
    depth: int
    of_library: bool
    """Whether it is the inside of an object whose class is not the project's."""
    lazily_made: frozenset[str] = frozenset()
    """The names of what a class's ``functools.cached_property`` puts here."""


class Root(NamedTuple):
    """Where a walk starts."""

    thing: Any
    sort: Sort
    name: str


class Region:
    """What was found from the roots of one module, at one look."""

    __slots__ = (
        "_alive", "_buffers", "_keys", "_large", "_lists", "_long_keys", "_mark", "_of_pieces", "_pieces", "_read",
        "_watched", "name", "places",
    )  # fmt: skip

    def __init__(self, name: str, found: dict[PlaceKey, Place]) -> None:
        self.name = name
        self.places = found
        self._pieces: list[Piece] = []
        self._of_pieces: list[Place] = []
        self._alive: list[Any] = []
        self._lists: list[list[Any]] = []
        self._keys: list[Any] = []
        self._long_keys: list[Any] = []
        self._large: list[tuple[Any, Sort]] = []
        self._buffers: list[bytearray] = []
        watched: list[Any] = []
        for place in found.values():
            self._watch(place, watched)
        self._watched = tuple(watched)
        self._lists = [items for thing in self._lists for items in (thing, _FENCE)]
        self._read = memory.read(self._pieces)
        has_others = self._watched or self._lists or self._large or self._buffers
        self._mark = self._look() if has_others else None

    def _watch(self, place: Place, watched: list[Any]) -> None:
        thing, sort = place.thing, place.sort
        if sort is places.FIXED or sort is places.FIXED_SET:
            return
        if sort is places.CLASS:
            (thing,) = get_referents(type.__dict__["__dict__"].__get__(thing))
        elif sort is places.FUNCTION:
            if function_piece is not None:
                self._watch_piece(function_piece(thing), place, thing)
            else:
                watched += (thing, _FENCE)
            thing = places.attributes_of_function(thing)
            if thing is None:
                return
        elif sort is places.CELL and cell_piece is not None:
            self._watch_piece(cell_piece(thing), place, thing)
            return
        if type(thing) is dict and version_of is not None and (tells_of_attributes or not _is_of_object(place)):
            self._watch_piece(version_piece(thing), place, thing)
        elif sort is places.BUFFER:
            self._buffers.append(thing)
        elif len(place.content.values) > LARGE:
            self._large.append((thing, sort))
        elif type(thing) is list and len(thing) > _FEW_ITEMS:
            self._lists.append(thing)
        else:
            watched += (thing, _FENCE)
            if type(thing) is dict or sort is places.MAPPING:
                keys = dict.keys(thing)
                (self._keys if len(keys) <= _FEW_KEYS else self._long_keys).append(keys)

    def _watch_piece(self, piece: Piece, place: Place, thing: Any) -> None:
        self._pieces.append(piece)
        self._of_pieces.append(place)
        self._alive.append(thing)  # a class's dictionary, say: memory is only read of what is there

    def _look(self) -> tuple[object, ...]:
        found = get_referents(*self._watched)
        for items in self._lists:
            found += items
        # Keys need no fences: as many values as keys have been fenced in.
        found += chain.from_iterable(self._keys)
        found += map(next, map(reversed, self._long_keys))
        others: list[object] = []
        for thing, sort in self._large:
            size, ends = places.size_and_ends(thing, sort)
            others.append(size)
            found += ends
        for thing in self._buffers:
            others += places.BUFFER.read(thing).values
        return addresses(tuple(found)), others

    def is_current(self) -> bool:
        """Return whether everything is as it was, without reading it."""
        try:
            read = memory.read(self._pieces)
            if read != self._read:
                if not all(map(self._is_as_it_was, memory.moved(self._pieces, self._read, read))):
                    return False
                self._read = read
            return self._mark is None or self._look() == self._mark
        except RuntimeError:  # another thread is changing one of the dictionaries at this moment
            return False

    def _is_as_it_was(self, position: int) -> bool:
        """Return whether a place has the same in it after all: something was set, and put back."""
        place = self._of_pieces[position]
        return identical(place.sort.read(place.thing), place.content)

    def with_places(self, found: dict[PlaceKey, Place]) -> Region:
        """Return a region to put back, with other contents; it is not one to look at."""
        region = object.__new__(Region)
        region.name, region.places = self.name, found
        return region


def _is_of_object(place: Place) -> bool:
    """Return whether a dictionary is, or may be, where the attributes of an object are, and not those of a module."""
    return place.sort in (places.NAMESPACE, places.MAPPING) and place.depth > 0


class Walk:
    """Reads regions. is_ours: whether a module's name is that of one of the project's modules.

    follows: whether what is under a name in a namespace or a class is to be looked into, beside what it refers to.
    """

    def __init__(self, is_ours: Callable[[str], bool], follows: Callable[[str], bool]) -> None:
        self._is_ours = is_ours
        self._follows = follows

    def read(self, name: str, roots: Iterable[Root], is_free: Callable[[int], bool]) -> Region:
        """Return the region of these roots. is_free: whether a thing, by its id, is nobody else's yet."""
        found: dict[PlaceKey, Place] = {}
        lazily_made: dict[int, frozenset[str]] = {}
        waiting = deque(Place(*root, _NOTHING, 0, False) for root in roots)
        while waiting:
            place = waiting.popleft()
            key = (id(place.thing), place.sort)
            if key in found or (place.depth and (len(found) >= MOST_PLACES or not is_free(key[0]))):
                continue
            place = found[key] = place._replace(content=place.sort.read(place.thing))
            if place.depth < DEEPEST or place.sort is places.INSTANCE:
                waiting.extend(self._children(place, lazily_made))
        return Region(name, found)

    def _children(self, place: Place, lazily_made: dict[int, frozenset[str]]) -> Iterator[Place]:
        """Yield what is in a place and can be changed. lazily_made: what is known of classes, by their ids."""
        sort, content, depth = place.sort, place.content, place.depth + 1
        keys: Iterable[Any] = content.keys if sort.is_keyed else range(len(content.values))
        for key, value in islice(zip(keys, content.values, strict=False), LARGE):
            cls = type(value)
            if id(cls) in ATOMS:
                continue
            if sort is places.NAMESPACE or sort is places.CLASS:
                if type(key) is str and not self._follows(key):
                    continue
            elif sort is places.INSTANCE and key == "__dict__":
                of_class = type(place.thing)
                if id(of_class) not in lazily_made:
                    lazily_made[id(of_class)] = places.lazily_made(of_class)
                yield place._replace(thing=value, sort=places.NAMESPACE, lazily_made=lazily_made[id(of_class)])
                continue
            where = place.name + sort.step(key)
            container = places.container_sort(cls)
            if container is not None:
                yield Place(value, container, where, _NOTHING, depth, place.of_library)
            if (container is None or container.base is not cls) and places.has_attributes(cls):
                module = places.module_of(cls)
                if self._is_ours(module) or cls is SimpleNamespace:
                    yield Place(value, places.INSTANCE, where, _NOTHING, depth, False)
                elif not place.of_library and module.partition(".")[0] not in _LEFT_ALONE:
                    yield Place(value, places.INSTANCE, where, _NOTHING, depth, True)
