import os

os.environ["SHOP_MODE"] = "test"


def test_env_here():
    assert os.environ["SHOP_MODE"] == "test"
