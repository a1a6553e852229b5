"""Makes isolane, and xdist where it is missing, importable in a project's interpreter without installing anything.

An overlay is a directory for PYTHONPATH with nothing in it but stand-ins: a package whose ``__path__`` is the real
package's, and the metadata by which pytest finds its plugins. Putting the real directory on the path instead
would bring along everything else that is installed beside isolane.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from isolane.engines.distributions import versions

_PACKAGES = {"isolane": "isolane", "pytest-xdist": "xdist", "execnet": "execnet"}
_STAND_IN = """# Stands in for the package at the path below; made by isolane.
__path__ = [{path!r}]
__file__ = {file!r}
with open(__file__, encoding="utf-8") as _source:
    exec(compile(_source.read(), __file__, "exec"))
"""


@functools.cache
def make_overlay(home: Path, *, with_xdist: bool) -> Path:
    """Return a directory to put first on PYTHONPATH; it is made once and then used again.

    home: a directory of isolane's own. with_xdist: also pytest-xdist and execnet, from isolane's environment.
    Raises OSError where nothing can be written.
    """
    names = ["isolane", *(["pytest-xdist", "execnet"] if with_xdist else [])]
    packages = {name: _package_directory(_PACKAGES[name]) for name in names}
    text = "\n".join(f"{name} {_version(name)} {path}" for name, path in packages.items())
    target = home / f"overlay-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    if target.is_dir():
        return target
    home.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(dir=home, prefix=".overlay-"))
    try:
        for name, directory in packages.items():
            _stand_in(building, name, directory)
        building.rename(target)
    except OSError:
        # Another process made it first, or it cannot be made at all.
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return target


def python_path(overlay: Path, existing: str | None) -> str:
    """Return PYTHONPATH with the overlay in front."""
    return os.pathsep.join([str(overlay), *([existing] if existing else [])])


def _stand_in(building: Path, name: str, directory: Path) -> None:
    package = building / directory.name
    package.mkdir()
    (package / "__init__.py").write_text(
        _STAND_IN.format(path=str(directory), file=str(directory / "__init__.py")), encoding="utf-8"
    )
    information = building / f"{name.replace('-', '_')}-{_version(name)}.dist-info"
    information.mkdir()
    for file, text in _metadata(name):
        (information / file).write_text(text, encoding="utf-8")


def _metadata(name: str) -> Iterable[tuple[str, str]]:
    import importlib.metadata as metadata

    distribution = metadata.distribution(name)
    yield "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {distribution.version}\n"
    entry_points = distribution.read_text("entry_points.txt")
    if entry_points:
        yield "entry_points.txt", entry_points


def _version(name: str) -> str:
    return versions((name,))[name]


def _package_directory(package: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(f"{package} is not installed beside isolane")
    return Path(next(iter(found.submodule_search_locations)))
