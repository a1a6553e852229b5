"""The shared top-level conftest: process state is restored after every test, and fixtures come from isolane."""

import os

pytest_plugins = ["isolane.pytest_plugin.isolation", "pytester"]

# Processes that tests start keep bytecode, as they do where people work: without it pytest rewrites and compiles all
# of isolane at each of a thousand starts.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
