"""How a plan is run: each engine takes a plan and yields the run's events."""
