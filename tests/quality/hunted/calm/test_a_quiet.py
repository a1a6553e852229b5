import pytest


@pytest.mark.parametrize("number", range(60))
def test_adds_up(number):
    assert number + number == 2 * number
