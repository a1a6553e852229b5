"""Events and results in, text out. Reports only read."""
