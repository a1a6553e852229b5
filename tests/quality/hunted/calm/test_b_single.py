import state


def test_before():
    pass


def test_sets_the_zone():
    state.zone = "Asia/Kolkata"


def test_after():
    pass
