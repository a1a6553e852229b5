def test_api():
    pass


def test_api2():
    pass
