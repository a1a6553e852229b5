"""Neo4j, the real one: a namespace a worker, wiped a test with its schema; many connections at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import neo4j
import pytest
from service_suites import NEO4J
from throwaway_project import Project

from isolane.model.errors import ServerMissingError, ServerUnavailableError
from isolane.resources.neo4j import Address, Neo4jDatabase, Neo4jWorker, connect, server, worker
from isolane.resources.neo4j_health import check

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]

COUNT = "MATCH (n:$$Stop) RETURN count(n) AS count"


@pytest.fixture
def address(request: pytest.FixtureRequest) -> Iterator[Address]:
    request.getfixturevalue("_isolane_neo4j_worker")  # Skips, or fails, where there is no server.
    with server() as address:
        yield address


@pytest.fixture
def mine(address: Address) -> Iterator[Neo4jWorker]:
    with worker(address) as mine:
        yield mine


def counted(test: Neo4jDatabase) -> int:
    return test.run(COUNT)[0]["count"]


def schema_of(test: Neo4jDatabase) -> list[str]:
    listed = test.run("SHOW CONSTRAINTS YIELD name, labelsOrTypes") + test.run("SHOW INDEXES YIELD name, labelsOrTypes")
    return [row["name"] for row in listed if str(row).count(test.namespace)]


def test_nodes_constraints_and_indexes_of_a_test_are_gone_with_it(mine: Neo4jWorker) -> None:
    for _ in range(2):
        with mine.test() as test:
            assert counted(test) == 0
            test.run("CREATE CONSTRAINT FOR (s:$$Stop) REQUIRE s.name IS UNIQUE")
            test.run("CREATE INDEX $$by_size FOR (a:Anything) ON (a.size)")
            test.run("CREATE (:$$Stop {name: 'Harbour'})-[:$$NEXT]->(:$$Stop {name: 'Town hall'})")
            with test.session() as session:
                session.run(f"CREATE (n) SET n.{test.property('size')} = 3").consume()
            assert counted(test) == 2
            assert len(schema_of(test)) == 3
    with mine.test() as test:
        assert schema_of(test) == []
        assert test.run("MATCH (n) WHERE any(key IN keys(n) WHERE key STARTS WITH '$$') RETURN n") == []


def test_a_transaction_that_a_test_left_open_holds_nothing_up(mine: Neo4jWorker) -> None:
    with mine.test() as test:
        test.run("CREATE (:$$Stop {name: 'Harbour'})")
        open_one = test.session().begin_transaction()
        open_one.run(f"MATCH (s:{test.label('Stop')}) SET s.name = 'locked'").consume()
    with mine.test() as test:
        assert counted(test) == 0


def test_workers_do_not_see_or_wipe_each_other(address: Address) -> None:
    with ExitStack() as stack:
        workers = [stack.enter_context(worker(address)) for _ in range(3)]
        tests = [stack.enter_context(one.test()) for one in workers]
        assert len({one.namespace for one in tests}) == 3
        for number, test in enumerate(tests):
            test.run("CREATE CONSTRAINT FOR (s:$$Stop) REQUIRE s.name IS UNIQUE")
            test.run("UNWIND range(0, $last) AS n CREATE (:$$Stop {name: toString(n)})", last=number)
        assert [counted(test) for test in tests] == [1, 2, 3]
        workers[0].wipe()
        assert [counted(test) for test in tests] == [0, 2, 3]
        assert [len(schema_of(test)) for test in tests] == [0, 2, 2]


def test_what_a_killed_worker_left_is_gone(address: Address) -> None:
    with worker(address) as first:
        left = first.namespace
    with connect(address) as driver:
        driver.execute_query(f"CREATE (:{left}Stop)")
        with ExitStack() as stack:
            while stack.enter_context(worker(address)).namespace != left:
                pass
            assert driver.execute_query(f"MATCH (n:{left}Stop) RETURN n").records == []


@pytest.mark.req("R2.2")
def test_many_connections_at_once_open_without_error_timeout_or_deadlock(mine: Neo4jWorker) -> None:
    with mine.test() as test:
        health = test.health(connections=32)
    assert health.errors == ()
    assert (health.opened, health.retried, health.counted, health.expected) == (32, 0, 160, 160)
    assert health.is_good


@pytest.mark.req("R2.2")
def test_the_health_check_tells_a_pool_that_is_too_small(address: Address, mine: Neo4jWorker) -> None:
    login = (address.user, address.password)
    small = {"max_connection_pool_size": 2, "connection_acquisition_timeout": 0.2}
    with neo4j.GraphDatabase.driver(address.uri, auth=login, **small) as driver:
        health = check(driver, None, mine.namespace, 4)
        assert not health.is_good
        assert any("connection" in error for error in health.errors), health
        assert check(driver, None, mine.namespace, 2).is_good


def test_a_server_that_isolane_started_lets_nobody_in_without_its_password(address: Address) -> None:
    if "NEO4J_URI" in os.environ:
        pytest.skip("NEO4J_URI names another server")
    for password in ("", "neo4j"):
        with (
            pytest.raises(ServerUnavailableError, match="Neo4j does not answer"),
            connect(Address(address.uri, "neo4j", password)),
        ):
            pass


def test_what_is_missing_or_wrong_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NEO4J_URI", "ftp://localhost")
    with server() as wrong, pytest.raises(ServerUnavailableError, match="NEO4J_URI cannot be used"), connect(wrong):
        pass
    monkeypatch.delenv("NEO4J_URI")
    monkeypatch.setenv("ISOLANE_NEO4J_JARS", str(tmp_path))
    (tmp_path / "java").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerMissingError, match="tests/servers/neo4j/fetch"), server():
        pass
    (tmp_path / "java").unlink()
    with pytest.raises(ServerMissingError, match="There is no java on the PATH"), server():
        pass


def test_a_server_that_is_named_is_used_and_one_that_is_not_there_is_an_error(
    project: Project, address: Address, tmp_path: Path
) -> None:
    project.write(NEO4J)
    nowhere = {"PATH": str(tmp_path), "ISOLANE_NEO4J_JARS": str(tmp_path)}
    login = {"NEO4J_USERNAME": address.user, "NEO4J_PASSWORD": address.password}
    ended = project.pytest(NEO4J_URI=address.uri, **login, **nowhere)
    assert "1 failed, 3 passed" in ended.out, ended.text
    ended = project.pytest(NEO4J_URI="bolt://127.0.0.1:1", **login, **nowhere)
    assert "4 errors" in ended.out, ended.text
    assert "Neo4j does not answer" in ended.out
    assert "Traceback" not in ended.text
