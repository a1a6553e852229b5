"""Everything that ``hunted/imported`` does when it is imported is seen, put back, and traced to its line.

Which files do it is searched for in ``tests/property``, in memory; here are real interpreters, few of them.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.reports.proof_samples import difference, proof

from isolane.model.explanation import line_of
from isolane.model.hunt import Probe, Sort
from isolane.model.outcome import PASSED, Category, Outcome
from isolane.model.plan import RunPlan
from isolane.model.proof import PYTEST_ITSELF, Nature, Phase, PhaseKind, Verdict
from isolane.planning.search import Batch
from isolane.usecases.causes import with_causes
from isolane.usecases.execution import execute
from isolane.usecases.hunt import HuntRequest
from isolane.usecases.hunt_fresh import FreshProber
from isolane.usecases.observer import Silence
from isolane.usecases.workshop import open_workshop

OWN = "tests/test_v.py"
PLANTED = {
    # test of OWN: what is imported besides, which leaves what, in which line
    "test_mode": (["tests/test_a_env.py"], ("env", "SHOP_MODE"), 3),
    "test_total": (["tests/test_b_class.py"], ("class_attributes", "shop.cart.Cart.total"), 3),
    "test_mail": (["tests/test_c_stub.py"], ("modules", "shop.mail"), 4),
    "test_halves": (["tests/test_d_half.py", "tests/test_e_half.py"], ("env", "HALF_"), 3),
    "test_registered": (["tests/test_f_registers.py"], ("module_globals", "shop.REGISTRY['card']"), 3),
    "test_precision": (["tests/api/conftest.py"], ("decimal", "getcontext().prec"), 3),
}
BRITTLE = "test_registered"


@pytest.fixture(autouse=True)
def _environment(tmp_path, monkeypatch):
    """Nothing of this run is for the planted suite."""
    for name in list(os.environ):
        if name.startswith(("PYTEST_", "ISOLANE_", "COV", "PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest -p no:randomly -p no:timeout -p no:cov")
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.fixture
def planted(tmp_path):
    """Return a copy of the suite."""
    source = Path(__file__).parent / "hunted" / "imported"
    return Path(shutil.copytree(source, tmp_path / "imported", ignore=shutil.ignore_patterns("__pycache__", ".*")))


def test_what_is_planted_is_seen_put_back_and_traced_to_its_line(planted):
    tests = tuple(f"{OWN}::{name}" for name in PLANTED)
    polluters = [file for files, _, _ in PLANTED.values() for file in files]
    kinds = tuple(dict.fromkeys(place[0] for _, place, _ in PLANTED.values()))
    alone = Probe(tests, files=(OWN,), tells_all=True)
    together = replace(alone, files=(*polluters, OWN))
    with open_workshop(planted, sys.executable) as workshop:
        plan = RunPlan(planted, sys.executable, ("--collect-only",), label="hunt", dist=None)
        collected = execute(workshop, plan, Silence())
        hunted = replace(collected, plan=replace(plan, arguments=()))
        hunted.record.header = replace(hunted.record.header, argv=())
        prober = FreshProber(workshop, hunted, None, Silence())

        def ask(*probes):
            return prober.drive(_only(Batch(probes)))

        by_itself, all_files = ask(alone, replace(alone, files=()))
        preloaded = by_itself.modules
        looked, undone, traced = ask(
            replace(together, looks=True, preloaded=preloaded),
            replace(together, restored=kinds, preloaded=preloaded),
            replace(together, traced=kinds, preloaded=preloaded),
        )

    well = {test: test != f"{OWN}::{BRITTLE}" for test in tests}
    assert {test: by_itself.outcomes[test] == PASSED for test in tests} == well
    for answer in (all_files, looked, traced):
        assert {test: answer.outcomes[test] == PASSED for test in tests} == {one: not well[one] for one in tests}
    assert {test: undone.outcomes[test] == PASSED for test in tests} == well
    assert {"shop", "shop.cart"} <= set(preloaded)
    assert "test_v" not in preloaded
    for files, (kind, name), number in PLANTED.values():
        for file in files:
            for answer in (looked, traced):
                (one,) = (one for one in answer.found if one.leak.owner == f"module {file}")
                assert one.at_import
                assert one.leak.change.kind == kind
                assert one.leak.change.name.startswith(name)
            assert line_of(one.blame.since).place == f"{file}:{number}"


def _only(batch):
    return (yield batch)


def test_a_proof_explains_a_file_that_needs_another_ones_import_with_its_command(tmp_path):
    project = tmp_path / "project"
    (project / "helpers").mkdir(parents=True)
    (project / "pytest.ini").write_text("[pytest]\n")
    (project / "helpers" / "helping.py").write_text("VALUE = 1\n")
    (project / "test_a_path.py").write_text("import sys\n\nsys.path.insert(0, 'helpers')\ndef test_path(): pass\n")
    (project / "test_b_needs.py").write_text("import helping\ndef test_value(): assert helping.VALUE\n")
    alone = Phase(PhaseKind.MODULE, module="test_b_needs.py")
    stopped = Outcome(Category.FAILED, "exit code 2")
    differs = difference(PYTEST_ITSELF, alone, stopped, nature=Nature.ALONE, missing=1, shown_again=True)
    unexplained = proof(verdict=Verdict.NOT_PROVEN, differences=(differs,))
    request = HuntRequest((), project, sys.executable, only_forks=True)
    explained = with_causes(unexplained, request, Silence())

    (one,) = explained.causes
    assert (one.test, one.sort, one.needed, one.others) == ("test_b_needs.py", Sort.IMPORT, ("test_a_path.py",), ())
    assert (one.alone.category, one.after, one.tried, one.shown) == (Category.SETUP_ERROR, PASSED, True, True)
    assert one.command.endswith("pytest test_a_path.py test_b_needs.py --collect-only")
    (carrier,) = one.carriers
    assert carrier.leak.change.kind == "sys_path"
    assert line_of(carrier.blame.since).place == "test_a_path.py:3"
    assert explained.notes == ()
