import shop

shop.REGISTRY["card"] = "visa"


def test_nothing():
    pass
