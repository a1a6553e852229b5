"""A name is new each time, readable, and fits where it is to be used."""

from __future__ import annotations

import random
import re
import string
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isolane.model.errors import UsageError
from isolane.resources.names import BUCKET, DATABASE, unique_name

ALPHABETS = st.sampled_from(
    [DATABASE, BUCKET, string.digits, string.ascii_uppercase, string.ascii_letters + "_-.", "a1"]
)


def test_a_name_tells_prefix_and_worker() -> None:
    assert re.fullmatch(r"orders_gw3_[a-z0-9]{25}", unique_name("orders", worker="gw3"))
    assert re.fullmatch(r"orders-new-9-gw3-[a-z0-9]{25}", unique_name("Orders.New_9!", worker="gw3", alphabet=BUCKET))
    assert re.fullmatch(r"isolane_[a-z0-9]{25}", unique_name())


def test_the_random_part_is_cut_first_and_then_the_prefix() -> None:
    assert re.fullmatch(r"orders_gw3_[a-z0-9]{19}", unique_name("orders", worker="gw3", max_length=30))
    assert re.fullmatch(r"orde_[a-z0-9]{13}", unique_name("orders", worker="gw3", max_length=18))
    assert re.fullmatch(r"o_[a-z0-9]{13}", unique_name("orders", worker="gw3", max_length=15))


def test_no_seed_decides_on_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=0))
    state = random.getstate()
    names = set()
    for _ in range(100):
        random.seed(42)
        names.add(unique_name("a", worker="gw0", max_length=15))
    random.setstate(state)

    assert len(names) == 100


@pytest.mark.parametrize(
    ("options", "slug", "told"),
    [
        ({"max_length": 14}, "name-too-short", "A name of 14 characters out of 36 is not unique. Allow 15."),
        ({"alphabet": "01"}, "name-too-short", "Allow 65."),
        ({"alphabet": "a_"}, "bad-alphabet", "less than two different letters or digits"),
        ({"alphabet": "aaa"}, "bad-alphabet", "'aaa'"),
        ({"alphabet": ""}, "bad-alphabet", "''"),
    ],
)
def test_what_cannot_be_unique_is_refused(options: dict[str, object], slug: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        unique_name(**options)  # type: ignore[arg-type]

    assert caught.value.slug == slug
    assert told in str(caught.value)


@given(
    prefix=st.text(max_size=30),
    worker=st.sampled_from(["", "gw0", "gw12"]),
    alphabet=ALPHABETS,
    length=st.integers(67, 130),
)
def test_whatever_the_prefix_the_name_fits(prefix: str, worker: str, alphabet: str, length: int) -> None:
    name = unique_name(prefix, worker=worker, max_length=length, alphabet=alphabet)

    assert len(name) <= length
    assert set(name) <= set(alphabet)
    assert name[-1].isalnum()
    assert name[0].isalpha() or alphabet.isdigit()
    assert name != unique_name(prefix, worker=worker, max_length=length, alphabet=alphabet)
