"""All kinds are known by name, and each can do what a kind can do."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import isolane.process_state
from isolane.model.errors import UsageError
from isolane.model.state import Change
from isolane.process_state.base import RestoreError
from isolane.process_state.kinds import DEAR, KINDS, OUTSIDE, RESTORED, check_names, make_kinds
from isolane.process_state.slots import Slot, SlotsKind

ROOM = Path(isolane.process_state.__file__).parent


def test_every_kind_in_the_room_is_in_the_list() -> None:
    defined = {
        (path.stem, found)
        for path in ROOM.glob("*.py")
        for found in re.findall(r"^class (\w+Kind)\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    } - {("region_kind", "RegionKind"), ("slots", "SlotsKind"), ("slots", "ValuesKind")}
    defined -= {("fixture_values", "FixtureValuesKind")}  # looked at in hunts only
    assert {tuple(place.split(":")) for place in KINDS.values()} == defined


def test_kinds_are_made_by_name_in_the_order_of_the_list() -> None:
    assert [kind.name for kind in make_kinds(["logging", "env"])] == ["env", "logging"]
    assert [kind.name for kind in make_kinds(list(KINDS))] == list(KINDS)
    assert make_kinds([]) == ()
    assert {*RESTORED, *DEAR, *OUTSIDE} <= set(KINDS)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"no kind of state 'environment'\. The kinds are env, cwd"):
        make_kinds(["env", "environment"])
    check_names(list(KINDS))


@pytest.mark.parametrize("name", KINDS)
def test_where_nothing_happened_nothing_differs_and_nothing_is_touched(name: str) -> None:
    (kind,) = make_kinds([name])
    before = kind.snapshot()
    after = kind.snapshot()
    assert kind.diff(before, after) == []
    assert kind.rebase(before, before, after) == before
    kind.restore(before)
    assert kind.diff(before, kind.snapshot()) == []


class Odd:
    """Stands for proxies whose class answers questions about it in its own way."""

    __module__ = property(lambda _self: "nowhere")  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("name", "target", "attribute"),
    [
        ("streams", sys, "stdout"),
        ("hooks", sys, "excepthook"),
        ("event_loop", asyncio.events, "_event_loop_policy"),
    ],
)
def test_whatever_stands_there_is_looked_at(
    name: str, target: ModuleType, attribute: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (kind,) = make_kinds([name])
    before = kind.snapshot()
    with monkeypatch.context() as patcher:
        patcher.setattr(target, attribute, Odd())
        # With another policy comes another loop, where there was one.
        changes = kind.diff(before, kind.snapshot())
    assert [one for one in changes if str(one.after).endswith("Odd object")]


def test_whatever_stands_for_a_module_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    (kind,) = make_kinds(["modules"])
    before = kind.snapshot()
    monkeypatch.setitem(sys.modules, "isolane_odd", Odd())  # type: ignore[arg-type]
    assert [change.name for change in kind.diff(before, kind.snapshot())] == ["isolane_odd"]


def test_what_cannot_be_put_back_keeps_nothing_else_from_it() -> None:
    held: dict[str, object] = {"gone": 1, "other": 1}

    def refuse(value: object) -> None:
        raise RestoreError("gone", f"{value} is gone.")

    kind = SlotsKind()
    kind.slots = (
        Slot("gone", lambda: held["gone"], refuse),
        Slot("other", lambda: held["other"], lambda value: held.update(other=value)),
    )
    before = kind.snapshot()
    held.update(gone=2, other=2)
    with pytest.raises(RestoreError, match=r"1 is gone\."):
        kind.restore(before)
    assert held == {"gone": 2, "other": 1}


def test_a_change_reads_as_a_line() -> None:
    assert str(Change("cwd", "directory", "a", None)) == "cwd directory: 'a' → None"
