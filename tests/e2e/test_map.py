"""``isolane map``: what tests touch outside their process, in a real project and a real process."""

from __future__ import annotations

from typing import Any

import pytest

CITY = {
    "pytest.ini": "[pytest]\nmarkers = slow\n",
    "city.py": """\
        import socket


        def listen(port):
            with socket.socket() as one:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                one.bind(("127.0.0.1", port))
                return one.getsockname()[1]
        """,
    "test_city.py": """\
        import os
        import sqlite3
        import subprocess
        import sys
        import tempfile
        from pathlib import Path

        import city
        import pytest

        PORT = int(os.environ["CITY_PORT"])


        @pytest.fixture(scope="module")
        def database():
            connection = sqlite3.connect("city.db")
            yield connection
            connection.close()


        def test_first(database):
            database.execute("select 1")


        def test_second(database):
            pass


        def test_nothing(tmp_path):
            (tmp_path / "mine").write_text("x")
            with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile():
                Path(folder, "mine").write_text("x")
            sqlite3.connect(":memory:").close()
            assert city.listen(0)


        def test_port():
            city.listen(PORT)


        @pytest.mark.isolane_resource(f"port:{PORT}")
        def test_marked():
            city.listen(PORT)


        def test_writes():
            Path("out.txt").write_text("x")


        def test_reads():
            Path("out.txt").read_text()


        def test_starts(monkeypatch):
            monkeypatch.setenv("CITY_KEY", "1")
            subprocess.run([sys.executable, "-c", ""], check=True)
            os.system("true")
        """,
}


@pytest.fixture
def city(project: Any, leased_port: int) -> Any:
    """The project, and a port that nobody else has."""
    project.environment["CITY_PORT"] = str(leased_port)
    return project.write(CITY)


def touched(data: Any, test: str) -> set[tuple[str, str, bool]]:
    found = data["tests"].get(f"test_city.py::{test}", [])
    return {(one["sort"], one["name"], one["writes"]) for one in found}


def test_what_each_test_touches(city, leased_port):
    ended = city.isolane("map", "--json")
    assert ended.code == 0, ended.text
    data = ended.data
    assert data["tests_run"] == 8
    assert touched(data, "test_first") == touched(data, "test_second") == {("db", "city.db", True)}
    assert touched(data, "test_nothing") == set()
    assert touched(data, "test_port") == {("port", str(leased_port), True)}
    assert touched(data, "test_writes") == {("file", "out.txt", True)}
    assert touched(data, "test_reads") == {("file", "out.txt", False)}
    started = {name for sort, name, _ in touched(data, "test_starts") if sort == "program"}
    assert "true" in started
    assert any(name.startswith("python") for name in started)
    assert ("env", "CITY_KEY", True) in touched(data, "test_starts")
    assert data["at_import"] == []


def test_which_pairs_must_not_run_at_the_same_time(city, leased_port):
    ended = city.isolane("map", "--json")
    found = {one["resource"]: one for one in ended.data["conflicts"]}
    pairs = {
        name: {tuple(test.partition("::")[2] for test in pair) for pair in one["pairs"]} for name, one in found.items()
    }
    assert pairs == {
        "db:city.db": {("test_first", "test_second")},
        f"port:{leased_port}": {("test_port", "test_marked")},
        "file:out.txt": {("test_writes", "test_reads")},
    }
    assert found[f"port:{leased_port}"]["unmarked"] == ["test_city.py::test_port"]
    assert found["file:out.txt"]["shared"] == ["test_city.py::test_reads"]


def test_the_markers_that_are_suggested_are_taken_and_settle_it(city):
    """What is printed is put on the tests, and then nothing is left to mark."""
    said = city.isolane("map").out
    text = (city.path / "test_city.py").read_text(encoding="utf-8")
    marker = ""
    for line in said.splitlines():
        if line.startswith("  @pytest.mark.isolane_resource("):
            marker = line.strip()
        elif marker and line.startswith("    test_city.py::") and "marked already" not in line:
            name = line.strip().partition("::")[2]
            text = text.replace(f"def {name}(", f"{marker}\ndef {name}(")
    (city.path / "test_city.py").write_text(text, encoding="utf-8")
    again = city.isolane("map", "--json")
    assert again.code == 0, again.text
    assert len(again.data["conflicts"]) == 3
    assert [one["unmarked"] for one in again.data["conflicts"]] == [[], [], []]
    assert city.pytest("--strict-markers", "-q").code == 0


def test_the_text_fits_and_says_what_is_not_seen(city, leased_port):
    ended = city.isolane("map")
    assert ended.code == 0, ended.text
    assert f"test_city.py::test_port\ntest_city.py::test_marked\n  binds port {leased_port}\n" in ended.out
    assert "1 of 8 tests touch nothing outside their process." in ended.out
    assert "environment variables are read" in ended.out.replace("\n", " ")
    assert max(map(len, ended.out.splitlines())) <= 80


def test_arguments_go_to_pytest_and_conflicts_need_two(city):
    ended = city.isolane("map", "--json", "--", "-k", "port")
    assert ended.data["tests_run"] == 1
    assert ended.data["conflicts"] == []


def test_a_suite_without_any_says_so(project):
    project.write({"test_a.py": "def test_a(tmp_path): (tmp_path / 'a').write_text('')\ndef test_b(): assert 0\n"})
    ended = project.isolane("map")
    assert ended.code == 0, ended.text
    assert ended.out.startswith("2 of 2 tests touch nothing outside their process.\n1 failed: ")
    assert "No two tests were seen to touch the same" in ended.out


def test_what_imports_touch_is_told_apart(project):
    project.write(
        {
            "conftest.py": "from pathlib import Path\nPath('log.txt').write_text('x')\n",
            "test_a.py": "def test_a(): pass\n",
        }
    )
    ended = project.isolane("map", "--json")
    assert ended.data["at_import"] == [{"sort": "file", "name": "log.txt", "writes": True}]
    assert ended.data["tests"] == {}


def test_in_a_project_that_has_neither_isolane_nor_xdist(project, other_python):
    project.write({"test_a.py": "def test_a(): open('a', 'w').close()\ndef test_b(): open('a', 'w').close()\n"})
    ended = project.isolane("map", "--python", other_python, "--json", PYTEST_ADDOPTS="")
    assert ended.code == 0, ended.text
    assert [one["resource"] for one in ended.data["conflicts"]] == ["file:a"]


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (("--", "-k", "nothing_of_that_name"), "[no-tests]", 5),
        (("--project", "nowhere"), "nowhere", 4),
        (("--", "--no-such-option"), "[pytest-failed]", 4),
    ],
)
def test_bad_input_is_one_line(project, words, said, code):
    project.write({"test_a.py": "def test_a(): pass\n"})
    ended = project.isolane("map", *words)
    assert ended.code == code, ended.text
    assert said in ended.err
    assert ended.out == ""
