"""The page of a proof: it is whole, needs nothing else, shows what is there, and works in a browser."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.reports.pages import Page
from tests.unit.reports.proof_samples import ALL, ONE

from isolane.model.events import Event, RunFinished, RunStarted, TestFinished, TestStarted
from isolane.model.outcome import Category
from isolane.reports.proof_html import proof_html
from isolane.reports.timeline import Timeline, slowest, timeline_of


def events(workers: int, tests: int, *, began: float = 100.0, seconds: float = 0.5) -> list[Event]:
    """A run whose tests take that long, one worker's after another, from a second after its beginning."""
    header = RunStarted(
        at=began,
        run_id="run",
        label="serial",
        directory="/project",
        rootdir="/project",
        inifile=None,
        argv=(),
        addopts=(),
        python="python",
        python_version="3.11.4",
        pytest_version="8.4.0",
        platform="linux",
        process_started=began,
        isolane_version="0",
        engine="fork",
        workers=workers,
        dist=None,
        seed=None,
        isolation="none",
        revision=None,
    )
    told: list[Event] = [header]
    for number in range(tests):
        worker, start = f"gw{number % workers}", began + 1 + seconds * (number // workers)
        node_id = f"test_a.py::test_<{number}>"
        told.append(TestStarted(start, node_id, worker))
        category = Category.FAILED if number == 1 else Category.PASSED
        told.append(TestFinished(start + seconds + 0.25, node_id, worker, category, "", 0.0, seconds, 0.0))
    return [*told, RunFinished(began + 10, 0, {}, {})]


def timeline(workers: int = 2, tests: int = 5) -> Timeline:
    found = timeline_of("parallel, 2 workers", events(workers, tests))
    assert found is not None
    return found


def test_bars_are_where_the_tests_were() -> None:
    found = timeline()

    assert {worker: [(bar.start, bar.end) for bar in row] for worker, row in found.rows.items()} == {
        "gw0": [(1.0, 1.5), (1.5, 2.0), (2.0, 2.5)],
        "gw1": [(1.0, 1.5), (1.5, 2.0)],
    }
    assert (found.seconds, found.before, found.limit) == (10.0, 1.0, 1.0 + 2.5 / 2)
    assert [bar.test for bar in slowest(found, 1)] == ["test_a.py::test_<0>"]
    assert timeline_of("nothing", events(1, 0)) is None


@pytest.mark.parametrize("name", ALL)
def test_every_proof_is_a_whole_page_that_needs_nothing_else(name: str) -> None:
    text = proof_html(ALL[name], [timeline(1), timeline()])

    page = Page(text)

    assert page.labelled <= page.ids
    assert "http" not in re.sub(r"\bhttp-", "", text.lower())
    shown = " ".join(page.shown)
    assert ALL[name].reason in shown
    assert all(one.node_id in shown for one in ALL[name].differences[:50])


def test_names_are_shown_and_not_obeyed() -> None:
    spoiled = replace(ONE, reason="<script>alert(1)</script>", baseline_command="pytest -k '<b>'")

    page = Page(proof_html(spoiled, [timeline()]))

    assert "<script>alert(1)</script>." in page.shown
    assert "pytest -k '<b>'" in page.shown
    assert "test_a.py::test_<1>: failed, 0.50 s" in page.shown


def test_many_quick_tests_are_few_bars_and_a_bad_one_is_always_one() -> None:
    many = timeline_of("serial", events(1, 20_000, seconds=0.0001))
    assert many is not None

    page = Page(proof_html(ONE, [many]))

    assert page.rects < 1000
    assert "test_a.py::test_<1>: failed, 0.1 ms" in page.shown


@pytest.mark.slow
def test_a_browser_shows_it_and_makes_it_wider(tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        assert not os.environ.get("ISOLANE_REQUIRE_SERVICES"), "chromium is not installed"
        pytest.skip("chromium is not installed; .ci/run shows how")
    pressed = '<script>document.querySelector("[data-zoom=\\"2\\"]").click();</script></body>'
    page = tmp_path / "proof.html"
    page.write_text(proof_html(ONE, [timeline(1), timeline()]).replace("</body>", pressed), encoding="utf-8")
    done = subprocess.run(
        [
            browser,
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )

    assert '<span id="zoom" role="status">2 ×</span>' in done.stdout
    assert done.stdout.count('width="1800"') == 2
