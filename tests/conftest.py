"""For the tests of isolane alone: the suites that are fetched lie beside them, in environments of their own."""

from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is, and nothing of isolane.
settings.register_profile("isolane", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("isolane")
