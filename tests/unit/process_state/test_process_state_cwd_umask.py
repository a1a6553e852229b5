"""The working directory and the umask are given back, and what cannot be had back is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isolane.model.state import Change
from isolane.process_state.base import RestoreError
from isolane.process_state.cwd import WorkingDirectoryKind
from isolane.process_state.umask import UmaskKind

CWD = WorkingDirectoryKind()
UMASK = UmaskKind()


@pytest.mark.req("R2.4")
def test_the_directory_is_entered_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    before = CWD.snapshot()
    os.chdir("sub")
    assert CWD.diff(before, CWD.snapshot()) == [Change("cwd", "directory", str(tmp_path), str(tmp_path / "sub"))]
    CWD.restore(before)
    assert Path.cwd() == tmp_path
    assert CWD.diff(before, CWD.snapshot()) == []


@pytest.mark.req("R2.4")
def test_a_test_may_delete_the_directory_it_went_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = CWD.snapshot()
    (tmp_path / "sub").mkdir()
    os.chdir("sub")
    (tmp_path / "sub").rmdir()
    assert CWD.snapshot() is None
    CWD.restore(before)
    assert Path.cwd() == tmp_path


def test_when_the_directory_itself_is_gone_the_nearest_parent_is_taken_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home" / "inner"
    home.mkdir(parents=True)
    monkeypatch.chdir(home)
    before = CWD.snapshot()
    (tmp_path / "elsewhere").mkdir()
    os.chdir(tmp_path / "elsewhere")
    home.rmdir()
    home.parent.rmdir()
    with pytest.raises(RestoreError, match=r"cannot be entered again.*cwd-gone") as refused:
        CWD.restore(before)
    assert str(home) in str(refused.value)
    assert Path.cwd() == tmp_path


def test_where_there_was_none_there_is_nothing_to_go_back_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    CWD.restore(None)
    assert Path.cwd() == tmp_path


def test_a_fixtures_move_stays(tmp_path: Path) -> None:
    assert CWD.rebase("first", before="elsewhere", after="moved") == "moved"
    assert CWD.rebase("first", before="elsewhere", after="elsewhere") == "first"


@pytest.mark.req("R2.4")
@given(st.lists(st.integers(0, 0o777), max_size=4))
def test_the_umask_is_set_again(masks: list[int]) -> None:
    before = UMASK.snapshot()
    for mask in masks:
        os.umask(mask)
    after = UMASK.snapshot()
    assert after == (masks[-1] if masks else before)
    UMASK.restore(before)
    now = os.umask(before)
    assert now == before


@pytest.mark.parametrize("threads", [0, 1])
def test_looking_at_the_umask_leaves_it_with_and_without_threads(threads: int) -> None:
    # In a process of its own: in this one, other plugins may have threads.
    script = f"""
import os, threading
from isolane.process_state.umask import UmaskKind
os.umask(0o027)
done = threading.Event()
for _ in range({threads}):
    threading.Thread(target=done.wait).start()
assert threading.active_count() == 1 + {threads}
print([UmaskKind().snapshot(), UmaskKind().snapshot(), os.umask(0)] == [0o027] * 3)
done.set()
"""
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert child.stdout == "True\n"


def test_umasks_are_told_in_octal_and_followed() -> None:
    assert UMASK.diff(0o022, 0o007) == [Change("umask", "umask", "0o022", "0o007")]
    assert UMASK.diff(0o022, 0o022) == []
    assert UMASK.rebase(0o022, before=0o077, after=0o002) == 0o002
    assert UMASK.rebase(0o022, before=0o077, after=0o077) == 0o022
