"""Worker counts and seeds: how they are read, changed and named."""

from __future__ import annotations

import pytest

from isolane.noxkit.axes import (
    AxisError,
    Variant,
    parse_seeds,
    parse_workers,
    split_leading_number,
    typed_arguments,
    variants,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("auto", ("auto",)),
        ("2,auto", ("2", "auto")),
        (" 1 , 4 ", ("1", "4")),
        ("2,2,02", ("2",)),
    ],
)
def test_worker_counts(text: str, expected: tuple[str, ...]) -> None:
    assert parse_workers(text) == expected


@pytest.mark.parametrize("text", ["0", "-1", "two", "2;3", "2,", ",", "1.5", "AUTO", "²"])
def test_a_bad_worker_count_is_one_line_that_names_it(text: str) -> None:
    with pytest.raises(AxisError, match=r"^ISOLANE_WORKERS=.* is not a worker count") as caught:
        parse_workers(text)

    assert repr(text) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", ()), ("0", (0,)), ("1,2", (1, 2)), ("none,7", (None, 7)), ("3, 3", (3,))],
)
def test_seeds(text: str, expected: tuple[int | None, ...]) -> None:
    assert parse_seeds(text) == expected


@pytest.mark.parametrize("text", ["-1", "last", "1,,2", "0x1"])
def test_a_bad_seed_is_one_line_that_names_it(text: str) -> None:
    with pytest.raises(AxisError, match=r"^ISOLANE_SEEDS=.* is not a seed"):
        parse_seeds(text)


def test_every_combination_worker_counts_outermost() -> None:
    found = variants(("1", "auto"), (1, 2), {})

    assert [str(variant) for variant in found] == [
        "workers=1, seed=1",
        "workers=1, seed=2",
        "workers=auto, seed=1",
        "workers=auto, seed=2",
    ]


def test_the_environment_changes_both_axes() -> None:
    environment = {"ISOLANE_WORKERS": "3", "ISOLANE_SEEDS": "none,9"}

    assert variants(("2",), (None,), environment) == (Variant("3", None), Variant("3", 9))


def test_fixed_worker_counts_stay() -> None:
    assert variants(("1",), (None,), {"ISOLANE_WORKERS": "4"}, fixed_workers=True) == (Variant("1", None),)


def test_a_typed_seed_wins_over_the_environment() -> None:
    assert variants(("1",), (1, 2), {"ISOLANE_SEEDS": "3,4"}, typed_seed=5) == (Variant("1", 5),)


def test_a_bad_variable_is_told_where_it_would_not_be_used_too() -> None:
    with pytest.raises(AxisError):
        variants(("1",), (None,), {"ISOLANE_WORKERS": "many"}, fixed_workers=True)


def test_slugs_are_file_names_and_tell_variants_apart() -> None:
    slugs = {Variant("2", None).slug, Variant("2", 1).slug, Variant("auto", 1).slug}

    assert slugs == {"workers-2-seed-none", "workers-2-seed-1", "workers-auto-seed-1"}


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["nox", "-s", "stress"], []),
        (["nox", "-s", "stress", "--", "10"], ["10"]),
        (["nox", "--", "-k", "a", "--", "b"], ["-k", "a", "--", "b"]),
    ],
)
def test_typed_arguments(argv: list[str], expected: list[str]) -> None:
    assert typed_arguments(argv) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], (None, [])),
        (["10"], (10, [])),
        (["12345", "-x", "3"], (12345, ["-x", "3"])),
        (["-k", "10"], (None, ["-k", "10"])),
        (["tests/test_1.py"], (None, ["tests/test_1.py"])),
    ],
)
def test_only_a_number_that_stands_first_is_taken(arguments: list[str], expected: tuple[int | None, list[str]]) -> None:
    assert split_leading_number(arguments) == expected
