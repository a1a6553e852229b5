"""A leased port is nobody else's: no other lease's, no program's, and not the kernel's; a dead holder's is free."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from isolane.model.errors import IsolaneError, UsageError
from isolane.resources import ports
from isolane.resources.ports import LeaseError, PortLeases, candidate_ports, leased_port, make_own_directory

NEW = "from isolane.resources.ports import PortLeases; from pathlib import Path; import os, sys\n"


@pytest.fixture
def port() -> Iterator[int]:
    """A port that nobody uses, held for this test; leases in a directory of the test's own do not know of that."""
    with leased_port() as leased:
        yield leased


@pytest.fixture
def new_leases(tmp_path: Path, port: int) -> Iterator[Callable[[], PortLeases]]:
    made: list[PortLeases] = []

    def new() -> PortLeases:
        made.append(PortLeases(tmp_path, [port]))
        return made[-1]

    yield new
    for leases in made:
        leases.release_all()


def test_a_port_is_leased_once_at_a_time(new_leases: Callable[[], PortLeases], port: int, tmp_path: Path) -> None:
    one, other = new_leases(), new_leases()

    assert one.lease() == port
    assert one.held == (port,)
    for leases in (one, other):
        with pytest.raises(LeaseError, match=r"None of 1 ports is free.*\[no-free-port\]"):
            leases.lease()
    one.release(port)
    assert (one.held, list(tmp_path.iterdir())) == ((), [])
    assert other.lease() == port


def test_only_what_is_leased_is_released(new_leases: Callable[[], PortLeases], port: int) -> None:
    one, other = new_leases(), new_leases()
    one.lease()

    with pytest.raises(UsageError, match=r"not-leased"):
        other.release(port)
    other.release_all()

    with pytest.raises(LeaseError):
        other.lease()


@pytest.mark.parametrize(
    ("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, ""), (socket.AF_INET6, "::1")]
)
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_that_a_program_has_bound_is_passed_over(
    new_leases: Callable[[], PortLeases], port: int, family: int, address: str, kind: int
) -> None:
    leases = new_leases()
    with socket.socket(family, kind) as program:
        program.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            program.bind((address, port))
        except OSError as error:
            pytest.skip(f"this machine has no {address}: {error}")
        if kind == socket.SOCK_STREAM:
            program.listen()
        with pytest.raises(LeaseError):
            leases.lease()
        assert leases.held == ()

    assert leases.lease() == port


def test_servers_can_bind_a_leased_port(new_leases: Callable[[], PortLeases]) -> None:
    leased = new_leases().lease()

    with socket.create_server(("127.0.0.1", leased), reuse_port=False) as server:
        assert server.getsockname()[1] == leased


@pytest.mark.parametrize("how", ["kill -9", "os._exit", "end"])
def test_the_lease_of_a_process_that_died_is_over(new_leases: Callable[[], PortLeases], port: int, how: str) -> None:
    leases = new_leases()
    script = NEW + f"PortLeases(Path({leases._directory!r}), [{port}]).lease()\nprint('held', flush=True)\ninput()\n"
    script += "os._exit(7)" if how == "os._exit" else ""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LeaseError):
            leases.lease()
        if how == "kill -9":
            holder.kill()
        holder.communicate("\n")

    assert leases.lease() == port


def test_a_forked_child_neither_ends_nor_prolongs_its_parents_lease(tmp_path: Path, port: int) -> None:
    script = f"""
mine, other = (PortLeases(Path({str(tmp_path)!r}), [{port}]) for _ in range(2))
mine.lease()
if os.fork() == 0:
    mine.release_all()
    os._exit(0)
os.wait()
print(len(list(Path({str(tmp_path)!r}).iterdir())))
mine.release({port})
mine.lease()
reading, writing = os.pipe()
child = os.fork()
if child == 0:
    os.close(writing)
    os.read(reading, 1)
    os._exit(0)
mine.release_all()
print(other.lease() == {port})
os.close(writing)
os.waitpid(child, 0)
"""
    done = subprocess.run([sys.executable, "-c", NEW + script], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("1\nTrue\n", "")


def test_many_processes_that_want_few_ports_never_have_the_same(tmp_path: Path) -> None:
    """While one has a port it makes a file of that name, which must not be there yet."""
    mine = PortLeases()
    chosen = [mine.lease() for _ in range(5)]
    locks, witnesses = tmp_path / "locks", tmp_path / "witnesses"
    witnesses.mkdir()
    script = (
        NEW
        + f"""
from isolane.resources.ports import LeaseError
leases = PortLeases(Path({str(locks)!r}), {chosen})
done = 0
print("ready", flush=True)
input()
while done < 150:
    try:
        port = leases.lease()
    except LeaseError:
        continue
    witness = {str(witnesses)!r} + f"/{{port}}"
    os.close(os.open(witness, os.O_CREAT | os.O_EXCL))
    os.unlink(witness)
    leases.release(port)
    done += 1
"""
    )
    crowd = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(8)
    ]
    try:
        for one in crowd:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        for one in crowd:
            assert one.stdin is not None
            one.stdin.write("\n")
            one.stdin.flush()
        ended = [(*one.communicate(timeout=90), one.returncode) for one in crowd]
    finally:
        for one in crowd:
            one.kill()
            one.wait()
        mine.release_all()

    assert ended == [("", "", 0)] * 8
    assert list(locks.iterdir()) == []


def test_owners_begin_at_places_of_their_own_whatever_the_seed_and_go_on_from_there(tmp_path: Path) -> None:
    state = random.getstate()
    firsts, again = set(), []
    for _ in range(4):
        random.seed(42)
        leases = PortLeases(tmp_path)
        firsts.add(leases.lease())
        leases.release_all()
    random.setstate(state)
    assert len(firsts) > 1

    for _ in range(5):
        again.append(leases.lease())
        leases.release(again[-1])
    assert len(set(again)) == 5


def test_all_processes_of_a_user_share_one_directory_whatever_their_environment(tmp_path: Path) -> None:
    script = "from isolane.resources.ports import lock_directory; print(lock_directory())"
    told = {
        subprocess.check_output([sys.executable, "-c", script], env=os.environ | changed, text=True)
        for changed in ({}, {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)})
    }

    assert told == {f"{ports.lock_directory()}\n"}


def test_the_directory_is_the_users_own_and_comes_back_when_it_is_tidied_away(tmp_path: Path, port: int) -> None:
    directory = make_own_directory(tmp_path / "locks")
    assert directory.stat().st_mode & 0o777 == 0o700
    leases = PortLeases(directory, [port])
    directory.rmdir()

    assert leases.lease() == port
    leases.release_all()


@pytest.mark.parametrize("taken", ["link", "file"])
def test_a_directory_that_is_none_is_refused(tmp_path: Path, taken: str) -> None:
    place = tmp_path / "locks"
    if taken == "link":
        place.symlink_to(tmp_path)
    else:
        place.touch()

    with pytest.raises(IsolaneError, match=r"is not a directory of this user.*\[lock-directory\]"):
        make_own_directory(place)


@pytest.mark.parametrize(
    ("told", "count", "without"),
    [
        ("32768\t60999\n", 22_768, None),
        ("20000\t60999\n", 10_000, 20_000),
        ("15000\t16000\n", 21_767, 15_500),
        ("1024\t65535\n", 22_768, None),
        ("nonsense", 22_768, None),
        (None, 22_768, None),
    ],
)
def test_ports_that_the_kernel_picks_by_itself_are_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str | None, count: int, without: int | None
) -> None:
    monkeypatch.setattr(ports, "_KERNELS_RANGE", str(tmp_path / "range"))
    if told is not None:
        (tmp_path / "range").write_text(told)

    found = candidate_ports.__wrapped__()

    assert len(found) == count
    assert {10_000, without} & set(found) == {10_000}
    assert max(found) <= 32_767
