import os

os.environ["HALF_ONE"] = "1"


def test_nothing():
    pass
