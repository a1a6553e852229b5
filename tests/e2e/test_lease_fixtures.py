"""Ports, names and copies of databases, asked for by suites of their own, serially and over workers of each engine."""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from isolation_suites import run
from throwaway_project import QUICK

from isolane.resources.ports import PortLeases, lock_directory

if TYPE_CHECKING:
    from throwaway_project import Project

ENGINES = ["--isolane-engine=fork", "--isolane-engine=xdist"]


def noted(project: Project) -> list[dict[str, object]]:
    return [json.loads(line) for line in (project.path / "noted.jsonl").read_text().splitlines()]


NOTE = """
import json, os, pytest, socket

@pytest.fixture
def note():
    def write(**more):
        line = json.dumps({"worker": os.environ.get("PYTEST_XDIST_WORKER"), **more}) + "\\n"
        descriptor = os.open("noted.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, line.encode())
        os.close(descriptor)
    return write

@pytest.fixture
def meet():
    def wait(text=""):
        with socket.create_connection(("127.0.0.1", int(os.environ["MEETING"])), timeout=60) as line:
            line.sendall(f"{text}\\n".encode())
            line.recv(1)
    return wait
"""


@contextmanager
def meeting(project: Project, port: int) -> Iterator[socket.socket]:
    """Where tests in other processes come together: each connects, and waits for an answer."""
    project.environment["MEETING"] = str(port)
    with socket.create_server(("127.0.0.1", port), backlog=8) as server:
        server.settimeout(60)
        yield server


def test_a_server_gets_a_port_and_gives_it_back(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import socket

        def test_one(leased_port, port_leases):
            others = [port_leases.lease() for _ in range(20)]
            assert len({leased_port, *others}) == 21
            with socket.create_server(("127.0.0.1", leased_port)):
                print("leased", leased_port, *others)
            port_leases.release(others[0])

        def test_fails(leased_port):
            print("leased", leased_port)
            assert False
        """
    )
    result = run(pytester, "-s")

    result.assert_outcomes(passed=1, failed=1)
    leased = [int(port) for line in result.outlines if "leased " in line for port in line.split("leased ")[1].split()]
    assert len(set(leased)) == 22
    assert not [port for port in leased if (lock_directory() / f"{port}.lock").exists()]


@pytest.mark.parametrize("engine", ENGINES)
def test_workers_of_concurrent_runs_never_have_the_same_port(project: Project, leased_port: int, engine: str) -> None:
    """Each of four tests, in two workers of two runs, keeps its ports until all have theirs."""
    module = """
        import socket

        def test_ports(port_leases, note, meet):
            ports = [port_leases.lease() for _ in range(30)]
            meet()
            servers = [socket.create_server(("127.0.0.1", port)) for port in ports]
            note(ports=ports)
            for server in servers:
                server.close()
        """
    project.write({"conftest.py": NOTE, "test_one.py": module, "test_other.py": module})
    with meeting(project, leased_port) as server:
        runs = [project.start("pytest", "-n2", "--dist=loadfile", engine, "--isolane-record=off") for _ in range(2)]
        try:
            for connection in [server.accept()[0] for _ in range(4)]:
                connection.sendall(b"!")
                connection.close()
            ended = [(one.communicate(timeout=60)[0], one.returncode) for one in runs]
        finally:
            for one in runs:
                one.kill()
                one.communicate()

    assert [code for _, code in ended] == [0, 0], ended
    lines = noted(project)
    assert sorted(str(line["worker"]) for line in lines) == ["gw0", "gw0", "gw1", "gw1"]
    assert len({port for line in lines for port in line["ports"]}) == 120  # type: ignore[attr-defined]


def test_a_run_that_is_killed_leaves_no_lease(project: Project, leased_port: int) -> None:
    project.write({"conftest.py": NOTE, "test_holds.py": "def test_holds(leased_port, meet):\n    meet(leased_port)\n"})
    with meeting(project, leased_port) as server, project.start("pytest", "--isolane-record=off") as started:
        try:
            connection = server.accept()[0]
            with connection, connection.makefile() as lines:
                port = int(next(lines))
                assert (lock_directory() / f"{port}.lock").exists()
                started.kill()
                started.wait()
        finally:
            started.kill()

    leases = PortLeases(candidates=[port])
    assert leases.lease() == port
    leases.release_all()


@pytest.mark.parametrize("drawn_by", ["random.getrandbits(64)", "uuid.UUID(int=random.getrandbits(128), version=4)"])
def test_random_names_of_workers_collide_under_pytest_randomly_and_unique_names_do_not(
    project: Project, leased_port: int, drawn_by: str
) -> None:
    """It gives every worker one seed: what a module draws when it is imported is the same in all of them."""
    module = """
        from names import DRAWN

        def test_name(unique_name, note, meet):
            meet()
            note(drawn=DRAWN, unique=unique_name("orders"))
        """
    names = f'import random, uuid\n\nDRAWN = f"test_{{{drawn_by}}}"\n'
    project.write({"conftest.py": NOTE, "names.py": names, "test_one.py": module, "test_other.py": module})
    project.environment["PYTEST_ADDOPTS"] = QUICK.replace("-p no:randomly", "")
    with meeting(project, leased_port) as server:
        started = project.start("pytest", "-n2", "--dist=loadfile", "--isolane-engine=xdist", "--isolane-record=off")
        try:
            for connection in [server.accept()[0] for _ in range(2)]:
                connection.sendall(b"!")
                connection.close()
            out, _ = started.communicate(timeout=60)
        finally:
            started.kill()
            started.communicate()

    assert started.returncode == 0, out
    one, other = noted(project)
    assert {one["worker"], other["worker"]} == {"gw0", "gw1"}
    assert one["drawn"] == other["drawn"]
    assert one["unique"] != other["unique"]
    for line in (one, other):
        assert str(line["unique"]).startswith(f"orders_{line['worker']}_")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_template_database_is_made_once_a_worker(project: Project, engine: str) -> None:
    project.write(
        {
            "conftest.py": NOTE
            + """
def fill(connection):
    connection.execute("CREATE TABLE stop (id INTEGER)")
    with open("filled.txt", "a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")

@pytest.fixture
def database(sqlite_copy):
    return sqlite_copy(fill)
""",
            "test_copies.py": """
                import contextlib, pytest, sqlite3

                @pytest.mark.parametrize("number", range(12))
                def test_copy(database, sqlite_copy, note, number):
                    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
                        assert connection.execute("SELECT count(*) FROM stop").fetchone() == (0,)
                        connection.execute("INSERT INTO stop VALUES (1)")
                    assert sqlite_copy("CREATE TABLE other (id)") != database
                    note(path=str(database))
                """,
        }
    )
    ended = project.pytest("-n2", engine, "--isolane-record=off")

    assert ended.code == 0, ended.text
    lines = noted(project)
    assert len(lines) == len({line["path"] for line in lines}) == 12
    assert not [line for line in lines if Path(str(line["path"])).exists()]
    filled = (project.path / "filled.txt").read_text().split()
    assert sorted(filled) == sorted({str(line["worker"]) for line in lines})


def test_names_without_workers_say_so(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from isolane.model.errors import UsageError

        def test_names(unique_name):
            assert unique_name().startswith("isolane_main_")
            assert len(unique_name("a-bucket-of-mine", max_length=30, alphabet="abcdefghijklmnopqrstuvwxyz-")) == 30
            with pytest.raises(UsageError, match="name-too-short"):
                unique_name(max_length=3)
        """
    )
    run(pytester).assert_outcomes(passed=1)


@pytest.mark.skipif(not socket.has_ipv6, reason="Python was built without IPv6")
def test_a_leased_port_is_free_for_both_families(leased_port: int) -> None:
    with socket.create_server(("127.0.0.1", leased_port)):
        try:
            server = socket.create_server(("::1", leased_port), family=socket.AF_INET6)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise
            pytest.skip(f"this machine has no ::1: {error}")
        server.close()
