"""``isolane combine``: report, trend and threshold."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from coverage import CoverageData

from isolane.model.clock import FakeClock
from isolane.model.errors import ExitCode, RecordError
from isolane.usecases.combine import combine

SOURCE = "def half(x):\n    if x:\n        return x / 2\n    return 0\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one file, of which one worker's data covers three lines of four."""
    monkeypatch.chdir(tmp_path)
    for name in ("COVERAGE_FILE", "COVERAGE_RCFILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "half.py").write_text(SOURCE)
    (tmp_path / ".coveragerc").write_text("[run]\nrelative_files = true\n[report]\nfail_under = 80\n")
    data = CoverageData(str(tmp_path / ".coverage.host.1.aaa"))
    data.add_lines({"half.py": {1, 2, 3}})
    data.write()
    data.close()
    return tmp_path


@pytest.mark.req("R3.1")
def test_threshold_is_held_against_the_merged_data(project: Path) -> None:
    printed = io.StringIO()

    alone = combine(keep=True, stream=printed, clock=FakeClock())

    assert alone.exit_code is ExitCode.FAILED
    assert str(alone) == ".coverage: 1 data file combined, 75.00 % covered, below the threshold of 80 %."
    assert "half.py" in printed.getvalue()

    data = CoverageData(str(project / ".coverage.host.2.bbb"))
    data.add_lines({"half.py": {4}})
    data.write()
    data.close()
    together = combine(stream=printed, clock=FakeClock())

    assert together.exit_code is ExitCode.OK
    assert str(together) == ".coverage: 2 data files combined, 100.00 % covered, at least the threshold of 80 %."


@pytest.mark.req("R3.2")
def test_html_and_trend_are_kept_over_runs(project: Path) -> None:
    for second in (0.0, 60.0):
        combine(keep=True, stream=io.StringIO(), clock=FakeClock(start=second))

    reports = project / "reports" / "coverage"
    assert "half.py" in (reports / "html" / "index.html").read_text()
    assert (reports / "trend.md").read_text().count("| 75.00 % |") == 2
    assert (reports / "coverage.json").is_file()


def test_without_a_report_only_the_data_is_written(project: Path) -> None:
    done = combine(report=False)

    assert done.exit_code is ExitCode.OK
    assert str(done) == ".coverage: 1 data file combined."
    assert sorted(path.name for path in project.iterdir()) == [".coverage", ".coveragerc", "half.py"]


def test_the_environment_names_the_data_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".coverage.host.1.aaa").rename(project / "mine.host.1.aaa")
    monkeypatch.setenv("COVERAGE_FILE", "mine")

    assert combine(report=False).data_file == Path("mine")
    assert (project / "mine").is_file()


def test_data_of_sources_that_are_gone_is_one_line(project: Path) -> None:
    (project / "half.py").unlink()

    with pytest.raises(RecordError, match=r"half\.py"):
        combine(stream=io.StringIO(), clock=FakeClock())
