import threading
from pathlib import Path

import state


def test_reads_fares():
    assert (Path(__file__).parent / "data" / "fares.txt").read_text(encoding="utf-8") == "fares"


def test_waits():
    if state.stuck:
        threading.Event().wait()
