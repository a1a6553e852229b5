"""Units of any suite: nothing lost, nothing twice, what belongs together together, in the order of collection."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from isolane.model.identity import class_of, module_of
from isolane.planning.dispatch import dispatch_order
from isolane.planning.units import MODES, Unit, make_units

node_ids = st.builds(
    "{}{}::test_{}".format,
    st.sampled_from(["a.py", "b.py", "c/[d].py"]),
    st.sampled_from(["", "::TestX", "::TestX::TestInner"]),
    st.sampled_from(["one", "two", "one[a::b]", "one[[]"]),
)


@st.composite
def suites(draw: st.DrawFn) -> tuple[list[str], list[str | None], list[float] | None]:
    """A suite's node ids (some stand twice), each test's group, and what each test takes, where that is known."""
    suite = draw(st.lists(node_ids, max_size=200))
    groups = draw(st.lists(st.sampled_from([None, "x", "y"]), min_size=len(suite), max_size=len(suite)))
    times = st.lists(
        st.one_of(st.just(0.0), st.floats(1e-4, 60)),
        min_size=len(suite),
        max_size=len(suite),
    )
    return suite, groups, draw(st.one_of(st.none(), times))


def units_of(suite: tuple[list[str], list[str | None], list[float] | None], dist: str, workers: int) -> list[Unit]:
    ids, groups, seconds = suite
    return make_units(ids, dist, workers, groups=groups, seconds=seconds)


@given(suites(), st.sampled_from(MODES), st.integers(1, 300))
def test_units_are_a_partition_in_which_the_order_is_kept(
    suite: tuple[list[str], list[str | None], list[float] | None], dist: str, workers: int
) -> None:
    units = units_of(suite, dist, workers)

    assert sorted(test for unit in units for test in unit.tests) == list(range(len(suite[0])))
    assert all(unit.tests and list(unit.tests) == sorted(unit.tests) for unit in units)
    assert [unit.tests[0] for unit in units] == sorted(unit.tests[0] for unit in units)


@given(suites(), st.integers(1, 8))
def test_what_belongs_together_is_never_torn_apart(
    suite: tuple[list[str], list[str | None], list[float] | None], workers: int
) -> None:
    ids, groups, _ = suite
    scopes = {
        "loadscope": [class_of(node_id) or module_of(node_id) for node_id in ids],
        "loadfile": [module_of(node_id) for node_id in ids],
        "loadgroup": groups,
    }
    for dist, scope_of in scopes.items():
        unit_of = {test: number for number, unit in enumerate(units_of(suite, dist, workers)) for test in unit.tests}
        for scope in {scope for scope in scope_of if scope is not None}:
            assert len({unit_of[test] for test, one in enumerate(scope_of) if one == scope}) == 1


@given(suites(), st.sampled_from(["load", "worksteal"]), st.integers(1, 8), st.integers(1, 5))
def test_a_chunk_stays_in_its_file_and_under_its_limit(
    suite: tuple[list[str], list[str | None], list[float] | None], dist: str, workers: int, largest: int
) -> None:
    ids, _, seconds = suite
    for unit in make_units(ids, dist, workers, seconds=seconds, largest_chunk=largest):
        assert len(unit.tests) <= largest
        assert len({module_of(ids[test]) for test in unit.tests}) == 1


@given(suites(), st.sampled_from(MODES), st.integers(1, 8), st.booleans())
def test_the_order_of_dispatch_is_a_permutation_of_whole_units(
    suite: tuple[list[str], list[str | None], list[float] | None], dist: str, workers: int, keep: bool
) -> None:
    units = units_of(suite, dist, workers)
    ordered = dispatch_order(units, dist, workers, keep=keep)

    assert sorted(ordered, key=units.index) == units
    if keep:
        assert ordered == units
