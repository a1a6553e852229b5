"""The overlay: isolane, and xdist where it is missing, for an interpreter that has neither."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import isolane
from isolane.engines.overlay import make_overlay, python_path

CleanRun = Callable[..., subprocess.CompletedProcess[str]]


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_overlay(tmp_path_factory.mktemp("plain"), with_xdist=False)


@pytest.fixture(scope="module")
def with_xdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_overlay(tmp_path_factory.mktemp("xdist"), with_xdist=True)


def test_it_is_made_once_and_then_used_again(tmp_path: Path) -> None:
    home = tmp_path / "not" / "there" / "yet"
    first = make_overlay(home, with_xdist=False)
    (first / "mark").write_text("")

    again = make_overlay(home, with_xdist=False)

    assert again == first
    assert (first / "mark").exists()
    assert names(home) == [first.name]


def test_one_with_xdist_is_another(tmp_path: Path) -> None:
    plain, more = make_overlay(tmp_path, with_xdist=False), make_overlay(tmp_path, with_xdist=True)

    assert [one.split("-")[0] for one in names(plain)] == ["isolane", "isolane"]
    assert [one.split("-")[0] for one in names(more)] == [
        "execnet",
        "execnet",
        "isolane",
        "isolane",
        "pytest_xdist",
        "xdist",
    ]
    assert names(tmp_path) == sorted([plain.name, more.name])


def test_processes_that_make_it_at_once_agree_and_leave_nothing_behind(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from isolane.engines.overlay import make_overlay
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    print(make_overlay(Path(sys.argv[1], str(number)), with_xdist=True))
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    printed = [process.communicate()[0].split() for process in processes]

    assert [process.returncode for process in processes] == [0, 0]
    assert printed[0] == printed[1]
    assert len(set(printed[0])) == 20
    for made in map(Path, printed[0]):
        assert names(made.parent) == [made.name]
        assert len(names(made)) == 6


def test_where_nothing_can_be_written_it_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(NotADirectoryError):
        make_overlay(tmp_path / "file" / "home", with_xdist=False)


def test_isolane_is_there_and_nothing_else_of_our_environment(
    plain: Path, bare_python: Path, clean_run: CleanRun
) -> None:
    program = """
import importlib.metadata, importlib.util
import isolane, isolane.model.events
print(isolane.__version__, importlib.metadata.version("isolane"), isolane.Outcome.__module__)
print(isolane.__file__)
print(isolane.model.events.__file__)
print([name for name in ("pytest", "xdist", "execnet", "hypothesis", "coverage") if importlib.util.find_spec(name)])
print([one.metadata["Name"] for one in importlib.metadata.distributions()])
"""
    done = clean_run(bare_python, "-c", program, PYTHONPATH=plain)

    assert done.stderr == ""
    version, own, events, strangers, distributions = done.stdout.splitlines()
    assert version == f"{isolane.__version__} {isolane.__version__} isolane.model.outcome"
    assert own == isolane.__file__
    assert events == str(Path(isolane.__file__).parent / "model" / "events.py")
    assert strangers == "[]"
    assert distributions == "['isolane']"


def test_without_it_isolane_is_not_there(bare_python: Path, clean_run: CleanRun) -> None:
    done = clean_run(bare_python, "-c", "import isolane")

    assert "ModuleNotFoundError" in done.stderr


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "test_two.py").write_text("def test_a(): pass\ndef test_b(): pass\n")
    return tmp_path


def test_pytest_finds_the_plugin_by_it(suite: Path, plain: Path, python_with_pytest: Path, clean_run: CleanRun) -> None:
    command = [python_with_pytest, "-m", "pytest", "-p", "no:cacheprovider", "--isolane-seed", "7", "test_two.py"]

    without = clean_run(*command, cwd=suite)
    done = clean_run(*command, cwd=suite, PYTHONPATH=python_path(plain, None))

    assert without.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--isolane-seed" in without.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^plugins: isolane-", done.stdout, re.MULTILINE)
    assert re.search(r"^isolane: engine serial .* seed 7$", done.stdout, re.MULTILINE)
    assert "2 passed" in done.stdout


def test_workers_find_xdist_and_the_plugin_by_it(
    suite: Path, with_xdist: Path, python_with_pytest: Path, clean_run: CleanRun
) -> None:
    done = clean_run(
        *(python_with_pytest, "-m", "pytest", "-p", "no:cacheprovider", "-n", "2", "--isolane-record", "off"),
        *("--isolane-engine", "xdist"),
        cwd=suite,
        PYTHONPATH=python_path(with_xdist, None),
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^isolane: engine xdist \(asked for\), 2 workers", done.stdout, re.MULTILINE)
    assert "2 passed" in done.stdout


def test_it_stands_before_what_the_path_held(tmp_path: Path) -> None:
    assert python_path(tmp_path, None) == str(tmp_path)
    assert python_path(tmp_path, "") == str(tmp_path)
    assert python_path(tmp_path, "a" + os.pathsep + "b") == os.pathsep.join([str(tmp_path), "a", "b"])
