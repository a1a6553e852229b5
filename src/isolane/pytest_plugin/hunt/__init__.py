"""Hunts: probes run in processes that are forked from a session which has collected and run nothing."""
