"""Which distributions are installed, by the names of the directories that pip writes; also run in other interpreters.

``importlib.metadata`` knows more, and takes longer to import than all else that is asked of an interpreter.
"""

from __future__ import annotations

import os
import re
import sys

_OTHERS = (".egg-info", ".egg-link", ".egg")
"""How directories and files end by which a distribution is installed in another way than pip's of today."""


def versions(names: tuple[str, ...], path: list[str] | None = None) -> dict[str, str]:
    """Return the versions of those of the named distributions that are installed.

    path: where to look; None is where this interpreter does. Where one of them is installed in another way, or none
    is found, ``importlib.metadata`` is asked.
    """
    wanted = {_normal(name): name for name in names}
    found: dict[str, str] = {}
    path = sys.path if path is None else path
    for entry in path:
        try:
            listed = sorted(os.listdir(entry or os.curdir))  # noqa: PTH208  # as quick as can be
        except OSError:
            if os.path.isfile(entry):  # noqa: PTH113  # an archive
                return _asked(names, path)
            continue
        for one in listed:
            stem, ending = os.path.splitext(one)  # noqa: PTH122  # as above
            name, _, version = stem.partition("-")
            if ending in _OTHERS and _normal(name) in wanted:
                return _asked(names, path)
            if ending == ".dist-info" and _normal(name) in wanted:
                found.setdefault(wanted[_normal(name)], version)
    finders = (one for one in sys.meta_path if hasattr(one, "find_distributions"))
    if any(getattr(one, "__name__", "") != "PathFinder" for one in finders) or not found:
        return _asked(names, path)
    return found


def _asked(names: tuple[str, ...], path: list[str]) -> dict[str, str]:
    import importlib.metadata as metadata

    found = {}
    for name in names:
        distribution = next(iter(metadata.distributions(name=name, path=path)), None)
        if distribution is not None:
            found[name] = distribution.version
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()
