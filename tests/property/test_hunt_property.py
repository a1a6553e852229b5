"""A hunt in a suite of which is known what is planted: it is found, and nothing else is."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated_suite import FAILED, Odd, SimulatedSuite, named_tests

from isolane.model.hunt import Finding, HuntOrders, Sort
from isolane.model.identity import module_of
from isolane.model.outcome import PASSED, Category, Outcome
from isolane.planning.hunt import Suspect, hunt
from isolane.planning.minimize import first_halves, minimize, minimize_tests
from isolane.planning.pairs import with_all_others
from isolane.planning.survey import hidden_victims, relatives
from isolane.planning.whole_hunt import WholeHunt
from isolane.statistics.flake_rate import are_different

counts = st.integers(20, 200)
seeds = st.integers(0, 2**32 - 1)
CRASHED = Outcome(Category.CRASHED)


def drive_trials(trials, does):
    """Answer trials, lazily as a prober may; return what is left and how many were tried."""
    tried = 0
    try:
        wanted = next(trials)
        while True:
            answers = []
            for part in wanted:
                answers.append(None if True in answers else does(part))
                tried += answers[-1] is not None
            wanted = trials.send(answers)
    except StopIteration as end:
        return end.value, tried


@given(st.integers(1, 300), st.data())
def test_what_is_left_is_what_is_needed(count, data):
    items = list(range(count))
    needed = data.draw(st.sets(st.sampled_from(items), min_size=1, max_size=min(4, count)))
    left, tried = drive_trials(minimize(items), lambda part: needed <= set(part))
    assert set(left) == needed
    assert tried <= 12 * len(needed) * max(count.bit_length(), 2)


@given(counts, st.data())
def test_tests_are_left_in_their_order_and_blocks_are_cut_last(count, data):
    tests = named_tests(count)
    needed = data.draw(st.sets(st.sampled_from(tests), min_size=1, max_size=3))
    left, _ = drive_trials(minimize_tests(tests), lambda part: needed <= set(part))
    assert left == [one for one in tests if one in needed]


@given(st.integers(2, 60), st.data())
def test_nothing_can_be_left_out_whatever_cleans_up(count, data):
    """Not monotonic: with some of what is in between it does not do it."""
    items = list(range(count))
    polluters = data.draw(st.sets(st.sampled_from(items), min_size=1, max_size=4))
    cleaners = data.draw(st.sets(st.sampled_from(items), max_size=4)) - polluters

    def does(part):
        last = max((one for one in part if one in cleaners), default=-1)
        return any(one > last for one in part if one in polluters)

    if does(items):
        left, _ = drive_trials(minimize(items), does)
        assert does(left)
        assert len(left) == 1


@given(counts, seeds, st.integers(1, 3), st.booleans(), st.booleans())
def test_a_planted_victim_or_brittle_test_is_explained(count, seed, size, is_brittle, is_told):
    tests = named_tests(count)
    chosen = random.Random(seed).sample(tests, size + 1)
    victim, needed = chosen[0], chosen[1:]
    odd = Odd([needed], alone=FAILED, turned=PASSED) if is_brittle else Odd([needed])
    # Two or three may stand around the victim: what comes first then is only known where an order has shown it.
    suite = SimulatedSuite(tests, {victim: odd}, seed=seed)
    found = suite.hunt_all([victim] if is_told else (), seeds=range(20))
    if size == 1 or victim in found:
        assert list(found) == [victim]
        finding = found[victim]
        assert finding.sort is (Sort.BRITTLE if is_brittle else Sort.VICTIM)
        assert set(finding.needed) == set(needed)
        assert finding.others == ()


@given(counts, st.data())
def test_one_that_is_named_costs_two_runs_of_what_is_before_it_and_a_third_if_others_may_clean_up(count, data):
    tests = named_tests(count)
    place = data.draw(st.integers(1, count - 1))
    victim, polluter = tests[place], tests[data.draw(st.integers(0, place - 1))]
    suite = SimulatedSuite(tests, {victim: Odd([[polluter]])})
    finding = suite.hunt_all([victim])[victim]
    assert (finding.needed, finding.others, finding.cleaner) == ((polluter,), (), "")
    nearer, _ = first_halves(tests[:place]) or ([polluter], [])
    # Halves of whole modules are not equal. What is left are few: alone, after the polluter, after its neighbours.
    assert suite.ran <= (2.5 if polluter in nearer else 3.5) * place + 120


@given(counts, seeds, st.integers(2, 6), st.booleans())
def test_each_of_several_polluters_is_one(count, seed, polluters, are_seen):
    tests = named_tests(count)
    victim, *others = random.Random(seed).sample(tests, polluters + 1)
    seen = others if are_seen else ()
    suite = SimulatedSuite(tests, {victim: Odd([[one] for one in others])}, seen=seen, seed=seed)
    (finding,) = suite.hunt_all().values()
    assert suite.explains(finding)
    assert len(finding.needed) == 1
    assert len(set(finding.others)) == len(finding.others)


@given(counts, seeds, st.integers(1, 4), st.integers(1, 6))
def test_cleaners_hide_nothing_that_an_order_has_shown(count, seed, polluters, cleaners):
    tests = named_tests(count)
    chosen = random.Random(seed).sample(tests, polluters + cleaners + 1)
    victim, others, clean = chosen[0], chosen[1 : polluters + 1], chosen[polluters + 1 :]
    suite = SimulatedSuite(tests, {victim: Odd([[one] for one in others])}, clean, seen=others, seed=seed)
    found = suite.hunt_all()
    for finding in found.values():
        assert finding.test == victim
        assert finding.sort is Sort.VICTIM
        assert suite.explains(finding)
        assert finding.cleaner in (*clean, "")


@pytest.mark.parametrize("noise", [0.05, 0.3, 0.5])
def test_of_a_flaky_test_no_polluter_is_named(noise):
    shown = dear = 0
    for seed in range(150):
        tests = named_tests(20 + seed)
        flaky = random.Random(seed).choice(tests)
        suite = SimulatedSuite(tests, {flaky: Odd(noise=noise)}, seen=tests[::5], seed=seed)
        for finding in suite.hunt_all().values():
            assert finding.test == flaky
            assert finding.sort in (Sort.FLAKY, Sort.UNCLEAR), seed
            assert finding.needed == ()
            shown += finding.sort is Sort.FLAKY
        dear += suite.ran > 60 * len(tests) + 500
    assert shown >= 20
    # By chance what one has done may long look like two rates: of six hundred others two to six were so dear.
    assert dear <= 4


@pytest.mark.parametrize("noise", [0.05, 0.3])
def test_the_polluter_of_a_noisy_victim_is_found_nearly_always_and_never_another(noise):
    right = 0
    for seed in range(60):
        tests = named_tests(20 + 3 * seed)
        victim, polluter = random.Random(seed).sample(tests, 2)
        suite = SimulatedSuite(tests, {victim: Odd([[polluter]], noise=noise)}, seed=seed)
        finding = suite.hunt_all([victim]).get(victim)
        assert finding is None or finding.needed in ((polluter,), ()), seed
        right += finding is not None and finding.needed == (polluter,)
        assert suite.ran <= 80 * len(tests) + 500
    assert right >= 57


@given(counts, seeds)
def test_what_is_broken_has_no_polluter(count, seed):
    tests = named_tests(count)
    broken, skipped = random.Random(seed).sample(tests, 2)
    odd = {broken: Odd(alone=FAILED), skipped: Odd(alone=Outcome(Category.SKIPPED, "not here"))}
    surveyed = SimulatedSuite(tests, odd, seen=tests[::9]).survey()
    assert surveyed.suspects == []
    assert surveyed.broken == {broken: FAILED}


def test_a_test_that_is_broken_in_two_ways_is_not_brittle():
    tests = named_tests(30)
    suite = SimulatedSuite(tests, {tests[20]: Odd([[tests[3]]], alone=FAILED, turned=Outcome(Category.SETUP_ERROR))})
    assert suite.survey().broken == {tests[20]: FAILED}
    assert suite.hunt_all() == {}


@given(counts, seeds, st.sampled_from([PASSED, FAILED]))
def test_a_victim_of_one_that_is_named_is_found_though_all_others_clean_up(count, seed, alone):
    tests = named_tests(count)
    victim, polluter = random.Random(seed).sample(tests, 2)
    odd = Odd([[polluter]], alone=alone, turned=PASSED if alone.is_bad else FAILED)
    suite = SimulatedSuite(tests, {victim: odd}, cleaners=set(tests) - {polluter}, seed=seed)
    finding = suite.hunt_all([victim])[victim]
    assert (finding.sort, finding.needed) == (Sort.BRITTLE if alone.is_bad else Sort.VICTIM, (polluter,))


@given(counts, seeds)
def test_other_victims_of_a_known_polluter_are_found_in_any_module(count, seed):
    tests = named_tests(min(count, 100))
    chance = random.Random(seed)
    polluter, known, *others = chance.sample(tests, 5)
    odd = {one: Odd([[polluter]]) for one in (known, *others)} | {others[-1]: Odd(alone=FAILED)}
    suite = SimulatedSuite(tests, odd, cleaners=set(tests[::2]) - {polluter}, seed=seed)
    suspects = suite.drive(relatives(tests, [polluter], [known], {known}))
    assert {one.test for one in suspects} == set(others[:-1])
    assert all((one.before, one.alone, one.wavers) == ((polluter,), PASSED, False) for one in suspects)


@given(counts, seeds)
def test_a_brittle_test_is_found_though_any_other_test_makes_it_well(count, seed):
    tests = named_tests(count)
    brittle = random.Random(seed).choice(tests)
    odd = Odd([[one] for one in tests if one != brittle], alone=FAILED, turned=PASSED)
    suite = SimulatedSuite(tests, {brittle: odd}, seed=seed)
    finding = suite.hunt_all()[brittle]
    assert (finding.sort, len(finding.needed)) == (Sort.BRITTLE, 1)


def test_in_a_large_suite_a_brittle_test_is_found_that_needs_any_other_of_its_module():
    tests = named_tests(900, modules=90)
    brittle = tests[457]
    near = [one for one in tests if module_of(one) == module_of(brittle) and one != brittle]
    suite = SimulatedSuite(tests, {brittle: Odd([[one] for one in near], alone=FAILED, turned=PASSED)})
    finding = suite.hunt_all()[brittle]
    assert (finding.sort, finding.needed[0] in near) == (Sort.BRITTLE, True)


@given(counts, seeds)
def test_a_victim_of_one_that_leaves_something_is_found_though_all_others_clean_up(count, seed):
    tests = named_tests(min(count, 100))
    victim, polluter = random.Random(seed).sample(tests, 2)
    others = set(tests) - {polluter}
    suite = SimulatedSuite(tests, {victim: Odd([[polluter]])}, cleaners=others, seen=[polluter], seed=seed)
    surveyed = suite.survey()
    suspects = surveyed.suspects or suite.drive(hidden_victims(tests, surveyed, ()))
    assert [(one.test, one.before[-1]) for one in suspects] == [(victim, polluter)]


@given(counts, seeds, st.booleans())
def test_a_test_that_ends_its_process_hides_no_one_and_pollutes_no_one(count, seed, is_told):
    tests = named_tests(count)
    crashing, victim, polluter = random.Random(seed).sample(tests, 3)
    suite = SimulatedSuite(tests, {crashing: Odd(alone=CRASHED), victim: Odd([[polluter]])}, seed=seed)
    surveyed = suite.survey([victim] if is_told else ())
    assert surveyed.broken == ({} if is_told else {crashing: CRASHED})
    found = suite.hunt_all([victim] if is_told else (), seeds=range(8))
    assert [(one.test, one.needed) for one in found.values() if one.sort is Sort.VICTIM] == [(victim, (polluter,))]


@given(counts, seeds)
def test_a_victim_that_crashes_is_one(count, seed):
    tests = named_tests(count)
    victim, polluter = random.Random(seed).sample(tests, 2)
    suite = SimulatedSuite(tests, {victim: Odd([[polluter]], turned=CRASHED)}, seed=seed)
    (finding,) = suite.hunt_all().values()
    assert (finding.test, finding.needed, finding.after) == (victim, (polluter,), CRASHED)


@given(counts, seeds)
def test_a_clean_suite_is_clean(count, seed):
    tests = named_tests(count)
    suite = SimulatedSuite(tests, seen=tests[::4], seed=seed)
    surveyed = suite.survey()
    assert (surveyed.suspects, dict(surveyed.broken)) == ([], {})
    assert surveyed.dirty == tests[::4]


def test_a_told_victim_that_its_own_order_shows_costs_little():
    tests = named_tests(200)
    suite = SimulatedSuite(tests, {tests[180]: Odd([[tests[70]]])})
    (finding,) = suite.hunt_all([tests[180]]).values()
    assert finding.needed == (tests[70],)
    assert suite.ran <= 3 * 200 + 100
    assert suite.probes <= 50


def test_why_the_suite_passes_is_told():
    """In its own order somebody cleans up between the polluter and the victim."""
    tests = named_tests(60)
    suite = SimulatedSuite(tests, {tests[50]: Odd([[tests[10]]])}, [tests[30]], seen=[tests[10]])
    (finding,) = suite.hunt_all().values()
    assert (finding.needed, finding.cleaner) == ((tests[10],), tests[30])


@given(counts, seeds, st.integers(0, 4), st.booleans())
def test_pairs_show_what_somebody_hides_in_every_order(count, seed, polluters, is_told):
    """Everybody else cleans up: only who runs right after a polluter sees it."""
    tests = named_tests(count)
    victim, *others = random.Random(seed).sample(tests, polluters + 1)
    suite = SimulatedSuite(
        tests, {victim: Odd([[one] for one in others])}, cleaners=set(tests) - set(others), seen=others, seed=seed
    )
    found = suite.pairs([victim] if is_told else ())
    in_order = [one for one in tests if one in others]
    assert found.dirty == in_order
    assert [(one.test, one.after) for one in found.turned] == ([(victim, in_order)] if others else [])
    assert found.told == found.of == len(others) * (1 if is_told else count - 1)
    assert suite.probes == count + found.of


@given(counts, seeds, st.integers(2, 6))
def test_of_those_that_leave_the_same_the_first_stands_for_all(count, seed, polluters):
    tests = named_tests(count)
    victim, *others = random.Random(seed).sample(tests, polluters + 1)
    suite = SimulatedSuite(
        tests, {victim: Odd([[one] for one in others])}, seen=others, seen_as=lambda _: "one cache", seed=seed
    )
    found = suite.pairs()
    first = min(others, key=tests.index)
    assert (found.dirty, found.alike, found.of) == ([first], polluters - 1, count - 1)
    assert [(one.test, one.after) for one in found.turned] == [(victim, [first])]


@given(counts, seeds)
def test_a_pair_whose_first_test_ends_its_process_is_not_counted(count, seed):
    tests = named_tests(count)
    crashing, dirty = random.Random(seed).sample(tests, 2)
    suite = SimulatedSuite(tests, {crashing: Odd(alone=CRASHED)}, seed=seed)
    found = suite.pairs(dirty=[crashing, dirty])
    assert (found.turned, found.told, found.of) == ([], count - 1, 2 * (count - 1))


@given(counts, seeds, st.integers(2, 5))
def test_all_that_do_the_same_are_told_of_and_chance_is_not(count, seed, polluters):
    tests = named_tests(count)
    victim, bystander, *others = random.Random(seed).sample(tests, polluters + 2)
    suite = SimulatedSuite(tests, {victim: Odd([[one] for one in others])}, seed=seed)
    finding = Finding(victim, Sort.VICTIM, PASSED, FAILED, (others[0],), ((others[1],),))
    whole = suite.drive(with_all_others(finding, [*others, bystander]))
    assert whole.others == tuple((one,) for one in others[1:])


def test_a_known_polluter_is_tried_first():
    tests = named_tests(100)
    suite = SimulatedSuite(tests, {tests[90]: Odd([[tests[5]]])})
    suspect = Suspect(tests[90], PASSED, tests[:90])
    finding = suite.drive(hunt(suspect, [tests[5]], are_different, [(tests[5],)]))
    assert finding.needed == (tests[5],)
    assert suite.probes <= 14


@given(counts, seeds)
def test_tests_that_failed_are_looked_into_with_what_had_run_before_them_and_no_order_is_run(count, seed):
    tests = named_tests(count)
    polluter, victim, broken = random.Random(seed).sample(tests, 3)
    before = [one for one in tests[::-1] if one not in (victim, broken)]
    suite = SimulatedSuite(tests, {victim: Odd([[polluter]]), broken: Odd(alone=FAILED)})
    told = []
    whole = WholeHunt(
        HuntOrders(1, ()),
        tests,
        tell=told.append,
        probes=lambda: suite.probes,
        are_different=are_different,
        failed={victim: before, broken: before, "gone.py::test": before},
    )
    suite.drive(whole.search())

    findings = {one.test: one for one in (Finding.from_data(line["finding"]) for line in told if "finding" in line)}
    assert {test: (one.sort, one.needed) for test, one in findings.items()} == {
        victim: (Sort.VICTIM, (polluter,)),
        broken: (Sort.BROKEN, ()),
    }
    (surveyed,) = (line["survey"] for line in told if "survey" in line)
    assert surveyed["outcomes"] == {victim: str(PASSED), broken: str(FAILED)}
