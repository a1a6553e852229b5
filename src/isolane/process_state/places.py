"""Places: things that can be changed in place, and how each is read and put back without running its own code.

A subclass's methods, properties, ``__getattr__``, ``__eq__`` and ``__len__`` are a test's to write and may do
anything, so everything here goes through the methods of the built-in types, given the thing.
"""

from __future__ import annotations

import functools
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from gc import get_referents
from itertools import islice
from typing import Any

from isolane.process_state.contents import ABSENT, ATOMS, Content, Edit

_CODE_TYPES = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MethodDescriptorType,
    types.ModuleType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
    staticmethod,
    classmethod,
    property,
    functools.partial,
    functools.partialmethod,
    functools.cached_property,
    functools._lru_cache_wrapper,
)
CODE = frozenset(map(id, _CODE_TYPES))
"""Types of what programs are made of, beside classes: where one is replaced, other code runs."""

LARGE = 10_000
"""Containers with more items are looked at by their length and the first and last :data:`EDGE` items."""
EDGE = 100
_LONGEST_INTEGER = 64
"""In bits: Python refuses to write numbers of several thousand digits."""


_mro: Callable[[Any], tuple[type, ...]] = type.__dict__["__mro__"].__get__
_class_namespace: Callable[[Any], types.MappingProxyType[str, Any]] = type.__dict__["__dict__"].__get__
_module: Callable[[Any], str] = type.__dict__["__module__"].__get__
_flags: Callable[[Any], int] = type.__dict__["__flags__"].__get__
_HEAP_TYPE = 1 << 9


class Sort:
    """One sort of place. Each has one instance, and keeps nothing."""

    is_keyed = True
    base: Any = None
    """The built-in type of a container."""

    def read(self, thing: Any) -> Content:
        """Return what is in it now."""
        raise NotImplementedError

    def undo(self, thing: Any, made: Sequence[Edit]) -> None:
        """Take back the edits, of a place with keys."""
        raise NotImplementedError

    def write(self, thing: Any, content: Content) -> None:
        """Fill it with that again, a place without keys."""
        raise NotImplementedError

    def step(self, key: object) -> str:
        """Return how one gets from the place's name to what is in it under the key."""
        return f".{key}" if type(key) is str else _in_brackets(key)


class _Mapping(Sort):
    base = dict

    def read(self, thing: Any) -> Content:
        return Content(tuple(dict.keys(thing)), tuple(dict.values(thing)))

    def undo(self, thing: Any, made: Sequence[Edit]) -> None:
        base: Any = OrderedDict if issubclass(type(thing), OrderedDict) else dict
        # What came goes first: its key may be another object, and equal to one that comes back.
        for key, was, _ in made:
            if was is ABSENT:
                base.pop(thing, key, None)
        for key, was, _ in made:
            if was is not ABSENT:
                base.__setitem__(thing, key, was)

    def put_in_order(self, thing: Any, content: Content) -> None:
        """Put the items in the order in which they were, if they are not."""
        if list(map(id, dict.keys(thing))) == list(map(id, content.keys)):
            return
        base: Any = OrderedDict if issubclass(type(thing), OrderedDict) else dict
        base.clear(thing)
        for key, value in zip(content.keys, content.values, strict=False):
            base.__setitem__(thing, key, value)

    def step(self, key: object) -> str:
        return _in_brackets(key)


class _Namespace(_Mapping):
    """A dictionary of attributes: that of a module or an instance. Its order does not matter."""

    step = Sort.step


class _Items(Sort):
    is_keyed = False

    def __init__(self, base: Any, fill: Callable[[Any, Iterable[Any]], None]) -> None:
        self.base, self._fill = base, fill

    def read(self, thing: Any) -> Content:
        return Content((), tuple(self.base.__iter__(thing)))

    def write(self, thing: Any, content: Content) -> None:
        self._fill(thing, content.values)

    def step(self, key: object) -> str:
        return f"[{key}]"


class _Buffer(_Items):
    """A bytearray, told by what its bytes are."""

    def read(self, thing: Any) -> Content:
        return Content((), (bytes(bytearray.__getitem__(thing, slice(None))),))

    def write(self, thing: Any, content: Content) -> None:
        bytearray.__setitem__(thing, slice(None), content.values[0])


class _Instance(Sort):
    """An object's slots, and which dictionary its attributes are in."""

    def read(self, thing: Any) -> Content:
        keys, values = [], []
        for name, descriptor in attributes_of(type(thing)).items():
            try:
                values.append(descriptor.__get__(thing))
            except AttributeError:
                continue
            keys.append(name)
        return Content(tuple(keys), tuple(values))

    def undo(self, thing: Any, made: Sequence[Edit]) -> None:
        descriptors = attributes_of(type(thing))
        for name, was, _ in made:
            if was is ABSENT:
                descriptors[name].__delete__(thing)
            else:
                descriptors[name].__set__(thing, was)


class _Class(Sort):
    def read(self, thing: Any) -> Content:
        found = _class_namespace(thing)
        return Content(tuple(found), tuple(found.values()))

    def undo(self, thing: Any, made: Sequence[Edit]) -> None:
        for name, was, _ in made:
            if was is ABSENT:
                type.__delattr__(thing, name)
            else:
                type.__setattr__(thing, name, was)


class _Function(Sort):
    """What a function runs and starts from, and its attributes."""

    _NAMES = ("__code__", "__defaults__", "__kwdefaults__")

    def read(self, thing: Any) -> Content:
        attributes = attributes_of_function(thing) or {}
        values = (thing.__code__, thing.__defaults__, thing.__kwdefaults__)
        return Content((*self._NAMES, *attributes), (*values, *attributes.values()))

    def undo(self, thing: Any, made: Sequence[Edit]) -> None:
        for name, was, _ in made:
            if was is ABSENT:
                delattr(thing, name)
            else:
                setattr(thing, name, was)


class _Cell(Sort):
    """A variable that a function shares with the one around it."""

    def read(self, thing: Any) -> Content:
        try:
            return Content(("",), (thing.cell_contents,))
        except ValueError:
            return Content((), ())

    def undo(self, thing: Any, made: Sequence[Edit]) -> None:
        for _, was, _ in made:
            if was is ABSENT:
                del thing.cell_contents
            else:
                thing.cell_contents = was

    def step(self, key: object) -> str:  # noqa: ARG002  # there is but one
        return ""


def _fill_set(thing: set[Any], values: Iterable[Any]) -> None:
    set.clear(thing)
    set.update(thing, values)


def _fill_nothing(thing: object, values: Iterable[Any]) -> None:
    """Leave it: it cannot have changed."""


def _fill_deque(thing: deque[Any], values: Iterable[Any]) -> None:
    deque.clear(thing)
    deque.extend(thing, values)


MAPPING, NAMESPACE = _Mapping(), _Namespace()
INSTANCE, CLASS, FUNCTION, CELL = _Instance(), _Class(), _Function(), _Cell()
LIST = _Items(list, lambda thing, values: list.__setitem__(thing, slice(None), values))
SET = _Items(set, _fill_set)
DEQUE = _Items(deque, _fill_deque)
BUFFER = _Buffer(bytearray, _fill_nothing)
FIXED = _Items(tuple, _fill_nothing)
"""Tuples: never changed themselves, and followed to what can be."""
FIXED_SET = _Items(frozenset, _fill_nothing)

_CONTAINERS = {id(sort.base): sort for sort in (MAPPING, LIST, SET, DEQUE, BUFFER, FIXED, FIXED_SET)}


def container_sort(cls: type) -> Sort | None:
    """Return the sort of place that a class's instances are as containers, by the built-in type it comes from."""
    found = _CONTAINERS.get(id(cls))
    if found is None:
        for base in _mro(cls)[1:]:
            if id(base) in _CONTAINERS:
                return _CONTAINERS[id(base)]
    return found


def attributes_of(cls: type) -> dict[str, Any]:
    """Return the descriptors of the slots of a class's instances, and of their ``__dict__``, by name."""
    found: dict[str, Any] = {}
    for base in _mro(cls):
        if not _has_own_attributes(base):
            continue
        for name, value in _class_namespace(base).items():
            is_own_dict = name == "__dict__" and type(value) is types.GetSetDescriptorType
            if is_own_dict or type(value) is types.MemberDescriptorType:
                found.setdefault(name, value)
    return found


def attributes_of_function(function: Any) -> dict[str, Any] | None:
    """Return a function's ``__dict__``, or ``None`` for one that has none yet: asking for it would make one."""
    known = {id(function.__globals__), id(function.__builtins__), id(function.__kwdefaults__)}
    for found in get_referents(function):
        if type(found) is dict and id(found) not in known:
            return function.__dict__  # type: ignore[no-any-return]
    return None


def has_attributes(cls: type) -> bool:
    """Return whether a class's instances may have attributes of their own: whether it was made by a ``class``."""
    return _has_own_attributes(cls) and not issubclass(cls, type)


def _has_own_attributes(cls: type) -> bool:
    return bool(_flags(cls) & _HEAP_TYPE) or cls is types.SimpleNamespace


def lazily_made(cls: type) -> frozenset[str]:
    """Return the names of a class's cached properties: its instances' attributes that come when asked for."""
    return frozenset(
        name
        for base in _mro(cls)
        for name, value in _class_namespace(base).items()
        if type(value) is functools.cached_property
    )


def is_default(thing: object, value: object) -> bool:
    """Return whether a ``defaultdict`` has a value, still empty, that it made itself when it was asked for a key."""
    if type(thing) is not defaultdict:
        return False
    make = thing.default_factory
    return type(value) is make and any(make is cls for cls in (list, dict, set, int)) and not value


def module_of(cls: type) -> str:
    """Return the name of the module that a class says it is from."""
    found = _class_namespace(cls).get("__module__") if _flags(cls) & _HEAP_TYPE else _module(cls)
    return found if type(found) is str else ""


def found_in_class(cls: type, name: str) -> object:
    """Return what a class has or inherits under a name, as it stands there; ``None`` for nothing."""
    return next((_class_namespace(base)[name] for base in _mro(cls) if name in _class_namespace(base)), None)


def size_and_ends(thing: Any, sort: Sort) -> tuple[int, list[Any]]:
    """Return the length of a large container, and its first and last items."""
    if sort is MAPPING or sort is NAMESPACE:
        keys, values = dict.keys(thing), dict.values(thing)
        return len(keys), [*islice(values, EDGE), *islice(reversed(values), EDGE), *islice(reversed(keys), EDGE)]
    base: Any = sort.base
    last = () if base is set else islice(base.__reversed__(thing), EDGE)
    return len_of(thing, base), [*islice(base.__iter__(thing), EDGE), *last]


def len_of(thing: Any, base: Any) -> int:
    """Return the length that the built-in type knows."""
    return int(base.__len__(thing))


def describe(value: object) -> str | int | bool | None:
    """Tell a value in a word or two, without asking it."""
    cls = type(value)
    if value is ABSENT:
        return None
    if cls is str:
        return value if len(value) <= 80 else f"{value[:77]}..."  # type: ignore[arg-type,index,return-value]
    if cls is int and value.bit_length() > _LONGEST_INTEGER:  # type: ignore[attr-defined]
        return f"int of {value.bit_length()} bits"  # type: ignore[attr-defined]
    if id(cls) in ATOMS:
        return value if cls is int or cls is bool or value is None else _shown(value)  # type: ignore[return-value]
    if cls is types.FunctionType:
        return f"function {value.__qualname__}"  # type: ignore[attr-defined]
    if issubclass(cls, type):
        return f"class {type.__dict__['__name__'].__get__(value)}"
    for base in (dict, list, set, deque, bytearray, tuple, frozenset):
        if issubclass(cls, base):
            return f"{_name(cls)} of {len_of(value, base)}"
    return f"{_name(cls)} object"


def _shown(atom: Any) -> str:
    try:
        return repr(atom[:80] if type(atom) is bytes else atom)[:80]
    except ValueError:  # a range between numbers that are too long to be written
        return f"{_name(type(atom))} object"


def _in_brackets(key: object) -> str:
    told = describe(key)
    return f"[{told!r}]" if type(key) is str else f"[{told}]"


def is_class(value: object) -> bool:
    """Return whether a value is a class that was made by a ``class``."""
    return issubclass(type(value), type) and bool(_flags(value) & _HEAP_TYPE)


def qualified_name(cls: type) -> str:
    """Return a class's name with those of the classes around it."""
    return str(type.__dict__["__qualname__"].__get__(cls))


def _name(cls: type) -> str:
    return str(type.__dict__["__name__"].__get__(cls))
