"""``isolane quarantine``: tests that are known to fail now and then are kept running, and kept from deciding."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path
from typing import Any

from isolane.history.runs import summaries, write_whole
from isolane.model.errors import ProjectError, UsageError
from isolane.model.plan import QUARANTINE
from isolane.model.quarantine import MARK, Entry, Quarantine, Standing
from isolane.statistics.flake_rate import upper_bound_without_failure

_toml: Any = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
_FIELDS = tuple(one.name for one in fields(Entry))
_DAYS = 30
"""For how long an entry holds where nothing is said."""
HEALED_BOUND = 0.05
"""An entry is healed when its tests have passed so often, since they failed last, that their rate is under this."""
_HEADER = "# Tests that run and do not decide the exit code. isolane quarantine check names what is over.\n"


@dataclass(frozen=True)
class AddRequest:
    """What was asked. expiry: the last day, ``YYYY-MM-DD``; None for a month from today."""

    test: str
    reason: str
    owner: str
    expiry: str | None = None
    project: Path = Path()


def read_quarantine(root: Path) -> Quarantine:
    """Return a project's quarantine, empty where it has none.

    Raises :class:`~isolane.model.errors.UsageError` for a file that is not what it should be.
    """
    try:
        text = (root / QUARANTINE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return Quarantine()
    except (OSError, UnicodeDecodeError) as error:
        raise _bad(f"cannot be read: {error}") from None
    try:
        data = _toml.loads(text)
    except _toml.TOMLDecodeError as error:
        raise _bad(f"is not TOML: {error}") from None
    entries = data.pop("quarantine", [])
    if data:
        raise _bad(f"has {next(iter(data))!r}, where only [[quarantine]] is known")
    if not isinstance(entries, list):
        raise _bad("has [quarantine] where [[quarantine]] is meant")
    found = [_entry(one, place) for place, one in enumerate(entries, 1)]
    for place, entry in enumerate(found):
        if any(entry.test == other.test for other in found[:place]):
            raise _bad(f"names {entry.test} twice")
    return Quarantine(found)


def _entry(data: object, place: int) -> Entry:
    where = f"has in entry {place}"
    if not isinstance(data, Mapping):
        raise _bad(f"{where} no table")
    values = dict(data)
    for name in _FIELDS:
        if name not in values:
            raise _bad(f"{where} no {name}")
    unknown = sorted(values.keys() - set(_FIELDS))
    if unknown:
        raise _bad(f"{where} {unknown[0]!r}; known are {', '.join(_FIELDS)}")
    expiry = values.pop("expiry")
    for name, value in values.items():
        if not isinstance(value, str) or not value.strip():
            raise _bad(f"{where} a {name} that says nothing")
    if isinstance(expiry, str):
        expiry = _date(expiry)
    if not isinstance(expiry, date) or isinstance(expiry, datetime):
        raise _bad(f"{where} an expiry that is not a day like 2030-12-31")
    return Entry(**values, expiry=expiry)


def _bad(what: str) -> UsageError:
    return UsageError("bad-quarantine", f"{QUARANTINE} {what}.", "docs/testing.md shows how it is written.")


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def today_in_utc() -> date:
    """Return the day by which entries expire: the same one on every machine."""
    return datetime.now(tz=timezone.utc).date()


def add_entry(request: AddRequest, today: date) -> Entry:
    """Write an entry behind those that are there, and return it.

    Raises :class:`~isolane.model.errors.UsageError` for a test that has one, or what says nothing.
    """
    root = _root(request.project)
    quarantine = read_quarantine(root)
    if any(one.test == request.test for one in quarantine.entries):
        raise UsageError("quarantined-already", f"{request.test} is in {QUARANTINE} already.", "Change it there.")
    if "::" not in request.test:
        raise UsageError(
            "bad-test", f"{request.test!r} is no test's node id.", "One looks like tests/test_a.py::test_b."
        )
    expiry = today + timedelta(days=_DAYS) if request.expiry is None else _date(request.expiry)
    if expiry is None or expiry < today:
        raise UsageError("bad-expiry", f"{request.expiry!r} is not a day to come.", "Write it like 2030-12-31.")
    values = {"test": request.test, "reason": request.reason, "owner": request.owner}
    entry = _entry({**values, "expiry": expiry}, len(quarantine.entries) + 1)
    file = root / QUARANTINE
    before = file.read_text(encoding="utf-8") if file.is_file() else _HEADER
    lines = ["", "[[quarantine]]", *(f"{name} = {_quoted(value)}" for name, value in values.items())]
    write_whole(file, f"{before.rstrip()}\n" + "\n".join([*lines, f"expiry = {expiry.isoformat()}", ""]))
    return entry


def _quoted(text: str) -> str:
    """Return a TOML string: JSON's, but that DEL is escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def check_quarantine(project: Path, today: date) -> list[Standing]:
    """Return how each entry stands, by the runs on record, in the order of the file."""
    root = _root(project)
    entries = read_quarantine(root).entries
    runs = [[0, 0, 0, True] for _ in entries]  # in how many it ran, failed, was clean since; and whether that goes on
    for summary in summaries(root) if entries else []:  # newest first
        outcomes = summary.record().outcomes
        for entry, seen in zip(entries, runs, strict=True):
            own = [outcome for node_id, outcome in outcomes.items() if entry.covers(node_id)]
            if not own:
                continue
            failed = any(outcome.is_bad or outcome.detail.startswith(MARK) for outcome in own)
            seen[0] += 1
            seen[1] += failed
            seen[3] = seen[3] and not failed
            seen[2] += bool(seen[3])
    return [
        Standing(
            entry,
            is_expired=not entry.holds(today),
            is_healed=upper_bound_without_failure(clean) <= HEALED_BOUND,
            clean_runs=clean,
            runs=ran,
            failures=failed,
        )
        for entry, (ran, failed, clean, _) in zip(entries, runs, strict=True)
    ]


def _root(project: Path) -> Path:
    """Return where the file is, or is to be: in this folder or the nearest one above that has it."""
    if not project.is_dir():
        raise ProjectError(
            "no-project", f"{project} is not a folder.", "Name the folder that holds the project's tests."
        )
    folder = project.resolve()
    return next((one for one in (folder, *folder.parents) if (one / QUARANTINE).is_file()), folder)
