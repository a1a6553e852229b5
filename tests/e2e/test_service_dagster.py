"""Dagster: an instance and contexts of each test's own, and nothing that is kept in a module or class."""

from __future__ import annotations

from pathlib import Path

import dagster
import pytest
from throwaway_project import Project

from isolane.resources.dagster import DagsterTest, dagster_test

pytestmark = [pytest.mark.server, pytest.mark.req("R2.3")]


@dagster.asset
def stops(context) -> int:
    context.add_output_metadata({"count": 7})
    return 7


@dagster.op
def double(context) -> int:
    return 2 * context.op_config["number"]


@pytest.fixture
def test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DagsterTest:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with dagster_test(tmp_path) as test:
        yield test


def test_a_run_is_in_the_tests_instance_only(test: DagsterTest, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with dagster_test(tmp_path / "other") as other:
        assert test.materialize([stops]).output_for_node("stops") == 7
        assert len(test.instance.get_runs()) == 1
        assert test.instance.get_latest_materialization_event(stops.key) is not None
        assert other.instance.get_runs() == []
        assert other.instance.get_latest_materialization_event(stops.key) is None
        assert other.instance is not test.instance


def test_the_instance_is_one_in_a_test_and_its_files_are_in_the_tests_folder(test: DagsterTest, tmp_path: Path) -> None:
    test.materialize([stops])
    assert test.instance is test.instance
    assert list((tmp_path / "isolane-dagster").rglob("stops"))


def test_contexts_are_fresh_and_their_resources_end_with_the_test(tmp_path: Path) -> None:
    ended = []

    @dagster.resource
    def connection(_):
        yield "open"
        ended.append("closed")

    @dagster.op(required_resource_keys={"connection"})
    def read(context):
        return context.resources.connection

    with dagster_test(tmp_path) as test:
        contexts = [test.op_context(op_config={"number": number}) for number in (1, 2)]
        assert [double(context) for context in contexts] == [2, 4]
        assert stops(test.asset_context()) == 7
        assert read(test.op_context(resources={"connection": connection})) == "open"
        assert ended == []
    assert ended == ["closed"]


SUITE = {
    "test_dagster.py": """
        import dagster, pytest, sys

        SEEN = []

        @dagster.asset
        def stops():
            return 7

        @pytest.mark.parametrize("number", range(6))
        def test_it(isolane_dagster, number):
            with pytest.raises(dagster._core.errors.DagsterHomeNotSetError):
                dagster.DagsterInstance.get()
            assert isolane_dagster.instance.get_runs() == []
            assert isolane_dagster.materialize([stops]).success
            assert all(isolane_dagster.instance is not other for other in SEEN)
            SEEN.append(isolane_dagster.instance)
            assert number != 2
        """
}


@pytest.mark.parametrize("engine", ["xdist", "fork"])
def test_no_test_sees_another_ones_runs_under_every_engine(project: Project, engine: str, tmp_path: Path) -> None:
    project.write(SUITE)
    ended = project.pytest("-n", "2", "--dist", "load", "--isolane-engine", engine, DAGSTER_HOME=str(tmp_path))
    assert "1 failed, 5 passed" in ended.out, ended.text


def test_no_module_or_class_of_dagster_keeps_what_a_test_did(project: Project) -> None:
    """In one process, where no test sees another one's runs either.

    isolane's own sensors look at the process after each test: instance and context must not be in what is left.
    """
    suite = SUITE["test_dagster.py"].replace("SEEN.append", "repr").replace("assert number != 2", "")
    project.write({"test_dagster.py": suite})
    ended = project.pytest("-p", "no:logging", "--isolane-leaks", "fail")
    assert "6 passed" in ended.out, ended.text


def test_without_dagster_tests_are_skipped_in_one_line(project: Project) -> None:
    project.write(
        {"conftest.py": "import sys; sys.modules['dagster'] = None", "test_it.py": "def test_it(isolane_dagster): pass"}
    )
    ended = project.pytest("-rs")
    assert "1 skipped" in ended.out, ended.text
    assert "pip install 'isolane[dagster]'" in ended.out
