"""The context of decimal arithmetic is given back, and what its flags say is no matter."""

from __future__ import annotations

import decimal
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal

import pytest

from isolane.model.state import Change
from isolane.process_state.decimal_context import DecimalContextKind

KIND = DecimalContextKind()


@pytest.fixture(autouse=True)
def undone() -> Iterator[None]:
    context, template = decimal.getcontext(), decimal.DefaultContext
    saved = [(which, which.copy()) for which in (context, template)]
    yield
    decimal.setcontext(context)
    for which, copy in saved:
        for name in ("prec", "rounding", "Emin", "Emax", "capitals", "clamp", "traps", "flags"):
            setattr(which, name, getattr(copy, name))


@pytest.mark.req("R2.4")
def test_values_are_told_and_given_back_in_the_very_context() -> None:
    context = decimal.getcontext()
    before = KIND.snapshot()
    context.prec = 5
    context.rounding = decimal.ROUND_UP
    context.traps[decimal.Inexact] = True
    context.traps[decimal.DivisionByZero] = False
    prec, rounding, traps = KIND.diff(before, KIND.snapshot())
    assert prec == Change("decimal", "getcontext().prec", 28, 5)
    assert rounding == Change("decimal", "getcontext().rounding", "ROUND_HALF_EVEN", "ROUND_UP")
    assert set(traps.before) ^ set(traps.after) == {"Inexact", "DivisionByZero"}
    decimal.setcontext(decimal.Context(prec=3))
    KIND.restore(before)
    assert decimal.getcontext() is context
    assert str(Decimal(1) / 3) == "0." + 28 * "3"
    assert KIND.diff(before, KIND.snapshot()) == []


def test_what_only_counts_or_comes_and_goes_is_no_change() -> None:
    before = KIND.snapshot()
    decimal.getcontext().clear_flags()
    assert str(Decimal(1) / 3)
    with decimal.localcontext() as inner:
        inner.prec = 3
    assert KIND.diff(before, KIND.snapshot()) == []


@pytest.mark.req("R2.4")
def test_the_template_of_new_threads_is_told_and_given_back() -> None:
    before = KIND.snapshot()
    decimal.DefaultContext.Emax = 99
    assert KIND.diff(before, KIND.snapshot()) == [Change("decimal", "DefaultContext.Emax", 999999, 99)]
    KIND.restore(before)
    assert decimal.DefaultContext.Emax == 999999


def test_a_fixtures_precision_stays_and_the_tests_rounding_goes() -> None:
    initial = KIND.snapshot()
    decimal.getcontext().rounding = decimal.ROUND_UP
    before = KIND.snapshot()
    decimal.getcontext().prec = 7
    pending = KIND.rebase(initial, before, KIND.snapshot())
    decimal.setcontext(decimal.Context(prec=2))
    KIND.restore(pending)
    assert (decimal.getcontext().prec, decimal.getcontext().rounding) == (7, decimal.ROUND_HALF_EVEN)


def test_looking_does_not_import_decimal_and_what_came_with_the_import_is_compared_with_the_template() -> None:
    script = """
import sys
from isolane.process_state.decimal_context import DecimalContextKind
kind = DecimalContextKind()
before = kind.snapshot()
kind.restore(before)
assert before is None and "decimal" not in sys.modules
import decimal
assert kind.diff(before, kind.snapshot()) == []
decimal.getcontext().prec = 5
print(*kind.diff(before, kind.snapshot()))
assert kind.rebase(None, before, kind.snapshot()) == kind.snapshot()
kind.restore(before)
print(decimal.getcontext().prec)
"""
    # Coverage, where this suite measures child processes, would import it.
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, env=unmeasured)
    assert (child.stdout, child.stderr) == ("decimal getcontext().prec: 28 → 5\n28\n", "")
