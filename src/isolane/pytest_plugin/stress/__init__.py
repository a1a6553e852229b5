"""Stress: whole runs of a suite, in processes that are forked from a session which has collected and run nothing."""
