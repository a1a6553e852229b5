"""Load: a machine that has other things to do, so that races show."""
