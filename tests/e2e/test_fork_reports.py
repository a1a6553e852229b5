"""Everything that a report carries arrives: the same run, serial and forked, says the same of every test."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from fork_runs import LOAD, lines_with, test_cases

SUITE = {
    "conftest.py": """
        def pytest_terminal_summary(terminalreporter):
            for category, reports in terminalreporter.stats.items():
                for report in reports:
                    properties = getattr(report, "user_properties", None)
                    if properties:
                        terminalreporter.write_line(f"properties {report.nodeid} {report.when} {properties!r}")
    """,
    "test_a_reports.py": """
        import decimal
        import threading
        import unittest
        import warnings
        import pytest

        class Weighed:
            def __init__(self, grams): self.grams = grams
            def __eq__(self, other): return self.grams == other.grams
            def __repr__(self): return f"{self.grams} grams"

        def test_passes(record_property):
            record_property("price", decimal.Decimal("1.10"))
            record_property("lane", ["a", 1])

        def test_fails(): assert {"a": 1, "b": [1, 2, 3]} == {"a": 1, "b": [1, 2, 4]}
        def test_objects(): assert Weighed(1) == Weighed(2)
        def test_text(): assert "one\\ntwo\\nthree" == "one\\n2\\nthree"

        def test_chain():
            try:
                {}["gone"]
            except KeyError as error:
                raise ValueError("lane is missing") from error

        def test_skips(): pytest.skip("not today")
        @pytest.mark.skip(reason="never")
        def test_never(): pass
        @pytest.mark.xfail(reason="known")
        def test_known(): assert 0
        @pytest.mark.xfail(reason="not any more")
        def test_unknown(): pass
        @pytest.mark.xfail(strict=True, reason="strict")
        def test_strict(): pass

        @pytest.fixture
        def breaks(): raise OSError("no lane")
        def test_setup(breaks): pass

        @pytest.fixture
        def breaks_later():
            yield
            raise OSError("no end")
        def test_teardown(breaks_later): pass

        def test_warns():
            warnings.warn("old lane", DeprecationWarning)
            warnings.warn(UserWarning("bumpy", 3))

        class LaneWarning(UserWarning):
            def __init__(self, lane, *, number): super().__init__(f"lane {lane} {number}")
        def test_warns_its_own(): warnings.warn(LaneWarning("x", number=3))

        def test_slow(): threading.Event().wait(0.06)

        def test_suite(record_testsuite_property): record_testsuite_property("bus", "17")
        def test_suite_again(record_testsuite_property): record_testsuite_property("bus", "17")

        class TestUnit(unittest.TestCase):
            def test_sub(self):
                for number in range(3):
                    with self.subTest(number=number):
                        self.assertNotEqual(number, 1)

        @pytest.mark.skipif(pytest.version_tuple < (9,), reason="pytest 9 brought them")
        def test_subtests(request):
            subtests = request.getfixturevalue("subtests")
            for number in range(3):
                with subtests.test(msg="lane", number=number):
                    assert number != 2

        @pytest.mark.parametrize("number", range(3))
        def test_many(number): pass
    """,
    "test_b_more.py": """
        import pytest
        pytestmark = pytest.mark.filterwarnings("error")
        @pytest.mark.parametrize("number", range(3))
        def test_more(number): pass
    """,
}
ARGUMENTS = ("-rA", "--durations=0", "--durations-min=0.05", "-o", "junit_family=xunit1")
VARIES = re.compile(r"(?<=_)_+|0x[0-9a-f]+|\d+\.\d+s|in \d+\.\d\d|time=\"[\d.]+\"")


def section(text: str, title: str) -> list[str]:
    """Return the lines of a section of the terminal's summary, without what differs from run to run."""
    lines = text.splitlines()
    start = next(place for place, line in enumerate(lines) if re.fullmatch(rf"=+ {title} =+", line))
    end = next(place for place, line in enumerate(lines) if place > start and re.match(r"=+ .+ =+$", line))
    told = [line for line in lines[start + 1 : end] if not line.startswith("[gw")]
    # pytest hands a subtest's parameters over as texts, to xdist as to us.
    return [re.sub(r"number='(\d)'", r"number=\1", VARIES.sub("", line)) for line in told]


def blocks(lines: list[str]) -> list[str]:
    """Return the failures of a section, each one as text, in an order that does not depend on who was first."""
    return sorted(re.split(r"\n(?=_ .+ _\n)", "\n" + "\n".join(lines)))


def suite_properties(path: Path) -> list[tuple[str | None, str | None]]:
    """Return the properties of a JUnit file's suite."""
    return [
        (one.get("name"), one.get("value")) for one in ET.parse(path).getroot().findall("testsuite/properties/property")
    ]


def outcome_of(case: ET.Element) -> tuple[str | None, str | None, list[tuple[str, str | None]], object]:
    """Return what a test case of a JUnit file says: whose it is, what became of it, and its properties."""
    inner = [(one.tag, one.get("message")) for one in case if one.tag not in ("properties", "system-out", "system-err")]
    properties = [(one.get("name"), one.get("value")) for one in case.iter("property")]
    return case.get("classname"), case.get("name"), inner, properties


def test_a_forked_run_says_of_every_test_what_a_serial_run_says(project):
    project.write(SUITE)
    serial = project.pytest("-n", "0", *ARGUMENTS, "--junitxml=serial.xml", COLUMNS="200")
    forked = project.pytest(*LOAD, *ARGUMENTS, "--junitxml=forked.xml", COLUMNS="200")
    assert (serial.code, forked.code) == (1, 1)

    counts = [re.findall(r"\d+ [a-z]+", lines_with(out.out, " failed, ")[-1]) for out in (serial, forked)]
    assert counts[0] == counts[1]
    assert {"1 xpassed", "3 warnings", "2 errors"} < set(counts[0])

    for title in ("FAILURES", "ERRORS"):
        texts = [blocks(section(out.out, title)) for out in (serial, forked)]
        assert texts[0] == texts[1]
    for title in ("warnings summary", "short test summary info"):
        texts = [sorted(section(out.out, title)) for out in (serial, forked)]
        assert texts[0] == texts[1]
    assert len(lines_with(forked.out, "LaneWarning: lane x 3")) == 1
    for out in (serial, forked):
        (slow,) = re.findall(r"^(\S+)s call +test_a_reports.py::test_slow$", out.out, re.MULTILINE)
        assert float(slow) >= 0.06
    properties = [sorted(lines_with(out.out, "properties test_")) for out in (serial, forked)]
    assert properties[0] == properties[1]
    assert "('price', Decimal('1.10'))" in properties[1][0]

    cases = [list(map(outcome_of, test_cases(project.path / name))) for name in ("serial.xml", "forked.xml")]
    assert cases[0] == cases[1]  # in the same order, too: that of the collection
    suites = [suite_properties(project.path / name) for name in ("serial.xml", "forked.xml")]
    assert set(suites[0]) == set(suites[1]) == {("bus", "17")}
    assert len(suites[1]) == 1


def test_reports_of_another_class_go_through_the_hooks_that_know_it(project):
    project.write(
        {
            "conftest.py": """
                import pytest

                class LaneReport(pytest.TestReport):
                    lane = None

                class Outside(Exception):
                    "Something that only the worker has."
                    def __reduce__(self): raise TypeError("no")

                @pytest.hookimpl(tryfirst=True)
                def pytest_report_to_serializable(config, report):
                    if isinstance(report, LaneReport):
                        return {"lane": report.lane, "class": "lane", "report": report._to_json()}

                @pytest.hookimpl(tryfirst=True)
                def pytest_report_from_serializable(config, data):
                    if data.get("class") == "lane":
                        report = LaneReport._from_json(data["report"])
                        report.lane = data["lane"]
                        return report

                @pytest.hookimpl(wrapper=True)
                def pytest_runtest_makereport(item, call):
                    report = yield
                    report.note = f"about {item.name}"
                    if call.when == "call" and "lane" in item.name:
                        report.__class__ = LaneReport
                        report.lane = item.callspec.params["lane"]
                    return report

                def pytest_runtest_logreport(report):
                    if hasattr(report, "node"):
                        assert report.note.startswith("about test_"), report.__dict__
                    if report.when == "call" and "lane" in report.nodeid:
                        print(f"lane {report.lane} {type(report).__name__} {report.outcome}")

                def pytest_unconfigure(config):
                    print("no lane left")
            """,
            "test_a.py": """
                import pytest
                @pytest.mark.parametrize("lane", [1, 2])
                def test_lane(lane): assert lane == 1
                def test_other(): pass
            """,
        }
    )
    ended = project.pytest(*LOAD, "-p", "no:terminalprogress", "-s")
    assert "1 failed, 2 passed" in ended.out, ended.text
    said = re.findall(r"lane \d LaneReport \w+", ended.out)
    assert sorted(said) == ["lane 1 LaneReport passed", "lane 2 LaneReport failed"]


def test_the_terminal_shows_progress_names_and_places_as_ever(project):
    project.write(
        {
            "test_a.py": "def test_one(): pass\ndef test_two(): assert 0\n",
            "test_b.py": "import pytest\n@pytest.mark.parametrize('n', range(2))\ndef test_b(n): pass\n",
        }
    )
    ended = project.pytest(*LOAD, "-v")
    results = re.findall(r"^\[gw[01]\] \[ *\d+%\] (\w+ \S+) $", ended.out, re.MULTILINE)
    assert sorted(results) == [
        "FAILED test_a.py::test_two",
        "PASSED test_a.py::test_one",
        "PASSED test_b.py::test_b[0]",
        "PASSED test_b.py::test_b[1]",
    ], ended.text
    assert ended.code == 1
    quiet = project.pytest(*LOAD, "-q", "--tb=no", "--no-header")
    assert quiet.out.splitlines()[0].count(".") == 3
    assert "FAILED test_a.py::test_two - assert 0" in quiet.out
    assert "workers [" not in quiet.out
