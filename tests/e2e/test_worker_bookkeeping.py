"""The coordinator is told by both engines who runs what."""

from __future__ import annotations

import pytest
from fork_runs import events

from isolane.model.events import WorkerStarted

SUITE = {
    "conftest.py": """
        import json
        import pytest

        @pytest.hookimpl(trylast=True)
        def pytest_sessionfinish(session):
            if hasattr(session.config, "workerinput"):
                return
            for name in ("dsession", "isolane-xdist"):
                plugin = session.config.pluginmanager.getplugin(name)
                controller = getattr(plugin, "_controller", plugin)
                coordinator = getattr(controller, "coordinator", None)
                if coordinator is not None:
                    figures = coordinator.statistics()
                    (session.config.rootpath / "figures.json").write_text(json.dumps({
                        "completed": figures.completed,
                        "failed": figures.failed_workers,
                        "workers": {name: one.completed for name, one in figures.workers.items()},
                    }))
    """,
    "test_one.py": """
        import os
        import pytest

        @pytest.mark.parametrize("number", range(4))
        def test_passes(number, request):
            (request.config.rootpath / f"process-{os.getpid()}").touch()

        def test_ends_its_worker(): os._exit(3)
    """,
}


@pytest.mark.parametrize("engine", ["fork", "xdist"])
def test_the_coordinator_knows_what_every_worker_has_done(project, engine):
    import json

    ended = project.write(SUITE).pytest("-n", "2", "--dist", "load", "--isolane-engine", engine)
    assert ended.code == 1
    figures = json.loads((project.path / "figures.json").read_text())
    assert figures["failed"] == 1
    assert sum(figures["workers"].values()) == figures["completed"]
    # The fork engine counts units, of which each is one test here; a crashed test's unit is over, too.
    assert figures["completed"] == {"fork": 5, "xdist": 4}[engine]
    told = {event.process_id for event in events(project.path) if isinstance(event, WorkerStarted)}
    assert told >= {int(path.name.removeprefix("process-")) for path in project.path.glob("process-*")}
    assert None not in told


def test_with_v_a_run_says_how_busy_its_workers_were(project):
    ended = project.write({"test_a.py": "def test_a(): pass\ndef test_b(): pass\n"}).pytest("-n", "2", "-v")
    line = next(line for line in ended.out.splitlines() if "workers busy" in line)
    assert "(2)" in line  # one module is one unit: both tests ran in one worker
