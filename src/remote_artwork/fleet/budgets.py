"""Budgets that many scanners share: requests at once at a storage endpoint, and calls per second of a shop API.

A ``StorageBudget`` counts in one process. A ``CallBudget`` counts in all processes that share its ``CallShares``. Both
are fair between tenants: the tenant that was served longest ago comes first.
"""

from __future__ import annotations

import logging
import math
import os
import socket
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from attrs import Attribute, define, field, frozen

from remote_artwork.client import RequestLimiter
from remote_artwork.core.call_shares import BLOCK, CallDemand, CallShare, Holding, divide_calls
from remote_artwork.core.settings import whole_number
from remote_artwork.core.text import redact_error
from remote_artwork.errors import ConfigurationError, LedgerUnavailable, RemoteArtworkError
from remote_artwork.locks import ProcessLock
from remote_artwork.retry import RetryPolicy
from remote_artwork.runtime import THREADS, Condition, Runtime

__all__ = ["CallBudget", "CallShares", "MemoryCallShares", "StorageBudget"]

log: logging.Logger = logging.getLogger(__name__)

T = TypeVar("T")

_LOOK_AGAIN = 0.5
"""Seconds after which a waiting call checks again whether it is still needed."""
_AFTER_FAILURE = 1.0
"""Seconds after which a share is asked for again when the store could not be used."""


@define
class _FairQueue(Generic[T]):
    """What tenants wait for. The tenant that was served longest ago comes first."""

    _waiting: dict[str, deque[T]] = field(factory=dict)

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def tenants(self) -> list[str]:
        """The tenants that wait, in their order."""
        return list(self._waiting)

    def __iter__(self) -> Iterator[T]:
        for waiting in self._waiting.values():
            yield from waiting

    def add(self, tenant: str, ticket: T) -> None:
        self._waiting.setdefault(tenant, deque()).append(ticket)

    def first_of(self, tenant: str) -> T:
        return self._waiting[tenant][0]

    def pop_first_of(self, tenant: str) -> T:
        """Serve the first ticket of this tenant. The tenant is then the last one."""
        waiting = self._waiting.pop(tenant)
        ticket = waiting.popleft()
        if waiting:
            self._waiting[tenant] = waiting
        return ticket

    def discard(self, tenant: str, ticket: T) -> None:
        """Remove a ticket that no longer waits; nothing if it does not wait."""
        waiting = self._waiting.get(tenant, deque())
        if ticket in waiting:
            waiting.remove(ticket)
            if not waiting:
                del self._waiting[tenant]


# --- Requests at once at a storage endpoint ---


@define(eq=False)
class _Request:
    admitted: bool = False


@define(eq=False)
class _Endpoint:
    running: Counter[str] = field(factory=Counter)
    """Requests that run, by tenant."""
    queue: _FairQueue[_Request] = field(factory=_FairQueue)


@define(eq=False)
class _Reservation:
    """A place that the requests of one block use, one after another."""

    budget: StorageBudget
    endpoint: str
    is_used: bool = False
    is_open: bool = True
    """Whether the block runs. A request that was begun in it may take longer, and then gives the place back."""

    @property
    def is_free(self) -> bool:
        return self.is_open and not self.is_used


_reservation: ContextVar[_Reservation | None] = ContextVar("remote_artwork_storage_reservation", default=None)


@define(eq=False)
class StorageBudget:
    """Limits how many requests of this process run at once at each storage endpoint. Thread-safe.

    One tenant gets at most three quarters of the places, so that one whose requests hang does not stop the others. Pass
    ``tenant(ID)`` to ``open_storage`` as its ``limiter``. After a fork, the child has a budget of its own.

    Args:
        in_flight: The most requests that run at once at one endpoint.
        runtime: Clock and conditions. For simulations.
    """

    in_flight: int = field(validator=whole_number)
    runtime: Runtime = field(default=THREADS, kw_only=True, repr=False)
    _changed: Condition = field(init=False, repr=False)
    _endpoints: dict[str, _Endpoint] = field(init=False, repr=False)
    _process: int = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._changed, self._endpoints, self._process = self.runtime.condition(), {}, os.getpid()

    def tenant(self, tenant: str) -> RequestLimiter:
        """The limiter for the storages of one tenant."""
        return _TenantRequests(self, tenant)

    def _enter(self, name: str, tenant: str, reservation: _Reservation | None) -> bool:
        """Wait for a place. Returns whether it is the reserved one."""
        if self._process != os.getpid():
            self._reset()
        request = _Request()
        with self._changed:
            endpoint = self._endpoints.setdefault(name, _Endpoint())
            if reservation is None or not reservation.is_free:
                endpoint.queue.add(tenant, request)
                self._admit(endpoint)
            try:
                while not request.admitted and (reservation is None or not reservation.is_free):
                    self._changed.wait()
                if not request.admitted and reservation is not None:
                    reservation.is_used = True
                    return True
            except BaseException:
                if request.admitted:
                    self._end(name, tenant)
                raise
            finally:
                endpoint.queue.discard(tenant, request)
        return False

    def _leave(self, name: str, tenant: str) -> None:
        with self._changed:
            self._end(name, tenant)

    def _end(self, name: str, tenant: str) -> None:
        endpoint = self._endpoints[name]
        endpoint.running[tenant] -= 1
        if not endpoint.running[tenant]:
            del endpoint.running[tenant]
        self._admit(endpoint)
        if not endpoint.running and not endpoint.queue:
            del self._endpoints[name]
        self._changed.notify_all()

    def _admit(self, endpoint: _Endpoint) -> None:
        """Let waiting requests run: those of the tenants with the fewest requests first."""
        most = self.in_flight - self.in_flight // 4
        while endpoint.running.total() < self.in_flight:
            waiting = [tenant for tenant in endpoint.queue.tenants if endpoint.running[tenant] < most]
            if not waiting:
                return
            tenant = min(waiting, key=endpoint.running.__getitem__)
            endpoint.queue.pop_first_of(tenant).admitted = True
            endpoint.running[tenant] += 1

    def _end_use(self, reservation: _Reservation, tenant: str) -> None:
        """A request with the reserved place has ended."""
        with self._changed:
            reservation.is_used = False
            if not reservation.is_open:
                self._end(reservation.endpoint, tenant)
            self._changed.notify_all()

    def _close(self, reservation: _Reservation, tenant: str) -> None:
        """The block of the reservation has ended."""
        with self._changed:
            reservation.is_open = False
            if not reservation.is_used:
                self._end(reservation.endpoint, tenant)


@frozen
class _TenantRequests:
    """The ``RequestLimiter`` of one tenant."""

    _budget: StorageBudget
    _tenant: str

    @contextmanager
    def request(self, endpoint: str) -> Iterator[None]:
        """See ``RequestLimiter``."""
        budget, reservation = self._budget, _reservation.get()
        if reservation is not None and (reservation.budget is not budget or reservation.endpoint != endpoint):
            reservation = None
        uses_reservation = budget._enter(endpoint, self._tenant, reservation)  # noqa: SLF001 - of the same module
        try:
            yield
        finally:
            if uses_reservation and reservation is not None:
                budget._end_use(reservation, self._tenant)  # noqa: SLF001
            else:
                budget._leave(endpoint, self._tenant)  # noqa: SLF001

    @contextmanager
    def reserve(self, endpoint: str) -> Iterator[None]:
        """See ``RequestLimiter``."""
        budget = self._budget
        budget._enter(endpoint, self._tenant, None)  # noqa: SLF001
        reservation = _Reservation(budget, endpoint)
        token = _reservation.set(reservation)
        try:
            yield
        finally:
            _reservation.reset(token)
            budget._close(reservation, self._tenant)  # noqa: SLF001


# --- Calls per second of a shop API ---


class CallShares(Protocol):
    """Stores how the calls of shop APIs are divided among processes. Thread-safe. ``SqlCallShares`` is one."""

    def lease(self, api: str, demand: CallDemand) -> CallShare:
        """Applies ``divide_calls`` to what is stored for this API, and stores the result, in one transaction.

        The time is that of the store, or of one clock for all processes.

        Raises:
            LedgerUnavailable: It is not known what was stored. It may be tried again.
        """


@define(eq=False)
class MemoryCallShares:
    """``CallShares`` for one process.

    Args:
        runtime: The clock.
    """

    runtime: Runtime = field(default=THREADS, kw_only=True, repr=False)
    _lock: ProcessLock = field(factory=ProcessLock, init=False, repr=False)
    _holdings: dict[str, dict[str, Holding]] = field(factory=dict, init=False, repr=False)

    def lease(self, api: str, demand: CallDemand) -> CallShare:
        """See ``CallShares``."""
        with self._lock:
            holdings = self._holdings.get(api, {})
            self._holdings[api], share = divide_calls(holdings, demand, self.runtime.monotonic())
        return share


@define(eq=False)
class _Place:
    """A place of a permit.

    Args:
        waiting: How many calls will still use it.
        used: How many calls have used it.
        free_at: When it is free if no further call uses it.
    """

    waiting: int
    used: int = 0
    free_at: float = -math.inf

    def is_busy(self, now: float) -> bool:
        return self.waiting > 0 or self.free_at > now


@define(eq=False)
class _Permit:
    """See ``CallPermit``."""

    budget: CallBudget
    places: list[_Place]
    _made: int = field(default=0, init=False)

    @contextmanager
    def call(self) -> Iterator[None]:
        """See ``CallPermit``."""
        place = self.places[self._made % len(self.places)]
        self._made += 1
        self.budget._start_call(place)  # noqa: SLF001 - of the same module
        try:
            yield
        finally:
            self.budget._end_call(place)  # noqa: SLF001

    def give_back(self) -> None:
        for place in self.places:
            place.waiting = 0

    def close(self) -> None:
        """See ``CallPermit``."""
        self.budget._close(self)  # noqa: SLF001


@define(eq=False)
class _Ticket:
    calls: int
    permit: _Permit | None = None
    error: RemoteArtworkError | None = None


def _positive(_budget: object, attribute: Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ConfigurationError(f"CallBudget.{attribute.name} must be a number above zero, not {value!r}")


@define(eq=False)
class CallBudget:
    """Limits how many calls per second all processes together make of one shop API. Thread-safe.

    Create one for each API in each process, and pass it to all scanners as ``call_limiter``. While calls wait, a thread
    leases a share of the calls, for one second at a time. The processes share the calls evenly by the tenants that
    wait.

    In no second does the shop count more calls than the limit, provided that each call reaches it within
    ``arrives_within`` or is answered before. A turn that needs more calls than the limit is an exception: it makes them
    one after another, and the next calls wait accordingly longer. After a fork, the child has a share of its own.

    If the store of the shares cannot be used, waiting calls raise its error. Calls that have begun are finished.

    Args:
        api: The API. All its processes use the same name.
        calls_per_second: The limit. All processes use the same one. A fraction is kept on average.
        shares: Divides the calls among the processes. ``MemoryCallShares`` if there is only this one.
        arrives_within: Seconds in which a call reaches the shop. After them, its place in the budget becomes free one
            second later, even if the shop has not answered.
        retry: How a store that is unavailable is retried.
        runtime: Threads and clock. For simulations.
    """

    api: str
    calls_per_second: float = field(validator=_positive)
    shares: CallShares
    arrives_within: float = field(default=0.1, kw_only=True, validator=_positive)
    retry: RetryPolicy = field(factory=RetryPolicy, kw_only=True, repr=False)
    runtime: Runtime = field(default=THREADS, kw_only=True, repr=False)
    _changed: Condition = field(init=False, repr=False)
    _process: int = field(init=False, repr=False)
    _holder: str = field(init=False, repr=False)
    _queue: _FairQueue[_Ticket] = field(init=False, repr=False)
    _places: list[_Place] = field(init=False, repr=False)
    """Places that were taken and may still be busy."""
    _share: int = field(init=False, repr=False)
    _valid_until: float = field(init=False, repr=False)
    _ask_at: float = field(init=False, repr=False)
    _is_leasing: bool = field(init=False, repr=False)
    """Whether a thread leases shares."""
    _asked_idle: bool = field(init=False, repr=False)
    """Whether no call waited when a share was asked for last. Then it is asked for as soon as one waits."""

    def __attrs_post_init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._process = os.getpid()
        self._holder = f"{socket.gethostname()}:{self._process}:{uuid.uuid4().hex[:8]}"
        self._changed = self.runtime.condition()
        self._queue, self._places = _FairQueue(), []
        self._share, self._valid_until, self._ask_at = 0, -math.inf, -math.inf
        self._is_leasing, self._asked_idle = False, True

    @property
    def _limit(self) -> int:
        return max(1, int(self.calls_per_second))

    @property
    def _window(self) -> float:
        """Seconds in which the shop counts as many calls as there are places."""
        return self._limit / self.calls_per_second

    def acquire(self, calls: int, *, tenant: str, is_needed: Callable[[], bool]) -> _Permit | None:
        """See ``CallLimiter``."""
        if self._process != os.getpid():
            self._reset()
        ticket = _Ticket(calls)
        with self._changed:
            self._queue.add(tenant, ticket)
            self._start_leasing()
            self._changed.notify_all()  # the thread may wait until it is time to renew the share
            try:
                while True:
                    now = self.runtime.monotonic()
                    self._admit(now)
                    if ticket.error is not None:
                        raise ticket.error
                    if ticket.permit is not None or not is_needed():
                        return ticket.permit
                    self._changed.wait(self._delay(now))
            except BaseException:
                if ticket.permit is not None:
                    ticket.permit.give_back()
                raise
            finally:
                self._queue.discard(tenant, ticket)

    def close(self) -> None:
        """Give back the share when the process ends. Otherwise it is free for others after about two seconds."""
        with self._changed:
            now = self.runtime.monotonic()
            self._share, demand = 0, self._demand(now, self._busy(now))
        with suppress(RemoteArtworkError):
            self.shares.lease(self.api, demand)

    def _admit(self, now: float) -> None:
        """Let waiting turns start, as far as the share allows it."""
        while self._queue and now < self._valid_until:
            [tenant, *_] = self._queue.tenants
            ticket = self._queue.first_of(tenant)
            needed = min(ticket.calls, self._limit)
            if self._busy(now) + needed > self._share:
                return
            self._queue.pop_first_of(tenant)
            calls = [len(range(place, ticket.calls, needed)) for place in range(needed)]
            ticket.permit = _Permit(self, [_Place(waiting) for waiting in calls])
            self._places += ticket.permit.places
            self._changed.notify_all()

    def _busy(self, now: float) -> int:
        self._places = [place for place in self._places if place.is_busy(now)]
        return len(self._places)

    def _delay(self, now: float) -> float:
        """Seconds until the next turn may start if nothing changes."""
        self._busy(now)
        return min([_LOOK_AGAIN, *(place.free_at - now for place in self._places if not place.waiting)])

    def _start_call(self, place: _Place) -> None:
        with self._changed:
            place.waiting = max(place.waiting - 1, 0)
            place.used += 1
            place.free_at = self.runtime.monotonic() + self.arrives_within + self._window * place.used
            self._changed.notify_all()

    def _end_call(self, place: _Place) -> None:
        with self._changed:
            place.free_at = min(place.free_at, self.runtime.monotonic() + self._window * place.used)
            self._changed.notify_all()

    def _close(self, permit: _Permit) -> None:
        with self._changed:
            permit.give_back()
            self._changed.notify_all()

    # --- The thread that leases shares ---

    def _start_leasing(self) -> None:
        if not self._is_leasing:
            self._is_leasing = True
            self.runtime.spawn(self._lease_shares, name=f"remote_artwork calls of {self.api}")

    def _lease_shares(self) -> None:
        """Lease a share again and again, until no call waits or occupies a place."""
        while (demand := self._next_demand()) is not None:
            try:
                asked, share = self.retry.call(partial(self._ask, demand), on=LedgerUnavailable)
            except RemoteArtworkError as error:
                self._fail(error)
            except Exception as error:  # the store of a host may raise anything
                log.exception("call_shares_failed", extra={"api": self.api}, exc_info=redact_error(error))
                what = f"{type(error).__name__}: {error}"
                self._fail(LedgerUnavailable(f"the calls of {self.api} could not be divided ({what}); check its store"))
            else:
                with self._changed:
                    self._share, self._valid_until = share.places, asked + BLOCK
                    self._ask_at, self._asked_idle = asked + share.ask_after, demand.wanted <= demand.busy
                    self._changed.notify_all()

    def _ask(self, demand: CallDemand) -> tuple[float, CallShare]:
        asked = self.runtime.monotonic()
        return asked, self.shares.lease(self.api, demand)

    def _next_demand(self) -> CallDemand | None:
        """Wait until it is time to ask for a share; None if nothing needs one any more."""
        with self._changed:
            while True:
                now = self.runtime.monotonic()
                busy = self._busy(now)
                if not self._queue and not busy:
                    self._is_leasing, self._asked_idle = False, True
                    return None
                if now >= self._ask_at or (self._queue and self._asked_idle):
                    return self._demand(now, busy)
                self._changed.wait(self._ask_at - now)

    def _demand(self, now: float, busy: int) -> CallDemand:
        calls = [ticket.calls for ticket in self._queue]
        needed = [min(each, self._limit) for each in calls]
        turn = math.ceil(max(calls, default=1) / self._limit) * self._window
        hold_for = BLOCK + self.arrives_within + turn
        is_used = any(place.waiting for place in self._places)
        return CallDemand(
            holder=self._holder,
            limit=self._limit,
            wanted=sum(needed) + busy,
            busy=busy,
            busy_for=hold_for if is_used else max((place.free_at - now for place in self._places), default=0.0),
            unit=max(needed, default=1),
            tenants=len(self._queue.tenants),
            hold_for=hold_for,
        )

    def _fail(self, error: RemoteArtworkError) -> None:
        """Give the error to all that wait."""
        with self._changed:
            for ticket in self._queue:
                ticket.error = error
            self._queue = _FairQueue()
            self._ask_at, self._asked_idle = self.runtime.monotonic() + _AFTER_FAILURE, True
            self._changed.notify_all()
