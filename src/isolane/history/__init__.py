"""What is kept of runs: the event log is the truth, everything else is derived from it."""
