"""Preparation of a suite, with an sdist made on the spot and no network."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from downstream_preparation import (
    PreparationError,
    Prepared,
    cache_folder,
    clean_environ,
    environment_path,
    prepare,
    sha256_of,
)
from downstream_suites import Suite


def write_sdist(path: Path, text: str = "VALUE = 1\n", folder: str = "tiny-1.0") -> Path:
    """Write an sdist with one module."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo(f"{folder}/tiny.py")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text.encode()))
    return path


@dataclass
class Index:
    """A package index that is one file, and an installer of empty environments; they count their calls."""

    sdist: Path
    fetched: int = 0
    installed: int = 0
    developed: list[str] = field(default_factory=list)

    def fetch(self, suite: Suite, python: Path, folder: Path) -> None:
        self.fetched += 1
        (folder / self.sdist.name).write_bytes(self.sdist.read_bytes())

    def install(self, suite: Suite, environment: Path) -> None:
        self.installed += 1
        (environment / "bin").mkdir(parents=True)
        (environment / "bin" / "python").symlink_to(sys.executable)

    def develop(self, suite: Suite, python: Path, source: Path) -> None:
        self.developed.append((source / "tiny.py").read_text(encoding="utf-8"))

    def prepare(self, suite: Suite, cache: Path) -> Prepared:
        return prepare(suite, cache, fetch=self.fetch, install=self.install, develop=self.develop)


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(write_sdist(tmp_path / "index" / "tiny-1.0.tar.gz"))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def suite(index: Index) -> Suite:
    return Suite(
        name="tiny",
        version="1.0",
        sha256=sha256_of(index.sdist),
        special="",
        python=(3, 10),
        quick=True,
        seconds=10,
        arguments=("tests",),
        requirements=("pytest==9.2.0",),
        tests=1,
        verdicts=("proven",),
    )


def entries(folder: Path) -> list[str]:
    """Return all files below, relative; an absent folder has none."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) if folder.exists() else []


def test_a_suite_is_unpacked_installed_and_runnable(index: Index, suite: Suite, cache: Path) -> None:
    prepared = index.prepare(suite, cache)

    assert index.developed == ["VALUE = 1\n"], "the suite was not there when it was to be installed"
    shown = subprocess.run(
        [prepared.python, "-c", "import tiny; print(tiny.VALUE)"],
        cwd=prepared.source,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "1\n"


def test_a_second_call_does_nothing(index: Index, suite: Suite, cache: Path) -> None:
    first = index.prepare(suite, cache)
    (first.source / "left-by-a-run.txt").touch()

    assert index.prepare(suite, cache) == first
    assert (index.fetched, index.installed, len(index.developed)) == (1, 1, 1)
    assert (first.source / "left-by-a-run.txt").exists()


def test_another_hash_is_refused_and_nothing_is_left(index: Index, suite: Suite, cache: Path) -> None:
    expected = replace(suite, sha256="0" * 64)

    with pytest.raises(PreparationError, match=rf"SHA-256 is {suite.sha256}, the manifest says 0{{64}}"):
        index.prepare(expected, cache)

    assert entries(cache / "suites") == []
    assert entries(cache / "archives") == []


def test_a_damaged_archive_in_the_cache_is_fetched_again(index: Index, suite: Suite, cache: Path) -> None:
    (cache / "archives").mkdir(parents=True)
    (cache / "archives" / "tiny-1.0.tar.gz").write_bytes(b"half of it")

    index.prepare(suite, cache)

    assert sha256_of(cache / "archives" / "tiny-1.0.tar.gz") == suite.sha256


def test_a_checked_archive_is_not_fetched_again(index: Index, suite: Suite, cache: Path) -> None:
    index.prepare(suite, cache)
    index.prepare(replace(suite, requirements=("pytest==9.1.0",)), cache)

    assert (index.fetched, index.installed) == (1, 2), "new pins need a new environment, not a new download"


def test_a_half_done_folder_is_made_again(index: Index, suite: Suite, cache: Path) -> None:
    leftover = environment_path(suite, cache) / "source" / "half.py"
    leftover.parent.mkdir(parents=True)
    leftover.touch()

    prepared = index.prepare(suite, cache)

    assert entries(prepared.source) == ["tiny.py"]


@pytest.mark.parametrize("step", ["install", "fetch", "develop"])
@pytest.mark.parametrize("error", [PreparationError("no"), KeyboardInterrupt()], ids=["error", "interrupted"])
def test_nothing_half_done_stays(index: Index, suite: Suite, cache: Path, step: str, error: BaseException) -> None:
    def fail_after(real: Callable[..., None]) -> Callable[..., None]:
        def failing(*arguments: object) -> None:
            real(*arguments)
            raise error

        return failing

    steps = {name: getattr(index, name) for name in ("fetch", "install", "develop")}
    steps[step] = fail_after(steps[step])
    with pytest.raises(type(error)):
        prepare(suite, cache, **steps)
    assert entries(cache / "suites") == []

    assert index.prepare(suite, cache).source.is_dir(), "it can be had afterwards"


def test_an_sdist_that_reaches_outside_is_refused(suite: Suite, cache: Path, tmp_path: Path) -> None:
    index = Index(write_sdist(tmp_path / "index" / "tiny-1.0.tar.gz", folder="../../../outside"))

    with pytest.raises(tarfile.FilterError):
        index.prepare(replace(suite, sha256=sha256_of(index.sdist)), cache)

    assert entries(tmp_path / "outside") == []
    assert entries(cache / "suites") == []


TWO_AT_ONCE = """
import sys, threading
from pathlib import Path
sys.path[:0] = {folders!r}
from downstream_preparation import prepare
from test_downstream_preparation import Index
import downstream_suites
suite = downstream_suites.Suite(**{suite!r})
index = Index(Path({sdist!r}))
print("up", flush=True)
sys.stdin.readline()
index.prepare(suite, Path({cache!r}))
print(index.installed)
"""


def test_two_processes_at_once_prepare_once(index: Index, suite: Suite, cache: Path) -> None:
    script = TWO_AT_ONCE.format(
        folders=[str(Path(__file__).parent)],
        suite={**vars(suite), "environment": {}},
        sdist=str(index.sdist),
        cache=str(cache),
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environ(),
        )
        for _ in range(2)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
    answers = [process.communicate("go\n")[0] for process in started]

    assert sorted(answers) == ["0\n", "1\n"]
    assert [process.returncode for process in started] == [0, 0]


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ISOLANE_DOWNSTREAM", str(tmp_path / "elsewhere"))
    assert cache_folder() == tmp_path / "elsewhere"

    monkeypatch.delenv("ISOLANE_DOWNSTREAM")
    checkout = Path(__file__).resolve().parents[2]
    assert cache_folder() == checkout / ".downstream"
    assert ".downstream/" in (checkout / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_a_suite_does_not_inherit_the_run_it_is_started_from(monkeypatch: pytest.MonkeyPatch) -> None:
    inherited = {
        "PYTEST_XDIST_WORKER",
        "PYTEST_ADDOPTS",
        "COVERAGE_PROCESS_CONFIG",
        "VIRTUAL_ENV",
        "PYTHONPATH",
    }
    for name in inherited:
        monkeypatch.setenv(name, "x")

    environ = clean_environ({"EXTRA": "1"})

    assert environ["EXTRA"] == "1"
    assert environ["PATH"]
    assert not inherited & set(environ)
