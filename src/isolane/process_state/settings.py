"""Settings objects: a fresh one for each test in place of the one that the process keeps.

Not a kind of state to look at; this is how to keep apart what is most often shared.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from isolane.model.errors import UsageError

T = TypeVar("T")


def fresh_settings(cls: Callable[..., T], /, **overrides: object) -> T:
    """Return a new instance of ``cls`` with the overrides applied.

    cls: a settings class, or a function that makes settings; one that is cached (``functools.lru_cache``) is
    called behind its cache. overrides: given to it where it takes them, else set as attributes afterwards.

    Raises :class:`UsageError` for an override that is no setting of the class, and for a class that hands out
    the same instance again.
    """
    maker = cls
    while hasattr(maker, "cache_clear") and hasattr(maker, "__wrapped__"):
        maker = maker.__wrapped__
    named, takes_any = _parameters(maker)
    arguments = {name: value for name, value in overrides.items() if name in named or takes_any}
    instance = maker(**arguments)
    if _may_cache(maker) and maker(**arguments) is instance:
        raise UsageError(
            "settings-not-fresh",
            f"{_name(cls)} returned the same instance twice, so tests would share it.",
            "Let the settings class make a new instance at each call, and cache it in a function beside it.",
        )
    for name, value in overrides.items():
        if name in named:
            continue
        if not hasattr(instance, name):
            raise UsageError("no-such-setting", f"{_name(cls)} has no setting {name!r}.")
        if name not in arguments:
            setattr(instance, name, value)
    return instance


def _parameters(maker: Callable[..., Any]) -> tuple[frozenset[str], bool]:
    """Return the names that can be given by keyword, and whether any other name can."""
    try:
        parameters = inspect.signature(maker).parameters.values()
    except (TypeError, ValueError):
        return frozenset(), True
    by_keyword = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    named = frozenset(parameter.name for parameter in parameters if parameter.kind in by_keyword)
    return named, any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)


def _may_cache(maker: object) -> bool:
    """Whether making an instance runs code of the class's own that could return an old one."""
    if not isinstance(maker, type):
        return True
    made_plainly = type(maker).__call__ is type.__call__ and getattr(maker, "__new__", None) is object.__new__
    return not made_plainly


def _name(cls: object) -> str:
    return str(getattr(cls, "__qualname__", cls))
