"""The runs of a checkout: where they are kept, which there are, which go."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.model.event_samples import passed, run_finished, run_started

from isolane.coordination.sessions import SessionManager
from isolane.history.event_log import FILE_NAME, EventLogWriter
from isolane.history.runs import (
    KEEP,
    make_home,
    prune,
    runs_directory,
    runs_to_keep,
    summaries,
    writable_home,
    write_whole,
)
from isolane.model.events import Event
from isolane.model.identity import new_run_id


def keep_run(root: Path, name: str, *events: Event) -> Path:
    directory = runs_directory(root) / name
    writer = EventLogWriter(directory / FILE_NAME)
    for event in events:
        writer.write(event)
    writer.close()
    return directory


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


# -- which runs there are


def test_runs_are_told_newest_first_by_their_first_and_last_event(tmp_path: Path) -> None:
    old = run_started(label="serial"), run_finished(1.0)
    new = run_started(label="parallel"), run_finished(2.0)
    keep_run(tmp_path, new_run_id(1_000_000.25, "serial"), old[0], passed("a"), old[1])
    keep_run(tmp_path, new_run_id(1_000_000.75, "parallel"), *new)  # in the same second, with an earlier letter

    found = summaries(tmp_path)

    assert [(one.header, one.end) for one in found] == [new, old]
    assert found[1].record().outcomes.keys() == {"a"}


def test_a_run_that_goes_on_has_no_end(tmp_path: Path) -> None:
    keep_run(tmp_path, "20260101T000000-serial-a", run_started(), passed("a"))

    assert [one.end for one in summaries(tmp_path)] == [None]


def test_what_is_no_run_is_passed_over(tmp_path: Path) -> None:
    keep_run(tmp_path, "20260101T000000-serial-a", run_started(run_id="the one"))
    keep_run(tmp_path, "20260102T000000-serial-b")
    keep_run(tmp_path, "20260103T000000-serial-c", passed("a"), run_finished())
    directory = runs_directory(tmp_path)
    (directory / "notes").mkdir()
    (directory / "notes.txt").write_text("a file")
    for name, content in (("broken", '{"kind":"run-started"}\n'), ("odd", '{"kind":"run-started","format":[]}\n')):
        (directory / name).mkdir()
        (directory / name / FILE_NAME).write_text(content)
    (directory / "strange" / FILE_NAME).mkdir(parents=True)

    assert [one.header.run_id for one in summaries(tmp_path)] == ["the one"]


def test_a_checkout_without_runs_has_none(tmp_path: Path) -> None:
    assert summaries(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


# -- how many are kept


def test_the_newest_run_says_how_many_are_kept(tmp_path: Path) -> None:
    assert runs_to_keep(tmp_path) == KEEP
    keep_run(tmp_path, "20260101T000000-serial-a", run_started(settings={"keep-runs": "7"}))
    assert runs_to_keep(tmp_path) == 7
    keep_run(tmp_path, "20260102T000000-serial-b", run_started(settings={}))
    assert runs_to_keep(tmp_path) == KEEP


@pytest.mark.parametrize("line", ["", "nonsense\n", '{"kind":"run-started","format":99}\n'])
def test_a_newest_run_that_cannot_be_read_says_nothing(tmp_path: Path, line: str) -> None:
    directory = runs_directory(tmp_path) / "20260101T000000-serial-a"
    directory.mkdir(parents=True)
    (directory / FILE_NAME).write_text(line)

    assert runs_to_keep(tmp_path) == KEEP


# -- which go


def test_the_oldest_go_and_the_newest_stay(tmp_path: Path) -> None:
    ids = [new_run_id(1_000_000.0 + number / 10, label) for number, label in enumerate("edcba")]
    for name in ids:
        keep_run(tmp_path, name, run_started())

    prune(tmp_path, keep=2)

    assert names(runs_directory(tmp_path)) == ids[-2:]


def test_nothing_goes_while_there_are_few(tmp_path: Path) -> None:
    for name in "abc":
        keep_run(tmp_path, name, run_started())

    prune(tmp_path, keep=3)
    prune(tmp_path)

    assert names(runs_directory(tmp_path)) == ["a", "b", "c"]


def test_a_run_that_goes_on_is_not_removed(tmp_path: Path) -> None:
    going_on, *_ = (keep_run(tmp_path, f"2026010{n}-a", run_started()) for n in (1, 2, 3))
    sessions = SessionManager(make_home(tmp_path))
    sessions.create("pytest", session_id=going_on.name)

    prune(tmp_path, keep=1)
    assert names(runs_directory(tmp_path)) == ["20260101-a", "20260103-a"]
    sessions.complete(going_on.name)
    prune(tmp_path, keep=1)
    assert names(runs_directory(tmp_path)) == ["20260103-a"]


def test_files_beside_the_runs_neither_go_nor_count(tmp_path: Path) -> None:
    for name in "bcd":
        keep_run(tmp_path, name, run_started())
    (runs_directory(tmp_path) / "a.txt").write_text("mine")

    prune(tmp_path, keep=2)

    assert names(runs_directory(tmp_path)) == ["a.txt", "c", "d"]


def test_a_link_that_cannot_be_removed_stays_and_what_it_names_too(tmp_path: Path) -> None:
    keep_run(tmp_path, "b", run_started())
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_text("mine")
    (runs_directory(tmp_path) / "a").symlink_to(tmp_path / "elsewhere")

    prune(tmp_path, keep=1)

    assert names(runs_directory(tmp_path)) == ["a", "b"]
    assert (tmp_path / "elsewhere" / "file").read_text() == "mine"


def test_where_nothing_is_kept_nothing_goes(tmp_path: Path) -> None:
    prune(tmp_path, keep=0)

    assert list(tmp_path.iterdir()) == []


# -- the place itself


def test_git_ignores_all_that_is_kept(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    make_home(tmp_path)
    keep_run(tmp_path, "a", run_started())

    status = subprocess.run(
        ["git", "-C", str(tmp_path), "status", "--porcelain", "--untracked-files=all"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert status.stdout == ""


def test_a_homes_own_rules_for_git_stay(tmp_path: Path) -> None:
    (make_home(tmp_path) / ".gitignore").write_text("runs/\n")

    assert make_home(tmp_path) == tmp_path / ".isolane"
    assert (tmp_path / ".isolane" / ".gitignore").read_text() == "runs/\n"


def test_a_checkout_that_can_be_written_to_keeps_its_records(tmp_path: Path) -> None:
    with writable_home(tmp_path) as (home, note):
        (home / "file").write_text("kept")

    assert home == tmp_path / ".isolane"
    assert note is None
    assert names(home) == [".gitignore", "file"]


def test_where_the_checkout_cannot_be_written_to_a_temporary_place_serves_and_goes(tmp_path: Path) -> None:
    (tmp_path / ".isolane").write_text("in the way")

    with writable_home(tmp_path) as (home, note):
        (home / "runs").mkdir()
        (home / "runs" / "file").write_text("for now")

    assert note == f"{tmp_path / '.isolane'} cannot be written to (File exists)"
    assert not home.is_relative_to(tmp_path)
    assert not home.exists()
    assert (tmp_path / ".isolane").read_text() == "in the way"


FULL = """
import resource, sys, tempfile
from pathlib import Path
from isolane.history.runs import make_home, writable_home

make_home(Path(sys.argv[1]))
tempfile.TemporaryDirectory().cleanup()  # the place for such is found by writing there, and remembered
sys.dont_write_bytecode = True  # what is imported later must not be cut off
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
with writable_home(Path(sys.argv[1])) as (home, note):
    sys.exit(note)
"""


def test_a_full_disk_still_makes_empty_files_and_is_no_place_for_records(tmp_path: Path) -> None:
    """The limit on the size of files stands for a full disk."""
    # coverage, where it measures what is started here, would say for itself that the disk is full.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    command = [sys.executable, "-c", FULL, tmp_path]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert ended.stderr == f"{tmp_path / '.isolane'} cannot be written to (File too large)\n"


def test_the_temporary_place_goes_also_after_an_error(tmp_path: Path) -> None:
    (tmp_path / ".isolane").write_text("in the way")
    places = []

    def fail_within() -> None:
        with writable_home(tmp_path) as (home, _):
            places.append(home)
            raise OSError("of the block's own")

    with pytest.raises(OSError, match="of the block's own"):
        fail_within()

    assert len(places) == 1
    assert not places[0].exists()


# -- whole files


def test_a_file_is_written_with_the_folders_that_it_needs(tmp_path: Path) -> None:
    write_whole(tmp_path / "a" / "b" / "page.md", "ein Ärger …\n")

    assert (tmp_path / "a" / "b" / "page.md").read_bytes() == "ein Ärger …\n".encode()


def test_who_reads_the_old_text_goes_on_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    write_whole(path, "old " * 5000)
    with path.open() as reader:
        assert reader.read(4) == "old "
        write_whole(path, "new")
        assert reader.read() == "old " * 4999

    assert path.read_text() == "new"
    assert names(tmp_path) == ["page.md"]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "page.md" / "in the way").mkdir(parents=True)

    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "page.md", "text")

    assert names(tmp_path) == ["page.md"]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)], ids=oct)
def test_who_may_read_it_is_the_umasks_business(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        write_whole(tmp_path / "page.md", "text")
        assert os.umask(mask) == mask  # put back
    finally:
        os.umask(before)

    assert (tmp_path / "page.md").stat().st_mode & 0o777 == mode


def test_an_undecodable_file_name_in_a_message_does_not_cost_the_report(tmp_path: Path) -> None:
    write_whole(tmp_path / "page.md", f"no such file: {os.fsdecode(b'caf' + bytes([0xE9]))}\n")

    assert (tmp_path / "page.md").read_text(encoding="utf-8") == "no such file: caf\\udce9\n"
