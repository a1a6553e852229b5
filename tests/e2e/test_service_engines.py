"""What a test has of a server is its own under every engine: also beside a worker, and behind a test that failed."""

from __future__ import annotations

import pytest
from service_suites import NEO4J, POSTGRES, REDIS
from throwaway_project import Project

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]


@pytest.mark.parametrize("engine", ["serial", "xdist", "fork"])
@pytest.mark.parametrize(
    ("service", "suite", "passed"), [("postgres", POSTGRES, 12), ("redis", REDIS, 19), ("neo4j", NEO4J, 3)]
)
def test_what_a_test_leaves_in_a_server_is_seen_by_no_other(
    project: Project, request: pytest.FixtureRequest, engine: str, service: str, suite: dict[str, str], passed: int
) -> None:
    request.getfixturevalue(f"_isolane_{service}_worker")  # Skips, or fails, where there is no server.
    project.write(suite)
    ended = project.pytest("-n", "2", "--dist", "load", "--isolane-engine", engine)
    assert f"1 failed, {passed} passed" in ended.out, ended.text
