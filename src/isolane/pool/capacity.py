"""'Not now': how a place says that it has no room at present."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Collection, Mapping
from email.utils import parsedate_to_datetime

CAPACITY_CODES = frozenset({429, 503, 529})
"""HTTP's answers that mean it: too many requests, service unavailable, and overloaded, as some services say it."""


class CapacityError(Exception):
    """No room at present: to be tried again later. What a function raises for a call that was told so.

    status_code: of the answer; for a place that does not speak HTTP, whichever of :data:`CAPACITY_CODES` is nearest.
    retry_after: seconds for which the place asked to be left alone, from 0; None where it did not say.
    """

    def __init__(self, status_code: int, message: str = "", *, retry_after: float | None = None) -> None:
        if retry_after is not None and not (math.isfinite(retry_after) and retry_after >= 0):
            raise ValueError(f"retry_after is {retry_after!r}, not a number of seconds from 0")
        super().__init__(f"{status_code}: {message}" if message else str(status_code))
        self.status_code = status_code
        self.message = message
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[object, ...]:
        return (_remake, (type(self), self.status_code, self.message, self.retry_after))


def capacity_error(
    status_code: int,
    headers: Mapping[str, str] | None = None,
    message: str = "",
    *,
    now: float | None = None,
    codes: Collection[int] = CAPACITY_CODES,
) -> CapacityError | None:
    """Return the error that an HTTP answer stands for; None for an answer that is none of ``codes``.

    headers: the answer's; its Retry-After is honoured in both its forms. now: seconds since the Unix epoch, for the
    form that is a date; the machine's clock where it is not given. codes: ``CAPACITY_CODES | {509}`` knows one more.
    """
    if status_code not in codes:
        return None
    text = next((value for name, value in (headers or {}).items() if name.lower() == "retry-after"), "")
    return CapacityError(status_code, message, retry_after=parse_retry_after(text, now))


def refused_start(error: OSError) -> CapacityError | None:
    """Return the error that it is when the system starts no process, for want of memory or of room for one more.

    None for any other error.
    """
    if error.errno not in (errno.EAGAIN, errno.ENOMEM):
        return None
    return CapacityError(503, os.strerror(error.errno))


def parse_retry_after(text: str, now: float | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110, section 10.2.3), or None if it says nothing.

    A date that has passed is 0 seconds. now: as for :func:`capacity_error`.
    """
    text = text.strip()
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return float(text)  # A fraction is against the letter of the RFC; servers send it all the same.
    try:
        date = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if now is None:
        import time

        now = time.time()
    return max(0.0, date - now)


def _remake(kind: type[CapacityError], code: int, message: str, retry_after: float | None) -> CapacityError:
    return kind(code, message, retry_after=retry_after)
