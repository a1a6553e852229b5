"""The fixtures for pieces of the process, in suites of their own: what one test does to them the next does not see."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import TZPATH

import pytest
from isolation_suites import run


def test_a_directory_of_ones_own_is_the_working_directory_until_the_test_ends(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os, pathlib, pytest

        START = os.getcwd()

        @pytest.mark.parametrize("time", [1, 2])
        def test_its_own(isolated_directory, tmp_path, time):
            assert os.getcwd() == os.path.realpath(isolated_directory)
            assert isolated_directory.is_relative_to(tmp_path)
            assert not list(pathlib.Path().iterdir())
            pathlib.Path("left.txt").write_text("mine")

        def test_next():
            assert os.getcwd() == START

        def test_moves_on_and_fails(isolated_directory):
            pathlib.Path("deeper").mkdir()
            os.chdir("deeper")
            assert False

        def test_after_failing():
            assert os.getcwd() == START
        """
    )
    run(pytester).assert_outcomes(passed=4, failed=1)


def test_a_directory_that_is_gone_afterwards_is_a_warning(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os, shutil, pytest

        @pytest.fixture
        def doomed(tmp_path_factory):
            before = os.getcwd()
            path = tmp_path_factory.mktemp("doomed")
            os.chdir(path)
            yield path
            os.chdir(before)

        def test_removes_where_it_came_from(doomed, isolated_directory):
            shutil.rmtree(doomed)
        """
    )
    result = run(pytester)

    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*cannot be entered again after the test*"])


NUMBERS = """
    import random, pytest

    @pytest.fixture(autouse=True)
    def state():
        before = random.getstate()
        yield
        assert random.getstate() == before

    @pytest.fixture
    def drawn(isolated_random):
        return random.random()

    @pytest.mark.parametrize("which", ["a", "b"])
    def test_draws(isolated_random, drawn, which, request):
        again = random.Random(isolated_random)
        assert [again.random(), again.random()] == [drawn, random.random()]
        print("numbers", request.node.name, isolated_random, random.random())

    def test_seeds(isolated_random):
        random.seed(1)
"""


@pytest.mark.parametrize("others", [(), ("-p", "randomly")], ids=["alone", "with pytest-randomly"])
def test_a_test_draws_the_same_numbers_in_every_run_and_gives_the_generator_back(
    pytester: pytest.Pytester, others: tuple[str, ...]
) -> None:
    pytester.makepyfile(NUMBERS)

    printed = []
    for seed in (1, 2):
        result = run(pytester, "-s", *others, *([f"--randomly-seed={seed}"] if others else []))
        result.assert_outcomes(passed=3)
        assert any("--randomly-seed" in line and "Using" in line for line in result.outlines) == bool(others)
        printed.append(sorted(line.split("numbers ")[1] for line in result.outlines if "numbers " in line))

    assert printed[0] == printed[1]
    assert len({line.split()[1] for line in printed[0]}) == 2


def test_numpys_generator_is_seeded_where_numpy_is_imported(pytester: pytest.Pytester) -> None:
    pytest.importorskip("numpy")
    pytester.makepyfile(
        """
        import numpy

        numpy.random.seed(7)
        expected = numpy.random.RandomState(7)

        def test_seeded(isolated_random):
            assert numpy.random.random() == numpy.random.RandomState(isolated_random).random()
            numpy.random.seed(8)

        def test_goes_on():
            assert numpy.random.random() == expected.random()
        """
    )
    run(pytester).assert_outcomes(passed=2)


def test_without_the_fixture_numpy_is_not_imported(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_seeded(isolated_random):
            assert "numpy" not in sys.modules
        """
    )
    run(pytester).assert_outcomes(passed=1)


def test_time_zone_and_locale_go_back(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "XYZ-3")
    pytester.makepyfile(
        """
        import locale, os, time, pytest
        from isolane.model.errors import UsageError

        START = locale.setlocale(locale.LC_ALL), os.environ["TZ"], time.tzname, time.timezone

        def test_utc_at_first_then_elsewhere(isolated_time_zone):
            assert (time.tzname[0], time.timezone) == ("UTC", 0)
            assert time.localtime(0).tm_hour == 0
            isolated_time_zone("IST-5:30")
            assert (time.localtime(0).tm_hour, time.localtime(0).tm_min) == (5, 30)
            isolated_time_zone("UTC")
            assert time.localtime(0).tm_hour == 0

        def test_c_at_first_then_another(isolated_locale):
            assert locale.setlocale(locale.LC_NUMERIC) == locale.setlocale(locale.LC_TIME) == "C"
            isolated_locale("POSIX")
            assert locale.setlocale(locale.LC_ALL) == "C"
            with pytest.raises(UsageError, match=r"no locale 'xx_YY.none'.*unknown-locale"):
                isolated_locale("xx_YY.none", locale.LC_TIME)

        @pytest.mark.parametrize("name", ["Atlantis/Capital", "", "../zoneinfo/UTC", "/etc/localtime", "Europe"])
        def test_zones_that_are_none(isolated_time_zone, name):
            with pytest.raises(UsageError, match="unknown-time-zone"):
                isolated_time_zone(name)
            assert os.environ["TZ"] == "UTC"

        def test_all_is_as_before():
            assert START == (locale.setlocale(locale.LC_ALL), os.environ["TZ"], time.tzname, time.timezone)
            assert time.localtime(0).tm_hour == 3
        """
    )
    run(pytester).assert_outcomes(passed=8)


def test_a_zone_by_name_is_found_where_the_machine_has_its_file(pytester: pytest.Pytester) -> None:
    zone = "Asia/Kolkata"
    expected = "hour 5" if any(Path(place, zone).is_file() for place in TZPATH) else "unknown-time-zone"
    pytester.makepyfile(
        f"""
        import time
        from isolane.model.errors import UsageError

        def test_zone(isolated_time_zone):
            try:
                isolated_time_zone({zone!r})
                print("hour", time.localtime(0).tm_hour)
            except UsageError as error:
                print(error)
        """
    )
    result = run(pytester, "-s")

    result.assert_outcomes(passed=1)
    assert expected in result.stdout.str()


def test_loggers_go_back_and_handlers_are_closed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import logging, logging.config, pytest

        class Handler(logging.Handler):
            closed = False

            def emit(self, record):
                pass

            def close(self):
                self.closed = True
                super().close()

        KEPT, MINE, NEW = Handler(), Handler(), Handler()

        @pytest.fixture(scope="module", autouse=True)
        def service():
            logging.getLogger("service").addHandler(KEPT)
            yield
            logging.getLogger("service").removeHandler(KEPT)

        def test_configures(isolated_logging, caplog, tmp_path):
            logging.getLogger("service").setLevel(logging.DEBUG)
            logging.getLogger("service").addHandler(MINE)
            logging.getLogger("new.logger").addHandler(NEW)
            logging.getLogger().addHandler(logging.FileHandler(tmp_path / "log.txt"))
            logging.disable(logging.INFO)
            logging.getLogger("service").warning("heard")
            assert "heard" in caplog.text

        def test_next(caplog):
            logger = logging.getLogger("service")
            assert (logger.level, logger.handlers) == (logging.NOTSET, [KEPT])
            assert logging.getLogger("new.logger").handlers == []
            assert logging.root.manager.disable == logging.NOTSET
            assert (KEPT.closed, MINE.closed, NEW.closed) == (False, True, True)
            logger.warning("heard again")
            assert "heard again" in caplog.text

        def test_configures_anew(isolated_logging):
            logging.config.dictConfig({"version": 1, "root": {"level": "DEBUG", "handlers": []}})
            assert logging.getLogger("service").disabled

        def test_after_that(caplog):
            assert not logging.getLogger("service").disabled
            assert logging.root.level == logging.WARNING
            logging.getLogger("service").warning("still heard")
            assert "still heard" in caplog.text
        """
    )
    run(pytester, "-W", "error").assert_outcomes(passed=4)


def test_a_suite_that_asks_for_none_loads_none(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_light():
            rooms = ("isolane.resources.", "isolane.process_state.seeding")
            assert not [name for name in sys.modules if name.startswith(rooms)]
        """
    )
    run(pytester).assert_outcomes(passed=1)


def test_what_looks_for_leaks_finds_none_where_they_are_used(pytester: pytest.Pytester) -> None:
    """The second test does the same without them, and is told of: so much for the first one's being clean."""
    pytester.makepyfile(
        """
        import locale, logging, os, random, time, pytest

        @pytest.mark.usefixtures("isolated_logging", "isolated_time_zone")
        def test_with(isolated_directory, isolated_random, isolated_locale, leased_port, unique_name, sqlite_copy):
            os.mkdir("deeper")
            os.chdir("deeper")
            os.environ["TZ"] = "IST-5:30"
            time.tzset()
            random.seed(1)
            logging.getLogger("service").setLevel(logging.DEBUG)
            locale.setlocale(locale.LC_ALL, "C")
            sqlite_copy("CREATE TABLE stop (id);")

        def test_without(tmp_path):
            os.chdir(tmp_path)
            random.seed(1)
            logging.getLogger("service").setLevel(logging.DEBUG)
        """
    )
    result = run(pytester, "-n1", "--isolane-engine=fork", "--isolane-leaks=report")

    result.assert_outcomes(passed=2)
    told = [line for line in result.outlines if "::test_with" in line]
    assert {line.split("::")[1].split(":")[0] for line in told} == {"test_without"}
    for kind in ("cwd", "random_state", "logging"):
        assert any(f"test_without: {kind} " in line for line in told), told
