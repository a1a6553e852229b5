"""The scenarios of parallel orchestration: sessions, locks, workers and the dashboard together, with real processes.

No status is set by hand: a worker that is gone was killed, one that is silent was stopped, one that is busy has a task.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from worker_crew import Crew, crew, wait_for

from isolane.coordination.file_locks import FileLocks, LockConflictError
from isolane.coordination.sessions import SessionManager, SessionState
from isolane.coordination.workers import WorkerStatus
from isolane.model.clock import FakeClock, SystemClock
from isolane.resources.git import GitRepository, make_base, repository

CLOCK = SystemClock()


@pytest.fixture
def start_crew(tmp_path: Path) -> Iterator[Callable[..., Crew]]:
    with ExitStack() as stack:

        def start(action: Callable[[str], None], *workers: str, **more: object) -> Crew:
            clock = more.pop("clock", CLOCK)
            return stack.enter_context(crew(tmp_path / "home", action, clock, *workers, **more))  # type: ignore[arg-type]

        yield start


@pytest.fixture
def test_repo(tmp_path: Path) -> Iterator[GitRepository]:
    with repository(tmp_path, make_base(tmp_path / "base")) as made:
        yield made


def writes_its_own_file(folder: Path) -> Callable[[str], None]:
    return lambda payload: (folder / payload).write_text(f"by {payload}\n") and None


def waits_for(gate: Path) -> Callable[[str], None]:
    """Do nothing for most payloads; for ``slow``, say that it has begun, and wait for the gate."""

    def act(payload: str) -> None:
        if payload.startswith("slow"):
            gate.with_name(f"began-{os.getpid()}").touch()
            wait_for(gate.exists)

    return act


# -- Scenario 1: independent tasks


@pytest.mark.req("S1.1")
def test_four_independent_tasks_parallel(start_crew: Callable[..., Crew], tmp_path: Path) -> None:
    """Each task waits until all four have begun: one after the other they would never end."""

    def meet(payload: str) -> None:
        (tmp_path / f"began-{payload}").touch()
        wait_for(lambda: len(list(tmp_path.glob("began-*"))) == 4)
        (tmp_path / payload).write_text(f"by {payload}\n")

    team = start_crew(meet, "w0", "w1", "w2", "w3")
    session = team.sessions.create("four tasks", running=True).session_id
    files = [f"file-{number}" for number in range(4)]
    team.locks.lock_files(session, files)
    team.queue(session, *files)
    team.run()
    team.locks.unlock_files(session, files)

    assert [(tmp_path / name).read_text() for name in files] == [f"by {name}\n" for name in files]
    statistics = team.coordinator.statistics()
    assert (statistics.completed, team.most_at_once) == (4, 4)
    assert {one.completed for one in statistics.workers.values()} == {1}
    ended = team.sessions.complete(session)
    assert (ended.done, ended.total, ended.state) == (4, 4, SessionState.COMPLETED)


@pytest.mark.req("S1.2")
def test_eight_independent_tasks_with_three_workers(start_crew: Callable[..., Crew], tmp_path: Path) -> None:
    team = start_crew(writes_its_own_file(tmp_path), "w0", "w1", "w2")
    session = team.sessions.create("eight tasks", running=True).session_id
    team.queue(session, *(f"file-{number}" for number in range(8)))
    assert team.coordinator.statistics().queued == 8
    team.assign()
    assert (team.coordinator.statistics().assigned, team.coordinator.statistics().queued) == (3, 5)
    team.run()

    assert len(list(tmp_path.glob("file-*"))) == 8
    statistics = team.coordinator.statistics()
    assert (statistics.completed, statistics.queued, statistics.assigned, team.most_at_once) == (8, 0, 0, 3)
    assert sum(one.completed for one in statistics.workers.values()) == 8


# -- Scenario 2: locks


@pytest.mark.req("S2.1")
def test_file_locking_prevents_conflicts(tmp_path: Path) -> None:
    """Two processes add lines to one file by reading and writing it whole: without a lock some would be lost."""
    lines = 10

    def add_lines(name: str) -> None:
        manager = SessionManager(tmp_path)
        manager.create("writer", session_id=name, running=True)
        locks = FileLocks(manager, tmp_path)
        for number in range(lines):
            with locks.locked(name, ["shared.txt"], conflict="wait", limit=20) as tokens:
                ((path, token),) = tokens.items()
                before = Path(path).read_bytes() if Path(path).exists() else b""
                locks.write(name, path, before + f"{name} {number}\n".encode(), token)
        manager.complete(name)

    children = []
    for name in ("first", "second"):
        child = os.fork()
        if not child:
            code = 1
            try:
                add_lines(name)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]

    found = (tmp_path / "shared.txt").read_text().splitlines()
    for name in ("first", "second"):
        assert [line for line in found if line.startswith(name)] == [f"{name} {number}" for number in range(lines)]
    manager = SessionManager(tmp_path)
    order = FileLocks(manager, tmp_path).order()
    assert [one.session for one in order] == [line.split()[0] for line in found]
    assert [token for one in order for token in one.tokens.values()] == list(range(1, 2 * lines + 1))


@pytest.mark.req("S2.2")
def test_multiple_files_locked_together(start_crew: Callable[..., Crew], tmp_path: Path) -> None:
    """The other session is a process of its own, which is killed while it holds two files."""
    other: list[SessionManager] = []

    def lock_two(payload: str) -> None:
        manager = SessionManager(tmp_path / "home")
        other.append(manager)
        manager.create("other", session_id="other", running=True)
        FileLocks(manager, tmp_path / "home").lock_files("other", ["b", "c"])

    team = start_crew(lock_two, "w0")
    session = team.sessions.create("ours", running=True).session_id
    team.queue("tasks", "lock")
    team.run()
    with pytest.raises(LockConflictError, match=r"/b is held by session other since "):
        team.locks.lock_files(session, ["a", "b"])
    assert {Path(path).name for path in team.locks.held()} == {"b", "c"}
    team.locks.lock_files(session, ["a"])
    team.signal("w0", signal.SIGKILL)
    os.waitpid(team.processes["w0"], 0)
    team.locks.lock_files(session, ["b", "c"])
    team.locks.unlock_files(session, ["a", "b", "c"])
    assert team.locks.held() == {}
    assert team.sessions.get("other").state is SessionState.FAILED


# -- Scenario 3: workers fail


@pytest.mark.req("S3.1")
@pytest.mark.req("L3")
def test_worker_failure_recovery(start_crew: Callable[..., Crew], tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    team = start_crew(waits_for(gate), "w0", "w1")
    session = team.sessions.create("six tasks", running=True).session_id
    team.queue(session, "slow", *"bcdef")
    team.run(until=lambda: bool(list(tmp_path.glob("began-*"))) and team.coordinator.statistics().completed == 5)
    victim = next(name for name in team.processes if team.holding(name) is not None)
    before = team.holding(victim)
    team.signal(victim, signal.SIGKILL)
    gate.touch()
    survivor = "w1" if victim == "w0" else "w0"
    team.run(until=lambda: team.holding(survivor) is not None)
    after = team.holding(survivor)
    assert before is not None
    assert after is not None
    assert (after.task, after.attempt) == (before.task, 2)
    assert (after.task.payload, after.task.session) == ("slow", session)
    team.run()

    statistics = team.coordinator.statistics()
    assert (statistics.completed, statistics.requeued, statistics.failed_workers) == (6, 1, 1)
    assert statistics.workers[victim].status is WorkerStatus.ERROR
    assert sorted(team.results(session)) == [f"{session}::{number}" for number in range(6)]
    assert team.dashboard.runs[session].workers[victim].reason == "died"


@pytest.mark.req("S3.2")
def test_worker_pool_scaling(start_crew: Callable[..., Crew], tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    team = start_crew(waits_for(gate), "w0", "w1", maximum=5)
    assert team.scale(9) == []
    assert len(team.processes) == 5, "never over the maximum"
    team.queue("session", "slow", *"bcdefgh")
    team.run(until=lambda: team.coordinator.statistics().completed == 7 and bool(list(tmp_path.glob("began-*"))))
    busy = next(name for name in team.processes if team.holding(name) is not None)

    left = team.scale(1)

    assert sorted([*left, busy]) == sorted(team.processes)
    for name in left:
        with pytest.raises(ProcessLookupError):
            os.kill(team.processes[name], 0)
    gate.touch()
    team.run()
    statistics = team.coordinator.statistics()
    assert (statistics.completed, statistics.failed_workers) == (8, 0)
    assert [name for name, one in statistics.workers.items() if one.status is WorkerStatus.IDLE] == [busy]


@pytest.mark.req("S3.3")
@pytest.mark.req("F1")
def test_worker_heartbeat_monitoring(start_crew: Callable[..., Crew], tmp_path: Path) -> None:
    """A stopped worker falls silent. When it goes on, what it says of a task that is another's now does not count."""
    clock = FakeClock()
    gate = tmp_path / "gate"
    team = start_crew(waits_for(gate), "w0", "w1", "w2", clock=clock)
    team.queue("session", "slow 0", "slow 1", "slow 2")
    team.run(until=lambda: len(list(tmp_path.glob("began-*"))) == 3)
    team.stop("w1")
    gate.touch()
    clock.advance(30)
    assert team.check_health() == [], "at exactly 30 s it is still there"
    team.run(until=lambda: team.coordinator.statistics().completed >= 2)
    team.ask_for_signs_of_life()
    clock.advance(1)

    assert team.check_health() == ["w1"]

    statuses = {name: one.status for name, one in team.coordinator.statistics().workers.items()}
    assert statuses == {"w0": WorkerStatus.IDLE, "w1": WorkerStatus.OFFLINE, "w2": WorkerStatus.IDLE}
    team.run()
    assert team.coordinator.statistics().completed == 3
    team.signal("w1", signal.SIGCONT)
    team.run(until=lambda: team.coordinator.statistics().late == 1)
    assert team.coordinator.statistics().completed == 3
    assert len(team.results("session")) == 3


# -- Scenario 4: the dashboard


@pytest.mark.req("S4.1")
def test_dashboard_real_time_updates(start_crew: Callable[..., Crew], tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    team = start_crew(waits_for(gate), "w0", "w1")
    session = team.sessions.create("four tasks", running=True).session_id
    team.queue(session, "a", "slow", "c", "d")

    def summary() -> dict[str, dict[str, object]]:
        team.dashboard.set_sessions(team.sessions.sessions())
        return team.dashboard.get_summary()

    assert summary()["tasks"] == {"queued": 4, "completed": 0, "failed": 0}
    seen = []
    team.run(until=lambda: seen.append(summary()["tasks"]["completed"]) or seen[-1] == 3)  # type: ignore[func-returns-value]
    assert summary()["tasks"] == {"queued": 0, "completed": 3, "failed": 0}
    assert (summary()["workers"]["busy"], summary()["workers"]["idle"]) == (1, 1)
    assert f"{session}::1" in team.dashboard.render(120)
    gate.touch()
    team.run()
    assert summary()["tasks"] == {"queued": 0, "completed": 4, "failed": 0}
    assert sorted(set(seen)) == [0, 1, 2, 3]
    assert " 4/4, 0 failed" in team.dashboard.render(80)
    team.sessions.complete(session)
    assert summary()["sessions"] == {"active": 0, "total": 1}


@pytest.mark.req("S4.2")
def test_dashboard_multi_session_display(start_crew: Callable[..., Crew], tmp_path: Path) -> None:
    team = start_crew(lambda payload: None, "w0", "w1")
    names = [team.sessions.create(f"session {number}", running=True).session_id for number in range(3)]
    for name in names:
        team.queue(name, "a", "b")
    team.run()
    team.sessions.complete(names[0])
    team.sessions.pause(names[1])
    team.dashboard.set_sessions(team.sessions.sessions())

    assert team.dashboard.get_summary()["sessions"] == {"active": 2, "total": 3}
    drawn = team.dashboard.render(120)
    assert drawn.startswith("2 sessions")
    assert (names[0] in drawn, f"{names[1]}  paused" in drawn, f"{names[2]}  running" in drawn) == (False, True, True)
    assert drawn.count("2/2, 0 failed") == 2
    assert [one.done for one in team.sessions.sessions()] == [2, 2, 2]


@pytest.mark.req("S4.3")
def test_dashboard_statistics_panel(start_crew: Callable[..., Crew], tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    team = start_crew(waits_for(gate), "w0", "w1", "w2")
    session = team.sessions.create("five tasks", running=True).session_id
    team.queue(session, "slow 0", "slow 1", "slow 2", "d", "e")
    team.run(until=lambda: len(list(tmp_path.glob("began-*"))) == 3)
    team.dashboard.set_sessions(team.sessions.sessions())
    summary = team.dashboard.get_summary()
    workers = summary["workers"]
    assert (workers["total"], workers["busy"], workers["idle"], workers["offline"]) == (3, 3, 0, 0)
    assert 0 < workers["utilisation"] <= 1
    assert summary["tasks"] == {"queued": 2, "completed": 0, "failed": 0}
    team.signal("w2", signal.SIGKILL)
    team.run(until=lambda: team.coordinator.statistics().failed_workers == 1)
    assert team.dashboard.get_summary()["workers"]["offline"] == 1
    gate.touch()
    team.run()
    figures = team.coordinator.statistics()
    assert team.dashboard.get_summary()["tasks"]["completed"] == figures.completed == 5
    assert {name: one.done for name, one in team.dashboard.runs[session].workers.items()} == {
        name: one.completed for name, one in figures.workers.items()
    }


# -- All of it


@pytest.mark.req("I1")
@pytest.mark.req("A2")
def test_end_to_end_parallel_workflow(
    start_crew: Callable[..., Crew], test_repo: GitRepository, tmp_path: Path
) -> None:
    """Two sessions, a worktree and a branch each, commit what their workers write; a killed worker costs nothing."""
    folders = {name: test_repo.worktree(name) for name in ("one", "two")}

    def write(payload: str) -> None:
        branch, file = payload.split("/")
        (folders[branch] / file).write_text(f"{payload}\n")

    team = start_crew(write, "w0", "w1", "w2")
    for name, folder in folders.items():
        team.sessions.create(f"branch {name}", session_id=name)
        team.sessions.start(name)
        team.locks.lock_files(name, [folder / f"{name}-{number}" for number in range(3)])
        team.queue(name, *(f"{name}/{name}-{number}" for number in range(3)))
    with pytest.raises(LockConflictError, match="held by session one"):
        team.locks.lock_files("two", [folders["one"] / "." / "one-0"])
    team.signal("w1", signal.SIGKILL)
    team.run()
    for name, folder in folders.items():
        test_repo.git("add", "--all", cwd=folder)
        test_repo.commit({}, f"Work of {name}", cwd=folder)
        test_repo.git("merge", "--quiet", "--no-edit", name)
        assert team.sessions.complete(name).done == 3
        test_repo.remove_worktree(folder)

    assert len(list(test_repo.path.glob("*-*"))) == 6
    assert team.coordinator.statistics().completed == 6
    assert team.locks.held() == {}
    assert test_repo.worktrees() == [test_repo.path]
    team.dashboard.set_sessions(team.sessions.sessions())
    assert team.dashboard.get_summary()["sessions"] == {"active": 0, "total": 2}
    assert team.dashboard.get_summary()["tasks"] == {"queued": 0, "completed": 6, "failed": 0}


@pytest.mark.req("X1")
def test_high_concurrency_stress(start_crew: Callable[..., Crew], tmp_path: Path) -> None:
    team = start_crew(writes_its_own_file(tmp_path), *(f"w{number}" for number in range(5)))
    session = team.sessions.create("twenty tasks", running=True).session_id
    team.queue(session, *(f"file-{number}" for number in range(20)))
    team.run()
    assert len(list(tmp_path.glob("file-*"))) == 20
    assert sorted(team.results(session)) == sorted(f"{session}::{number}" for number in range(20))
    assert team.coordinator.statistics().completed == 20
    assert team.sessions.complete(session).done == 20


# -- What the document leaves for later


@pytest.mark.req("F4")
@pytest.mark.req("F5")
def test_a_hundred_and_twenty_tasks_of_three_sessions_over_twelve_workers(
    start_crew: Callable[..., Crew], tmp_path: Path
) -> None:
    """That none is lost and no session mixed up; what it costs is measured by bench/locks.py."""
    team = start_crew(writes_its_own_file(tmp_path), *(f"w{number}" for number in range(12)))
    names = ("a", "b", "c")
    for name in names:
        team.sessions.create(name, session_id=name, running=True)
        team.queue(name, *(f"{name}-{number}" for number in range(40)))
    for victim in ("w3", "w7"):
        team.signal(victim, signal.SIGKILL)
    team.run()
    for name in names:
        assert len(list(tmp_path.glob(f"{name}-*"))) == 40
        assert sorted(team.results(name)) == sorted(f"{name}::{number}" for number in range(40))
        assert team.sessions.complete(name).done == 40
    assert team.coordinator.statistics().failed_workers == 2


@pytest.mark.req("F2")
def test_a_long_task_is_seen_while_it_runs_and_given_up_when_it_falls_silent(
    start_crew: Callable[..., Crew], tmp_path: Path
) -> None:
    clock = FakeClock(1_000_000.0)
    team = start_crew(waits_for(tmp_path / "gate"), "w0", clock=clock)
    session = team.sessions.create("long", running=True).session_id
    team.queue(session, "quick", "slow")
    team.run(until=lambda: bool(list(tmp_path.glob("began-*"))))
    clock.advance(29)
    team.dashboard.set_sessions(team.sessions.sessions())
    assert team.dashboard.render(80).splitlines()[-1].split() == ["w0", f"{session}::1", "29", "s"]
    assert team.sessions.get(session).done == 1
    clock.advance(2)
    assert team.check_health() == ["w0"]
    assert team.coordinator.statistics().queued == 1
    assert team.sessions.fail(session, "a worker fell silent").state is SessionState.FAILED
