"""Hooks of a session run once, in the controller; where that would be wrong the run goes over xdist, and says why."""

from __future__ import annotations

import pytest
from fork_runs import TWO, events

from isolane.model.events import RunStarted

PLAIN = {"test_plain.py": "def test_one(): pass\ndef test_two(): pass\n"}


def test_conftests_are_imported_and_sessions_start_and_finish_once(project):
    project.write(
        PLAIN
        | {
            "conftest.py": """
                import os
                import pytest

                def note(text):
                    with open("log", "a") as file:
                        file.write(f"{text} {os.getpid()} {os.environ.copy().get('PYTEST_XDIST_WORKER')}\\n")

                note("import")
                def pytest_configure(config):
                    note("configure")
                    config.is_worker = hasattr(config, "workerinput")  # asking this much is no obstacle
                def pytest_sessionstart(session): note("sessionstart")
                def pytest_collection_modifyitems(items): note("collection")
                def pytest_sessionfinish(session, exitstatus): note(f"sessionfinish-{int(exitstatus)}")
                def pytest_unconfigure(config): note("unconfigure")

                @pytest.hookimpl(wrapper=True)
                def pytest_runtestloop(session):
                    note("loop")
                    result = yield
                    note("loop-over")
                    return result

                @pytest.hookimpl(wrapper=True)
                def pytest_runtest_protocol(item, nextitem):
                    note(f"{item.name}-{nextitem and nextitem.name}")
                    return (yield)
            """
        }
    )
    ended = project.pytest(*TWO, "--dist", "loadfile")
    assert ended.code == 0, ended.text
    log = [line.split() for line in (project.path / "log").read_text().splitlines()]
    controller = log[0][1]
    in_controller = [name for name, process, _ in log if process == controller]
    assert in_controller == [
        *("import", "configure", "sessionstart", "collection", "loop", "loop-over", "sessionfinish-0", "unconfigure")
    ]
    assert {worker for _, process, worker in log if process == controller} == {"None"}
    in_workers = [(name, worker) for name, process, worker in log if process != controller]
    assert in_workers == [("test_one-test_two", "gw0"), ("test_two-None", "gw0")]


OBSTACLES = {
    "threads": (
        {
            "conftest.py": """
                import threading
                over = threading.Event()
                def pytest_sessionstart():
                    threading.Thread(target=over.wait, name="bus-listener", daemon=True).start()
                    threading.Thread(target=over.wait, name="lane-listener", daemon=True).start()
                def pytest_sessionfinish(): over.set()
            """
        },
        "threads 'bus-listener', 'lane-listener' alive before the first fork",
    ),
    "event loop": (
        {
            "inside.py": "import asyncio, sys, pytest\nasync def main(): return pytest.main(sys.argv[1:])\n"
            "sys.exit(asyncio.run(main()))\n"
        },
        "an event loop is running",
    ),
    "scheduler": (
        {
            "conftest.py": """
                from xdist.scheduler import LoadScheduling
                def pytest_xdist_make_scheduler(config, log): return LoadScheduling(config, log)
            """
        },
        "conftest.py has a scheduler of its own",
    ),
    "configure": (
        {
            "conftest.py": """
                def name_of(config): return config.workerinput["workerid"]
                def pytest_configure(config):
                    def inner(): return config.workerinput
                    if hasattr(config, "workerinput"): config.database = f"test_{inner()['workerid']}"
            """
        },
        "pytest_configure of conftest.py needs to know its worker",
    ),
    "sessionstart": (
        {
            "sub/conftest.py": """
                import os
                def pytest_sessionfinish(session): session.name = os.environ.get("PYTEST_XDIST_WORKER", "none")
            """,
            "sub/test_sub.py": "def test_sub(): pass\n",
        },
        "pytest_sessionfinish of sub/conftest.py needs to know its worker",
    ),
    "import": (
        {
            "database.py": 'import os\nNAME = "test_" + os.environ.get("PYTEST_XDIST_WORKER", "main")\n',
            "conftest.py": "import database\n",
        },
        "database.py:2 reads PYTEST_XDIST_WORKER before there are workers",
    ),
    "import in a test module": (
        {"test_late.py": 'import os\nWORKER = os.getenv("PYTEST_XDIST_WORKER")\ndef test_late(): assert WORKER\n'},
        "test_late.py:2 reads PYTEST_XDIST_WORKER before there are workers",
    ),
    "plugin": (
        {
            "lane_plugin.py": """
                def pytest_configure(config):
                    if hasattr(config, "workerinput"):
                        config.lane = config.workerinput["workerid"]
            """,
            "pytest.ini": "[pytest]\naddopts = -p lane_plugin\npythonpath = .\n",
        },
        "pytest_configure of plugin lane_plugin needs to know its worker",
    ),
    "option": ({}, "--dist each is xdist's own"),
}


@pytest.mark.parametrize("name", OBSTACLES)
def test_what_stands_against_forking_is_one_line_where_fork_was_asked_for(project, name):
    files, obstacle = OBSTACLES[name]
    module = "inside" if name == "event loop" else "pytest"
    dist = "each" if name == "option" else "load"
    ended = project.write(PLAIN | files).module(module, "-n", "2", "--dist", dist, "--isolane-engine", "fork")
    assert ended.code == 4
    assert [line for line in ended.err.splitlines() if line] == [
        f"ERROR: isolane: --isolane-engine=fork is not possible here: {obstacle}. Use auto, or xdist."
    ]
    assert "passed" not in ended.out


@pytest.mark.parametrize("name", ["threads", "configure", "import in a test module"])
def test_what_stands_against_forking_is_said_and_the_run_goes_over_xdist(project, name):
    files, obstacle = OBSTACLES[name]
    ended = project.write(PLAIN | files).pytest("-n", "2", "--dist", "load")
    assert ended.code == 0, ended.text
    early = f"engine xdist ({obstacle}), 2 workers" in ended.out
    late = f"isolane: engine xdist after all: {obstacle}" in ended.out
    assert early != late
    assert f"2 workers [{3 if 'test_late.py' in files else 2} items]" in ended.out
    assert [event.engine for event in events(project.path) if isinstance(event, RunStarted)][-1] == "xdist"
