"""What the service fixtures open and set is theirs: a test that uses them does not cost its worker."""

from __future__ import annotations

import re

import pytest
from throwaway_project import Project

pytestmark = pytest.mark.server

SUITE = """
    import pytest

    @pytest.mark.parametrize("number", range(3))
    def test_it(FIXTURE, number):
        USE
    """
USES = {
    "isolane_git": "isolane_git.commit({'a': 'b'})",
    "isolane_postgres": "isolane_postgres.clone(); isolane_postgres.connection.execute('COMMIT')",
    "isolane_redis": "isolane_redis.client.set('a', 1)",
    "isolane_neo4j": "isolane_neo4j.session().run('RETURN 1'); assert isolane_neo4j.health(4).is_good",
    "isolane_dagster": "isolane_dagster.op_context()",
    "isolane_lua": "isolane_lua.interrupt(); pytest.raises(Exception, isolane_lua.check, ''); isolane_lua.check('')",
}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("fixture", USES)
def test_no_test_leaves_anything_behind(project: Project, fixture: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(fixture)  # Skips, or fails, where it is not installed.
    project.write({"test_it.py": SUITE.replace("FIXTURE", fixture).replace("USE", USES[fixture])})
    ended = project.pytest("--isolane-leaks", "report")
    assert "3 passed" in ended.out, ended.text
    assert re.findall(r"^test_it\.py::.*", ended.out, re.MULTILINE) == []
