"""Files locked by sessions: all or none, by whichever name, until their process dies."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from isolane.coordination.canonical_paths import canonical_path, directory_ignores_case
from isolane.coordination.file_locks import FileLocks, LockConflictError, StaleTokenError
from isolane.coordination.sessions import SessionError, SessionManager
from isolane.model.clock import FakeClock

Hold = Callable[[Callable[[], object]], int]


class Pair:
    """Two sessions, ``a`` and ``b``, each with a manager of its own, on one clock."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.clock = FakeClock(start=1_000_000.0)
        self.managers = [SessionManager(home, self.clock) for _ in "ab"]
        self.a, self.b = (FileLocks(one, home) for one in self.managers)
        for manager, name in zip(self.managers, "ab", strict=True):
            manager.create("pytest", session_id=name, running=True)

    def path(self, name: str) -> str:
        return str(self.home.resolve() / name)

    def lines(self) -> int:
        return len((self.home / "sessions" / "locks.jsonl").read_bytes().splitlines())


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Pair]:
    return Pair(tmp_path)


@pytest.mark.req("S2.2")
def test_all_or_none_the_holder_is_named_and_given_back_is_free(two: Pair) -> None:
    two.b.lock_files("b", ["three"])
    two.clock.advance(60)

    with pytest.raises(LockConflictError) as refused:
        two.a.lock_files("a", ["one", "two", "three"])

    assert str(refused.value) == (
        f"{two.path('three')} is held by session b since 1970-01-12 13:46:40 UTC. Wait for it to end. [locked]"
    )
    assert refused.value.holding.session == "b"
    assert set(two.a.held()) == {two.path("three")}
    two.b.unlock_files("b", ["three"])
    assert list(two.a.lock_files("a", ["one", "two", "three"])) == [two.path(n) for n in ("one", "three", "two")]


@pytest.mark.parametrize("other", ["./q", "sub/../q", "link", "linked/q", "{home}/q", "missing/../q"])
def test_a_file_is_the_same_by_whichever_name(two: Pair, other: str) -> None:
    (two.home / "sub").mkdir()
    (two.home / "link").symlink_to("q")
    (two.home / "linked").symlink_to(".")
    two.a.lock_files("a", ["q"])
    with pytest.raises(LockConflictError):
        two.b.lock_files("b", [other.format(home=two.home)])


def test_cases_are_one_where_the_disk_does_not_tell_them_apart(tmp_path: Path) -> None:
    names = [canonical_path(name, tmp_path, lambda directory: True) for name in ("Straße/É", "STRASSE/e\u0301")]
    assert names[0] == names[1]
    assert canonical_path("Q", tmp_path) != canonical_path("q", tmp_path) or directory_ignores_case(tmp_path)
    (tmp_path / "x").mkdir()
    (tmp_path / "X").symlink_to("x") if not directory_ignores_case(tmp_path) else None
    assert directory_ignores_case(tmp_path / "x") == directory_ignores_case(tmp_path)


def test_a_session_may_lock_again_and_unlocks_as_often(two: Pair) -> None:
    first = two.a.lock_files("a", ["q"])
    assert two.a.lock_files("a", ["q", "./q", "r"])[two.path("q")] == first[two.path("q")]
    two.a.unlock_files("a", ["q", "r"])
    with pytest.raises(LockConflictError):
        two.b.lock_files("b", ["q"])
    two.a.unlock_files("a", ["q"])
    assert two.b.lock_files("b", ["q"])[two.path("q")] > first[two.path("q")]


def test_what_is_not_held_cannot_be_given_back(two: Pair) -> None:
    two.a.lock_files("a", ["q"])
    two.b.lock_files("b", ["r"])
    for locks, name, paths in ((two.a, "a", ["q", "r"]), (two.b, "b", ["q"]), (two.a, "a", ["s"])):
        with pytest.raises(SessionError, match=r"has not locked .*\[not-locked\]"):
            locks.unlock_files(name, paths)
    assert len(two.a.held()) == 2


@pytest.mark.parametrize("end", ["complete", "cancel"])
def test_the_end_of_a_session_frees_its_files(two: Pair, end: str) -> None:
    two.a.lock_files("a", ["q", "r"])
    getattr(two.managers[0], end)("a")
    assert two.b.held() == {}
    two.b.lock_files("b", ["q", "r"])
    with pytest.raises(SessionError, match="not-our-session"):
        two.a.lock_files("a", ["s"])


def test_a_killed_process_frees_its_files_at_once(two: Pair, hold_in_process: Hold) -> None:
    def lock_elsewhere() -> None:
        manager = SessionManager(two.home, two.clock)
        manager.create("pytest", session_id="c", running=True)
        FileLocks(manager, two.home).lock_files("c", ["q"])

    process = hold_in_process(lock_elsewhere)
    with pytest.raises(LockConflictError, match="held by session c"):
        two.a.lock_files("a", ["q"])
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    two.a.lock_files("a", ["q"])


def test_a_stale_token_writes_nothing(two: Pair) -> None:
    old = two.a.lock_files("a", ["q"])[two.path("q")]
    two.a.write("a", "q", b"first", old)
    two.a.unlock_files("a", ["q"])
    with pytest.raises(StaleTokenError):
        two.a.write("a", "q", b"free", old)
    new = two.b.lock_files("b", ["q"])[two.path("q")]
    for locks, session, token in ((two.a, "a", old), (two.a, "a", new), (two.a, "b", new), (two.b, "b", old)):
        with pytest.raises(StaleTokenError, match=r"\[stale-token\]"):
            locks.write(session, "q", b"stale", token)
    assert (two.home / "q").read_bytes() == b"first"
    two.b.write("b", "./q", b"second", new)
    two.b.unlock_files("b", ["q"])
    newest = two.a.lock_files("a", ["q"])[two.path("q")]
    with pytest.raises(StaleTokenError):
        two.a.write("a", "q", b"stale", old)
    assert old < new < newest
    assert (two.home / "q").read_bytes() == b"second"


def test_a_session_that_is_over_writes_nothing(two: Pair) -> None:
    token = two.a.lock_files("a", ["q"])[two.path("q")]
    two.managers[0].complete("a")
    with pytest.raises(StaleTokenError):
        two.a.write("a", "q", b"late", token)
    assert not (two.home / "q").exists()


@pytest.mark.req("F3")
@pytest.mark.parametrize("strategy", ["wait", "retry"])
def test_wait_and_retry_get_it_when_it_is_free(two: Pair, strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    two.b.lock_files("b", ["q"])
    said: list[str] = []
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        two.clock.advance(seconds)
        if len(pauses) == 12:
            two.b.unlock_files("b", ["q"])

    monkeypatch.setattr(two.clock, "sleep", sleep)
    two.a.lock_files("a", ["q"], conflict=strategy, limit=60, on_wait=said.append)

    assert said == [f"{two.path('q')} is held by session b since 1970-01-12 13:46:40 UTC; waiting for up to 60 s"]
    assert (set(pauses) == {0.01}) == (strategy == "wait")
    if strategy == "retry":
        assert pauses == [0.005 * 2**n for n in range(8)] + [1.0] * 4


@pytest.mark.req("F3")
@pytest.mark.parametrize("strategy", ["wait", "retry"])
def test_the_time_limit_holds_and_nothing_stays_behind(two: Pair, strategy: str) -> None:
    two.a.lock_files("a", ["r"])
    two.b.lock_files("b", ["q"])
    with pytest.raises(LockConflictError, match=r"held by session b since .*; it was not given back in 3 s\."):
        two.a.lock_files("a", ["p", "q"], conflict=strategy, limit=3)
    assert two.clock.monotonic() == pytest.approx(3)
    assert set(two.a.held()) == {two.path("q"), two.path("r")}
    with pytest.raises(LockConflictError, match="not given back"):  # and no deadlock: nobody waits for b any more
        two.b.lock_files("b", ["r"], conflict=strategy, limit=3)


def test_who_would_wait_for_ever_is_told_at_once(two: Pair) -> None:
    """The second of two that want each other's file is refused; the first gets it when the second has ended."""
    two.a.lock_files("a", ["q"])
    two.b.lock_files("b", ["r"])

    def ask_for_the_first_file(line: str) -> None:
        with pytest.raises(LockConflictError, match=r"waits for this session \(a\)\. .*\[deadlock\]"):
            two.b.lock_files("b", ["q"], conflict="wait", limit=60)
        two.managers[1].fail("b", "deadlock")

    two.a.lock_files("a", ["r"], conflict="wait", limit=60, on_wait=ask_for_the_first_file)
    assert two.clock.monotonic() == 0.01


def test_the_order_of_acquisition_is_on_record(two: Pair) -> None:
    two.a.lock_files("a", ["q"])
    two.a.unlock_files("a", ["q"])
    two.clock.advance(1)
    two.b.lock_files("b", ["r", "q"])
    assert [(one.session, dict(one.tokens), one.at) for one in two.a.order()] == [
        ("a", {two.path("q"): 1}, 1_000_000.0),
        ("b", {two.path("q"): 2, two.path("r"): 3}, 1_000_001.0),
    ]


def test_a_line_that_a_killed_process_left_torn_has_not_happened(two: Pair) -> None:
    two.a.lock_files("a", ["q"])
    with (two.home / "sessions" / "locks.jsonl").open("ab") as file:
        file.write(b'["ended","a')
    with pytest.raises(LockConflictError):
        two.b.lock_files("b", ["q"])
    two.b.lock_files("b", ["r"])
    assert two.lines() == 2
    assert len(two.a.held()) == len(two.b.held()) == 2


@pytest.mark.parametrize("content", [b"nonsense\n", b'["lost"]\n', b'["unlocked","a",["x"]]\n', b'{"a":1}\n', b"7\n"])
def test_a_damaged_table_is_set_aside_and_tokens_go_on(two: Pair, content: bytes) -> None:
    old = two.a.lock_files("a", ["q"])[two.path("q")]
    (two.home / "sessions" / "locks.jsonl").write_bytes(content)
    new = two.b.lock_files("b", ["q"])[two.path("q")]
    assert new > old
    assert "locks.jsonl is not a file of isolane's sessions" in two.managers[1].warnings[0]
    with pytest.raises(StaleTokenError):
        two.a.write("a", "q", b"stale", old)
    assert two.a.held()[two.path("q")].session == "b"


def test_a_long_file_is_made_anew_and_means_the_same(two: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isolane.coordination.file_locks._MOST_BYTES", 2000)
    monkeypatch.setattr("isolane.coordination.file_locks._NEWEST", 3)
    two.b.lock_files("b", ["kept"])
    for _ in range(40):
        two.a.lock_files("a", ["q"])
        two.b.held()
        two.a.unlock_files("a", ["q"])
    assert (two.home / "sessions" / "locks.jsonl").stat().st_size < 4000
    assert set(two.a.held()) == set(two.b.held()) == {two.path("kept")}
    assert two.a.lock_files("a", ["q"])[two.path("q")] == 42
    assert [one.session for one in two.a.order()][-3:] == ["a", "a", "a"]


def test_what_cannot_be_written_has_not_happened(two: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    two.a.lock_files("a", ["q"])
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", lambda descriptor, data, offset: len(data) - 1)
        with pytest.raises(OSError, match="No space left"):
            two.a.lock_files("a", ["r"])
    assert set(two.a.held()) == {two.path("q")}
    assert json.loads((two.home / "sessions" / "locks.jsonl").read_bytes())[0] == "locked"


def test_a_strategy_that_is_none_is_refused(two: Pair) -> None:
    with pytest.raises(ValueError, match="'hope' is not one of fail, wait, retry"):
        two.a.lock_files("a", ["q"], conflict="hope")
