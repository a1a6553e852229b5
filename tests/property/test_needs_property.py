"""What may run at the same time, against rules that are written down one by one."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from isolane.planning.needs import Needs, may_run_beside, needs_together

resources = st.frozensets(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=3)
any_needs = st.builds(Needs, resources, st.sampled_from([False, False, False, True]), st.integers(1, 4))


def are_enemies(one: Needs, other: Needs) -> bool:
    """The model: every resource of one beside every resource of the other."""
    for name, exclusive in one.resources:
        for other_name, other_exclusive in other.resources:
            if name == other_name and (exclusive is True or other_exclusive is True):
                return True
    return one.alone or other.alone


@given(any_needs, st.lists(any_needs, max_size=4))
def test_it_may_run_if_it_is_nobodys_enemy(needs: Needs, running: list[Needs]) -> None:
    assert may_run_beside(needs, running) == (not any(are_enemies(needs, other) for other in running))


@given(any_needs, any_needs)
def test_it_does_not_matter_which_comes_first(one: Needs, other: Needs) -> None:
    assert may_run_beside(one, [other], workers=4) == may_run_beside(other, [one], workers=4)


@given(st.lists(any_needs, max_size=8), st.integers(1, 5), st.data())
def test_whoever_dispatches_by_it_breaks_no_rule_and_comes_to_an_end(
    waiting: list[Needs], workers: int, data: st.DataObject
) -> None:
    running: list[Needs] = []
    while waiting or running:
        startable = [place for place, needs in enumerate(waiting) if may_run_beside(needs, running, workers=workers)]
        if startable and (not running or data.draw(st.booleans())):
            running.append(waiting.pop(data.draw(st.sampled_from(startable))))
        else:
            assert running, "nothing runs, and nothing may start"
            running.pop(data.draw(st.integers(0, len(running) - 1)))
        assert not any(are_enemies(*pair) for pair in combinations(running, 2))
        assert len(running) <= 1 or sum(needs.cpus for needs in running) <= workers


@given(st.lists(any_needs, max_size=4), any_needs, st.randoms(use_true_random=False))
def test_a_unit_may_run_where_each_of_its_tests_may(parts: list[Needs], other: Needs, random: object) -> None:
    together = needs_together(parts)
    shuffled = list(parts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert needs_together(shuffled) == together
    assert all(may_run_beside(part, [other]) for part in parts) or not may_run_beside(together, [other])
    if parts:
        assert may_run_beside(together, [other]) == all(may_run_beside(part, [other]) for part in parts)
