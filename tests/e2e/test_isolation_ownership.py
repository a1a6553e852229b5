"""What a fixture of wider scope than a test sets up stays while it is active, whenever that was.

Each suite is run by a real pytest in a process of its own, with the isolation module on.
"""

from __future__ import annotations

import pytest
from isolation_suites import ON, run

OWNERSHIP = """
import logging, os, sys, warnings, pytest

def owned():
    return (
        os.environ.get("OWNED"),
        "owned" in sys.path,
        os.getcwd() == os.environ.get("OWNED_DIRECTORY"),
        logging.getLogger("owned").level,
        any(entry[2] is PendingDeprecationWarning and entry[0] == "once" for entry in warnings.filters),
    )

def own(tmp_path_factory, value="yes"):
    os.environ["OWNED"] = value
    os.environ["OWNED_DIRECTORY"] = str(tmp_path_factory.mktemp("owned"))
    os.chdir(os.environ["OWNED_DIRECTORY"])
    sys.path.insert(0, "owned")
    logging.getLogger("owned").setLevel(7)
    warnings.simplefilter("once", PendingDeprecationWarning)

def disown():
    assert owned()[:4] == ("yes", True, True, 7)
    del os.environ["OWNED"]
    os.chdir("/")
    sys.path.remove("owned")
    logging.getLogger("owned").setLevel(0)

def leak():
    os.environ["LEAK"] = "1"
    sys.path.insert(0, "leak")
    logging.getLogger("owned").addFilter(lambda record: True)
    os.chdir("/")

def leaked():
    return "LEAK" in os.environ or "leak" in sys.path or bool(logging.getLogger("owned").filters)

@pytest.fixture(scope="{scope}")
def inner(tmp_path_factory):
    own(tmp_path_factory)
    yield
    disown()
    print("disowned")

@pytest.fixture(scope="{scope}")
def outer(request):
    request.getfixturevalue("inner")

class TestIt:
    def test_first(self, request):
        leak()
        request.getfixturevalue("{asked}")
        assert owned() == ("yes", True, True, 7, True)
        assert leaked()
        leak()

    def test_second(self):
        assert owned()[:4] == ("yes", True, True, 7)
        assert not leaked()

    def test_third(self, {asked}):
        assert owned()[:4] == ("yes", True, True, 7)
        assert not leaked()
"""


@pytest.mark.req("R2.4")
@pytest.mark.parametrize(
    ("scope", "asked"), [("class", "outer"), ("module", "inner"), ("package", "inner"), ("session", "outer")]
)
def test_what_a_late_fixture_of_wider_scope_sets_up_stays_while_it_is_active(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, scope: str, asked: str
) -> None:
    pytester.makeconftest(ON)
    pytester.makepyfile(test_owned=OWNERSHIP.replace("{scope}", scope).replace("{asked}", asked))
    pytester.makepyfile(
        test_owned_after="""
        import os
        def test_after():
            assert ("OWNED" in os.environ) is (os.environ["SCOPE"] in ("package", "session"))
            assert "LEAK" not in os.environ
        """
    )
    monkeypatch.setenv("SCOPE", scope)
    result = run(pytester, "test_owned.py", "test_owned_after.py", "-s")
    result.assert_outcomes(passed=4)
    assert result.stdout.str().count("disowned") == 1


def test_fixtures_of_wider_scope_work_in_every_style(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(ON)
    pytester.makepyfile(
        test_styles="""
        import os, unittest, pytest

        def setup_module():
            os.environ["MODULE"] = "1"

        def teardown_module():
            assert os.environ.pop("MODULE") == "1"

        class TestPlain:
            @classmethod
            def setup_class(cls):
                os.environ["CLASS"] = "1"

            @classmethod
            def teardown_class(cls):
                assert os.environ.pop("CLASS") == "1"

            def test_first(self):
                os.environ["CLASS"] = os.environ["MODULE"] = "changed by a test"

            def test_second(self):
                assert (os.environ["CLASS"], os.environ["MODULE"]) == ("1", "1")

        class Case(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                os.environ["CASE"] = "1"
                cls.addClassCleanup(lambda: os.environ.pop("CASE"))

            def setUp(self):
                os.environ["METHOD"] = "1"

            def test_first(self):
                os.environ["CASE"] = "changed by a test"

            def test_second(self):
                assert os.environ["CASE"] == "1"

        @pytest.fixture(scope="class")
        def without_a_class():
            os.environ["NO_CLASS"] = "1"
            yield
            assert os.environ.pop("NO_CLASS") == "1"

        def test_after(without_a_class):
            assert not {"CLASS", "CASE", "METHOD"} & os.environ.keys()
            assert os.environ["MODULE"] == os.environ["NO_CLASS"] == "1"

        def test_after_that(request):
            assert "NO_CLASS" not in os.environ
            request.getfixturevalue("without_a_class")
            assert os.environ["NO_CLASS"] == "1"

        def test_last():
            assert "NO_CLASS" not in os.environ
        """
    )
    run(pytester, "test_styles.py").assert_outcomes(passed=7)


def test_a_fixture_that_is_torn_down_for_its_next_parameter_in_the_midst_of_a_test_owns_that_too(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeconftest(
        ON
        + """
import pytest
@pytest.fixture(autouse=True)
def first_of_all():
    pass
"""
    )
    pytester.makepyfile(
        test_parameters="""
        import os, pytest

        @pytest.fixture
        def variable(request):
            os.environ[request.param] = "set"
            yield
            del os.environ[request.param]

        @pytest.mark.parametrize("variable", ["FIRST", "SECOND"], indirect=True, scope="module")
        @pytest.mark.parametrize("time", [1, 2])
        def test_parameter(variable, time, request):
            now = [name for name in ("FIRST", "SECOND") if name in os.environ]
            assert now == [request.node.callspec.params["variable"]]

        def test_after():
            assert "FIRST" not in os.environ and os.environ.get("SECOND") == "set"
        """
    )
    run(pytester, "test_parameters.py").assert_outcomes(passed=5)
