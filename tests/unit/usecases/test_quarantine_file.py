"""The quarantine's file: read, written, and held against the runs on record."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from isolane.history.event_log import FILE_NAME, EventLogWriter
from isolane.model.errors import ExitCode, UsageError
from isolane.model.events import RunFinished, RunStarted, TestFinished
from isolane.model.outcome import Category
from isolane.model.plan import QUARANTINE
from isolane.model.quarantine import MARK
from isolane.reports.quarantine_text import standing_lines
from isolane.usecases.quarantine import AddRequest, add_entry, check_quarantine, read_quarantine

TODAY = date(2030, 6, 1)
GOOD = """
[[quarantine]]
test = "test_a.py::test_a"
reason = "flaky"
owner = "core"
expiry = 2030-06-01
"""


def add(project: Path, test: str = "test_a.py::test_a", **more: str) -> None:
    values = {"reason": 'waits for "x"\n', "owner": "core", **more}
    add_entry(AddRequest(test, values["reason"], values["owner"], values.get("expiry"), project), TODAY)


def run(project: Path, number: int, **categories: tuple[Category, str]) -> None:
    """Put a run on record."""
    writer = EventLogWriter(project / ".isolane" / "runs" / f"2030{number:04}-serial" / FILE_NAME)
    names = dict.fromkeys(RunStarted.__annotations__, "")
    header = {**names, "argv": (), "workers": 0, "seed": None, "process_started": 0.0, "settings": {}, "format": 1}
    header |= {"positional": (), "addopts": (), "added": ()}
    header.pop("kind")
    writer.write(RunStarted(at=0.0, **header))  # type: ignore[arg-type]
    for test, (category, detail) in categories.items():
        writer.write(TestFinished(1.0, f"test_a.py::{test}", "", category, detail))
    writer.write(RunFinished(2.0, 0))
    writer.close()


PASSED, FAILED = (Category.PASSED, ""), (Category.FAILED, "KeyError")
SHIELDED = (Category.XFAILED, f"{MARK}flaky")


def test_what_is_added_is_read(tmp_path: Path) -> None:
    add(tmp_path)
    add(tmp_path, "test_b.py::test_ü[a\x7f]", expiry="2030-12-31")
    first, second = read_quarantine(tmp_path).entries
    assert (first.test, first.reason, first.owner) == ("test_a.py::test_a", 'waits for "x"\n', "core")
    assert first.expiry == TODAY + timedelta(days=30)
    assert (second.test, second.expiry) == ("test_b.py::test_ü[a\x7f]", date(2030, 12, 31))


def test_a_project_without_the_file_has_an_empty_one(tmp_path: Path) -> None:
    assert read_quarantine(tmp_path).entries == ()
    assert list(standing_lines(check_quarantine(tmp_path, TODAY))) == ["isolane.quarantine.toml holds no test."]


def test_what_is_written_by_hand_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / QUARANTINE
    file.write_text(f"# ours\n{GOOD}", encoding="utf-8")
    add(tmp_path, "test_b.py::test_b")
    assert file.read_text(encoding="utf-8").startswith(f"# ours\n{GOOD}")
    assert len(read_quarantine(tmp_path).entries) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[quarantine", "is not TOML"),
        ("[quarantine]\ntest = 1", "has [quarantine] where [[quarantine]] is meant"),
        ("tests = []", "has 'tests', where only [[quarantine]] is known"),
        ("quarantine = [1]", "has in entry 1 no table"),
        (GOOD.replace('owner = "core"\n', ""), "has in entry 1 no owner"),
        (GOOD.replace('"core"', '" "'), "has in entry 1 a owner that says nothing"),
        (GOOD.replace('"core"', "7"), "has in entry 1 a owner that says nothing"),
        (GOOD + "until = 1", "has in entry 1 'until'; known are test, reason, owner, expiry"),
        (GOOD.replace("2030-06-01", '"soon"'), "has in entry 1 an expiry that is not a day like 2030-12-31"),
        (GOOD.replace("2030-06-01", "2030-06-01T10:00:00"), "an expiry that is not a day"),
        (GOOD + GOOD, "names test_a.py::test_a twice"),
    ],
)
def test_a_bad_file_is_a_line_and_exit_code_4(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / QUARANTINE).write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as error:
        read_quarantine(tmp_path)
    assert said in str(error.value)
    assert error.value.exit_code is ExitCode.USAGE_ERROR
    assert len(str(error.value).splitlines()) == 1


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / QUARANTINE).write_bytes(b"\xff")
    with pytest.raises(UsageError, match="cannot be read"):
        read_quarantine(tmp_path)


@pytest.mark.parametrize(
    ("test", "more", "slug"),
    [
        ("test_a.py::test_a", {}, "quarantined-already"),
        ("test_a.py", {}, "bad-test"),
        ("test_a.py::test_b", {"expiry": "tomorrow"}, "bad-expiry"),
        ("test_a.py::test_b", {"expiry": "2030-05-31"}, "bad-expiry"),
        ("test_a.py::test_b", {"owner": " "}, "bad-quarantine"),
    ],
)
def test_what_cannot_be_added_is_refused_and_nothing_is_written(
    test: str, more: dict[str, str], slug: str, tmp_path: Path
) -> None:
    file = tmp_path / QUARANTINE
    file.write_text(GOOD, encoding="utf-8")
    with pytest.raises(UsageError) as error:
        add(tmp_path, test, **more)
    assert error.value.slug == slug
    assert file.read_text(encoding="utf-8") == GOOD


def test_an_entry_holds_on_its_last_day_and_not_after_it(tmp_path: Path) -> None:
    (tmp_path / QUARANTINE).write_text(GOOD, encoding="utf-8")
    quarantine = read_quarantine(tmp_path)
    assert quarantine.entry_of("test_a.py::test_a[1]", TODAY) is quarantine.entries[0]
    assert quarantine.entry_of("test_a.py::test_a", TODAY + timedelta(days=1)) is None
    assert quarantine.expired(TODAY) == []
    assert quarantine.expired(TODAY + timedelta(days=1)) == list(quarantine.entries)


def test_the_runs_on_record_say_who_has_healed(tmp_path: Path) -> None:
    for name in ("test_a", "test_b", "test_c", "test_d"):
        add(tmp_path, f"test_a.py::{name}", expiry="2030-06-01" if name == "test_c" else "2031-01-01")
    run(tmp_path, 0, test_a=FAILED, test_b=PASSED, test_c=PASSED)
    for number in range(1, 60):
        run(tmp_path, number, test_a=PASSED, test_b=SHIELDED if number == 59 else PASSED, test_c=PASSED)
    a, b, c, d = check_quarantine(tmp_path, date(2030, 7, 1))
    assert (a.runs, a.failures, a.clean_runs, a.is_healed) == (60, 1, 59, True)
    assert (b.runs, b.failures, b.clean_runs, b.is_healed) == (60, 1, 0, False)
    assert (c.is_expired, d.runs, d.is_healed) == (True, 0, False)
    assert list(standing_lines([a, b, c, d])) == [
        "Expired, so that they decide the exit code again:",
        '  test_a.py::test_c (until 2030-06-01, core: waits for "x"\n)',
        "    failed in 0 of 60 runs on record; 60 without a failure since: its flake rate may be up to 4.9%",
        "Healed: take them out:",
        '  test_a.py::test_a (until 2031-01-01, core: waits for "x"\n)',
        "    failed in 1 of 60 runs on record; 59 without a failure since: its flake rate may be up to 5.0%",
        "In force:",
        '  test_a.py::test_b (until 2031-01-01, core: waits for "x"\n)',
        "    failed in 1 of 60 runs on record, the last among them",
        '  test_a.py::test_d (until 2031-01-01, core: waits for "x"\n)',
        "    no run on record has it",
    ]
