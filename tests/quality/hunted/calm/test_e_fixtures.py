import pytest
import state


class TestOfAClass:
    @pytest.fixture(scope="class", autouse=True)
    def dearer(self):
        yield
        state.fares["bus"] = 3

    def test_one_fare(self):
        assert state.fares["bus"] >= 2


@pytest.fixture(scope="module")
def more_codes():
    state.codes.append("c")
    return state.codes


def test_takes_codes(more_codes):
    assert "c" in more_codes
