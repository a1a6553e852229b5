"""Which of the recorded steps is to blame for a change that stays."""

from __future__ import annotations

from isolane.model.explanation import Frame, Stack, line_of
from isolane.model.state import Change
from isolane.planning.culprit import CulpritSearch


def at(line: int) -> Stack:
    return (Frame("test_a.py", line, "test_a", of_project=True),)


def differing(**values: int) -> dict[tuple[str, str], Change]:
    return {("env", name): Change("env", name, None, value) for name, value in values.items()}


def blamed(steps: list[dict[tuple[str, str], Change]], name: str = "A") -> tuple[int, int] | None:
    """The lines, counted from 1, after which it stayed different, and that changed it last."""
    search = CulpritSearch()
    for number, step in enumerate(steps, 1):
        search.step(at(number), step)
    found = search.blame(Change("env", name, None, 0))
    return (found.since[0].line, found.last[0].line) if found else None


def test_the_line_after_which_it_differs_and_stays() -> None:
    assert blamed([{}, differing(A=1), differing(A=1)]) == (2, 2)


def test_what_was_put_back_in_between_is_not_to_blame() -> None:
    assert blamed([differing(A=1), {}, differing(A=1)]) == (3, 3)


def test_who_changed_it_once_more_is_told_beside_who_began() -> None:
    assert blamed([differing(A=1), differing(A=2), differing(A=2, B=1)]) == (1, 2)


def test_other_places_do_not_disturb() -> None:
    steps = [differing(A=1), differing(A=1, B=1), differing(A=1, B=2), differing(A=1)]

    assert blamed(steps) == (1, 1)
    assert blamed(steps, "B") is None


def test_a_key_stands_for_another_of_its_container() -> None:
    search = CulpritSearch()
    change = Change("module_globals", "shop.SEEN['a']", None, 1)
    search.step(at(7), {("module_globals", change.name): change})

    found = search.blame(Change("module_globals", "shop.SEEN['b']", None, 1))

    assert found is not None
    assert found.since == at(7)
    assert search.blame(Change("module_globals", "shop.OTHER['a']", None, 1)) is None


def test_the_line_to_look_at_is_the_projects_innermost() -> None:
    test, helper = (Frame(name, 1, "f", of_project=True) for name in ("test_a.py", "helper.py"))
    library = Frame("os.py", 680, "__setitem__", of_project=False)

    assert line_of((test, helper, library)) is helper
    assert line_of((library,)) is library
    assert line_of(()) is None
