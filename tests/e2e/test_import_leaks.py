"""What conftests and test modules leave behind when they are imported is told under their names, once a run."""

from __future__ import annotations

import pytest
from fork_runs import TWO, lines_with

SERIAL = ("-p", "no:xdist")
XDIST = ("-n", "1", "--isolane-engine", "xdist")
ENGINES = pytest.mark.parametrize("engine", [SERIAL, TWO, XDIST], ids=["serial", "fork", "xdist"])
SHOP = {
    "shop.py": """
        REGISTRY = {}
        class Shop:
            def price(self): return 1
    """,
    "conftest.py": """
        import os
        import shop
        os.environ["AT_CONFTEST"] = "1"
    """,
    "test_patches.py": """
        import shop
        shop.Shop.price = lambda self: 2
        shop.REGISTRY.update(patches=1, prices=2)
        OWN = {"of": "this module"}
        def test_price(): assert shop.Shop().price() == 2
    """,
    "test_clean.py": """
        import shop
        SEEN = []
        def test_clean(): pass
    """,
}
OF_CONFTEST = "module conftest.py: env AT_CONFTEST: None → '1' (dangerous)"
OF_TESTS = "module test_patches.py: class_attributes shop.Shop.price: 'function Shop.price' → 'function <lambda>'"


@ENGINES
def test_each_change_is_told_once_under_the_modules_name(project, engine):
    ended = project.write(SHOP).pytest(*engine, "--isolane-leaks=report", "-q", COLUMNS="300")
    assert ended.code == 0, ended.out
    told = lines_with(ended.out, "module ")
    assert len(told) == 3, ended.out
    assert OF_CONFTEST in told
    assert lines_with(ended.out, OF_TESTS)
    assert lines_with(ended.out, "shop.REGISTRY['patches']: None → 1 (suspect), and 1 more there")


@pytest.mark.parametrize("engine", [TWO, XDIST], ids=["fork", "xdist"])
def test_a_run_that_is_to_fail_for_leaks_fails_for_these_in_one_line(project, engine):
    ended = project.write(SHOP).pytest(*engine, "--isolane-leaks=fail", "-q", COLUMNS="300")
    assert ended.code == 1, ended.out
    assert "2 passed" in ended.out
    assert lines_with(ended.out, "isolane: 2 modules leave state behind when imported (the run fails for it)")


def test_those_that_the_suite_knows_of_are_not_told(project):
    known = (
        "[pytest]\nisolane_known_leaks =\n    env:AT_CONFTEST\n    class_attributes:shop.*\n    module_globals:shop.*\n"
    )
    ended = project.write(SHOP | {"pytest.ini": known}).pytest(*SERIAL, "--isolane-leaks=fail", "-q")
    assert ended.code == 0, ended.out
    assert "state" not in ended.out


def test_a_module_whose_import_fails_is_told_without_a_line_of_ours_in_its_traceback(project):
    project.write({"test_breaks.py": "import os\nos.environ['BEFORE'] = '1'\nraise ValueError('broken')\n"})
    ended = project.pytest(*SERIAL, "--isolane-leaks=report", "-q", COLUMNS="200")
    assert ended.code == 2
    assert lines_with(ended.out, "module test_breaks.py: env BEFORE: None → '1'"), ended.out
    assert "importing.py" not in ended.out


def test_python_s_own_loader_is_looked_at_where_assertions_are_plain(project):
    ended = project.write(SHOP).pytest(*SERIAL, "--isolane-leaks=report", "--assert=plain", "-q", COLUMNS="300")
    assert ended.code == 0, ended.out
    assert lines_with(ended.out, OF_CONFTEST)
    assert lines_with(ended.out, OF_TESTS)


def test_nobody_looks_where_nobody_asks(project):
    project.write(
        {
            "test_off.py": """
                import sys
                def test_off(request):
                    assert "isolane.pytest_plugin.state.importing" not in sys.modules
                    assert not request.config.pluginmanager.hasplugin("isolane-import-watch")
            """
        }
    )
    assert project.pytest(*SERIAL, "-q").code == 0
    assert project.pytest(*SERIAL, "-q", "--isolane-leaks=report").code == 1
