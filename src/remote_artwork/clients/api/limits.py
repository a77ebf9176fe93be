"""What a shop says about its rate limit, in headers and in GraphQL's ``extensions.cost``.

Known are ``Retry-After``, ``X-Retry-After`` (Order Desk), ``X-RateLimit-*`` and ``RateLimit-*``, ``X-Rate-Limit-*``
(BigCommerce), ``X-Tokens-Remaining`` (Order Desk), ``X-Shopify-Shop-Api-Call-Limit``, and Shopify's cost points.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Any

from attrs import frozen

_RETRY_AFTER = ("retry-after", "x-retry-after")
_REMAINING = (
    "x-ratelimit-remaining",
    "ratelimit-remaining",
    "x-rate-limit-remaining",
    "x-rate-limit-requests-left",
    "x-tokens-remaining",
)
_LIMIT = ("x-ratelimit-limit", "ratelimit-limit", "x-rate-limit-limit", "x-rate-limit-requests-quota")
_RESET = ("x-ratelimit-reset", "ratelimit-reset", "x-rate-limit-reset")
_RESET_MS = ("x-rate-limit-time-reset-ms",)

_EARLIEST_EPOCH = 1e9
"""A reset time above it is a date in seconds since 1970, not a number of seconds to wait."""
_EARLIEST_EPOCH_MS = 1e12


@frozen(kw_only=True)
class Allowance:
    """What a response says about the calls that are left.

    Args:
        remaining: Calls, or cost points, that are left; None if the shop does not say it.
        limit: The most that can be left; None if the shop does not say it.
        per_second: How many come back per second; None if the shop does not say it.
        reset_after: Seconds until all are back; None if the shop does not say it.
        cost: What the request needs, in the unit of ``remaining``.
    """

    remaining: float | None = None
    limit: float | None = None
    per_second: float | None = None
    reset_after: float | None = None
    cost: float = 1.0

    def seconds_until(self, wanted: float) -> float:
        """Seconds until ``wanted`` calls are left; 0 if they are, or if the shop does not say it."""
        if self.remaining is None or self.remaining >= wanted:
            return 0.0
        if self.per_second:
            return (wanted - self.remaining) / self.per_second
        return self.reset_after or 0.0


def parse_allowance(headers: Mapping[str, str], content: Any) -> Allowance:
    """Reads what a response says about the calls that are left.

    Args:
        headers: Names in lower case.
        content: The parsed JSON; None if there is none.
    """
    if cost := _cost(content):
        status = cost["throttleStatus"]
        return Allowance(
            remaining=_number(status.get("currentlyAvailable")),
            limit=_number(status.get("maximumAvailable")),
            per_second=_number(status.get("restoreRate")),
            cost=_number(cost.get("requestedQueryCost")) or 1.0,
        )
    used, _, most = headers.get("x-shopify-shop-api-call-limit", "").partition("/")
    limit = _number(most)
    if limit is not None:
        return Allowance(remaining=limit - (_number(used) or 0.0), limit=limit)
    return Allowance(
        remaining=_first(headers, _REMAINING), limit=_first(headers, _LIMIT), reset_after=_reset_after(headers)
    )


def parse_retry_after(headers: Mapping[str, str], allowance: Allowance) -> float | str | None:
    """How long a refused call waits: what the shop requests, or until the call fits into its limit again.

    Returns:
        Seconds, or the text of a header that ``RateLimited`` parses. None if the shop does not say it.
    """
    for name in _RETRY_AFTER:
        if name in headers:
            return headers[name]
    if allowance.remaining is None:
        return allowance.reset_after
    return allowance.seconds_until(allowance.cost) or None


class Pace:
    """Seconds to wait before a read, so that calls are left for others. Thread-safe.

    Args:
        keep_free: The share of the limit that is left to others, from 0 to 1. With 0 there is no wait.
        clock: A monotonic clock.
    """

    def __init__(self, keep_free: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._keep_free = keep_free
        self._clock = clock
        self._lock = Lock()
        self._free_at = 0.0

    def update(self, allowance: Allowance) -> None:
        """Takes note of what a response says."""
        if self._keep_free and allowance.limit:
            wait = allowance.seconds_until(self._keep_free * allowance.limit)
            with self._lock:
                self._free_at = self._clock() + wait

    def seconds(self) -> float:
        """Seconds until as many calls are left as should be."""
        with self._lock:
            return max(0.0, self._free_at - self._clock()) if self._free_at else 0.0


def _cost(content: Any) -> Mapping[str, Any] | None:
    extensions = content.get("extensions") if isinstance(content, dict) else None
    cost = extensions.get("cost") if isinstance(extensions, dict) else None
    return cost if isinstance(cost, dict) and isinstance(cost.get("throttleStatus"), dict) else None


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type] # anything else is refused
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _first(headers: Mapping[str, str], names: tuple[str, ...]) -> float | None:
    # "100, 100;w=60" is also a limit: the number before the first separator
    values = (_number(headers[name].split(",")[0].split(";")[0]) for name in names if name in headers)
    return next((value for value in values if value is not None), None)


def _reset_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until the limit is reset. A date is compared with the clock of the server, in its header ``Date``."""
    if (milliseconds := _first(headers, _RESET_MS)) is not None:
        return milliseconds / 1000
    seconds = _first(headers, _RESET)
    if seconds is not None and seconds < _EARLIEST_EPOCH:
        return seconds
    try:
        now = parsedate_to_datetime(headers.get("date", "")).timestamp()
        if seconds is None:
            text = next(headers[name] for name in _RESET if name in headers)
            seconds = datetime.fromisoformat(text).timestamp()
    except (StopIteration, TypeError, ValueError, OverflowError):
        return None
    return max(0.0, (seconds / 1000 if seconds >= _EARLIEST_EPOCH_MS else seconds) - now)
