"""``isolane prove`` on suites whose verdict is known."""

from __future__ import annotations

import json
import os
import shlex
import subprocess

import pytest
from throwaway_project import QUICK

CLEAN = {
    "test_one.py": """
        import pytest
        def test_a(): pass
        def test_b(): pass
        def test_c(): pytest.skip("not here")
    """,
    "test_two.py": "import pytest\ndef test_d(): pass\n@pytest.mark.xfail(reason='known')\ndef test_e(): assert 0\n",
}
TOGETHER = {
    "state.py": "value = []\n",
    "test_a_polluter.py": "import state\ndef test_pollute(): state.value.append(1)\n",
    "test_b_victim.py": "import state\ndef test_victim(): assert not state.value\ndef test_bystander(): pass\n",
}
FAST = ("--workers", "2", "--seeds", "1", "--no-hunt")


def prove(project, *arguments, **env):
    ended = project.isolane("prove", *FAST, "--json", *arguments, **env)
    return ended, ended.data


def in_a_shell(project, command, directory, **env):
    environment = project.environment | env
    ended = subprocess.run(
        command, shell=True, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    return ended.stdout


def test_a_clean_suite_is_proven(project):
    ended, proof = prove(project.write(CLEAN))
    assert ended.code == 0, ended.text
    assert proof["verdict"] == "proven"
    assert proof["tests"] == {"total": 5, "passed": 3, "skipped": 1, "xfailed": 1}
    assert proof["differences"] == proof["flaky"] == proof["failures"] == []
    assert "PYTEST_WORKERS" not in proof["baseline_command"], "nobody has set it here"
    assert [(one["kind"], one["workers"], one["seed"], one["module"]) for one in proof["phases"]] == [
        ("serial", 0, None, None),
        ("serial", 0, None, None),
        ("module alone", 0, None, "test_one.py"),
        ("module alone", 0, None, "test_two.py"),
        ("parallel", 2, None, None),
        ("shuffled", 0, 1, None),
    ]
    assert json.loads((project.path / "reports/proof.json").read_text()) == proof
    assert (project.path / "reports/proof.md").read_text().startswith("# Proven: ")
    assert "| 2 fork | loadscope | 5 |" in (project.path / "reports/ci_timings.md").read_text()
    assert json.loads((project.path / "reports/proof.sarif").read_text())["runs"][0]["results"] == []
    trace = json.loads((project.path / "reports/proof.trace.json").read_text())["traceEvents"]
    runs = [one["args"]["name"] for one in trace if one["name"] == "process_name"]
    assert runs == ["serial", "parallel, 2 workers"]


def test_what_passes_alone_and_fails_together_is_found_and_shown_again(project):
    ended, proof = prove(project.write(TOGETHER))
    assert ended.code == 1
    assert proof["verdict"] == "not proven"
    alone = [one for one in proof["differences"] if one["phase"].startswith("alone")]
    assert [one["node_id"] for one in alone] == ["test_b_victim.py::test_victim"]
    assert alone[0]["expected"] == {"outcome": "failed", "detail": "AssertionError"}
    assert alone[0]["found"]["outcome"] == "passed"
    assert {one["node_id"] for one in proof["differences"]} == {"test_b_victim.py::test_victim"}
    each_command_shows_its_differences(project, proof)


def each_command_shows_its_differences(project, proof):
    """Run as a person would: in a shell, from another directory."""
    for command in {one["command"] for one in proof["differences"]}:
        output = in_a_shell(project, f"{command} -rA", "/")
        lines = set(output.splitlines())
        for one in proof["differences"]:
            if one["command"] == command:
                assert one["shown_again"]
                word = "PASSED" if one["found"]["outcome"] == "passed" else "FAILED"
                assert any(line.startswith(f"{word} {one['node_id']}") for line in lines), (command, output)


def test_a_suite_that_fails_the_same_way_everywhere_is_proven_and_told_line_by_line(project):
    project.write({"test_three.py": "def test_broken(): raise ValueError('no')\n"})
    ended = project.isolane("prove", *FAST)
    proof = json.loads((project.path / "reports/proof.json").read_text())
    assert (ended.code, proof["verdict"]) == (0, "proven")
    assert [(one["node_id"], one["detail"], one["message"]) for one in proof["failures"]] == [
        ("test_three.py::test_broken", "ValueError", "ValueError: no")
    ]
    assert "1 test fails in the serial run:\n  test_three.py::test_broken: failed (ValueError)" in ended.out
    # Nobody sits at a terminal: plain lines tell how far it is.
    *lines, last = ended.err.splitlines()
    assert lines[0].startswith("[ 1] serial: 1 test, ")
    assert len(lines) == len(proof["phases"]) == 4
    assert last == ""  # sets the verdict apart, which goes to the other stream
    assert ended.out.startswith("PROVEN: ")
    assert "\x1b" not in ended.text


def test_a_serial_run_that_differs_from_itself_is_inconclusive(project):
    project.write(
        CLEAN
        | {
            "test_flaky.py": """
            from pathlib import Path

            def test_every_other_run():
                mark = Path(__file__).with_name("mark")
                if mark.exists():
                    mark.unlink()
                    assert False
                mark.touch()
            """
        }
    )
    ended, proof = prove(project)
    assert ended.code == 1
    assert proof["verdict"] == "inconclusive"
    assert [one["node_id"] for one in proof["flaky"]] == ["test_flaky.py::test_every_other_run"]
    assert len(proof["phases"]) == 2


def test_what_only_fails_in_parallel_is_not_proven(project):
    """Two workers meet at a pipe, which lets both on when it is open at both ends: one process cannot show that."""
    body = """
        import os

        def test_alone_in_the_house():
            if "PYTEST_XDIST_WORKER" in os.environ:
                os.close(os.open("door", os.{mode}))
                raise AssertionError("somebody else is there")
    """
    os.mkfifo(project.path / "door")
    project.write({"test_x.py": body.format(mode="O_RDONLY"), "test_y.py": body.format(mode="O_WRONLY")})
    ended, proof = prove(project)
    assert ended.code == 1
    assert proof["verdict"] == "not proven"
    found = {(one["node_id"], one["phase"], one["nature"], one["shown_again"]) for one in proof["differences"]}
    assert found == {
        ("test_x.py::test_alone_in_the_house", "parallel, 2 workers", "only in parallel", True),
        ("test_y.py::test_alone_in_the_house", "parallel, 2 workers", "only in parallel", True),
    }
    commands = {one["command"] for one in proof["differences"]}
    assert len(commands) == 1
    assert "-n 2 --dist loadscope" in commands.pop()


def test_arguments_reach_pytest_and_paths_give_way_to_the_module(project):
    project.write(
        {f"tests/unit/{name}": text for name, text in CLEAN.items()} | {"tests/other/test_x.py": "assert 0\n"}
    )
    ended, proof = prove(project, "--", "tests/unit", "-k", "test_a or test_d or tests")
    assert ended.code == 0, ended.text
    assert proof["arguments"] == ["tests/unit", "-k", "test_a or test_d or tests"]
    assert [one["module"] for one in proof["phases"] if one["module"]] == [
        "tests/unit/test_one.py",
        "tests/unit/test_two.py",
    ]


def test_the_ini_file_is_the_one_place_of_settings(project):
    ini = "[pytest]\nisolane_workers = 1\nisolane_seeds = 7,8\nisolane_reports = out\n"
    project.write({"test_a.py": "def test_a(): pass\n", "pytest.ini": ini})
    ended = project.isolane("prove", "--json")
    assert ended.code == 0, ended.text
    assert [(one["workers"], one["seed"]) for one in ended.data["phases"][2:]] == [(1, None), (0, 7), (0, 8)]
    assert (project.path / "out/proof.json").is_file()


def test_plugins_that_order_tests_or_split_runs_do_not_disturb_the_comparison(project):
    """With pytest-randomly active, and ``-n`` and ``-x`` in the ini file, the runs are still those of the plan."""
    project.write(TOGETHER | {"pytest.ini": "[pytest]\naddopts = -n 2 -x -p randomly\n"})
    _, proof = prove(project, PYTEST_ADDOPTS=QUICK.replace("-p no:randomly", ""))
    assert proof["tests"] == {"total": 3, "passed": 2, "failed": 1}
    assert "-n 0" in proof["baseline_command"]
    assert "--randomly-dont-reorganize" in proof["baseline_command"]
    assert {one["node_id"] for one in proof["differences"]} == {"test_b_victim.py::test_victim"}


def test_the_tests_see_the_environment_they_would_see_without_isolane(project):
    project.write(
        {
            "test_env.py": """
            import os
            def test_env():
                assert os.environ["PYTHONPATH"] == "mine"
                assert os.environ["PYTEST_ADDOPTS"] == os.environ["EXPECTED"]
                assert "PYTEST_WORKERS" not in os.environ  # it is answered: what tests start must not ask again
                assert "PYTEST_PLUGINS" not in os.environ
                assert "ISOLANE_RUN" not in os.environ
                assert os.environ["PYTHONHASHSEED"] == "7"
            """
        }
    )
    ended, proof = prove(
        project, PYTHONPATH="mine", PYTEST_ADDOPTS=QUICK, PYTEST_WORKERS="auto", PYTHONHASHSEED="7", EXPECTED=QUICK
    )
    assert ended.code == 0, ended.text
    assert proof["failures"] == []
    assert proof["hash_seed"] == 7, "one's own is kept"
    assert " && PYTHONHASHSEED=7 " in proof["baseline_command"]


def test_the_project_needs_neither_isolane_nor_xdist(project, other_python):
    """The project's own interpreter has pytest and nothing else; isolane and xdist come along for the run."""
    ended, proof = prove(project.write(TOGETHER), "--python", other_python, PYTEST_ADDOPTS="")
    assert ended.code == 1, ended.text
    assert proof["python"] == other_python
    assert {one["node_id"] for one in proof["differences"]} == {"test_b_victim.py::test_victim"}
    kinds = {shlex.split(one["command"])[0] for one in proof["differences"]}
    assert kinds == {"cd", "PYTHONHASHSEED=0"}
    for command in {one["command"] for one in proof["differences"] if not one["command"].startswith("cd")}:
        again = in_a_shell(project, command, project.path, PYTEST_ADDOPTS="-rA")
        assert "PASSED test_b_victim.py::test_victim" in again, again


def test_a_module_that_cannot_be_imported_alone_is_told_with_its_error(project):
    project.write(
        {
            "test_a_first.py": "import sys\nsys.lane = 1\ndef test_first(): pass\n",
            "test_b_second.py": "import sys\nassert sys.lane\ndef test_second(): pass\n",
        }
    )
    ended, proof = prove(project)
    assert ended.code == 1
    (one,) = proof["differences"]
    assert (one["node_id"], one["found"]["outcome"], one["missing"], one["shown_again"]) == (
        "(pytest itself)",
        "failed",
        1,
        True,
    )
    assert one["message"].startswith("test_b_second.py could not be collected: ")
    assert "AttributeError" in one["message"]


def test_ids_that_change_from_process_to_process_are_told(project):
    project.write(
        {"test_ids.py": "import os, pytest\n@pytest.mark.parametrize('n', [os.getpid()])\ndef test_n(n): pass\n"}
    )
    ended, proof = prove(project)
    assert (ended.code, proof["verdict"]) == (1, "inconclusive")
    assert {one["outcomes"][0]["outcome"] for one in proof["flaky"]} == {"passed", "missing"}


SETS = {
    "state.py": "value = []\n",
    "test_a_setter.py": "import state\ndef test_set(): state.value.append(1)\n",
    "test_b_sets.py": """
        import pytest
        import state

        WORDS = {"tram", "bus", "ferry", "train", "metro", "taxi"}

        @pytest.mark.parametrize(("place", "word"), enumerate(WORDS))
        def test_word(place, word): assert state.value
    """,
}
"""Which word is at which place, and so each node id, depends on the hash seed."""


def test_parameters_from_a_set_are_the_same_in_every_run_and_the_cause_of_a_difference_is_named(project):
    ended = project.write(SETS).isolane("prove", "-n", "2", "--seeds", "1", "--json", GITHUB_ACTIONS="true")
    proof = ended.data
    assert (ended.code, proof["verdict"], proof["hash_seed"]) == (1, "not proven", 0)
    alone = [one for one in proof["differences"] if one["phase"] == "alone: test_b_sets.py"]
    assert len(alone) == 6
    assert {(one["expected"]["outcome"], one["found"]["outcome"]) for one in alone} == {("passed", "failed")}
    assert all(one["shown_again"] for one in proof["differences"])
    assert {run.header.settings["hash-seed"] for run in project.runs()} == {"0"}
    each_cause_has_its_state_and_line(project, proof, ended.err)
    (command,) = {one["command"] for one in alone}
    output = in_a_shell(project, f"{command} -rf", "/", PYTHONHASHSEED="1")
    assert sum(f"FAILED {one['node_id']}" in output for one in alone) == 6, output


def each_cause_has_its_state_and_line(project, proof, errors):
    assert proof["causes"], proof
    commands = [line for line in errors.splitlines() if line.startswith("::")]
    results = json.loads((project.path / "reports/proof.sarif").read_text())["runs"][0]["results"]
    assert len(commands) == len(results) == len(proof["causes"])
    assert all(line.startswith("::error file=test_b_") and "is well only after" in line for line in commands)
    for cause in proof["causes"]:
        (carrier,) = cause["carriers"]
        assert (cause["sort"], cause["needed"]) == ("brittle", ["test_a_setter.py::test_set"])
        assert (carrier["kind"], carrier["name"], cause["tried"]) == ("module_globals", "state.value", True)
        assert (carrier["line"]["file"], carrier["line"]["line"]) == ("test_a_setter.py", 2)


def test_a_first_run_that_had_other_tests_than_all_later_ones_is_left_out_and_told(project):
    suite = """
        import pytest
        from pathlib import Path

        mark = Path(__file__).with_name("compiled")
        run = "later" if mark.exists() else "first"
        mark.touch()

        @pytest.mark.parametrize("run", [run])
        def test_it(run): pass
    """
    ended, proof = prove(project.write({"test_a.py": suite}))
    assert (ended.code, proof["verdict"]) == (0, "proven"), ended.text
    (note,) = proof["notes"]
    assert note.startswith("the very first run had other tests than the next")
    assert [one["name"] for one in proof["phases"]][:2] == ["serial", "serial again"]


def test_random_hash_seeds_are_kept_and_told(project):
    ended, proof = prove(project.write({"test_a.py": "def test_a(): pass\n"}), PYTHONHASHSEED="random")
    assert (ended.code, proof["hash_seed"]) == (0, None)
    assert "PYTHONHASHSEED" not in proof["baseline_command"]
    assert proof["notes"] == [
        "PYTHONHASHSEED=random: each run had a hash seed of its own, which no command shows again"
    ]
    assert "PYTHONHASHSEED=random" in (project.path / "reports/proof.md").read_text()


def test_folders_with_spaces_doctests_and_a_rootdir_above(tmp_path, project):
    (project.path / "pytest.ini").write_text("[pytest]\naddopts = --doctest-modules\n")
    project.write(
        {
            "my suite/lane one.py": '"""\n>>> 1 + 1\n2\n"""\n',
            "my suite/test_two.py": "import unittest\nclass Case(unittest.TestCase):\n    def test_x(self): pass\n",
        }
    )
    ended, proof = prove(project, "my suite")
    assert ended.code == 0, ended.text
    assert proof["tests"]["total"] == 2
    assert [one["tests"] for one in proof["phases"]] == [2, 2, 1, 1, 2, 2]


def test_a_run_that_fails_though_no_test_did_is_a_difference(project):
    project.write(
        {
            "test_a.py": "def test_a(): pass\n",
            "conftest.py": """
            def pytest_sessionfinish(session):
                if session.config.option.numprocesses:
                    raise RuntimeError("only with workers")
            """,
        }
    )
    ended, proof = prove(project)
    assert (ended.code, proof["verdict"]) == (1, "not proven")
    (one,) = proof["differences"]
    assert (one["node_id"], one["found"]["outcome"]) == ("(pytest itself)", "failed")
    assert one["found"]["detail"].startswith("exit code ")
    assert one["shown_again"]


def test_a_coverage_threshold_that_a_part_cannot_reach_is_no_difference(project):
    project.write({"test_a.py": "def test_a():\n    assert True\n", "test_b.py": "def test_b():\n    assert True\n"})
    ended, proof = prove(project, "--", "--cov=.", "--cov-fail-under=100")
    assert ended.code == 0, proof["differences"]
    assert any(one["exit_code"] == 1 for one in proof["phases"] if one["module"])
    assert not list(project.path.glob(".coverage*"))


@pytest.mark.parametrize("how", ["pytest.exit('enough')", "raise KeyboardInterrupt"])
def test_a_test_that_interrupts_the_run_is_not_taken_for_passed(project, how):
    project.write({"test_a.py": f"import pytest\ndef test_a(): pass\ndef test_b():\n    {how}\ndef test_c(): pass\n"})
    project.pytest("--isolane-record=on")
    record = project.runs()[0].record()
    assert list(record.outcomes) == ["test_a.py::test_a"]
    assert list(record.running) == ["test_a.py::test_b"]
    assert record.exit_code == 2
