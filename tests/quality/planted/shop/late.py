"""Imported by a test, when it runs."""

TABLE = {"late": 1}
