"""Open files, sockets and pipes are told by what they are, and closed where that is safe."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from isolane.model.state import Change, Level
from isolane.process_state import descriptors
from isolane.process_state.base import RestoreError
from isolane.process_state.descriptors import DescriptorsKind


@pytest.fixture(params=["quick", "listed"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> DescriptorsKind:
    """Look as where the kernel tells how many there are, and as where it does not."""
    if request.param == "listed":
        monkeypatch.setattr(descriptors, "_mark", lambda: None)
    elif descriptors._mark() is None:
        pytest.skip("this system does not tell how many descriptors are open")
    return DescriptorsKind()


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_a_file_left_open_is_told_by_its_path(kind: DescriptorsKind, tmp_path: Path, closing: ExitStack) -> None:
    before = kind.snapshot()
    file = closing.enter_context((tmp_path / "data.txt").open("w"))
    assert kind.diff(before, kind.snapshot()) == [
        Change(
            "descriptors",
            os.path.realpath(tmp_path / "data.txt"),
            None,
            f"open, descriptor {file.fileno()}",
            Level.SUSPECT,
        )
    ]
    file.close()
    assert kind.diff(before, kind.snapshot()) == []


def test_sockets_are_told_by_their_address_and_listening_ones_are_dangerous(
    kind: DescriptorsKind, closing: ExitStack
) -> None:
    before = kind.snapshot()
    server = closing.enter_context(socket.create_server(("127.0.0.1", 0)))
    port = server.getsockname()[1]
    closing.enter_context(socket.create_connection(("127.0.0.1", port)))
    found = {change.name: change.level for change in kind.diff(before, kind.snapshot())}
    assert found == {
        f"a socket listening on 127.0.0.1:{port}": Level.DANGEROUS,
        f"a socket connected to 127.0.0.1:{port}": Level.SUSPECT,
    }


def test_pipes_are_told(kind: DescriptorsKind) -> None:
    before = kind.snapshot()
    ends = os.pipe()
    try:
        assert [change.name for change in kind.diff(before, kind.snapshot())] == ["a pipe", "a pipe"]
    finally:
        for end in ends:
            os.close(end)


def test_one_left_open_above_a_number_that_was_freed_is_seen(
    kind: DescriptorsKind, tmp_path: Path, closing: ExitStack
) -> None:
    before = kind.snapshot()
    lower = (tmp_path / "lower").open("w")
    closing.enter_context((tmp_path / "upper").open("w"))
    lower.close()
    (change,) = kind.diff(before, kind.snapshot())
    assert change.name.endswith("upper")


def test_devices_and_files_of_libraries_do_no_harm(kind: DescriptorsKind, closing: ExitStack) -> None:
    before = kind.snapshot()
    for path in (os.devnull, json.__file__):
        closing.enter_context(Path(path).open())  # noqa: SIM115  # closed by the fixture
    changes = kind.diff(before, kind.snapshot())
    assert [change.level for change in changes] == [Level.HARMLESS, Level.HARMLESS]
    kind.restore(before)
    assert kind.diff(before, kind.snapshot()) == changes


def test_a_device_that_is_closed_does_no_harm(closing: ExitStack, kind: DescriptorsKind) -> None:
    null = closing.enter_context(Path(os.devnull).open())  # noqa: SIM115  # closed by the fixture, too
    before = kind.snapshot()
    null.close()
    (change,) = kind.diff(before, kind.snapshot())
    assert (change.name, change.after, change.level) == (os.devnull, None, Level.HARMLESS)
    kind.restore(before)


def test_a_descriptor_of_the_process_that_is_closed_is_told_one_of_a_test_is_not(
    kind: DescriptorsKind, tmp_path: Path, closing: ExitStack
) -> None:
    own = closing.enter_context((tmp_path / "own").open("w"))
    before = kind.snapshot()
    leaked = closing.enter_context((tmp_path / "leaked").open("w"))
    with_leak = kind.snapshot()
    leaked.close()
    assert kind.diff(with_leak, kind.snapshot()) == []
    number = own.fileno()
    own.close()
    assert kind.diff(before, kind.snapshot()) == [
        Change("descriptors", os.path.realpath(tmp_path / "own"), f"open, descriptor {number}", None)
    ]
    with pytest.raises(RestoreError, match="opened again"):
        kind.restore(before)


def test_files_and_sockets_are_closed_with_what_they_had_to_write(kind: DescriptorsKind, tmp_path: Path) -> None:
    before = kind.snapshot()
    file = (tmp_path / "data.txt").open("w")
    server = socket.create_server(("127.0.0.1", 0))
    file.write("unflushed")
    kind.restore(before)
    assert file.closed
    assert server.fileno() == -1
    assert (tmp_path / "data.txt").read_text() == "unflushed"
    assert kind.diff(before, kind.snapshot()) == []


def test_a_number_without_an_object_is_not_closed(kind: DescriptorsKind, tmp_path: Path) -> None:
    before = kind.snapshot()
    number = os.open(tmp_path / "data.txt", os.O_WRONLY | os.O_CREAT)
    try:
        with pytest.raises(RestoreError, match=rf"data\.txt \(open, descriptor {number}\)"):
            kind.restore(before)
        os.fstat(number)
    finally:
        os.close(number)


def test_what_a_fixture_opened_is_not_the_tests(kind: DescriptorsKind, tmp_path: Path, closing: ExitStack) -> None:
    initial = kind.snapshot()
    of_fixture = closing.enter_context((tmp_path / "fixture").open("w"))
    pending = kind.rebase(initial, initial, kind.snapshot())
    closing.enter_context((tmp_path / "test").open("w"))
    assert [Path(change.name).name for change in kind.diff(pending, kind.snapshot())] == ["test"]
    kind.restore(pending)
    assert not of_fixture.closed


def test_our_own_log_is_not_a_tests(kind: DescriptorsKind, tmp_path: Path, closing: ExitStack) -> None:
    (tmp_path / ".isolane").mkdir()
    before = kind.snapshot()
    closing.enter_context((tmp_path / ".isolane" / "events.jsonl").open("w"))
    assert kind.diff(before, kind.snapshot()) == []


def test_a_process_without_standard_streams_is_looked_at_too() -> None:
    script = """
import os, sys
for number in (0, 1):
    os.close(number)
from isolane.process_state.descriptors import DescriptorsKind
kind = DescriptorsKind()
before = kind.snapshot()
os.open(os.devnull, os.O_RDONLY)
sys.stderr.write(" ".join(change.after for change in kind.diff(before, kind.snapshot())))
"""
    child = subprocess.run([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, check=True)
    assert child.stderr == "open, descriptor 0"
