"""What is typed wrong is refused by name before anything is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from isolane.cli.arguments import new_parser


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["stress", "many"], "argument N: 'many' is not a whole number from 1"),
        (["stress", "0"], "argument N: '0' is not a whole number from 1"),
        (["stress", "--until-rate", "2"], "argument --until-rate: '2' is not a rate between 0 and 1, like 1% or 0.01"),
        (["stress", "--until-rate", "0%"], "argument --until-rate: '0%' is not a rate between 0 and 1"),
        (["stress", "--for", "soon"], "argument --for: 'soon' is not a time over 0, like 90s, 10m or 1h"),
        (["stress", "--orders", "any"], "argument --orders: invalid choice: 'any'"),
        (["bench", "--pairs", "-1"], "argument --pairs: '-1' is not a whole number from 1"),
        (["prove", "--stall-timeout", "-5"], "argument --stall-timeout: '-5' is not a number of seconds over 0"),
        (["run", "--stall-timeout", "nan"], "argument --stall-timeout: 'nan' is not a number of seconds over 0"),
        (["run", "--stall-timeout", "soon"], "argument --stall-timeout: 'soon' is not a number of seconds over 0"),
        (["prove", "--dist", "nope"], "argument --dist: invalid choice: 'nope'"),
        (["run", "--engine", "serial"], "argument --engine: invalid choice: 'serial'"),
        (["prove", "--dist", "each"], "argument --dist: invalid choice: 'each'"),
    ],
)
def test_bad_values_are_usage_errors(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        new_parser().parse_args(words)
    assert exit_.value.code
    assert said in capsys.readouterr().err


def test_good_values_are_taken() -> None:
    options = new_parser().parse_args(["stress", "10", "--stall-timeout", "0.5"])
    assert (options.runs, options.stall_timeout) == (10, 0.5)
    assert new_parser().parse_args(["prove", "--dist", "loadfile"]).dist == "loadfile"


@pytest.mark.parametrize(
    ("words", "runs", "tests", "project"),
    [
        ([], 10, [], "."),
        (["7"], 7, [], "."),
        (["7", "."], 7, [], "."),
        (["7", "-n", "2", "test_a.py::test_b"], 7, ["test_a.py::test_b"], "."),
        (["test_a.py::test_b", "-n", "2", "test_c.py"], 10, ["test_a.py::test_b", "test_c.py"], "."),
        (["--until-rate", "1%", "test_c.py"], None, ["test_c.py"], "."),
        (["5", "--for", "2m"], 5, [], "."),
        (["5", "--project", "other", "folder"], 5, ["folder"], "other"),
        (["5", "folder"], 5, [], "folder"),
    ],
)
def test_the_words_of_stress(
    words: list[str],
    runs: int | None,
    tests: list[str],
    project: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    options = new_parser().parse_args(["stress", *words])
    assert (options.runs, options.tests, options.project) == (runs, tests, Path(project))


def test_times_and_rates_have_units() -> None:
    for typed, seconds in (("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200)):
        assert new_parser().parse_args(["stress", "--for", typed]).seconds == seconds
    for typed, rate in (("1%", 0.01), ("0.01", 0.01), ("12.5%", 0.125)):
        assert new_parser().parse_args(["stress", "--until-rate", typed]).until_rate == rate
