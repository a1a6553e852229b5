"""Coverage over forked workers is that of xdist's, with pytest-cov; and that of a serial run, without."""

from __future__ import annotations

from pathlib import Path

import coverage
import pytest
from plugin_runs import AGES, Laboratory, laboratory
from plugin_suites import SHOP

pytestmark = pytest.mark.downstream

Measured = dict[str, dict[str, object]]
SETTINGS = ("branch = true\npatch = _exit", "branch = true\nparallel = true")
OF_NEW_COVERAGE = ("branch = true\npatch = fork", "branch = true\npatch =\n    _exit\n    fork\n    subprocess")


@pytest.fixture(params=AGES)
def age(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def lab(age: str, tmp_path: Path) -> Laboratory:
    return laboratory(age, tmp_path)


def measured(file: Path) -> Measured:
    """Return arcs and contexts of lines, by the name of the module."""
    data = coverage.CoverageData(basename=str(file))
    data.read()
    found: Measured = {}
    for name in data.measured_files():
        contexts = {line: sorted(names) for line, names in data.contexts_by_lineno(name).items()}
        found[Path(name).name] = {"arcs": sorted(data.arcs(name) or ()), "contexts": contexts}
    return found


def test_table_contexts_and_threshold(lab: Laboratory) -> None:
    options = ("--cov=shop", "--cov-branch", "--cov-report=term-missing", "--cov-context=test", "--cov-fail-under=80")
    xdist, fork = lab.both(SHOP, *options, "--deselect=test_b.py::test_never", plugins="pytest_cov")
    assert fork.outcomes == xdist.outcomes
    assert fork.code == xdist.code == 1
    told = r"^shop\.py|^TOTAL|ERROR: Coverage failure|^FAIL Required"
    assert fork.lines(told) == xdist.lines(told)
    assert len(fork.lines(told)) == 4
    assert measured(fork.folder / ".coverage") == measured(xdist.folder / ".coverage")
    assert "test_a.py::test_one|run" in str(measured(fork.folder / ".coverage"))

    rest = ("--cov=shop", "--cov-branch", "--cov-append", "--cov-fail-under=80", "-kdoes_not or never")
    again = lab.pytest(fork.folder, "fork", *rest, plugins="pytest_cov")
    assert again.code == 0
    assert again.lines("^Required test coverage of 80.* reached")
    assert [file.name for file in fork.folder.glob(".coverage*")] == [".coverage"]


def test_a_killed_worker_loses_its_current_test(lab: Laboratory) -> None:
    runs = {}
    for killed in ("", "1"):
        folder = lab.write(f"killed{killed}", SHOP)
        options = ("--cov=shop", "--cov-branch")
        runs[killed] = lab.pytest(folder, "fork", *options, plugins="pytest_cov", environ={"KILL": killed})
        assert runs[killed].code == bool(killed)
    assert measured(runs["1"].folder / ".coverage") == measured(runs[""].folder / ".coverage")
    assert not runs["1"].lines("failed workers")


@pytest.mark.parametrize("settings", [*SETTINGS, *OF_NEW_COVERAGE])
def test_without_pytest_cov(age: str, lab: Laboratory, settings: str) -> None:
    """``coverage run -m pytest -n 2``: what the workers run is in the result, and the result is whole."""
    if settings in OF_NEW_COVERAGE and age == "oldest":
        pytest.skip("coverage 7.10.0 does not know patch = fork")
    files = {**SHOP, ".coveragerc": f"[run]\nsource = .\n{settings}\n"}
    arguments = ("-m", "coverage", "run", "-m", "pytest", "-pxdist", "-pisolane")
    found = []
    for workers, killed in (("-n0", ""), ("-n2", ""), ("-n2", "1")):
        run = lab.python_run(lab.write(f"run{len(found)}", files), *arguments, workers, environ={"KILL": killed})
        assert run.code == bool(killed)
        assert run.lines(f"isolane: engine {'serial' if workers == '-n0' else 'fork'}")
        if "parallel" in settings or "subprocess" in settings:
            assert len(list(run.folder.glob(".coverage.*"))) > (workers == "-n2")
            assert lab.python_run(run.folder, "-m", "coverage", "combine").code == 0
        assert sorted(file.name for file in run.folder.glob(".coverage*")) == [".coverage", ".coveragerc"]
        found.append(measured(run.folder / ".coverage"))
    serial, forked, with_a_kill = found
    assert forked == serial
    assert with_a_kill["shop.py"] == serial["shop.py"]
    assert with_a_kill != serial  # the line that kills is in no serial run
