"""``isolane report``: which run, and where to."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.unit.model.event_samples import passed, run_finished, run_started

from isolane.cli.arguments import REPORT_FORMATS
from isolane.cli.main import main
from isolane.history.event_log import FILE_NAME, EventLogWriter
from isolane.history.runs import runs_directory
from isolane.usecases.actions import MOST_BYTES, add_to_summary, is_in_actions
from isolane.usecases.report import ReportRequest, report

SERIAL, PARALLEL, HUNT = "20260101T01-serial-aa", "20260101T02-parallel-bb", "20260101T03-hunt-cc"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, workers in ((SERIAL, 0), (PARALLEL, 2), (HUNT, 0)):
        log = EventLogWriter(runs_directory(tmp_path) / name / FILE_NAME)
        header = run_started(run_id=name, label=name.split("-")[1], workers=workers, rootdir=str(tmp_path))
        for event in (
            header,
            passed("test_a.py::test", leaks=(("test_a.py::test", "env", "A", None, "1", "dangerous"),)),
        ):
            log.write(event)
        log.write(run_finished())
        log.close()
    return tmp_path


def run_of(text: str) -> str:
    (found,) = ElementTree.fromstring(text).iterfind(".//property[@name='isolane.run']")
    return str(found.get("value"))


def test_the_newest_run_of_a_whole_suite_is_taken(project: Path) -> None:
    assert run_of(report(ReportRequest("junit", project=project))) == PARALLEL


def test_a_run_may_be_named_by_its_beginning(project: Path) -> None:
    assert run_of(report(ReportRequest("junit", "20260101T01", project))) == SERIAL


@pytest.mark.parametrize("name", REPORT_FORMATS)
def test_a_report_goes_to_a_file_in_a_folder_that_is_made(
    name: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = project / "reports" / "new" / name

    assert main(["report", "--format", name, "--project", str(project), "--output", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: {PARALLEL} as {name}\n"
    assert file.read_text(encoding="ascii") == report(ReportRequest(name, project=project))


def test_a_line_is_found_in_the_source(project: Path) -> None:
    (project / "test_a.py").write_bytes(b"# coding: latin-1\n# caf\xe9\n\n\ndef test(): pass\n")
    (found,) = json.loads(report(ReportRequest("sarif", project=project)))["runs"][0]["results"]

    assert found["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "test_a.py"},
        "region": {"startLine": 5, "startColumn": 1, "endLine": 5, "endColumn": 17},
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nope", "--format", "junit"], "There is no run 'nope' in "),
        (["20260101", "--format", "junit"], "3 runs begin with '20260101' in "),
        (["--format", "junit", "--output", "."], ". is a folder. Name a file for the report."),
    ],
)
def test_what_cannot_be_done_is_one_line_and_a_usage_error(
    arguments: list[str], said: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *arguments, "--project", str(project)]) == 4
    out, err = capsys.readouterr()

    assert out == ""
    assert said in err
    assert err.count("\n") == 1


def test_where_no_run_is_on_record_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--format", "ctrf", "--project", str(tmp_path)]) == 4
    assert "No run is on record in " in capsys.readouterr().err


def test_a_torn_record_is_reported_as_far_as_it_goes(project: Path) -> None:
    file = runs_directory(project) / PARALLEL / FILE_NAME
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-1]) + lines[-1][:20])

    assert "the record has no end" in report(ReportRequest("junit", project=project))


def test_a_step_is_one_where_github_says_so_and_no_test_is_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "test_a.py::test (call)")
    assert not is_in_actions()
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    assert is_in_actions()
    monkeypatch.delenv("GITHUB_ACTIONS")
    assert not is_in_actions()


@pytest.mark.parametrize("there", [0, 10, MOST_BYTES - 100, MOST_BYTES - 1, MOST_BYTES])
def test_a_summary_never_gets_longer_than_github_shows(
    there: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_bytes(b"x" * there)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.delenv("PYTEST_CURRENT_TEST", raising=False)

    add_to_summary("caf\udce9 é\n" * 200_000)

    text = summary.read_text(encoding="utf-8")
    assert len(text.encode()) <= MOST_BYTES
    assert ("over what GitHub shows" in text) == (there <= MOST_BYTES - 100)
    assert ("caf\\udce9 é" in text) == (there <= MOST_BYTES - 100)
