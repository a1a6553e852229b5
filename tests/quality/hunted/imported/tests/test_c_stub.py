import sys
from unittest import mock

sys.modules["shop.mail"] = mock.MagicMock()


def test_stub():
    pass
