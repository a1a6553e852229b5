"""Where code comes from: a library, or the project and its tests."""

from __future__ import annotations

import os
import sys
import sysconfig
from functools import partial
from typing import Any

_OTHERS = ("site-packages", "dist-packages")
_LIBRARY = tuple(
    {
        os.path.realpath(path) + os.sep
        for path in (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
        if path
    }
)


def is_library_file(file: str) -> bool:
    """Whether a file is the standard library's or an installed package's.

    >>> is_library_file(os.__file__), is_library_file("transit_eta/config.py")
    (True, False)
    """
    path = os.path.realpath(file)
    return path.startswith(_LIBRARY) or any(f"{os.sep}{place}{os.sep}" in path for place in _OTHERS)


def is_library_module(module: Any) -> bool:
    """Whether a module is the standard library's, an installed package's, or built into Python."""
    spec = getattr(module, "__spec__", None)
    if getattr(spec, "origin", None) in ("built-in", "frozen"):
        return True
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        return is_library_file(file)
    places = getattr(spec, "submodule_search_locations", None)  # A package that has directories, and no file.
    return places is not None and all(is_library_file(os.path.join(str(place), "")) for place in places)  # noqa: PTH118


def is_library(value: Any) -> bool:
    """Whether the code of a function, or of an object's class, is a library's."""
    if isinstance(value, partial):
        return is_library(value.func)
    owner = getattr(value, "__self__", None)
    if owner is not None and not isinstance(owner, type(sys)):
        value = owner
    name = getattr(value, "__module__", None) or type(value).__module__
    return is_library_module(sys.modules.get(name)) if isinstance(name, str) else False
