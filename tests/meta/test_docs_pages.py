"""What README and docs say of names, options, places and figures is so."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

import pytest

from isolane.cli.arguments import new_parser
from isolane.pytest_plugin.options import OPTIONS
from isolane.statistics.flake_rate import smallest_rate_seen, upper_bound_without_failure

CHECKOUT = Path(__file__).parents[2]
PAGES = [
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/*/README.md")
    for path in sorted(CHECKOUT.glob(pattern))
    if path.name != "CHANGELOG.md"
]
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
FIXTURE_KEYS = ("isolane_clear_environment", "isolane_clear_caches", "isolane_restore")


def text_of(name: str) -> str:
    return (CHECKOUT / name).read_text(encoding="utf-8")


def prose(page: Path) -> str:
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, by GitHub's rule: lower case, no punctuation, hyphens for blanks."""
    headings = re.findall(r"^#+ +(.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def verbs() -> dict[str, argparse.ArgumentParser]:
    (subparsers,) = (one for one in new_parser()._actions if isinstance(one, argparse._SubParsersAction))
    return dict(subparsers.choices)


def section(page: str, heading: str) -> str:
    """Return a section's text, those under it included."""
    match = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^#{{1,2}} |^### |\Z)", page, re.MULTILINE | re.DOTALL)
    assert match, f"there is no section {heading!r}"
    return match[2]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(CHECKOUT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in (match["target"] for match in LINK.finditer(prose(page))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        place = (page.parent / name).resolve() if name else page
        if not place.exists() or (anchor and anchor not in anchors(place)):
            broken.append(target)

    assert broken == []


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_of_the_plugin_is_documented(option: object) -> None:
    row = next((line for line in text_of("docs/options.md").splitlines() if f"| `{option.flag}` |" in line), "")

    assert f"`{option.variable}`" in row
    assert f"`{option.ini}`" in row
    assert not option.default or option.default in row


@pytest.mark.parametrize("key", FIXTURE_KEYS)
def test_every_ini_key_of_the_fixtures_is_documented(key: str) -> None:
    assert f"| `{key}` |" in text_of("docs/options.md")


def test_pytest_knows_no_other_option_of_ours() -> None:
    """What pytest's own help lists of isolane is what the page lists."""
    helped = subprocess.run(
        [sys.executable, "-m", "pytest", "--help", "-p", "no:hypothesispytest"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    known = set(re.findall(r"^  (isolane_\w+) \(", helped, re.MULTILINE))
    known |= set(re.findall(r"^  (--isolane-[a-z-]+)", helped, re.MULTILINE))
    documented = set(
        re.findall(r"`(isolane_[a-z_]+|--isolane-[a-z-]+)`", section(text_of("docs/options.md"), "The plugin"))
    )

    assert known == documented


@pytest.mark.parametrize("verb", verbs())
def test_every_verb_and_its_options_are_documented(verb: str) -> None:
    documented = section(text_of("docs/options.md"), f"isolane {verb}")
    described = set(re.findall(r"`([^`]+)`", "".join(re.findall(r"^\| (`.*?`) \|", documented, re.MULTILINE))))
    actions = [one for one in verbs()[verb]._actions if one.dest != "help"]

    assert described == {word for one in actions for word in (one.option_strings or [one.dest])}


def programs() -> dict[str, set[str]]:
    """Return the words that may follow each program of ours."""
    listed = subprocess.run(
        [sys.executable, "-m", "nox", "-f", str(CHECKOUT / "noxfile.py"), "-l"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return {
        "isolane": {*verbs(), "VERB", "--help", "--version"},
        "make": set(re.findall(r"^([a-z-]+): .*##", text_of("Makefile"), re.MULTILINE)) | {"prove"},
        "nox -s": set(re.findall(r"^[*-] ([a-z-]*[a-z])", listed, re.MULTILINE)) | {"NAME"},
    }


def test_every_command_in_the_text_names_what_there_is() -> None:
    """Commands in a sentence or a table are too short to be executed, and still must not be made up."""
    strangers = []
    for program, words in programs().items():
        for page in PAGES:
            for code in CODE.findall(prose(page)):
                for word in re.findall(rf"(?:^|\s){program} ([\w-]+)", code):
                    if word not in words:
                        strangers.append(f"{page.name}: {code}")
    flags = {option.flag for option in OPTIONS}
    for page in PAGES:
        for flag in re.findall(r"--isolane-[a-z-]+", page.read_text(encoding="utf-8")):
            if flag not in flags:
                strangers.append(f"{page.name}: {flag}")

    assert strangers == []


@pytest.mark.req("R6.1")
def test_the_page_on_testing_has_what_people_look_for() -> None:
    page = text_of("docs/testing.md")

    for heading in (
        "How many workers",
        "Engines",
        "Replay",
        "Random order",
        "Stress",
        "Coverage",
        "A test fails in parallel, but not serially",
        "Patterns that keep tests apart",
        "Known flaky tests",
        "Back to serial",
    ):
        assert section(page, heading).strip()


@pytest.mark.req("R6.2")
def test_readme_says_that_ci_is_parallel_where_the_metrics_are_and_how_to_report_a_flake() -> None:
    readme = text_of("README.md")
    parallel = section(readme, "CI runs in parallel")

    assert "PYTEST_WORKERS=auto" in parallel
    for place in ("reports/ci_timings.md", "reports/proof.md", "reports/coverage/html/index.html"):
        assert place in parallel
    assert ".github/ISSUE_TEMPLATE/flaky-test.yml" in section(readme, "A flaky test?")
    assert re.search(r"!\[.*\]\(docs/images/[a-z-]+\.svg\)", readme)


@pytest.mark.req("R6.3")
def test_how_to_see_a_failure_again_is_documented_where_it_is_asked_for() -> None:
    for name in ("docs/testing.md", ".github/ISSUE_TEMPLATE/flaky-test.yml"):
        assert "PYTEST_WORKERS=1 pytest -k " in text_of(name)


def test_what_clean_runs_rule_out_is_what_isolane_computes() -> None:
    rows = re.findall(r"^\| (\d+) \| ([\d.]+) % \|$", section(text_of("docs/testing.md"), "Stress"), re.MULTILINE)

    assert len(rows) >= 5
    assert all(f"{100 * upper_bound_without_failure(int(runs)):.1f}" == percent for runs, percent in rows)
    assert f"over {smallest_rate_seen(8):.0%} of runs" in " ".join(text_of("docs/prove.md").split())


@pytest.mark.parametrize("picture", sorted((CHECKOUT / "docs" / "images").glob("*.svg")), ids=lambda path: path.stem)
def test_a_picture_is_shown_somewhere_and_needs_nothing_from_elsewhere(picture: Path) -> None:
    drawing = picture.read_text(encoding="utf-8")

    assert any(picture.name in page.read_text(encoding="utf-8") for page in PAGES)
    assert "url(http" not in drawing
    assert "isolane&#160;prove" in drawing or "isolane&#160;top" in drawing
