"""Merging coverage data: which files, what is left, and what is said of files that do not fit."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from coverage import CoverageData

from isolane.coverage_data.combine import combine_data, open_coverage
from isolane.coverage_data.files import find_data_files
from isolane.model.errors import RecordError, UsageError
from isolane.usecases.combine import combine


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to stand in, so that no configuration but its own is read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COVERAGE_RCFILE", raising=False)
    monkeypatch.delenv("COVERAGE_FILE", raising=False)
    return tmp_path


def write_data(path: Path, lines: set[int], source: str = "/src/a.py") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = CoverageData(str(path))
    data.add_lines({source: lines})
    data.write()
    data.close()
    return path


def write_branches(path: Path, arcs: set[tuple[int, int]], source: str = "/src/a.py") -> Path:
    data = CoverageData(str(path))
    data.add_arcs({source: arcs})
    data.write()
    data.close()
    return path


def lines_in(path: Path, source: str = "/src/a.py") -> set[int]:
    data = CoverageData(str(path))
    data.read()
    try:
        return set(data.lines(source) or ())
    finally:
        data.close()


@pytest.mark.req("R3.1")
def test_parts_become_one_file_and_nothing_is_left(project: Path) -> None:
    write_data(project / ".coverage.host.1.aaa", {1, 2})
    write_data(project / ".coverage.host.2.bbb", {2, 3})

    merged = combine_data(project, project / ".coverage")

    assert [path.name for path in merged] == [".coverage.host.1.aaa", ".coverage.host.2.bbb"]
    assert lines_in(project / ".coverage") == {1, 2, 3}
    assert [path.name for path in project.iterdir()] == [".coverage"]


def test_data_of_an_earlier_run_is_replaced(project: Path) -> None:
    write_data(project / ".coverage", {99})
    write_data(project / ".coverage.host.1.aaa", {1})

    combine_data(project, project / ".coverage")

    assert lines_in(project / ".coverage") == {1}


@pytest.mark.req("R3.1")
def test_data_that_was_combined_already_is_no_error(project: Path) -> None:
    write_data(project / ".coverage", {4})

    assert combine_data(project, project / ".coverage") == [project / ".coverage"]
    assert lines_in(project / ".coverage") == {4}


def test_another_directory_is_taken_whole_and_kept_on_request(project: Path) -> None:
    write_data(project / "data" / "one" / "serial", {1})
    write_data(project / "data" / "two" / "parallel", {2})

    combine_data(project / "data", project / ".coverage", keep=True)
    assert lines_in(project / ".coverage") == {1, 2}
    assert len(find_data_files(project / "data", project / ".coverage")) == 2

    combine_data(project / "data", project / ".coverage")
    assert find_data_files(project / "data", project / ".coverage") == []


def test_paths_are_mapped_as_configured(project: Path) -> None:
    (project / "src").mkdir()
    (project / "src" / "a.py").write_text("x = 1\n")
    (project / ".coveragerc").write_text(
        "[run]\nrelative_files = true\n[paths]\nsource =\n    src\n    /elsewhere/src\n"
    )
    write_data(project / ".coverage.host.1.aaa", {1}, source="/elsewhere/src/a.py")
    write_data(project / ".coverage.host.2.bbb", {2}, source="src/a.py")

    combine_data(project, project / ".coverage")

    assert lines_in(project / ".coverage", "src/a.py") == {1, 2}


DAMAGED = b"SQLite format 3\0" + b"\x10\x00" + b"\0" * 10 + b"\0\0\0\1" + b"\xff" * 4096


@pytest.mark.parametrize("content", [b"not a database", DAMAGED], ids=["text", "damaged"])
def test_a_damaged_file_is_named_and_nothing_is_changed(project: Path, content: bytes) -> None:
    good = write_data(project / ".coverage.host.1.aaa", {1})
    bad = project / ".coverage.host.2.bbb"
    bad.write_bytes(content)

    with pytest.raises(RecordError, match=r"\.coverage\.host\.2\.bbb cannot be read") as caught:
        combine_data(project, project / ".coverage")

    assert caught.value.slug == "corrupt-coverage-data"
    assert "\n" not in str(caught.value)
    assert sorted(project.iterdir()) == [good, bad]
    assert bad.read_bytes() == content


@pytest.mark.parametrize("share", [0.5, 0.9, 0.005])
def test_what_a_killed_process_wrote_half_is_left_out_and_told(project: Path, share: float) -> None:
    torn = write_data(project / ".coverage.host.1.aaa", set(range(1, 5000)), source="/src/" + "long" * 50 + ".py")
    content = torn.read_bytes()
    torn.write_bytes(content[: int(len(content) * share)])
    write_data(project / ".coverage.host.2.bbb", {1})

    result = combine(project, project / ".coverage", report=False)

    assert result.torn == (torn,)
    assert "1 left out, torn" in str(result)
    assert lines_in(project / ".coverage") == {1}


def test_another_database_is_refused_and_not_touched(project: Path) -> None:
    other = project / ".coverage.sqlite"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE people (name TEXT)")
    database.close()
    before = other.read_bytes()

    with pytest.raises(RecordError, match=r"\.coverage\.sqlite"):
        combine_data(project, project / ".coverage")

    assert other.read_bytes() == before


def test_a_file_that_a_killed_process_had_begun_is_passed_over(project: Path) -> None:
    write_data(project / ".coverage.host.1.aaa", {1})
    (project / ".coverage.host.2.bbb").touch()

    combine_data(project, project / ".coverage")

    assert lines_in(project / ".coverage") == {1}
    assert [path.name for path in project.iterdir()] == [".coverage"]


def test_branches_and_lines_are_not_mixed(project: Path) -> None:
    write_data(project / ".coverage.host.1.aaa", {1})
    write_branches(project / ".coverage.host.2.bbb", {(-1, 1), (1, -1)})

    with pytest.raises(RecordError, match=r"bbb holds branches, .*aaa only lines"):
        combine_data(project, project / ".coverage")


def test_data_in_another_format_is_not_left_out_silently(project: Path) -> None:
    write_data(project / ".coverage.host.1.aaa", {1})
    newer = write_data(project / ".coverage.host.2.bbb", {2})
    with sqlite3.connect(newer) as database:
        database.execute("UPDATE coverage_schema SET version = version + 1")
    database.close()

    with pytest.raises(RecordError, match="bbb"):
        combine_data(project, project / ".coverage")

    assert not (project / ".coverage").exists()
    assert newer.exists()


def test_no_data_says_how_to_get_some(project: Path) -> None:
    with pytest.raises(UsageError, match=r"no coverage data .* coverage run -m pytest"):
        combine_data(project, project / ".coverage")


def test_no_directory_is_one_line(project: Path) -> None:
    with pytest.raises(UsageError, match="is not a directory"):
        combine_data(project / "nowhere", project / ".coverage")


def test_a_wrong_configuration_is_one_line(project: Path) -> None:
    (project / ".coveragerc").write_text("[run]\nbranch = perhaps\n")

    with pytest.raises(UsageError, match="perhaps"):
        open_coverage(project / ".coverage")
