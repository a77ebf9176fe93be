"""From created objects to the orders that may wait for them: which merchant, which order numbers, and when to scan."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from itertools import islice
from time import monotonic

from attrs import define, evolve, field, frozen

from remote_artwork.core.expected import split_extension
from remote_artwork.core.pattern import FilenamePattern, as_pattern
from remote_artwork.core.settings import duration, of_type, whole_number
from remote_artwork.core.text import spellings
from remote_artwork.notifications.receiving import CreatedObject
from remote_artwork.storage.location import Location


@frozen(kw_only=True)
class MerchantLocation:
    """Where a merchant uploads.

    Args:
        tenant: The tenant of the merchant's scanner.
        location: The location of the merchant's scanner.
        pattern: The pattern of the merchant's scanner, also as text.

    Raises:
        ConfigurationError: One of them cannot be used.
    """

    tenant: str = field(validator=of_type(str, "text"))
    location: Location = field(validator=of_type(Location, "a Location, for example Location.parse(url)"))
    pattern: FilenamePattern = field(factory=FilenamePattern, converter=as_pattern)


@define
class Router:
    """Finds the merchant and the order numbers of created objects.

    The bucket and the folder decide the merchant. Nothing else in a notification does.

    Args:
        merchants: Where each merchant uploads.
    """

    merchants: Iterable[MerchantLocation] = field(repr=False)
    _by_bucket: dict[tuple[str, str], list[MerchantLocation]] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        by_bucket = defaultdict(list)
        for merchant in self.merchants:
            by_bucket[merchant.location.provider, merchant.location.bucket].append(merchant)
        self._by_bucket = dict(by_bucket)

    def route(self, objects: Iterable[CreatedObject]) -> dict[str, frozenset[str]]:
        """Tenant → the numbers of the orders that may wait for one of the objects.

        Objects outside of all locations, and names that do not follow the pattern of their merchant, are left out.
        """
        numbers: dict[str, set[str]] = defaultdict(set)
        for created in objects:
            for merchant in self._by_bucket.get((created.provider, created.bucket), ()):
                numbers[merchant.tenant] |= _order_numbers(created, merchant)
        return {tenant: frozenset(found) for tenant, found in numbers.items() if found}


def route(objects: Iterable[CreatedObject], merchants: Iterable[MerchantLocation]) -> dict[str, frozenset[str]]:
    """As ``Router(merchants).route(objects)``. For many notifications, keep a ``Router``."""
    return Router(merchants).route(objects)


def _order_numbers(created: CreatedObject, merchant: MerchantLocation) -> set[str]:
    location = merchant.location
    is_elsewhere = (created.account and created.account != location.account) or (
        created.endpoint and created.endpoint != location.endpoint
    )
    if is_elsewhere or not created.key.startswith(location.prefix):
        return set()
    basename, extension = split_extension(created.key.removeprefix(location.prefix))
    numbers = merchant.pattern.order_numbers(basename) if extension else set()
    return {form for number in numbers for form in spellings(number)}  # the shop may have another Unicode form


@frozen
class _Hints:
    """The order numbers of a merchant, the oldest first, and when the first and the last came."""

    first: float
    last: float
    numbers: Mapping[str, None]


@define
class HintQueue:
    """Collects order numbers for each merchant until it is time to scan them. Several threads may use it.

    The files of one order often arrive together, and a notification may arrive twice. So a merchant's numbers are
    handed out together, after a short wait. The queue is in memory: what it loses, the hourly scan finds.

    Args:
        wait: How long to wait after the last hint for a merchant.
        longest_wait: How long to wait after the first one, at most.
        interval: The shortest time between two scans of one merchant. Use a minute if the client has no
            ``find_orders``, because each scan then reads all pending orders.
        max_numbers: How many numbers are kept, at most. If there are more, the merchants with the most numbers lose
            their newest ones, and ``dropped`` counts these.
        clock: Returns seconds that never go back.

    Raises:
        ConfigurationError: A value is out of its range, or has another type.
    """

    wait: timedelta = field(default=timedelta(seconds=2), kw_only=True, validator=duration)
    longest_wait: timedelta = field(default=timedelta(seconds=10), kw_only=True, validator=duration)
    interval: timedelta = field(default=timedelta(0), kw_only=True, validator=duration)
    max_numbers: int = field(default=100_000, kw_only=True, validator=whole_number)
    clock: Callable[[], float] = field(default=monotonic, kw_only=True)
    dropped: int = field(default=0, init=False)
    _hints: dict[str, _Hints] = field(factory=dict, init=False, repr=False)
    _taken: dict[str, float] = field(factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False, repr=False, eq=False)

    def add(self, routed: Mapping[str, Collection[str]]) -> None:
        """Add the order numbers of each tenant, as ``Router.route`` returns them."""
        with self._lock:
            now = self.clock()
            for tenant, numbers in routed.items():
                if not numbers:
                    continue
                before = self._hints.get(tenant, _Hints(now, now, {}))
                self._hints[tenant] = _Hints(before.first, now, {**before.numbers, **dict.fromkeys(sorted(numbers))})
            if sum(len(hints.numbers) for hints in self._hints.values()) > self.max_numbers:
                self._drop_newest()

    def take(self) -> dict[str, frozenset[str]]:
        """Take the tenants whose wait is over, with the numbers to scan."""
        with self._lock:
            now = self.clock()
            self._taken = {tenant: at for tenant, at in self._taken.items() if now - at < self.interval.total_seconds()}
            due = [tenant for tenant, hints in self._hints.items() if self._due_at(tenant, hints) <= now]
            self._taken.update(dict.fromkeys(due, now))
            return {tenant: frozenset(self._hints.pop(tenant).numbers) for tenant in due}

    def seconds_until_due(self) -> float | None:
        """How long until ``take`` returns something; None if nothing waits."""
        with self._lock:
            due = [self._due_at(tenant, hints) for tenant, hints in self._hints.items()]
            return max(0.0, min(due) - self.clock()) if due else None

    def _drop_newest(self) -> None:
        """Drop the newest numbers of each merchant that has more than an equal share."""
        share, rest = _equal_share([len(hints.numbers) for hints in self._hints.values()], self.max_numbers)
        for tenant, hints in list(self._hints.items()):
            excess = len(hints.numbers) - share
            if excess > 0 and rest:
                excess, rest = excess - 1, rest - 1
            self.dropped += max(0, excess)
            if excess >= len(hints.numbers):
                del self._hints[tenant]
            elif excess > 0:
                kept = islice(hints.numbers, len(hints.numbers) - excess)
                self._hints[tenant] = evolve(hints, numbers=dict.fromkeys(kept))

    def _due_at(self, tenant: str, hints: _Hints) -> float:
        settled = min(hints.last + self.wait.total_seconds(), hints.first + self.longest_wait.total_seconds())
        taken = self._taken.get(tenant)
        return settled if taken is None else max(settled, taken + self.interval.total_seconds())


def _equal_share(sizes: Collection[int], total: int) -> tuple[int, int]:
    """The largest size that all may have so that they have ``total`` together, and the rest of the division.

    Args:
        sizes: Their sizes, together more than ``total``.
        total: The size that they may have together.
    """
    share, rest = 0, 0
    for position, size in enumerate(sorted(sizes)):
        share, rest = divmod(total, len(sizes) - position)
        if size > share:
            break
        total -= size
    return share, rest
