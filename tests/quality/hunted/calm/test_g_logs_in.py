import state


def test_logs_in():
    state.user = "ada"


def test_orders():
    """Fails unless somebody has logged in, and then leaves the lock: a polluter only where it fails."""
    state.locked = True
    assert state.user
    state.locked = False
