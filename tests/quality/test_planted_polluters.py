"""Every polluter that is planted in ``hunted`` is found by ``isolane hunt``, nobody else is, and nothing is harmed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HUNTED = Path(__file__).parent / "hunted"
VICTIMS = "test_h_victims.py::"
PLANTED = {
    # test: sort, how it ends then, the sets after which it does, the state that carries it
    f"{VICTIMS}test_zone": ("victim", "failed (AssertionError)", {"test_b_single.py::test_sets_the_zone"}, "zone"),
    f"{VICTIMS}test_halves": (
        "victim",
        "failed (AssertionError)",
        {"test_c_parts.py::TestParts::test_first_half", "test_d_parts.py::test_second_half"},
        "halves",
    ),
    f"{VICTIMS}test_thirds": (
        "victim",
        "failed (AssertionError)",
        {
            "test_c_parts.py::TestParts::test_first_third",
            "test_c_parts.py::test_second_third",
            "test_d_parts.py::test_third_third",
        },
        "thirds",
    ),
    f"{VICTIMS}test_fare": (
        "victim",
        "failed (AssertionError)",
        {"test_e_fixtures.py::TestOfAClass::test_one_fare"},
        "fares['bus']",
    ),
    f"{VICTIMS}test_codes": ("victim", "skipped (too many codes)", {"test_e_fixtures.py::test_takes_codes"}, "codes"),
    f"{VICTIMS}test_rate": ("victim", "crashed", {"test_f_places.py::test_changes_in_place"}, "rates['bus']"),
    f"{VICTIMS}test_nothing_is_patched": (
        "victim",
        "failed (AssertionError)",
        {"test_f_places.py::test_imports"},
        "imported",
    ),
    f"{VICTIMS}test_is_not_locked": ("victim", "failed (AssertionError)", {"test_g_logs_in.py::test_orders"}, "locked"),
    f"{VICTIMS}test_is_ready": ("brittle", "passed", {"test_f_places.py::test_makes_ready"}, "ready"),
    "test_g_logs_in.py::test_orders": ("brittle", "passed", {"test_g_logs_in.py::test_logs_in"}, "user"),
    f"{VICTIMS}test_is_broken": ("broken", None, set(), None),
}


@pytest.fixture
def environment(tmp_path):
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    ours = ("PYTEST_", "ISOLANE_", "COV", "PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    without = "-p no:hypothesispytest -p no:randomly -p no:timeout -p no:cov"
    return kept | {"PYTEST_ADDOPTS": without, "HOME": str(home), "TMPDIR": str(temporary)}


def hunt(project, environment, *arguments):
    ended = subprocess.run(
        [sys.executable, "-m", "isolane", "hunt", "--json", *arguments],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 1, ended.stdout + ended.stderr
    return json.loads(ended.stdout)


def copy_of(name, tmp_path):
    return Path(shutil.copytree(HUNTED / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", ".*")))


def tree(root):
    """Return all files below: modes, contents, when they were written. Not what isolane itself keeps."""
    found = {}
    for path in sorted(root.rglob("*")):
        if ".isolane" not in path.parts:
            one = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            found[str(path.relative_to(root))] = (one.st_mode, one.st_mtime_ns if path.is_file() else 0, content)
    return found


def test_every_planted_polluter_is_found_and_nobody_else_is_named(tmp_path, environment):
    found = hunt(copy_of("calm", tmp_path), environment)

    named = {one["test"]: (one["sort"], one["after"], set(one["needed"])) for one in found["findings"]}
    assert named == {test: planted[:3] for test, planted in PLANTED.items()}
    assert [one["test"] for one in found["findings"] if one["others"]] == []
    # The first of those with one polluter has the command that shows it.
    shown = [one["needed"] for one in found["findings"] if one["shown"]]
    assert sorted(shown) == sorted(
        {tuple(one["needed"]): one["needed"] for one in found["findings"] if one["needed"]}.values()
    )
    for one in found["findings"]:
        if one["needed"]:
            assert one["tried"], one
            assert {carrier["name"] for carrier in one["carriers"]} == {f"state.{PLANTED[one['test']][3]}"}
            assert all(carrier["line"]["file"].endswith(".py") for carrier in one["carriers"])
            assert not any(Path(carrier["line"]["file"]).is_absolute() for carrier in one["carriers"])


def test_a_probe_that_deletes_and_hangs_harms_nobody(tmp_path, environment):
    """The project, the home and the temporary directory are byte for byte the same afterwards."""
    project = copy_of("rough", tmp_path)
    (project / "data").chmod(0o750)
    paths = [str(project / "library"), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    before = tree(tmp_path)
    found = hunt(project, environment, "--seeds", "1", "--stall-timeout", "0.4")

    named = {one["test"]: (one["sort"], one["after"], one["needed"]) for one in found["findings"]}
    assert named == {
        "test_b_reads.py::test_reads_fares": (
            "victim",
            "failed (FileNotFoundError)",
            ["test_a_deletes.py::test_deletes_what_belongs_to_the_project"],
        ),
        "test_b_reads.py::test_waits": ("victim", "hung", ["test_a_deletes.py::test_sticks"]),
    }
    assert [one["shown"] for one in found["findings"]] == [True, True]
    assert tree(tmp_path) == before
