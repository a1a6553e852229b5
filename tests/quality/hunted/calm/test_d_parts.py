import state


def test_second_half():
    state.halves.add("second")


def test_third_third():
    state.thirds.add("third")
