import decimal
import os

import shop
from shop.cart import Cart


def test_mode():
    assert "SHOP_MODE" not in os.environ


def test_total():
    assert Cart().total() == 3


def test_mail():
    from shop.mail import send

    assert send() == "sent"


def test_halves():
    assert not ("HALF_ONE" in os.environ and "HALF_TWO" in os.environ)


def test_registered():
    assert shop.REGISTRY


def test_precision():
    assert decimal.Decimal(1) / 3 != decimal.Decimal("0.333")
