"""One name for each file, however it is written."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache
from pathlib import Path


def canonical_path(path: str, base: Path, ignores_case: Callable[[Path], bool] | None = None) -> str:
    """Return the file's one name: absolute, without links, and in one case where the disk does not tell cases apart.

    base: what a relative path is relative to. ignores_case: asked for the nearest directory that is there;
    :func:`directory_ignores_case` where it is not given. The file itself need not be there.
    """
    real = (base / path).resolve()
    directory = next(one for one in real.parents if one.is_dir())
    if (ignores_case or directory_ignores_case)(directory):
        # Such disks keep the case of a name and ignore it when they look one up; macOS' also compose accents.
        return unicodedata.normalize("NFC", str(real)).casefold()
    return str(real)


@cache
def directory_ignores_case(directory: Path) -> bool:
    """Return whether the directory is found under its name in the other case, too."""
    other = directory.with_name(directory.name.swapcase()) if directory.name else directory
    if other.name == directory.name:  # of digits, say: its parent is most likely on the same disk
        return directory != directory.parent and directory_ignores_case(directory.parent)
    try:
        return other.samefile(directory) and not other.is_symlink()
    except OSError:
        return False
