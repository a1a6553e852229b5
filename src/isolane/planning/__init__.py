"""Decisions only: pure functions, no I/O."""
