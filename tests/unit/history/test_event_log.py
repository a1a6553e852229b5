"""The event log: written as it happens, read while it grows, and no trouble to the run where it cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.model.event_samples import ONE_OF_EACH, passed, run_finished, run_started

from isolane.history.event_log import EventLogReader, EventLogWriter, read_ends, read_events
from isolane.model.errors import NewerFormatError, RecordError
from isolane.model.events import FORMAT, CollectionFinished, Event, encode

HEADER, END = run_started(), run_finished()
needs_full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "one" / "events.jsonl"


def write(path: Path, *events: Event) -> Path:
    writer = EventLogWriter(path)
    for event in events:
        writer.write(event)
    writer.close()
    return path


def lines_of(*events: Event) -> bytes:
    return b"".join(encode(event).encode() + b"\n" for event in events)


def python(program: str, *arguments: object) -> str:
    """Run a program in a process of its own and return what it printed."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


# -- writing


def test_every_event_is_there_as_soon_as_it_is_written(path: Path) -> None:
    writer = EventLogWriter(path)
    for count, event in enumerate(ONE_OF_EACH, start=1):
        writer.write(event)
        assert list(read_events(path)) == list(ONE_OF_EACH[:count])
    writer.close()

    assert path.read_bytes() == lines_of(*ONE_OF_EACH)


def test_what_was_written_survives_the_writers_sudden_death(path: Path) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from isolane.history.event_log import EventLogWriter
from isolane.model.events import TestStarted
EventLogWriter(Path(sys.argv[1])).write(TestStarted(1.0, "a::one", ""))
os.kill(os.getpid(), signal.SIGKILL)
"""
    with pytest.raises(subprocess.CalledProcessError):
        python(program, path)

    assert [event.kind for event in read_events(path)] == ["test-started"]


def test_a_writer_goes_on_where_another_ended(path: Path) -> None:
    write(path, HEADER)
    write(path, END)

    assert list(read_events(path)) == [HEADER, END]


def test_a_writer_that_goes_on_drops_the_torn_line_of_one_that_was_killed(path: Path) -> None:
    # Also one of which more is there than read_ends looks at: a large suite's collection is a long line.
    torn = lines_of(CollectionFinished(1.0, tuple(f"a.py::test_{number}" for number in range(10_000))))[:-1]
    write(path, HEADER)
    with path.open("ab") as file:
        file.write(torn)

    write(path, END)

    assert len(torn) > 100_000
    assert list(read_events(path)) == [HEADER, END]


def test_a_log_that_met_its_limit_can_be_ended_by_another_process(path: Path) -> None:
    program = """
import resource, sys
from pathlib import Path
from isolane.history.event_log import EventLogWriter
from isolane.model.events import TestStarted
writer = EventLogWriter(Path(sys.argv[1]))
sys.dont_write_bytecode = True  # what is imported later must not be cut off
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
for number in range(100):
    writer.write(TestStarted(1.0, f"a::{number}", "gw0"))
print(writer.is_open, writer.failure)
"""
    printed = python(program, path)
    assert printed.startswith("False ")
    assert "File too large" in printed
    assert path.stat().st_size == 1000
    assert not path.read_bytes().endswith(b"\n")

    write(path, END)

    *started, end = read_events(path)
    assert [event.kind for event in started] == ["test-started"] * (len(started))
    assert len(started) > 5
    assert end == END


def test_an_event_may_wait_for_the_next_and_both_come_in_their_order(path: Path) -> None:
    writer = EventLogWriter(path)
    writer.write(HEADER)
    writer.write(passed("a::one"), with_next=True)
    writer.write(passed("a::two"), with_next=True)
    assert list(read_events(path)) == [HEADER]

    writer.write(passed("a::three"))
    assert list(read_events(path)) == [HEADER, passed("a::one"), passed("a::two"), passed("a::three")]

    writer.write(END, with_next=True)
    writer.close()
    assert list(read_events(path))[-1] == END


def test_a_forked_child_writes_nothing(path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from isolane.history.event_log import EventLogWriter
from isolane.model.events import TestStarted
writer = EventLogWriter(Path(sys.argv[1]))
writer.write(TestStarted(1.0, "before", ""))
writer.write(TestStarted(1.0, "waiting", ""), with_next=True)
child = os.fork()
writer.write(TestStarted(1.0, "child" if child == 0 else "parent", ""))
if child == 0:
    writer.close()
    os._exit(0)
os.waitpid(child, 0)
writer.write(TestStarted(1.0, "after", ""))
print(writer.failure)
"""
    assert python(program, path) == "None\n"

    assert [event.node_id for event in read_events(path)] == ["before", "waiting", "parent", "after"]


@needs_full_device
def test_a_full_disk_is_told_of_once_and_ends_the_recording_not_the_run(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.symlink_to("/dev/full")
    writer = EventLogWriter(path)
    assert writer.is_open
    assert writer.failure is None

    writer.write(HEADER)
    told = writer.failure
    writer.write(END)
    writer.close()

    assert not writer.is_open
    assert told is not None
    assert str(path) in told
    assert "No space left on device" in told
    assert writer.failure == told


def test_a_place_that_cannot_be_made_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    writer = EventLogWriter(tmp_path / "file" / "runs" / "events.jsonl")
    writer.write(HEADER)
    writer.close()

    assert not writer.is_open
    assert "Not a directory" in str(writer.failure)
    assert str(tmp_path / "file") in str(writer.failure)


def test_a_test_that_closes_every_descriptor_does_no_more_harm_than_to_the_recording(path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from isolane.history.event_log import EventLogWriter
from isolane.model.events import TestStarted
writer = EventLogWriter(Path(sys.argv[1]))
writer.write(TestStarted(1.0, "before", ""))
os.closerange(3, 100)
writer.write(TestStarted(1.0, "after", ""))
writer.close()
print(writer.failure)
"""
    assert "Bad file descriptor" in python(program, path)

    assert [event.node_id for event in read_events(path)] == ["before"]


def test_closing_twice_does_no_harm(path: Path) -> None:
    writer = EventLogWriter(path)
    writer.close()
    # Whatever gets the descriptor's number next stays open.
    with path.open("rb") as other:
        writer.close()
        assert other.read() == b""


def test_a_child_that_is_started_does_not_inherit_the_log(path: Path) -> None:
    program = """
import os, subprocess, sys
from pathlib import Path
from isolane.history.event_log import EventLogWriter
writer = EventLogWriter(Path(sys.argv[1]))
look = "import glob, os; print([os.path.realpath(one) for one in glob.glob('/proc/self/fd/*')])"
print(subprocess.run([sys.executable, "-c", look], close_fds=False, capture_output=True, text=True).stdout)
"""
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("no /proc on this system")

    printed = python(program, path)
    assert "/proc/" in printed or "pipe:" in printed
    assert str(path) not in printed


# -- reading


def test_a_reader_returns_what_has_come_since(path: Path) -> None:
    reader = EventLogReader(path)
    assert reader.read() == []  # not there yet

    write(path, HEADER)
    assert reader.read() == [HEADER]
    assert reader.read() == []

    write(path, passed("a::one"), END)
    assert reader.read() == [passed("a::one"), END]


def test_a_line_that_is_still_being_written_is_waited_for(path: Path) -> None:
    write(path, HEADER)
    reader = EventLogReader(path)
    line = lines_of(passed("a::é"))
    with path.open("ab") as file:
        for part in (line[:10], line[10:11], line[11:-1]):
            file.write(part)
            file.flush()
            assert reader.read() in ([HEADER], [])
        file.write(line[-1:])
    assert reader.read() == [passed("a::é")]


def test_a_torn_last_line_is_passed_over(path: Path) -> None:
    write(path, HEADER, passed("a::one"))
    with path.open("ab") as file:
        file.write(b'{"kind":"test-sta')

    assert list(read_events(path)) == [HEADER, passed("a::one")]


def test_blank_lines_are_no_events(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\n" + lines_of(HEADER) + b"\n  \n" + lines_of(END))

    assert list(read_events(path)) == [HEADER, END]


@pytest.mark.parametrize("middle", [b"rubbish\n", b"\xff\xfe\n", b"\0\0\0\n", b"[]\n"], ids=repr)
def test_a_broken_line_in_the_middle_is_an_error_that_names_the_file(path: Path, middle: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(lines_of(HEADER) + middle + lines_of(END))

    with pytest.raises(RecordError, match="not an event") as caught:
        list(read_events(path))
    assert str(path) in caught.value.what


def test_a_log_that_is_not_there_is_an_error_that_says_where_logs_are(path: Path) -> None:
    with pytest.raises(RecordError, match="is not there") as caught:
        list(read_events(path))
    assert caught.value.slug == "no-such-record"
    assert str(path) in caught.value.what
    assert ".isolane/runs" in caught.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_an_error(path: Path) -> None:
    write(path, HEADER).chmod(0)

    with pytest.raises(RecordError, match="cannot be read: Permission denied") as caught:
        EventLogReader(path).read()
    assert caught.value.slug == "unreadable-record"


def test_a_newer_log_is_refused(path: Path) -> None:
    write(path, run_started(format=FORMAT + 1), END)

    with pytest.raises(NewerFormatError, match=f"format {FORMAT + 1}"):
        list(read_events(path))
    with pytest.raises(NewerFormatError, match=f"format {FORMAT + 1}"):
        read_ends(path)


# -- both ends


def test_both_ends_of_a_huge_log_are_found_without_what_is_between(path: Path) -> None:
    write(path, HEADER)
    with path.open("ab") as file:
        file.seek(50_000_000)  # a hole: not a single event, and 50 MB to whoever reads them
        file.write(b"\n")
    write(path, END)

    tracemalloc.start()
    try:
        assert read_ends(path) == (HEADER, END)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_both_ends_of_the_shortest_log(path: Path) -> None:
    assert read_ends(write(path, HEADER, END)) == (HEADER, END)


@pytest.mark.parametrize(
    "rest",
    [
        b"",
        lines_of(passed("a::one")),
        lines_of(passed("a::one")) + b'{"kind":"run-fini',
        lines_of(END) + lines_of(passed("a::late")),
        lines_of(CollectionFinished(1.0, tuple(f"a.py::test_{number}" for number in range(10_000)))),
        b"rubbish\n",
    ],
    ids=["header alone", "goes on", "torn", "something after the end", "a last line of 200 kB", "rubbish"],
)
def test_a_log_that_does_not_end_the_run_has_no_end(path: Path, rest: bytes) -> None:
    write(path, HEADER)
    with path.open("ab") as file:
        file.write(rest)

    assert read_ends(path) == (HEADER, None)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"a log of something else\nand more\n",
        b"\xff" * 100,
        b"{}\n",
        b'{"kind":"run-started","format":"one"}\n',
        b'{"kind":"test-finished","at":1,"node_id":"a","worker":"w","category":"eaten"}\n',
        lines_of(END),
        lines_of(passed("a::one"), END),
    ],
    ids=["empty", "blank", "text", "binary", "json", "odd format", "odd category", "no header", "header lost"],
)
def test_what_has_no_header_is_no_log(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)

    assert read_ends(path) is None


def test_what_is_no_file_is_no_log(path: Path) -> None:
    assert read_ends(path) is None  # not there

    path.mkdir(parents=True)
    assert read_ends(path) is None
    assert EventLogReader(path).read() == []


@needs_full_device
def test_a_device_that_would_never_end_is_no_log(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.symlink_to("/dev/full")

    assert read_ends(path) is None
    assert EventLogReader(path).read() == []


def test_of_two_headers_the_engine_that_took_over_is_the_runs(path: Path) -> None:
    forked, over_xdist = replace(HEADER, engine="fork"), replace(HEADER, engine="xdist")
    write(path, forked, CollectionFinished(1.0, ("a::x",)), over_xdist, passed("a::x"), END)
    assert read_ends(path) == (over_xdist, END)
