"""The suites that are run on each service, under every engine and on servers that a variable names."""

from __future__ import annotations

POSTGRES = {
    "conftest.py": """
        import pytest

        @pytest.fixture(scope="session")
        def isolane_postgres_schema():
            return "CREATE TABLE stop (id int PRIMARY KEY)"
        """,
    "test_rows.py": """
        import psycopg, pytest

        @pytest.mark.parametrize("number", range(10))
        def test_insert(isolane_postgres, number):
            isolane_postgres.connection.execute("INSERT INTO stop VALUES (1)")
            assert isolane_postgres.connection.execute("SELECT count(*) FROM stop").fetchone() == (1,)
            assert number != 4

        @pytest.mark.parametrize("number", range(3))
        def test_commit(isolane_postgres, number):
            for expected in (0, 1):
                with psycopg.connect(isolane_postgres.clone()) as connection:
                    connection.execute("INSERT INTO stop VALUES (1)")
                    connection.commit()
                    assert connection.execute("SELECT count(*) FROM stop").fetchone() == (1,)
        """,
}
REDIS = {
    "test_keys.py": """
        import pytest

        @pytest.mark.parametrize("number", range(20))
        def test_it(isolane_redis, number):
            name = isolane_redis.key("counter")
            assert isolane_redis.client.incr(name) == 1
            assert isolane_redis.client.keys(isolane_redis.key("*")) == [name.encode()]
            assert number != 4
        """
}
NEO4J = {
    "test_nodes.py": """
        import pytest

        @pytest.mark.parametrize("number", range(4))
        def test_it(isolane_neo4j, number):
            isolane_neo4j.run("CREATE CONSTRAINT FOR (s:$$Stop) REQUIRE s.name IS UNIQUE")
            isolane_neo4j.run("CREATE (:$$Stop {name: 'Harbour'})")
            assert isolane_neo4j.run("MATCH (n:$$Stop) RETURN count(n) AS n") == [{"n": 1}]
            assert number != 1
        """
}
