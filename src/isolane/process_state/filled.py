"""What fills itself by being asked, and would say the same again, and what goes when its object dies."""

from __future__ import annotations

import dis
import sys
import weakref
from contextvars import ContextVar
from types import FunctionType, MethodType

from isolane.process_state import places
from isolane.process_state.contents import ABSENT, ATOMS, Content, Edit
from isolane.process_state.places import Sort
from isolane.process_state.sources import Sources

_LABELS = frozenset({"__doc__", "__module__", "__name__", "__qualname__"})
"""What ``functools.update_wrapper`` copies to an object that stands for a function."""
_CACHES = ("cache", "memo")
_STORING = frozenset({"__setitem__", "setdefault"})


def happens_by_itself(thing: object, sort: Sort, name: str, edit: Edit) -> bool:
    """Return whether an edit of the place of this name is nothing that a test has set.

    That is so where it labels a wrapper; where a dictionary keeps under a plain key the plain value that its own
    ``__missing__`` has made; where a cache that is called so has, or has no longer, an answer to some arguments (the
    answer itself is looked into, and told where it changes); and where a weak reference went because its object did:
    the collector came during this test, and the object was another's.
    """
    key, was, now = edit
    if was is not ABSENT and now is not ABSENT:
        return False
    if sort is places.NAMESPACE or sort is places.INSTANCE:
        return was is ABSENT and type(key) is str and key in _LABELS
    if sort is not places.MAPPING:
        return False
    if now is ABSENT and (_is_dead(key) or _is_dead(was)):
        return True
    if type(key) is tuple:
        return _is_called_cache(name)
    return was is ABSENT and id(type(key)) in ATOMS and id(type(now)) in ATOMS and _keeps_what_it_makes(type(thing))


def is_hardly_seen(sort: Sort, edit: Edit, sources: Sources) -> bool:
    """Return whether only who asks for just this could see an edit.

    That is so of a number that the project's code only counts up, and reads nowhere else; of a context variable that
    was kept under a name: what it holds is told where it is set; of an object that is known by its identity, and
    referred to weakly; and of the object to which another one's private method is bound.
    """
    key, was, now = edit
    if sort is places.MAPPING:
        if type(key) is int:
            return any(_is_known_by(key, one) for one in (was, now)) and (was is ABSENT or now is ABSENT)
        return was is ABSENT and type(now) is ContextVar
    if sort not in (places.NAMESPACE, places.INSTANCE, places.CLASS) or type(key) is not str:
        return False
    if type(was) is MethodType and type(now) is MethodType:
        is_same = was.__func__ is now.__func__ and type(was.__self__) is type(now.__self__)
        return is_same and key.startswith("_") and sort is not places.CLASS
    return type(was) is int and type(now) is int and was < now and sources.only_count(key)


def _is_known_by(key: int, value: object) -> bool:
    return issubclass(type(value), weakref.ref) and id(weakref.ref.__call__(value)) == key  # type: ignore[arg-type]


def is_order_of_keys(sort: Sort, name: str, *contents: Content) -> bool:
    """Return whether a place is where a cache keeps the order in which it was asked for its keys."""
    if not (sort is places.DEQUE or sort is places.LIST or sort is places.MAPPING) or not _is_called_cache(name):
        return False
    return all(type(key) is tuple for one in contents for key in (one.keys if sort.is_keyed else one.values))


def _is_called_cache(name: str) -> bool:
    module = name
    while module and module not in sys.modules:
        module = module.rpartition(".")[0]
    return any(word in name[len(module) :].lower() for word in _CACHES)


def _keeps_what_it_makes(cls: type) -> bool:
    """Return whether a class of dictionaries has a ``__missing__`` of its own that stores: a ``Counter`` has none."""
    function = places.found_in_class(cls, "__missing__")
    if type(function) is not FunctionType:
        return False
    return any(one.opname == "STORE_SUBSCR" or one.argval in _STORING for one in dis.get_instructions(function))


def _is_dead(value: object) -> bool:
    return issubclass(type(value), weakref.ref) and weakref.ref.__call__(value) is None  # type: ignore[arg-type]
