"""The shared top-level conftest: process state is restored after every test, and fixtures come from isolane."""

pytest_plugins = ["isolane.pytest_plugin.isolation", "pytester"]
