"""A module that a test puts another in the place of."""

ZONES = ("inner", "outer")
