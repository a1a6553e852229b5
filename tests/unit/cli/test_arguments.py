"""What is typed wrong is refused by name before anything is run."""

from __future__ import annotations

import pytest

from isolane.cli.arguments import new_parser


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["stress", "many"], "argument N: 'many' is not a whole number from 1"),
        (["stress", "0"], "argument N: '0' is not a whole number from 1"),
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
