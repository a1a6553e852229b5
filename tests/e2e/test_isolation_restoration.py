"""With the isolation module on, no test sees what another one left behind.

Every suite is run by a real pytest in a process of its own. That a leak shows without restoration is part of each
claim: a test of restoration that passes without it would show nothing.
"""

from __future__ import annotations

import pytest
from isolation_suites import ON, run

OFF = ""
KINDS = ["env", "cwd", "umask", "sys_path", "logging", "warnings", "caches"]

LEAKS = """
import functools, logging, os, sys, warnings
from pathlib import Path

START = Path.cwd()

@functools.lru_cache
def get_settings():
    return []

def read_umask():
    mask = os.umask(0o077)
    os.umask(mask)
    return mask

MASK = read_umask()
FORMAT = warnings.formatwarning

def pollute():
    os.environ["LEAK"] = "1"
    os.environ.pop("HOME", None)
    os.chdir("/")
    os.umask(MASK ^ 0o010)
    sys.path = ["leak", *sys.path]
    logging.getLogger("old").disabled = True
    logging.getLogger("new").addHandler(logging.StreamHandler())
    warnings.formatwarning = repr
    get_settings().append("leak")

logging.getLogger("old")

CLEAN = {
    "env": lambda: "LEAK" not in os.environ and "HOME" in os.environ,
    "cwd": lambda: Path.cwd() == START,
    "umask": lambda: read_umask() == MASK,
    "sys_path": lambda: "leak" not in sys.path,
    "logging": lambda: not logging.getLogger("old").disabled and not logging.getLogger("new").handlers,
    "warnings": lambda: warnings.formatwarning is FORMAT,
    "caches": lambda: get_settings() == [],
}
"""

VICTIMS = """
@pytest.mark.parametrize("kind", leaks.CLEAN)
def test_victim(kind):
    assert leaks.CLEAN[kind]()
"""

POLLUTERS = {
    "passing": """
def test_polluter():
    leaks.pollute()
""",
    "failing": """
def test_polluter():
    leaks.pollute()
    assert False
""",
    "exiting": """
def test_polluter():
    leaks.pollute()
    sys.exit(1)
""",
    "failing_in_setup": """
@pytest.fixture
def broken():
    leaks.pollute()
    raise ValueError("in setup")

def test_polluter(broken):
    pass
""",
    "failing_in_teardown": """
@pytest.fixture
def broken():
    yield
    leaks.pollute()
    raise ValueError("in teardown")

def test_polluter(broken):
    pass
""",
    "exiting_in_teardown": """
@pytest.fixture
def broken():
    yield
    leaks.pollute()
    sys.exit(1)

def test_polluter(broken):
    pass
""",
    "failing_module_fixture": """
@pytest.fixture(scope="module")
def broken():
    leaks.pollute()
    raise ValueError("in setup")

def test_polluter(broken):
    pass
""",
    "failing_late_session_fixture": """
@pytest.fixture(scope="session")
def broken():
    leaks.pollute()
    raise ValueError("in setup")

def test_polluter(request):
    request.getfixturevalue("broken")
""",
    "method": """
class TestPolluter:
    def setup_method(self):
        leaks.pollute()

    def test_polluter(self):
        pass
""",
    "unittest": """
class Polluter(unittest.TestCase):
    def tearDown(self):
        leaks.pollute()

    def test_polluter(self):
        pass
""",
    "async_unittest": """
class Polluter(unittest.IsolatedAsyncioTestCase):
    async def test_polluter(self):
        leaks.pollute()
""",
}


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A suite with one module a way to pollute, and after each polluter a victim a kind of state."""
    pytester.makeini("[pytest]\nisolane_clear_caches = leaks:get_settings\n")
    pytester.makepyfile(leaks=LEAKS)
    for way, polluter in POLLUTERS.items():
        pytester.makepyfile(**{f"test_{way}": f"import sys, unittest, leaks, pytest\n{polluter}\n{VICTIMS}"})
    return pytester


def victims_failed(result: pytest.RunResult) -> dict[str, int]:
    """Return how many victims failed, by kind."""
    failed = [line for line in result.outlines if line.startswith("FAILED") and "test_victim[" in line]
    return {kind: count for kind in KINDS if (count := sum(f"[{kind}]" in line for line in failed))}


@pytest.mark.parametrize("conftest", [OFF, ON], ids=["without isolation", "with no kinds"])
def test_the_leaks_are_real(suite: pytest.Pytester, conftest: str) -> None:
    suite.makeconftest(conftest)
    assert victims_failed(run(suite, "-o", "isolane_restore=")) == dict.fromkeys(KINDS, len(POLLUTERS))


@pytest.mark.req("R2.4")
@pytest.mark.parametrize("workers", ["0", "2"])
def test_no_test_sees_what_another_left_behind(suite: pytest.Pytester, workers: str) -> None:
    suite.makeconftest(ON)
    result = run(suite, "-n", workers, "--dist", "loadfile", "-rA")
    assert victims_failed(result) == {}
    # In these the polluter itself passes; the others fail, or end in an error, as they are meant to.
    passing = {"passing", "method", "unittest", "async_unittest", "failing_in_teardown", "exiting_in_teardown"}
    victims = len(POLLUTERS) * len(KINDS)
    result.assert_outcomes(passed=victims + len(passing), failed=3, errors=4)


@pytest.mark.req("R2.4")
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_restored_by_its_own_part_alone(suite: pytest.Pytester, kind: str) -> None:
    suite.makeconftest(ON)
    others = " ".join(other for other in KINDS if other != kind)
    result = run(suite, "test_passing.py", "-o", f"isolane_restore={others}")
    assert victims_failed(result) == {kind: 1}


def test_it_works_by_itself_where_plugins_are_not_loaded_automatically(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    suite.makeconftest(ON)
    result = run(suite, "test_passing.py", "--strict-config", "--strict-markers", "-W", "error")
    result.assert_outcomes(passed=1 + len(KINDS))


@pytest.mark.req("R2.4")
@pytest.mark.parametrize("restored", [True, False])
def test_filters_are_restored_where_pytest_itself_does_not_look_after_them(
    suite: pytest.Pytester, restored: bool
) -> None:
    suite.makeconftest(ON)
    suite.makepyfile(
        test_filters="""
        import warnings

        def test_polluter():
            warnings.resetwarnings()
            warnings.simplefilter("error")

        def test_victim():
            warnings.simplefilter("ignore", append=True)
            warnings.warn("not raised", DeprecationWarning)
        """
    )
    kinds = "warnings" if restored else "env"
    result = run(suite, "test_filters.py", "-p", "no:warnings", "-W", "ignore", "-o", f"isolane_restore={kinds}")
    result.assert_outcomes(passed=1 + restored, failed=1 - restored)


@pytest.mark.req("R2.4")
@pytest.mark.parametrize("restored", [True, False])
def test_it_is_first_and_last_also_among_fixtures_of_conftest_and_plugins(
    suite: pytest.Pytester, restored: bool
) -> None:
    leaving = """
        import os, pytest

        @pytest.fixture(autouse=True)
        def aa_{name}():
            os.environ["LEFT_BY_{name}"] = "in setup"
            yield
            os.environ["LEFT_BY_{name}"] = "in teardown"
    """
    suite.makepyfile(earlier=leaving.format(name="plugin"))
    suite.makeconftest(
        (ON if restored else "") + "\n".join(line[8:] for line in leaving.format(name="conftest").splitlines())
    )
    suite.makepyfile(
        test_left="""
        import os

        BEFORE = []

        def record():
            BEFORE.append(sorted(name for name in os.environ if name.startswith("LEFT_BY")))

        def test_first():
            pass
        """
    )
    suite.makepyfile(
        probe="""
        import os, pytest

        @pytest.hookimpl(trylast=True)
        def pytest_runtest_logfinish():
            print("left:", sorted(name for name in os.environ if name.startswith("LEFT_BY")))
        """
    )
    result = run(suite, "test_left.py", "-p", "earlier", "-p", "probe", "-s")
    left = [] if restored else ["LEFT_BY_conftest", "LEFT_BY_plugin"]
    assert f"left: {left}" in result.stdout.str()


def test_doctests_async_tests_and_items_without_fixtures_are_restored_too(suite: pytest.Pytester) -> None:
    suite.makeconftest(
        ON
        + """
import asyncio, inspect, os, pytest

@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        asyncio.run(pyfuncitem.obj())
        return True

def pytest_collect_file(parent, file_path):
    if file_path.suffix == ".item":
        return File.from_parent(parent, path=file_path)

class File(pytest.File):
    def collect(self):
        yield Item.from_parent(self, name="polluter")
        yield Item.from_parent(self, name="victim")

class Item(pytest.Item):
    def runtest(self):
        assert "LEAK" not in os.environ
        os.environ["LEAK"] = "1"
"""
    )
    suite.makepyfile(
        test_async="""
        import os
        async def test_polluter():
            os.environ["LEAK"] = "1"
        async def test_victim():
            assert "LEAK" not in os.environ
        """
    )
    suite.makefile(".item", suite="")
    doctest = ">>> import os\n>>> os.environ.setdefault('LEAK', '1')\n'1'\n>>> os.environ['LEAK'] = '2'\n"
    suite.makefile(".txt", test_first=doctest, test_second=doctest)
    arguments = ("test_async.py", "test_first.txt", "test_second.txt", "suite.item")
    run(suite, *arguments).assert_outcomes(passed=6)
    run(suite, *arguments, "-o", "isolane_restore=cwd").assert_outcomes(passed=2, failed=4)


@pytest.mark.req("R2.4")
def test_an_interrupted_run_ends_with_the_state_restored(suite: pytest.Pytester) -> None:
    suite.makeconftest(
        ON
        + """
import os
def pytest_unconfigure():
    print("at the end:", os.environ.get("LEAK"))
"""
    )
    suite.makepyfile(
        test_interrupted="""
        import os
        def test_interrupted():
            os.environ["LEAK"] = "1"
            raise KeyboardInterrupt
        """
    )
    for kinds, value in (("env", None), ("cwd", "1")):
        result = run(suite, "test_interrupted.py", "-s", "-o", f"isolane_restore={kinds}")
        assert result.ret == pytest.ExitCode.INTERRUPTED
        result.stdout.fnmatch_lines([f"*at the end: {value}"])


def test_pytests_capturing_of_logs_goes_on_undisturbed(suite: pytest.Pytester) -> None:
    suite.makeconftest(ON)
    suite.makepyfile(
        test_logs="""
        import logging, logging.config, pytest

        quiet = logging.getLogger("quiet")

        def test_polluter():
            quiet.propagate = False
            logging.root.handlers = []
            logging.config.dictConfig({"version": 1})
            logging.disable(logging.CRITICAL)

        @pytest.mark.parametrize("time", [1, 2])
        def test_victim(caplog, time):
            quiet.warning("once")
            assert [record.getMessage() for record in caplog.records] == ["once"]
            quiet.propagate = time == 2
            quiet.addHandler(caplog.handler)
            caplog.set_level(logging.DEBUG)

        def test_shown_when_it_fails():
            quiet.info("told")
            assert False
        """
    )
    result = run(suite, "test_logs.py", "--log-level=INFO", "--log-cli-level=INFO", "-rA")
    result.assert_outcomes(passed=3, failed=1)
    output = result.stdout.str()
    assert output.count("quiet:test_logs.py") == 4 + 2  # Each once live, and once in the report of its test.


def test_a_working_directory_that_a_test_destroyed_is_told_and_tests_go_on(suite: pytest.Pytester) -> None:
    suite.makeconftest(ON)
    suite.makepyfile(
        test_destroyed="""
        import os, pathlib, shutil, pytest

        @pytest.fixture(scope="module", autouse=True)
        def home(tmp_path_factory):
            home = tmp_path_factory.mktemp("home")
            os.chdir(home)
            return home

        def test_destroyer():
            shutil.rmtree(os.getcwd())

        def test_after(home):
            assert pathlib.Path.cwd() == home.parent
        """
    )
    result = run(suite, "test_destroyed.py")
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(
        ["*test_destroyed.py:*PytestWarning: isolane: the working directory *home0 cannot be entered again*"]
    )


def test_a_test_can_keep_what_it_changes(suite: pytest.Pytester) -> None:
    suite.makeconftest(ON)
    suite.makepyfile(
        test_kept="""
        import leaks, pytest

        @pytest.mark.isolane_keep("env", "cwd")
        class TestKeeping:
            @pytest.mark.isolane_keep("logging")
            def test_polluter(self):
                leaks.pollute()
        """
        + VICTIMS.replace("\n", "\n        "),
        test_kept_all="""
        import leaks, pytest

        @pytest.mark.isolane_keep
        def test_polluter():
            leaks.pollute()
        """
        + VICTIMS.replace("\n", "\n        "),
    )
    assert victims_failed(run(suite, "test_kept.py", "--strict-markers")) == {"env": 1, "cwd": 1, "logging": 1}
    # The caches are emptied after the first victim, which keeps nothing.
    kept = [kind for kind in KINDS if kind != "caches"]
    assert victims_failed(run(suite, "test_kept_all.py", "--strict-markers")) == dict.fromkeys(kept, 1)


@pytest.mark.parametrize("unknown", ["'environment'", "['env']"])
def test_keeping_an_unknown_kind_is_one_line(suite: pytest.Pytester, unknown: str) -> None:
    suite.makeconftest(ON)
    suite.makepyfile(
        test_kept=f"""
        import pytest
        @pytest.mark.isolane_keep({unknown})
        def test_keeping(): pass
        """
    )
    result = run(suite, "test_kept.py")
    result.assert_outcomes(errors=1)
    (line,) = [one for one in result.outlines if one.startswith("isolane_keep: ")]
    assert line.startswith(f"isolane_keep: there is no kind of state {unknown}. The kinds are env, cwd,")
    assert "Traceback" not in result.stdout.str()


@pytest.mark.parametrize("option", ["--setup-plan", "--setup-show"])
def test_it_is_shown_as_a_fixture(suite: pytest.Pytester, option: str) -> None:
    suite.makeconftest(ON)
    result = run(suite, option, "test_passing.py")
    result.stdout.fnmatch_lines(["*SETUP    F restore_process_state", "*TEARDOWN F restore_process_state"])
    assert result.ret == 0
