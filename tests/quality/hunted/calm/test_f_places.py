import state


def test_changes_in_place():
    state.rates["bus"] = 7


def test_imports():
    import patches_on_import

    assert patches_on_import.state is state


def test_makes_ready():
    state.ready = True
