"""What ``isolane hunt`` and a thorough proof find in suites with one fault each, through the real commands."""

from __future__ import annotations

HIDDEN = {
    "state.py": "value = []\n",
    "conftest.py": """
        import pytest, state

        @pytest.fixture(autouse=True)
        def forgets():
            before = list(state.value)
            yield
            if before:
                state.value.clear()
    """,
    # In one module: modules are put in the order of what they took, and then one run in two would show it.
    "test_a.py": """
        import state

        def test_leaves(): state.value.append(1)
        def test_between(): pass
        def test_victim(): assert not state.value
        def test_at_last(): pass
    """,
}


def test_a_thorough_proof_runs_each_test_alone_and_knows_what_pairs_show(project):
    ended = project.write(HIDDEN).isolane("prove", "--json", "--thorough", "--workers", "1", "--seeds", "2")
    assert ended.code == 1, ended.text
    proof = ended.data
    assert proof["verdict"] == "not proven"  # by the runs, where the worker has begun with another module, or by pairs
    assert [(one["name"], one["engine"]) for one in proof["phases"]][2] == ("each test alone", "fork")
    (cause,) = proof["causes"]
    assert (cause["test"], cause["sort"]) == ("test_a.py::test_victim", "victim")
    assert (cause["needed"], cause["cleaner"]) == (["test_a.py::test_leaves"], "test_a.py::test_between")
    assert [one["name"] for one in cause["carriers"]] == ["state.value"]
    assert cause["shown"]
    # Who puts it back has changed something, too.
    assert proof["notes"] == ["pairs: complete over 2 dirty tests"]


COLLIDING = {
    "test_log.py": """
        import os, socket
        from pathlib import Path
        import pytest

        PORT = int(os.environ["CITY_PORT"])

        def test_writes():
            Path("log.txt").write_text("mine")
            assert Path("log.txt").read_text() == "mine"

        def listening():
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", PORT))
            one.listen()
            return one

        @pytest.fixture
        def server():
            with listening():
                yield

        def test_serves(server): pass
        """,
    "test_other.py": """
        import os
        from pathlib import Path
        from test_log import listening

        def test_writes_as_well():
            Path("log.txt").write_text("yours")

        def test_listens():
            with listening(): pass

        def test_appends(tmp_path):
            for folder in (os.environ["TMPDIR"], tmp_path):
                with Path(folder, "appended.txt").open("a") as one:
                    one.write("x")

        test_appends_too = test_appends
        """,
    "pytest.ini": "[pytest]\n",
}


def test_tests_that_collide_are_named_with_what_both_touch(project, leased_port):
    """Neither chance nor order: one stands still where it has touched it."""
    project.write(COLLIDING)
    temporary = project.path.parent / "temporary"
    temporary.mkdir()
    environment = {"CITY_PORT": str(leased_port), "TMPDIR": str(temporary)}
    ended = project.isolane("hunt", "--json", "--collisions", **environment)
    assert ended.code == 1, ended.text
    named = {one["test"]: (one["sort"], one["needed"], one["shared"]) for one in ended.data["findings"]}
    port, log = [f"port:{leased_port}"], ["file:log.txt"]
    assert named == {
        "test_log.py::test_writes": ("collision", ["test_other.py::test_writes_as_well"], log),
        "test_log.py::test_serves": ("collision", ["test_other.py::test_listens"], port),
        "test_other.py::test_listens": ("collision", ["test_log.py::test_serves"], port),
    }
    assert ended.data["meetings"] == [3, 3]
    assert {one["after"] for one in ended.data["findings"]} == {
        "failed (AssertionError)",
        "failed (OSError)",
        "error in setup (OSError)",
    }


SERVING = {
    "conftest.py": """
        import os, pytest, select
        from contextlib import suppress
        from pathlib import Path

        @pytest.fixture
        def meet(tmp_path_factory):
            # Where there are two workers each waits for the other one; in a probe one stands still anyway.
            waits = os.environ.get("PYTEST_XDIST_WORKER_COUNT") == "2" and "isolane-scratch" not in os.getcwd()
            folder = tmp_path_factory.getbasetemp().parent  # both workers'
            opened = []

            def pipe(name):
                path = Path(folder, name)
                with suppress(FileExistsError):
                    os.mkfifo(path)
                opened.append(os.open(path, os.O_RDWR | os.O_NONBLOCK))
                return opened[-1]

            def meet(mine, others):
                if waits:
                    heard = pipe(others)  # before the other can hear of us, and go
                    os.write(pipe(mine), b".")
                    select.select([heard], [], [], 10)

            yield meet
            for one in opened:
                os.close(one)
        """,
    "city.py": """
        import os, socket

        def listening():
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", int(os.environ["CITY_PORT"])))
            one.listen()
            return one
        """,
    "test_a_serves.py": """
        import city

        def test_serves(meet):
            with city.listening():
                meet("serving", "served")
        """,
    "test_b_serves.py": """
        import city

        def test_serves_as_well(meet):
            meet("waiting", "serving")
            try:
                city.listening().close()
            finally:
                meet("served", "served")
        """,
}


def test_a_proof_names_what_collides(project, leased_port):
    project.write(SERVING)
    ended = project.isolane(
        "prove", "--json", "--workers", "2", "--seeds", "1", CITY_PORT=str(leased_port), TMPDIR=str(project.path.parent)
    )
    assert ended.code == 1, ended.text
    proof = ended.data
    (only,) = proof["differences"]
    assert (only["node_id"], only["nature"]) == ("test_b_serves.py::test_serves_as_well", "only in parallel")
    (cause,) = proof["causes"]
    assert (cause["sort"], cause["shared"]) == ("collision", [f"port:{leased_port}"])


def test_who_draws_numbers_is_no_polluter_and_what_the_clock_breaks_is_not_broken(project):
    project.write(
        {
            "conftest.py": "import random\nrandom.seed(3)\n",
            "test_a_draws.py": "import random\ndef test_draws(): random.random()\n",
            "test_b_depends.py": """
                import random
                from datetime import date, datetime
                def test_was_well(): assert isinstance(datetime.now(), datetime) and date.today().year < 2024
                def test_depends(): assert random.random() < 0.5
                def test_does_not(): assert random.Random(1).random() < 0.5
                def test_seems_broken(): assert random.random() > 0.9
                def test_is_broken(): assert random.random() > 2
            """,
        }
    )
    ended = project.isolane("hunt", "--json")
    found = {one["test"]: (one["sort"], one["needed"], one["seeds"] or one["clocks"]) for one in ended.data["findings"]}
    clocks = ["2015-06-15 12:00:07.25", "2020-01-01 00:00:01.75", "2022-11-06 06:30:31.25"]
    assert found == {
        "test_b_depends.py::test_was_well": ("time-dependent", [], clocks),
        "test_b_depends.py::test_depends": ("seed-dependent", [], [2, 5, 6, 10]),
        "test_b_depends.py::test_seems_broken": ("seed-dependent", [], [2]),
        "test_b_depends.py::test_is_broken": ("broken", [], []),
    }


def test_where_nothing_can_be_forked_it_finds_the_same_and_says_why(project):
    project.write(
        {
            "conftest.py": """
                import threading
                threading.Thread(target=threading.Event().wait, daemon=True, name="waits").start()
            """,
            "state.py": "value = []\n",
            "test_a.py": "import state\ndef test_sets(): state.value.append(1)\n",
            "test_b.py": "import state\ndef test_needs(): assert state.value\n",
        }
    )
    ended = project.isolane("hunt", "--json", "--no-check", "test_needs")
    assert ended.code == 1, ended.text
    (finding,) = ended.data["findings"]
    assert (finding["sort"], finding["needed"], finding["tried"]) == ("brittle", ["test_a.py::test_sets"], True)
    assert [(one["name"], one["line"]["file"]) for one in finding["carriers"]] == [("state.value", "test_a.py")]
    assert ended.data["notes"] == [
        "Each probe in a new interpreter, and not in a fork, which takes longer: "
        "thread 'waits' alive before the first fork."
    ]
    assert len(project.runs()) == 1, "of probes no record stays"


def test_a_broken_test_behind_one_that_ends_its_process_is_broken_and_nothing_else(project):
    """The process that takes the dead one's place passes over what is left, and runs no other probe."""
    project.write(
        {
            "state.py": "ready = []\n",
            "test_a.py": """
                import os, state
                def test_sets(): state.ready.append(1)
                def test_ends(): os._exit(3)
            """,
            "test_b.py": """
                def test_well(): pass
                def test_broken(): raise LookupError("always")
            """,
        }
    )
    ended = project.isolane("hunt", "--json", "--no-check", "-n", "1", "test_broken")
    (finding,) = ended.data["findings"]
    assert (finding["sort"], finding["needed"]) == ("broken", [])


def test_a_test_that_is_named_is_shown_by_a_process_that_was_set_aside(project, tmp_path):
    """No second pytest is started: conftests are imported once."""
    imported = tmp_path / "imported.txt"
    project.write(
        {
            "conftest.py": "import os\nopen(os.environ['IMPORTED'], 'a').write('x')\n",
            "state.py": "zone = []\n",
            "test_a.py": "import state\ndef test_sets(): state.zone.append(1)\n",
            "test_b.py": "import state\ndef test_reads(): assert state.zone == []\n",
        }
    )
    ended = project.isolane("hunt", "--json", "-n", "2", "test_reads", IMPORTED=str(imported))
    (finding,) = ended.data["findings"]
    assert (finding["needed"], finding["shown"]) == (["test_a.py::test_sets"], True)
    assert finding["command"].endswith("pytest test_a.py::test_sets test_b.py::test_reads")
    assert imported.read_text(encoding="utf-8") == "x"
