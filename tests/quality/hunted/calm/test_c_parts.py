import state


class TestParts:
    def test_first_half(self):
        state.halves.add("first")

    def test_first_third(self):
        state.thirds.add("first")


def test_second_third():
    state.thirds.add("second")
