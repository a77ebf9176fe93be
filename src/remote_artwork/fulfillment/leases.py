"""Renews the leases of orders whose files are being read or that wait for their turn, which may outlast a lease."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol

from attrs import define, field

from remote_artwork.runtime import Condition, Runtime

log: logging.Logger = logging.getLogger(__name__)


class Renewable(Protocol):
    """An order with a lease."""

    def renew_if_older(self, age: float) -> None:
        """Renew the lease if the order may keep it and its last renewal was more than ``age`` seconds ago."""


@define(eq=False)
class LeaseRenewer:
    """Renews the leases of all orders of a scan, in one thread.

    A lease is not renewed while a call to the shop is made: if the call never ends, the lease must.

    Args:
        runtime: Starts the thread.
        lease_for: How long a lease lasts.
    """

    runtime: Runtime
    lease_for: timedelta
    _changed: Condition = field(init=False)
    _orders: set[Renewable] = field(factory=set, init=False)
    _closed: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._changed = self.runtime.condition()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Renew leases during the block."""
        thread = self.runtime.spawn(self._serve, name="remote-artwork-lease")
        try:
            yield
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()
            thread.join()

    def add(self, order: Renewable) -> None:
        """Renew the lease of this order from now on."""
        with self._changed:
            self._orders.add(order)

    def remove(self, order: Renewable) -> None:
        """The order needs its lease no more."""
        with self._changed:
            self._orders.discard(order)

    def _serve(self) -> None:
        interval = self.lease_for.total_seconds() / 6
        while True:
            with self._changed:
                if not self._closed:
                    self._changed.wait(interval)
                if self._closed:
                    return
                orders = list(self._orders)
            for order in orders:
                try:
                    order.renew_if_older(interval)
                except Exception:
                    log.info("lease_not_renewed", exc_info=True)
