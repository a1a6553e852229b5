"""Who a worker is: to its tests, to plugins in the controller, and where its files and random numbers are its own."""

from __future__ import annotations

import json
import re

import pytest
from fork_runs import LOAD, TWO
from throwaway_project import QUICK

IDENTITY = {
    "conftest.py": """
        import json
        import os
        import sys
        import pytest

        heard = {"nodes": [], "down": [], "reports": [], "crash": []}

        @pytest.hookimpl(optionalhook=True)
        def pytest_configure_node(node):
            node.workerinput["from_controller"] = f"for {node.gateway.id}"
            heard["nodes"].append([node.gateway.id, node.workerinput["workerid"], node.gateway.spec.popen])

        @pytest.hookimpl(optionalhook=True)
        def pytest_testnodeready(node):
            heard.setdefault("pids", {})[node.gateway.id] = node.workerinfo["pid"]

        @pytest.hookimpl(optionalhook=True)
        def pytest_testnodedown(node, error):
            heard["down"].append([node.gateway.id, error, node.workeroutput.get("told")])

        @pytest.hookimpl(optionalhook=True)
        def pytest_handlecrashitem(crashitem, report, sched):
            heard["crash"].append([crashitem, report.outcome, report.worker_id])

        def pytest_runtest_logreport(report):
            if hasattr(report, "node"):
                heard["reports"].append(
                    [report.nodeid, report.when, report.node.gateway.id, report.worker_id, report.item_index,
                     report.testrun_uid]
                )

        def pytest_unconfigure(config):
            heard["controller"] = [name for name in os.environ if name.startswith("PYTEST_XDIST_")]
            (config.rootpath / "heard.json").write_text(json.dumps(heard))

        @pytest.fixture(scope="session", autouse=True)
        def identity(request, worker_id, testrun_uid, tmp_path_factory):
            yield
            config = request.config
            config.workeroutput["told"] = f"by {worker_id}"
            (config.rootpath / f"{worker_id}.json").write_text(json.dumps({
                "input": dict(config.workerinput),
                "environment": {name: value for name, value in os.environ.items() if name.startswith("PYTEST_XDIST_")},
                "worker_id": worker_id,
                "testrun_uid": testrun_uid,
                "argv": sys.argv,
                "pid": os.getpid(),
                "basetemp": str(tmp_path_factory.getbasetemp()),
                "numprocesses": config.getoption("numprocesses"),
                "dist": config.getoption("dist"),
            }))
    """,
    "test_identity.py": """
        import os
        import pytest
        import xdist

        @pytest.mark.parametrize("number", range(4))
        def test_who(number, request, worker_id, tmp_path, testrun_uid):
            assert os.environ["PYTEST_XDIST_WORKER"] == worker_id == xdist.get_xdist_worker_id(request)
            assert xdist.is_xdist_worker(request) and not xdist.is_xdist_controller(request)
            assert xdist.get_xdist_worker_id(request.session) == worker_id
            assert os.environ["PYTEST_XDIST_TESTRUNUID"] == testrun_uid
            assert request.config.workerinput["from_controller"] == f"for {worker_id}"
            assert tmp_path.parent.name == f"popen-{worker_id}"
            assert tmp_path.is_dir() and not list(tmp_path.iterdir())

        def test_ends_its_worker(): os._exit(1)
    """,
}


def test_identity_is_there_before_any_test_and_in_every_report(project):
    ended = project.write(IDENTITY).pytest(*LOAD, "--testrunuid", "a-run", ISOLANE_ISOLATION="none")
    assert "1 failed, 4 passed" in ended.out, ended.text
    heard = json.loads((project.path / "heard.json").read_text())
    assert heard["nodes"] == [[name, name, True] for name in heard["pids"]]
    assert heard["controller"] == []
    assert list(heard["pids"])[:2] == ["gw0", "gw1"]
    workers = {path.stem: json.loads(path.read_text()) for path in project.path.glob("gw*.json")}
    basetemps = set()
    for name, seen in workers.items():
        expected = {
            "workerid": name,
            "workercount": 2,
            "testrunuid": "a-run",
            "mainargv": seen["argv"],
            "from_controller": f"for {name}",
        }
        assert expected.items() <= seen["input"].items(), seen["input"]  # plugins add to it
        assert seen["argv"][1:] == [*LOAD, "--testrunuid", "a-run"]
        assert seen["environment"] == {
            "PYTEST_XDIST_WORKER": name,
            "PYTEST_XDIST_WORKER_COUNT": "2",
            "PYTEST_XDIST_TESTRUNUID": "a-run",
        }
        assert (seen["worker_id"], seen["testrun_uid"], seen["pid"]) == (name, "a-run", heard["pids"][name])
        assert (seen["numprocesses"], seen["dist"]) == (None, "no")
        assert seen["basetemp"].endswith(f"/popen-{name}")
        basetemps.add(seen["basetemp"].rpartition("/")[0])
    assert len(basetemps) == 1
    crashed = next(report for report in heard["reports"] if report[1] == "???")
    assert heard["crash"] == [["test_identity.py::test_ends_its_worker", "failed", crashed[2]]]
    down = {name: (error, told) for name, error, told in heard["down"]}
    assert down.pop(crashed[2]) == ("exited with code 1", None)
    assert down == {name: (None, f"by {name}") for name in workers}
    tests = [f"test_identity.py::test_who[{number}]" for number in range(4)] + [
        "test_identity.py::test_ends_its_worker"
    ]
    for node_id, _, of_node, worker, index, run in heard["reports"]:
        assert of_node == worker
        assert tests[index] == node_id
        assert run == "a-run"
    assert len(heard["reports"]) == 4 * 3 + 2


def test_a_run_has_an_id_of_its_own_and_basetemp_is_where_it_was_asked_for(project):
    project.write(
        {
            "test_run.py": """
                import pytest
                def test_run(testrun_uid, tmp_path, record_property):
                    print(f"run {testrun_uid} in {tmp_path}")
                    assert 0
            """
        }
    )
    ended = [project.pytest(*TWO, "--basetemp", str(project.path / "temporary")).out for _ in range(2)]
    runs = {re.findall(r"^run (\w+) in", out, re.MULTILINE)[0] for out in ended}
    assert len(runs) == 2
    assert all(f"in {project.path}/temporary/popen-gw0/test_run0" in out for out in ended)


RANDOM = {
    "test_random.py": """
        import os
        import random
        import uuid
        import pytest

        @pytest.mark.parametrize("number", range(4))
        def test_random(number, request, tmp_path_factory):
            name = f"{os.environ['PYTEST_XDIST_WORKER']}-{number}"
            (request.config.rootpath / "drawn" / name).write_text(f"{random.random()} {uuid.uuid4()}")
    """,
    "drawn/.keep": "",
}


def drawn(project) -> dict[str, list[str]]:
    """Return what ``random`` and the operating system gave each test, and forget it."""
    found = {}
    for path in sorted((project.path / "drawn").glob("gw*")):
        found[path.name] = path.read_text().split()
        path.unlink()
    return found


def test_random_numbers_differ_between_workers_and_runs_where_nobody_seeds_them(project):
    project.write(RANDOM)
    seen = []
    for _ in range(2):
        assert project.pytest(*LOAD).code == 0
        seen += drawn(project).values()
    assert len({number for number, _ in seen}) == len({unique for _, unique in seen}) == 8


def test_random_numbers_that_a_conftest_seeds_are_the_same_in_every_worker(project):
    """As under xdist, where each worker imports the conftest and so draws the same numbers."""
    project.write(RANDOM | {"conftest.py": "import random\nrandom.seed(42)\n"})
    firsts = []
    for engine in ("fork", "xdist"):
        ended = project.pytest("-n", "2", "--dist", "load", "--maxschedchunk", "2", "--isolane-engine", engine)
        assert ended.code == 0, ended.text
        workers = {}
        for name, (number, _) in drawn(project).items():
            workers.setdefault(name.partition("-")[0], []).append(number)
        firsts += [min(numbers, key=numbers.index) for numbers in workers.values()]
    assert len(set(firsts)) == 1, firsts


def test_randomly_seeds_every_test_as_in_a_serial_run(project):
    project.write(RANDOM)
    project.environment["PYTEST_ADDOPTS"] = QUICK.replace("-p no:randomly", "")
    serial_suite = RANDOM["test_random.py"].replace("os.environ['PYTEST_XDIST_WORKER']", "'gw'")
    seen = {}
    for arguments in (TWO, LOAD):
        ended = project.pytest(*arguments, "--randomly-seed=7")
        assert ended.code == 0, ended.text
        assert "--randomly-seed=7" in ended.out
        seen[arguments] = {name.partition("-")[2]: number for name, (number, _) in drawn(project).items()}
    project.write({"test_random.py": serial_suite})
    assert project.pytest("-n", "0", "--randomly-seed=7").code == 0
    serial = {name.partition("-")[2]: number for name, (number, _) in drawn(project).items()}
    assert len(serial) == 4
    assert seen[TWO] == seen[LOAD] == serial


@pytest.mark.parametrize("engine", ["fork", "xdist"])
def test_children_of_a_test_know_whose_they_are(project, engine):
    project.write(
        {
            "test_child.py": """
                import multiprocessing, os, subprocess, sys
                def test_child(worker_id):
                    script = "import os; print(os.environ['PYTEST_XDIST_WORKER'])"
                    assert subprocess.check_output([sys.executable, "-c", script], text=True) == f"{worker_id}\\n"
                    with multiprocessing.get_context("fork").Pool(2) as pool:
                        assert pool.map(os.path.basename, ["/a", "/b"]) == ["a", "b"]
            """
        }
    )
    ended = project.pytest("-n", "2", "--isolane-engine", engine)
    assert ended.code == 0, ended.text
