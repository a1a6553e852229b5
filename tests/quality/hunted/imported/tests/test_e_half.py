import os

os.environ["HALF_TWO"] = "1"


def test_nothing():
    pass
