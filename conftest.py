"""The shared top-level conftest: process state is restored after every test, and fixtures come from isolane."""

import os

from hypothesis import HealthCheck, settings

pytest_plugins = ["isolane.pytest_plugin.isolation", "pytester"]

# Processes that tests start keep bytecode, as they do where people work: without it pytest rewrites and compiles all
# of isolane at each of a thousand starts.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# How long an example takes says how busy the machine is, and nothing of isolane.
settings.register_profile("isolane", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("isolane")
