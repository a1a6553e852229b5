"""Nested suites, each with what a plugin is for."""

from __future__ import annotations

from textwrap import dedent

_TIMEOUT = """
    import threading

    import pytest


    @pytest.mark.timeout(0.3)
    def test_alarm():
        threading.Event().wait(30)


    @pytest.mark.timeout(0.3, method="thread")
    def test_worker_is_ended():
        print("about to wait")
        threading.Event().wait(30)
"""
_RANDOM = """
    import random

    import pytest


    @pytest.fixture
    def drawn_before():
        return random.random()


    @pytest.mark.parametrize("number", range(3))
    def test_draws(number, drawn_before, record_property):
        record_property("drawn", f"{drawn_before} {random.random()}")
"""
_RERUNS = """
    import os
    import signal
    from pathlib import Path

    import pytest

    HERE = Path(__file__).parent


    def attempts(name):
        with (HERE / name).open("a") as stream:
            stream.write("x")
        return len((HERE / name).read_text())


    @pytest.mark.flaky(reruns=2)
    def test_second_time(tmp_path):
        assert attempts("second") == 2


    @pytest.mark.flaky(reruns=1)
    def test_never():
        assert attempts("never") == 0


    @pytest.mark.flaky(reruns=2)
    def test_crash(request):
        node_id = request.node.nodeid
        assert request.config.failures_db.get_test_reruns(node_id) == 2  # the controller has been told, and has heard
        if attempts("crash") == 1:
            os.kill(os.getpid(), signal.SIGKILL)
"""
_COROUTINES = """
    import asyncio

    import pytest
    import pytest_asyncio


    @pytest_asyncio.fixture(scope="module", loop_scope="module")
    async def queue():
        queue = asyncio.Queue()
        task = asyncio.create_task(queue.put("sent"))
        yield queue
        await task


    @pytest.mark.asyncio(loop_scope="module")
    async def test_hears(queue):
        assert await asyncio.wait_for(queue.get(), 5) == "sent"


    @pytest.mark.asyncio
    @pytest.mark.parametrize("number", range(3))
    async def test_number(number):
        await asyncio.sleep(0)
        assert number < 2
"""
_PROPERTIES = """
    from hypothesis import given, settings, strategies as st


    @settings(max_examples=20, derandomize=True, deadline=None)
    @given(st.integers())
    def test_holds(number):
        assert number == number


    @settings(derandomize=True, deadline=None)
    @given(st.lists(st.integers()))
    def test_fails(numbers):
        assert sum(numbers) < 100
"""
_PATCHES = """
    import os


    def test_is_patched(mocker):
        remove = mocker.patch("os.remove")
        spy = mocker.spy(os.path, "join")
        os.remove("nothing")
        os.path.join("a", "b")
        remove.assert_called_once_with("nothing")
        assert spy.spy_return == "a/b"


    def test_is_restored():
        assert type(os.remove).__name__ == "builtin_function_or_method"


    def test_shows_the_difference(mocker):
        stub = mocker.stub(name="listener")
        stub(1, two=2)
        stub.assert_called_once_with(1, two=3)
"""
_BENCHMARKS = """
    def test_benchmark(benchmark):
        assert benchmark(sum, [1, 2]) == 3
"""
MANY = {
    "pytest.ini": """
        [pytest]
        asyncio_default_fixture_loop_scope = function
        filterwarnings =
            error
            default:Benchmarks are
        junit_family = xunit1
    """,
    "test_timeout.py": _TIMEOUT,
    "test_random.py": _RANDOM,
    "test_reruns.py": _RERUNS,
    "test_coroutines.py": _COROUTINES,
    "test_properties.py": _PROPERTIES,
    "test_patches.py": _PATCHES,
    "test_benchmarks.py": _BENCHMARKS,
}
"""A file each for pytest-timeout, -randomly, -rerunfailures, -asyncio, hypothesis, pytest-mock and -benchmark."""

_DATABASE = """
    import pytest
    from django.contrib.sites.models import Site
    from django.db import connection


    @pytest.mark.django_db
    @pytest.mark.parametrize("number", range(2))
    def test_{name}(number, worker_id, record_property):
        record_property("database", str(connection.settings_dict["NAME"]))
        assert connection.settings_dict["NAME"].endswith("_" + worker_id)
        assert Site.objects.filter(domain="other").count() == 0
        Site.objects.create(domain="other", name=str(number))


    def test_{name}_without_leave():
        with pytest.raises(RuntimeError, match="Database access not allowed"):
            Site.objects.count()
"""
DATABASES = {
    "pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = settings\njunit_family = xunit1\n",
    "settings.py": """
        from pathlib import Path

        DATABASES = {
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": "shop",
                "TEST": {"NAME": str(Path(__file__).with_name("test"))},
            }
        }
        INSTALLED_APPS = ["django.contrib.sites"]
        SECRET_KEY = "none"
        USE_TZ = True
        DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
    """,
    **{f"test_{name}.py": dedent(_DATABASE).replace("{name}", name) for name in "ab"},
}
"""Two files, so that both workers have a database."""

_SNAPSHOTS = """
    def test_{name}_dict(snapshot):
        assert {"number": 1} == snapshot


    def test_{name}_list(snapshot):
        assert ["{name}"] == snapshot


    def test_{name}_gone(snapshot):
        assert 1 == snapshot
"""
SNAPSHOTS = {f"test_{name}.py": dedent(_SNAPSHOTS).replace("{name}", name) for name in "ab"}
CHANGED_SNAPSHOTS = {
    name: text.replace('{"number": 1}', '{"number": 2}').partition(f"def {name[:-3]}_gone")[0]
    for name, text in SNAPSHOTS.items()
}
"""In each file one test says something else now, and one is gone."""

SHOP = {
    "shop.py": """
        def price(number):
            if number > 1:
                return number
            if number < 0:
                raise ValueError(number)
            return 1


        def never():
            return 0
    """,
    "test_a.py": """
        import os
        import signal

        from shop import price


        def test_one():
            assert price(1) == 1


        def test_killed():
            if os.environ.get("KILL"):
                os.kill(os.getpid(), signal.SIGKILL)
    """,
    "test_b.py": """
        import pytest
        import shop


        def test_two():
            assert shop.price(2) == 2


        def test_never():
            assert shop.never() == 0
    """,
}
"""A module and what covers a part of it; ``KILL`` has a worker killed after its first test."""
