"""What a hunt has found, in words that fit a terminal: first what to do, then why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from textwrap import wrap
from typing import Any

from isolane.model.explanation import Explained, explained_as_data, line_of
from isolane.model.hunt import Finding, HuntResult, Sort
from isolane.model.state import Level, Plain
from isolane.planning.imports import OWNER
from isolane.planning.inputs import CLOCKS, SEEDS
from isolane.planning.pairs import pairs_claim
from isolane.reports.figures import seconds_text

_LONGEST = 50
_MOST_SHOWN = 5
_WHOLE: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}
_MEND = {
    "env": "monkeypatch.setenv and delenv undo what they did",
    "cwd": "monkeypatch.chdir goes back",
    "sys_path": "monkeypatch.syspath_prepend takes it out again",
    "argv": "monkeypatch.setattr(sys, 'argv', ...) puts it back",
    "modules": "monkeypatch.setitem and delitem on sys.modules put it back",
    "mock_patches": "with patch(...) or mocker.patch end with the test",
    "module_globals": "monkeypatch.setattr or setitem puts it back; what is changed in place, a fixture makes anew",
    "class_attributes": "monkeypatch.setattr puts it back",
    "functions": "monkeypatch.setattr puts it back",
    "function_caches": "an autouse fixture that calls its cache_clear() before each test",
    "caches": "an autouse fixture that clears it before each test",
    "logging": "the fixture isolated_logging puts it back",
    "random_state": "the fixture isolated_random puts it back",
    "locale_time": "the fixtures isolated_time_zone and isolated_locale put it back",
    "warnings": "with warnings.catch_warnings() puts them back",
    "threads": "end it in the fixture that starts it",
    "children": "end it in the fixture that starts it",
    "descriptors": "with open(...) closes it",
    "files": "write below tmp_path",
    "fixtures": "a fixture of function scope makes it anew for each test",
    "set_up": "a fixture of function scope makes it anew for each test",
}
"""What ends with the test, by the kind of state."""
_ORDERS = (Sort.VICTIM, Sort.BRITTLE, Sort.IMPORT)
_WITH_WHOM = "isolane hunt --collisions looks for them"
_ELSE = "put it back in the teardown of a fixture"


def mend(kind: str) -> str:
    """Return what to do about state of a kind that a test leaves behind."""
    return _MEND.get(kind, _ELSE)


def hunt_lines(found: HuntResult, width: int = 80) -> Iterator[str]:
    """Yield the whole result, in lines of at most ``width`` where names allow."""
    bad = [one for one in found.findings if one.sort is not Sort.BROKEN]
    if found.meetings is not None:
        yield from _meeting_lines(found, *found.meetings, width)
    elif not found.findings:
        yield from wrap(
            f"Nothing found: every one of {_many(found.tests, 'test')} ended the same way in {found.orders} orders.",
            width,
        )
    elif bad:
        end = "ends" if len(bad) == 1 else "end"
        yield f"{_many(len(bad), 'test')} of {found.tests} {end} {_in_short(bad)}."
    yield from cause_lines(found.findings, width)
    yield ""
    yield from _cost_lines(found, width)


def _in_short(findings: Sequence[Finding]) -> str:
    sorts = {one.sort for one in findings}
    if sorts == {Sort.IMPORT}:
        return "otherwise by what other files import"
    if sorts <= {Sort.VICTIM, Sort.BRITTLE}:
        return "otherwise in another order"
    return "otherwise in other company" if sorts <= set(_ORDERS) else "now this way, now that"


def _meeting_lines(found: HuntResult, tried: int, of: int, width: int) -> Iterator[str]:
    bad = len(found.findings)
    if bad:
        end = "ends" if bad == 1 else "end"
        yield f"{_many(bad, 'test')} of {found.tests} {end} otherwise while another one runs."
    elif tried:
        those = f"{_many(tried, 'pair')} of tests that touch one thing"
        yield from wrap(f"Nothing found: {those} end at the same time as they do alone.", width, **_WHOLE)
    else:
        yield from wrap(
            "Nothing to try: no two tests were seen to touch one file, port or database, but those that markers keep "
            "apart.",
            width,
            **_WHOLE,
        )
    if tried < of:
        yield from wrap(f"{tried} of {of} pairs were run: name tests to have theirs run.", width, **_WHOLE)


def cause_lines(findings: Sequence[Finding], width: int = 80) -> Iterator[str]:
    """Yield the findings, those of one cause together, each behind an empty line."""
    for number, group in enumerate(_groups(findings), 1):
        yield ""
        yield from _group_lines(number, group, width)


def _groups(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Put those together that have one cause: the same state, whoever leaves it, where putting it back has helped."""
    groups: dict[object, list[Finding]] = {}
    for one in findings:
        places = frozenset(carrier.leak.change.place for carrier in one.carriers)
        cause = one.shared or (places if one.tried and len(one.needed) == 1 else one.needed)
        is_without = one.sort is Sort.IMPORT and one.alone.is_bad
        groups.setdefault((one.sort, is_without, cause), []).append(one)
    return sorted(groups.values(), key=lambda group: (list(Sort).index(group[0].sort), -len(group)))


def _group_lines(number: int, group: list[Finding], width: int) -> Iterator[str]:
    first = group[0]
    needed = list(dict.fromkeys(chain.from_iterable(one.needed for one in group)))
    together = ", all needed together" if len(first.needed) > 1 else ""
    heads = {
        Sort.VICTIM: f"{number}. polluter{'s' if len(needed) > 1 else ''}{together}:",
        Sort.BRITTLE: f"{number}. only well after{' all of' if len(first.needed) > 1 else ''}:",
        Sort.IMPORT: f"{number}. {_importing(first)}:",
        Sort.COLLISION: f"{number}. at the same time as{':' if needed else f' others: {_WITH_WHOM}'}",
        Sort.BROKEN: f"{number}. broken, whatever runs before:",
        Sort.SEED: f"{number}. by the seed of random numbers, whatever runs before:",
        Sort.TIME: f"{number}. by the clock, whatever runs before:",
        Sort.FLAKY: f"{number}. flaky, in the same order:",
        Sort.UNCLEAR: f"{number}. ended otherwise once, and not again:",
    }
    yield heads[first.sort]
    if first.needed:
        yield from _cut(needed)
        yield from _collision_lines(first, width) if first.shared else _mend_lines(first, width)
        ends = {Sort.VICTIM: "victim", Sort.BRITTLE: "brittle test"}.get(first.sort, "test")
        ends = "file" if all(map(_is_file, group)) else ends
        yield f"   {_many(len(group), ends)}:"
    for one in group[:_MOST_SHOWN]:
        yield f"     {one.test}"
        yield from wrap(_how(one), width, initial_indent="       ", subsequent_indent="       ", **_WHOLE)
    if len(group) > _MOST_SHOWN:
        yield f"     and {len(group) - _MOST_SHOWN} more"
    if first.sort is Sort.TIME:
        yield "   mend: a clock that the test sets, or a time that it hands over"
    if first.sort is Sort.SEED:
        yield "   mend: a seed of its own: random.Random(1), or the fixture isolated_random"
    others = list(dict.fromkeys(", ".join(part) for one in group for part in one.others if set(part) - set(needed)))
    if others:
        yield f"   {'another one does' if len(others) == 1 else f'{len(others)} others do'} the same:"
        yield from _cut(others)
    if first.cleaner:
        yield "   well again after:"
        yield f"     {first.cleaner}"
    for one in group:
        if one.command:
            yield f"   see it (ran once, and {'shows it' if one.shown else 'did not show it'}):"
            yield f"     {one.command}"
            break


def _importing(one: Finding) -> str:
    many = len(one.needed) > 1
    if one.alone.is_bad:
        return f"only well where {'all of these are' if many else 'this is'} imported"
    return "polluters, when all of them are imported" if many else "polluter, when it is imported"


def _cut(names: Sequence[str]) -> Iterator[str]:
    yield from (f"     {name}" for name in names[:_MOST_SHOWN])
    if len(names) > _MOST_SHOWN:
        yield f"     and {len(names) - _MOST_SHOWN} more"


def _how(one: Finding) -> str:
    if one.sort is Sort.BROKEN:
        return f"{one.alone}"
    if _is_file(one):
        ways = ("cannot be collected", "is collected")
        return "{}, {} with that imported".format(*(ways if one.alone.is_bad else ways[::-1]))
    then = "with that imported" if one.sort is Sort.IMPORT else "then"
    text = f"alone {one.alone}" + (f", {then} {one.after}" if one.after else "")
    if one.seeds:
        return f"{text} with seed {', '.join(map(str, one.seeds))} of {SEEDS[0]} to {SEEDS[-1]}"
    if one.clocks:
        when = ", ".join(clock[:-3] for clock in one.clocks)
        return f"{text} when it is {when} (UTC), of {len(CLOCKS)} times that were tried"
    if one.sort is Sort.COLLISION and one.rates:
        (bad, runs), (others, of) = one.rates
        if not one.shared:
            return f"otherwise in {others} of {of} runs beside others, {bad} of {runs} with nothing beside it"
        return f"{text}, while {one.stood}; {others} of {of} with nobody held up, {bad} of {runs} one after the other"
    if one.rates:
        (bad, runs), (others, of) = one.rates
        text += f"; otherwise in {bad} of {runs} runs alone, {others} of {of} after what ran before"
    return text


def _is_file(one: Finding) -> bool:
    """Return whether what ends otherwise is a file, which is collected or not."""
    return one.sort is Sort.IMPORT and "::" not in one.test


def _mend_lines(one: Finding, width: int) -> Iterator[str]:
    if not one.carriers:
        text = "What carries it was not seen: it is in nothing that isolane looks at (a database, a file elsewhere)."
        if one.sort is Sort.IMPORT:
            text = "What carries it was not seen: it is in nothing that isolane looks at around an import."
        yield from wrap(text, width, initial_indent="   ", subsequent_indent="   ", **_WHOLE)
        return
    tried = "seen; putting it back did not help, or cannot be done"
    if one.tried:
        tried = "put back, it is as alone" if one.alone.is_bad else "put back, all is well"
    if all(carrier.leak.change.level is Level.HARMLESS for carrier in one.carriers):
        tried = "imported without the file, it does the same"
    yield f"   left behind{' by the import' if one.sort is Sort.IMPORT else ''} ({tried}):"
    for carrier in one.carriers[:_MOST_SHOWN]:
        yield from _carrier_lines(carrier, one.needed, width)
    if len(one.carriers) > _MOST_SHOWN:
        yield f"     and {len(one.carriers) - _MOST_SHOWN} more"
    if one.alone.is_bad:
        where = "in its own file: import, or set up, what it needs" if one.sort is Sort.IMPORT else ""
        yield f"   mend: {where or 'a fixture that makes it what it has to be'}"
        return
    when = "in a fixture, and not when it is imported: " if one.sort is Sort.IMPORT else ""
    kinds = dict.fromkeys(carrier.leak.change.kind for carrier in one.carriers)
    for kind in list(kinds)[:_MOST_SHOWN]:
        text = f"mend {kind}: {when}{mend(kind)}"
        yield from wrap(text, width, initial_indent="   ", subsequent_indent="     ", **_WHOLE)


def _collision_lines(one: Finding, width: int) -> Iterator[str]:
    yield "   both have:"
    yield from _cut(one.shared)
    text = "mend: a thing of its own for each (tmp_path, the fixtures leased_port, sqlite_file, unique_name), or apart:"
    yield from wrap(text, width, initial_indent="   ", subsequent_indent="     ", **_WHOLE)
    yield from (f'     @pytest.mark.isolane_resource("{name}")' for name in one.shared[:_MOST_SHOWN])


def _carrier_lines(carrier: Explained, needed: Sequence[str], width: int) -> Iterator[str]:
    change = carrier.leak.change
    text = f"{change.kind} {change.name}: {_value(change.before)} → {_value(change.after)}"
    yield from wrap(text, width, initial_indent="     ", subsequent_indent="       ", **_WHOLE)
    if carrier.leak.owner.removeprefix(OWNER) not in needed:
        yield f"       by {carrier.leak.owner}"
    line = line_of(carrier.blame.since) if carrier.blame else None
    if line is not None:
        text = f"       {line.place}  {line.source}"
        yield from (
            [text] if len(text) <= width else [f"       {line.place}", _at_most(f"         {line.source}", width)]
        )


def _cost_lines(found: HuntResult, width: int) -> Iterator[str]:
    if found.meetings is not None:
        yield f"{_many(found.probes, 'probe')} of {_many(found.meetings[0], 'pair')}; {found.seconds:.1f} s."
        yield from (line for note in found.notes for line in wrap(note, width, **_WHOLE))
        return
    serial = f", {found.seconds / found.serial_seconds:.1f} serial runs" if found.serial_seconds > 0.5 else ""
    orders = f"{_many(found.orders, 'order')} of {_many(found.tests, 'test')} and parts of them"
    files = f", {_many(found.files, 'file')} imported alone" if found.files else ""
    yield from wrap(f"{_many(found.probes, 'probe')} in {orders}{files}; {found.seconds:.1f} s{serial}.", width)
    yield from _pair_lines(found, width)
    for note in found.notes:
        yield from wrap(note, width, **_WHOLE)


def _pair_lines(found: HuntResult, width: int) -> Iterator[str]:
    if found.pairs is None:
        return
    told, of = found.pairs
    claim = pairs_claim(len(found.dirty), told, of)
    how = f": {of:,} pairs, each in a process of its own, {seconds_text(found.pair_seconds)}" if of else ""
    lost = " Where a pair is missing, the first test ends its process." if told < of else ""
    alike = f" {found.alike} more leave nothing that these do not." if found.alike else ""
    yield from wrap(f"{claim[0].upper()}{claim[1:]}{how}.{alike}{lost}", width, **_WHOLE)
    yield from wrap(
        "Not in it: what takes three tests together; what a test leaves where nobody looks (a server, a file "
        "elsewhere); what modules leave when they are imported.",
        width,
        **_WHOLE,
    )


def hunt_as_data(found: HuntResult) -> dict[str, Any]:
    """Return the result in types that JSON has."""
    data = asdict(found)
    return {**data, "findings": [finding_as_data(one) for one in found.findings]}


def finding_as_data(one: Finding) -> dict[str, Any]:
    """Return a finding in types that JSON has."""
    return {**one.as_data(), "carriers": [explained_as_data(carrier) for carrier in one.carriers]}


def _at_most(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _value(value: Plain) -> str:
    if value is None:
        return "not there"
    text = repr(value)
    return _at_most(text, _LONGEST)


def _many(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
