"""Slots: each merchant has a fixed place in every period, so that the load is even and a restart changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import islice

from remote_artwork.core.settings import require
from remote_artwork.errors import ConfigurationError

__all__ = ["HOUR", "last_slot", "next_slot", "require_duration", "require_id", "slot"]

HOUR: timedelta = timedelta(hours=1)
"""The default time from one slot of a merchant to the next."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_HASH_BYTES = 8


def utc_now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


def slot(merchant: str, every: timedelta = HOUR) -> timedelta:
    """The place of a merchant in each period: a time from zero to just below ``every``.

    It depends only on the id, so it is the same in every process, on every machine and after every restart. The slots
    of many merchants are spread evenly.

    Args:
        merchant: The id.
        every: The time from one slot to the next.

    Raises:
        ConfigurationError: The id is not text, or ``every`` is not a duration above zero.
    """
    require_id(merchant)
    require_duration("every", every)
    digest = blake2b(merchant.encode("utf-8", "surrogatepass"), digest_size=_HASH_BYTES).digest()
    place: int = every // _TICK * int.from_bytes(digest, "big") // 2 ** (8 * _HASH_BYTES)
    return place * _TICK


def last_slot(merchant: str, now: datetime, every: timedelta = HOUR) -> datetime:
    """The time of the merchant's latest slot that is not after ``now``. Periods count from 1970-01-01 in UTC."""
    offset = slot(merchant, every)
    return _EPOCH + offset + (now - _EPOCH - offset) // every * every


def next_slot(merchant: str, now: datetime, every: timedelta = HOUR) -> datetime:
    """The time of the merchant's first slot after ``now``."""
    return last_slot(merchant, now, every) + every


def require_id(merchant: str) -> None:
    """Require an id that is text. A number, as databases have it, would be another merchant than its text.

    Raises:
        ConfigurationError: It is something else.
    """
    require("the id of a merchant", merchant, lambda value: isinstance(value, str), "text")


def require_duration(name: str, duration: timedelta) -> None:
    """Require a duration above zero.

    Raises:
        ConfigurationError: It is something else.
    """
    require(name, duration, lambda value: isinstance(value, timedelta), "a timedelta")
    if duration <= timedelta(0):
        raise ConfigurationError(f"{name} must be above zero, not {duration}")


def in_groups(merchants: Iterable[str], size: int) -> Iterator[list[str]]:
    """The merchants in lists of ``size``. The last one may be shorter."""
    waiting = iter(merchants)
    while group := list(islice(waiting, size)):
        yield group
