"""A database that the process keeps open, with a table in it."""

from __future__ import annotations

import sqlite3

CONNECTION = sqlite3.connect(":memory:")
CONNECTION.execute("CREATE TABLE orders (stop TEXT)")
