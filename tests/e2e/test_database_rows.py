"""Rows that a test leaves in a registered database: reported, and told to whoever fails behind it."""

from __future__ import annotations

from fork_runs import lines_with

SERIAL = ("-p", "no:xdist")
ORDERS = {
    "pytest.ini": "[pytest]\nisolane_databases = shop.db\n",
    "test_orders.py": """
        import sqlite3
        from contextlib import closing
        import pytest

        def run(statement):
            with closing(sqlite3.connect("shop.db")) as connection, connection:
                return connection.execute(statement).fetchall()

        @pytest.fixture(scope="module", autouse=True)
        def schema():
            run("CREATE TABLE orders (stop TEXT)")
            yield
            run("DROP TABLE orders")

        def test_orders(): run("INSERT INTO orders VALUES ('harbour')")
        def test_counts(): assert run("SELECT count(*) FROM orders") == [(0,)]
    """,
}


def test_who_left_rows_is_named_and_told_to_who_fails_for_them(project):
    ended = project.write(ORDERS).pytest(*SERIAL, "--isolane-leaks=report", "-q", COLUMNS="200")
    left = "rows shop.db orders: '0 rows' → '1 row'"
    assert ended.code == 1
    assert lines_with(ended.out, f"test_orders.py::test_orders: {left} (dangerous)"), ended.out
    assert lines_with(ended.out, f"database rows left by test_orders.py::test_orders: {left}")
    assert not lines_with(ended.out, "fixture schema of test_orders.py: rows")


def test_a_name_that_is_no_database_is_refused(project):
    project.write(ORDERS | {"pytest.ini": "[pytest]\nisolane_databases = shop:\n"})
    ended = project.pytest(*SERIAL, "--isolane-leaks=report", "-q")
    assert ended.code == 4
    assert "isolane_databases: 'shop:' is neither a path nor of the form module:attribute." in ended.err
