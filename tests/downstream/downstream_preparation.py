"""Fetch a suite's source distribution, check it, and give it an environment of its own, once.

A suite's folder in the cache holds ``environment/`` (a virtual environment), ``source/`` (the unpacked sdist)
and ``ready.json``, which is written last. A folder without it, or with one that says something else than the
manifest now says, is taken for half-done and made again. The index is the one pip and uv are configured for.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from downstream_suites import Suite

CACHE_VARIABLE = "ISOLANE_DOWNSTREAM"
FORMAT = 1
"""Raise it when the layout of a suite's folder changes: all folders are then made again."""


class PreparationError(Exception):
    """A suite cannot be had: the download failed, the hash differs, or the installation failed."""


@dataclass(frozen=True)
class Prepared:
    """Where a suite's source is, and the interpreter that has all it needs."""

    suite: Suite
    source: Path
    python: Path


Fetch = Callable[[Suite, Path, Path], None]
"""``fetch(suite, python, folder)`` puts the sdist, and nothing else, into the empty folder."""
Install = Callable[[Suite, Path], None]
"""``install(suite, environment)`` makes the virtual environment with everything but the suite."""
Develop = Callable[[Suite, Path, Path], None]
"""``develop(suite, python, source)`` installs the unpacked suite itself, in place."""


def cache_folder() -> Path:
    """Return the folder for everything: ISOLANE_DOWNSTREAM, else ``.downstream`` in the checkout."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named).resolve() if named else Path(__file__).resolve().parents[2] / ".downstream"


def environment_path(suite: Suite, cache: Path) -> Path:
    """Return the folder of a suite in the cache, there or not."""
    return cache / "suites" / suite.folder_name


def clean_environ(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment without what belongs to its own test run, and with ``extra``."""
    prefixes = ("PYTEST_", "COV_CORE_", "COVERAGE_", "ISOLANE_", "NOX_", "VIRTUAL_ENV")
    exact = {"PYTHONPATH", "PYTHONHOME", "PYTHONHASHSEED", "TESTRUNUID"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(prefixes) and name not in exact}
    return {**kept, **(extra or {})}


def prepare(
    suite: Suite,
    cache: Path,
    *,
    fetch: Fetch | None = None,
    install: Install | None = None,
    develop: Develop | None = None,
) -> Prepared:
    """Return the suite, ready to run; nothing is done when it already is.

    Any number of processes may call this at once: one works, the others wait. After an error, or an
    interruption, nothing of the suite is left in the cache but an archive whose hash is right.

    Raises :class:`PreparationError`.
    """
    folder = environment_path(suite, cache)
    prepared = Prepared(suite, folder / "source", folder / "environment" / "bin" / "python")
    with _locked(cache / "locks" / suite.folder_name):
        if _stamp_of(folder) == _wanted_stamp(suite):
            return prepared
        _remove(folder)
        folder.mkdir(parents=True)
        try:
            (install or make_environment)(suite, folder / "environment")
            archive = _archive(suite, cache, prepared.python, fetch or download)
            _unpack(archive, prepared.source)
            (develop or install_in_place)(suite, prepared.python, prepared.source)
            _write_stamp(folder, _wanted_stamp(suite))
        except BaseException:
            _remove(folder)
            raise
    return prepared


def prepare_environment(requirements: Path, cache: Path) -> Path:
    """Return the interpreter of an environment with exactly what a file of pins with hashes lists; made once.

    Raises :class:`PreparationError`.
    """
    name = f"{requirements.stem}-py{sys.version_info.major}.{sys.version_info.minor}"
    folder = cache / "environments" / name
    python = folder / "environment" / "bin" / "python"
    wanted: dict[str, object] = {"format": FORMAT, "sha256": sha256_of(requirements), "python": sys.version}
    with _locked(cache / "locks" / name):
        if _stamp_of(folder) == wanted:
            return python
        _remove(folder)
        folder.mkdir(parents=True)
        uv = find_uv()
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--require-hashes", "--python", python]
        try:
            _run([uv, "venv", "--quiet", "--python", sys.executable, folder / "environment"], name)
            _run([*install, "-r", requirements], name)
            _write_stamp(folder, wanted)
        except BaseException:
            _remove(folder)
            raise
    return python


def make_environment(suite: Suite, environment: Path) -> None:
    """Make a virtual environment of this interpreter's version with exactly the suite's requirements."""
    listed = environment.with_name("requirements.txt")
    listed.write_text("".join(f"{line}\n" for line in suite.requirements), encoding="utf-8")
    uv = find_uv()
    _run([uv, "venv", "--quiet", "--python", sys.executable, environment], suite.name, suite.environment)
    python = environment / "bin" / "python"
    _run(
        [uv, "pip", "install", "--quiet", "--no-deps", "--python", python, "-r", listed], suite.name, suite.environment
    )


def download(suite: Suite, python: Path, folder: Path) -> None:
    """Let pip fetch the sdist, by name, version and hash, from whatever index it is configured for."""
    listed = folder.with_name(f"{folder.name}.txt")
    listed.write_text(f"{suite.name}=={suite.version} --hash=sha256:{suite.sha256}\n", encoding="utf-8")
    options = ["--no-deps", "--no-build-isolation", "--no-binary", suite.name, "--require-hashes"]
    try:
        _run(
            [python, "-m", "pip", "download", "--quiet", *options, "--dest", folder, "-r", listed],
            suite.name,
            suite.environment,
        )
    finally:
        listed.unlink()


def install_in_place(suite: Suite, python: Path, source: Path) -> None:
    """Install the suite editable, by the build backend in its environment; check that nothing lacks."""
    uv = find_uv()
    options = ["--quiet", "--no-deps", "--no-build-isolation"]
    _run([uv, "pip", "install", *options, "--python", python, "--editable", source], suite.name, suite.environment)
    _run([uv, "pip", "check", "--python", python], suite.name, suite.environment)


def find_uv() -> str:
    """Return uv's path: beside this interpreter, else on the PATH."""
    places = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    found = shutil.which("uv", path=places)
    if found is None:
        raise PreparationError("uv is not here; it comes with isolane's development dependencies.")
    return found


def sha256_of(path: Path) -> str:
    """Return the file's SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _archive(suite: Suite, cache: Path, python: Path, fetch: Fetch) -> Path:
    """Return the checked sdist in the cache; a cached one whose hash is wrong is fetched again."""
    archives = cache / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    kept = archives / f"{suite.name}-{suite.version}.tar.gz"
    if kept.is_file() and sha256_of(kept) == suite.sha256:
        return kept
    arriving = archives / f"{suite.folder_name}.arriving"
    _remove(arriving)
    arriving.mkdir()
    try:
        fetch(suite, python, arriving)
        files = sorted(arriving.iterdir())
        if len(files) != 1:
            raise PreparationError(f"{suite.name}: one sdist was to arrive, not {[path.name for path in files]}.")
        found = sha256_of(files[0])
        if found != suite.sha256:
            raise PreparationError(
                f"{suite.name} {suite.version}: the sdist's SHA-256 is {found}, the manifest says {suite.sha256}."
            )
        files[0].replace(kept)
    finally:
        _remove(arriving)
    return kept


def _unpack(archive: Path, source: Path) -> None:
    """Unpack the one folder that an sdist holds, under the name ``source``."""
    arriving = source.with_name("arriving")
    with tarfile.open(archive) as tar:
        tar.extractall(arriving, filter="data")
    folders = list(arriving.iterdir())
    if len(folders) != 1:
        raise PreparationError(f"{archive.name} does not hold one folder but {len(folders)} entries.")
    folders[0].replace(source)
    arriving.rmdir()


def _run(command: Sequence[str | Path], name: str, environment: Mapping[str, str] | None = None) -> None:
    words = [str(word) for word in command]
    outcome = subprocess.run(words, env=clean_environ(environment), capture_output=True, text=True, check=False)
    if outcome.returncode:
        tail = "\n".join((outcome.stdout + outcome.stderr).splitlines()[-15:])
        raise PreparationError(f"{name}: exit {outcome.returncode} from {' '.join(words)}\n{tail}")


def _wanted_stamp(suite: Suite) -> dict[str, object]:
    return {
        "format": FORMAT,
        "sha256": suite.sha256,
        "requirements": list(suite.requirements),
        "environment": dict(suite.environment),
        "python": sys.version,
    }


def _stamp_of(folder: Path) -> object:
    try:
        return json.loads((folder / "ready.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _write_stamp(folder: Path, stamp: Mapping[str, object]) -> None:
    arriving = folder / "ready.json.arriving"
    arriving.write_text(json.dumps(stamp, indent=2), encoding="utf-8")
    arriving.replace(folder / "ready.json")


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that the system takes back when this process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
