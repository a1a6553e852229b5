"""Coverage of parallel runs: the same lines and branches as of a serial run, in one file."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from coverage import CoverageData

from isolane.usecases.combine import combine

SOURCES = {
    "shop/__init__.py": "",
    "shop/prices.py": """
        def reduced(price, *, member=False, pieces=1):
            if member:
                price -= 1
            for _ in range(pieces - 1):
                price -= 2
                if price < 0:
                    return 0
            return price
        """,
    "shop/report.py": """
        import sys

        def main(arguments):
            if "--loud" in arguments:
                print("SOLD OUT")
            else:
                print("sold out")

        if __name__ == "__main__":
            main(sys.argv[1:])
        """,
    "tests/test_members.py": """
        from shop.prices import reduced

        def test_member():
            assert reduced(10, member=True) == 9

        def test_guest():
            assert reduced(10) == 10
        """,
    "tests/test_pieces.py": """
        from shop.prices import reduced

        def test_many():
            assert reduced(3, pieces=9) == 0

        def test_two():
            assert reduced(10, pieces=2) == 8
        """,
    "tests/test_report.py": """
        import subprocess
        import sys

        def test_in_a_process_of_its_own():
            done = subprocess.run([sys.executable, "-m", "shop.report", "--loud"], capture_output=True, text=True)
            assert done.stdout == "SOLD OUT\\n"
        """,
    "tests/test_report_quiet.py": """
        import subprocess
        import sys

        def test_in_a_process_of_its_own():
            done = subprocess.run([sys.executable, "-m", "shop.report"], capture_output=True, text=True)
            assert done.stdout == "sold out\\n"
        """,
    "pyproject.toml": """
        [tool.pytest.ini_options]
        testpaths = ["tests"]
        pythonpath = ["."]

        [tool.coverage.run]
        branch = true
        parallel = true
        source = ["shop"]
        patch = ["subprocess"]
        relative_files = true

        [tool.coverage.report]
        fail_under = 90
        """,
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A small project whose tests start processes."""
    for name, text in SOURCES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"))
    return tmp_path


def run(project: Path, *arguments: str, **environment: str) -> None:
    outer = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "COV_", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=project,
        env={**outer, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def measured(data_file: Path) -> dict[str, tuple[set[int], set[tuple[int, int]]]]:
    data = CoverageData(str(data_file))
    data.read()
    found = {name: (set(data.lines(name) or ()), set(data.arcs(name) or ())) for name in data.measured_files()}
    data.close()
    return found


@pytest.mark.slow
@pytest.mark.req("R1.1")
@pytest.mark.req("R3.1")
def test_parallel_covers_the_lines_and_branches_that_serial_covers(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop)
    for name, workers in (("serial", "1"), ("parallel", "2")):
        data_file = shop / "data" / name
        run(
            shop,
            *("coverage", "run", "--parallel-mode", "-m", "pytest", "-q", "-p", "no:randomly"),
            COVERAGE_FILE=str(data_file),
            PYTEST_WORKERS=workers,
        )
        # The run itself and two processes of the tests; two workers more in the parallel run.
        assert len(combine(data_file=data_file, report=False).merged) == (3 if workers == "1" else 5)

    serial, parallel = measured(shop / "data" / "serial"), measured(shop / "data" / "parallel")
    assert parallel == serial
    assert {name for name, (lines, _) in serial.items() if lines} == {"shop/prices.py", "shop/report.py"}
    # What only a subprocess ran is there: both branches of main.
    assert {(4, 5), (4, 7)} <= serial["shop/report.py"][1]

    printed = io.StringIO()
    both = combine(shop / "data", shop / ".coverage", stream=printed)

    assert measured(shop / ".coverage") == serial
    assert both.exit_code == 0
    assert both.totals is not None
    assert (both.totals.covered_lines, both.totals.lines) == (15, 15)
    assert (both.totals.covered_branches, both.totals.branches) == (9, 10)  # nobody imports shop.report
    assert "TOTAL" in printed.getvalue()


@pytest.mark.slow
@pytest.mark.req("R3.1")
def test_after_pytest_cov_has_combined(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop)
    monkeypatch.delenv("COVERAGE_FILE", raising=False)
    run(shop, "pytest", "-q", "--cov", "--cov-report=", PYTEST_WORKERS="2")
    before = measured(shop / ".coverage")

    again = combine(report=False)

    assert [path.name for path in again.merged] == [".coverage"]
    assert measured(shop / ".coverage") == before
    assert [path.name for path in shop.glob(".coverage*")] == [".coverage"]
