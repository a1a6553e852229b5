"""Locks over sessions in any order: by random steps against a model, and by every order of small programs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isolane.coordination.lock_table import Blocked, LockTable

SESSIONS = ("a", "b", "c")
FILES = ("1", "2", "3")

steps = st.lists(
    st.tuples(
        st.sampled_from(SESSIONS),
        st.sampled_from(["lock", "lock", "wait", "unlock", "end"]),
        st.lists(st.sampled_from(FILES), min_size=1, max_size=3, unique=True).map(sorted),
    ),
    max_size=40,
)


@given(steps=steps)
def test_each_file_has_one_holder_and_tokens_only_grow(steps: list[tuple[str, str, list[str]]]) -> None:
    table, copy = LockTable(), LockTable()
    model: dict[str, tuple[str, int]] = {}
    seen = 0
    for session, step, files in steps:
        others = [file for file in files if model.get(file, (session,))[0] != session]
        if step == "end":
            table.release_all(session)
            model = {file: one for file, one in model.items() if one[0] != session}
        elif step == "unlock":
            stranger = table.release(session, files)
            mine = all(model.get(file, ("",))[0] == session for file in files)
            assert (stranger is None) == mine
            if mine:
                for file in files:
                    _, times = model.pop(file)
                    if times > 1:
                        model[file] = (session, times - 1)
        else:
            answer = table.request(session, files, 0.0, lambda name: True, waits=step == "wait")
            if others:
                assert isinstance(answer, Blocked)
                assert answer.path == others[0]
                assert answer.holding.session == model[others[0]][0]
            else:
                assert not isinstance(answer, Blocked)
                new = [answer[file] for file in files if file not in model]
                assert new == list(range(seen + 1, seen + 1 + len(new)))
                seen += len(new)
                for file in files:
                    model[file] = (session, model.get(file, (session, 0))[1] + 1)
        assert {file: (one.session, one.times) for file, one in table.held.items()} == model
        for change in table.changes:
            copy.apply(change)
        table.changes.clear()
        assert (copy.held, copy.waiting, copy.last_token) == (table.held, table.waiting, table.last_token)
    again = LockTable()
    again.apply(table.whole())
    assert (again.held, again.waiting, again.last_token) == (table.held, table.waiting, table.last_token)


Step = tuple[str, tuple[str, ...]]
"""What a session of the model check does: ``lock`` (it waits until it gets all) or ``unlock`` these files."""


class World:
    """Sessions at some point of their programs. A step of a session that waits is another request."""

    def __init__(self, programs: tuple[tuple[Step, ...], ...]) -> None:
        self.programs = programs
        self.at = [0] * len(programs)
        self.refused: set[int] = set()
        """Who was told that it would wait for ever: it gives back all that it has, and ends."""
        self.dead: set[int] = set()
        self.table = LockTable()

    def key(self) -> object:
        held = tuple(sorted((file, one.session, one.times) for file, one in self.table.held.items()))
        return (
            tuple(self.at),
            held,
            tuple(sorted(self.table.waiting.items())),
            frozenset(self.dead),
            frozenset(self.refused),
        )

    def copied(self) -> World:
        other = World(self.programs)
        other.at, other.refused, other.dead = [*self.at], {*self.refused}, {*self.dead}
        other.table.apply(["table", self.table.last_token, dict(self.table.held), dict(self.table.waiting)])
        return other

    def goes_on(self, one: int) -> bool:
        return one not in self.dead and self.at[one] < len(self.programs[one])

    def take_a_step(self, one: int) -> None:
        """Let a session go one step, which may be to ask again in vain."""
        kind, files = self.programs[one][self.at[one]]
        name = str(one)
        if kind == "unlock":
            assert self.table.release(name, files) is None
        else:
            before = {file: holding.session for file, holding in self.table.held.items()}
            answer = self.table.request(name, files, 0.0, lambda other: int(other) not in self.dead, waits=True)
            if isinstance(answer, Blocked):
                held = {file: holding.session for file, holding in self.table.held.items()}
                gone = {file for file in before if int(before[file]) in self.dead}
                assert {file: who for file, who in before.items() if file not in gone or file in held} == held
                if answer.cycle:
                    self.refused.add(one)
                    self.at[one] = len(self.programs[one])
                    self.table.release_all(name)
                return
            for file in files:
                assert before.get(file, name) == name or int(before[file]) in self.dead
        self.at[one] += 1
        if self.at[one] == len(self.programs[one]):
            self.table.release_all(name)

    def die(self, one: int) -> None:
        self.dead.add(one)


def every_order(start: World, *, deaths: bool) -> Iterator[World]:
    """Try each session next, in each state that can be come to; yield the states in which all have ended."""
    seen, left = set(), [start]
    while left:
        world = left.pop()
        key = world.key()
        if key in seen:
            continue
        seen.add(key)
        active = [one for one in range(len(world.programs)) if world.goes_on(one)]
        if not active:
            yield world
            continue
        moved = False
        for one in active:
            after = world.copied()
            after.take_a_step(one)
            moved |= after.key() != key
            left.append(after)
            if deaths and len(world.dead) == 0:
                killed = world.copied()
                killed.die(one)
                left.append(killed)
        assert moved, f"all wait for each other: {world.table.waiting} {world.table.held}"


PROGRAMS: list[tuple[Step, ...]] = [
    (("lock", ("1",)), ("lock", ("2",))),
    (("lock", ("2",)), ("lock", ("1",))),
    (("lock", ("1", "2")), ("unlock", ("1",)), ("lock", ("1",))),
    (("lock", ("2",)), ("lock", ("3",)), ("unlock", ("2",))),
    (("lock", ("3",)), ("lock", ("1",))),
    (("lock", ("1",)), ("lock", ("1",)), ("unlock", ("1",)), ("lock", ("2", "3"))),
]


@pytest.mark.parametrize("deaths", [False, True], ids=["all live", "one is killed"])
def test_no_order_of_steps_ends_in_a_deadlock(deaths: bool) -> None:
    """Each three of the programs, in every order of their steps, with and without one killed at any moment."""
    ends = refusals = 0
    chosen = [three for three in product(range(len(PROGRAMS)), repeat=3) if three == tuple(sorted(three))]
    for three in chosen[:: 3 if deaths else 2]:
        for world in every_order(World(tuple(PROGRAMS[one] for one in three)), deaths=deaths):
            ends += 1
            refusals += bool(world.refused)
            assert len(world.refused) < len(world.programs), "somebody gets through"
            alive = [one for one in range(3) if one not in world.dead]
            assert not [one for one in world.table.held.values() if int(one.session) in alive]
    assert ends >= len(chosen) // 3
    assert refusals


def test_the_model_check_would_see_a_deadlock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LockTable, "_ring", lambda *anything: ())
    with pytest.raises(AssertionError, match="all wait for each other"):
        list(every_order(World((PROGRAMS[0], PROGRAMS[1])), deaths=False))
