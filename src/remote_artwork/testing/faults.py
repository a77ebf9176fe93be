"""Fault injection: doubles that forward every call, and ``Faults``, which can make any call fail.

``crash_points`` lets a scan die before and after each of its calls.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Literal, NoReturn, TypeVar

from attrs import define, field, frozen

from remote_artwork.client import FulfillmentClient, Ledger, attacher, order_attacher, promises_unique_numbers
from remote_artwork.core.lifecycle import FileRecord, FulfillState, Lease, LedgerWrite, OrderClaim, OrderRecord
from remote_artwork.core.orders import Artwork, ArtworkByItem, Attaching, Order, OrderItem, Recovery, UnreadableOrder
from remote_artwork.errors import LedgerError
from remote_artwork.storage.backends.base import RequestKind
from remote_artwork.storage.storage import ArtworkStorage

Moment = Literal["before", "after"]


class Killed(BaseException):
    """The simulated death of the process. No ``except`` of the library catches it, as nothing catches a SIGKILL."""


@frozen
class CrashPoint:
    """A point at which a process can die.

    Args:
        number: 1-based index of the call in the scan.
        moment: Before or after the call takes effect.
        call: The name of the call.
    """

    number: int
    moment: Moment
    call: str

    def __str__(self) -> str:
        return f"{self.moment} call {self.number}, {self.call}"


@define
class _Interception:
    call: str
    number: int
    moment: Moment
    action: Callable[[], object]
    matches: int = 0

    def is_due(self, call: str) -> bool:
        """Count the call if its name matches, and return whether it is the one to intercept."""
        if not call.startswith(self.call):
            return False
        self.matches += 1
        return self.matches == self.number


@define
class Faults:
    """The planned faults, and the calls made so far. Several threads may use it.

    Args:
        calls: The name of every call so far, in order.
        dead: Whether the process is dead. Then every further call raises ``Killed``.
    """

    calls: list[str] = field(factory=list, init=False)
    dead: bool = field(default=False, init=False)
    _interceptions: list[_Interception] = field(factory=list, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False, repr=False)

    def fail(self, call: str, error: BaseException, *, number: int = 1, moment: Moment = "before") -> None:
        """Make one call raise an error.

        Args:
            call: The beginning of the call's name, for example ``client.fulfill`` or ``storage.``. Empty matches any
                call.
            error: The error to raise.
            number: 1-based index of the matching call, counted from now.
            moment: ``before``: instead of the call's effect. ``after``: after its effect.
        """

        def raise_error() -> NoReturn:
            raise error

        self.intercept(call, raise_error, number=number, moment=moment)

    def intercept(self, call: str, action: Callable[[], object], *, number: int = 1, moment: Moment = "before") -> None:
        """Run ``action`` right before or after one call, for example to replace a file.

        The other arguments are those of ``fail``.
        """
        self._interceptions.append(_Interception(call, number, moment, action))

    def kill(self) -> NoReturn:
        """Simulate the death of the process: this call and every later one raises ``Killed``.

        Raises:
            Killed: Always.
        """
        self.dead = True
        raise Killed

    @contextmanager
    def around(self, call: str) -> Iterator[None]:
        """Record a call, and run the planned faults before and after it.

        Raises:
            Killed: The process is dead.
        """
        with self._lock:
            if self.dead:
                raise Killed
            self.calls.append(call)
            due = [each for each in self._interceptions if each.is_due(call)]
        _run_actions(due, "before")
        try:
            yield
        except Exception:
            _run_actions(due, "after")
            raise
        _run_actions(due, "after")


def _run_actions(interceptions: list[_Interception], moment: Moment) -> None:
    for each in interceptions:
        if each.moment == moment:
            each.action()


def crash_points(scan: Callable[[Faults], object]) -> Iterator[CrashPoint]:
    """Run a scan once to count its calls. Then run it once for each point at which it can die, and let it die there.

    Yields each point after the death. The body of the loop can check the state, start a new scanner, or let that
    scanner die too, with a second ``crash_points``.

    Args:
        scan: Prepares the same state each time, then scans with doubles that use the given faults. It must not catch
            ``Killed``.

    Raises:
        AssertionError: The runs made different calls, or a run did not die. Then not every point was tested.
    """
    complete = Faults()
    scan(complete)
    for number, call in enumerate(complete.calls, start=1):
        for moment in ("before", "after"):
            point = CrashPoint(number, moment, call)
            faults = Faults()
            faults.intercept("", faults.kill, number=number, moment=moment)
            try:
                scan(faults)
            except Killed:
                if faults.calls != complete.calls[: len(faults.calls)]:
                    raise AssertionError(
                        f"this run made other calls before it died {point}; prepare the same state each time"
                    ) from None
            else:
                raise AssertionError(
                    f"the scan did not die {point}; it must not catch Killed, and it must make the same calls each time"
                )
            yield point


T = TypeVar("T")


class FaultyClient:
    """A ``FulfillmentClient`` that forwards to another one, with faults.

    Args:
        client: Receives every call, unless a fault comes first.
        faults: The planned faults.
    """

    concurrent_calls = 1
    """One call at a time, whatever the other client allows: faults are planned by the number of a call."""

    def __init__(self, client: FulfillmentClient, faults: Faults) -> None:
        self.client = client
        self.faults = faults

    @property
    def recovery(self) -> Recovery:
        """The value of the other client."""
        return self.client.recovery

    @property
    def attaching(self) -> Attaching:
        """The value of the other client."""
        return self.client.attaching

    @property
    def call_limit(self) -> timedelta:
        """The value of the other client."""
        return self.client.call_limit

    @property
    def numbers_unique(self) -> bool:
        """The promise of the other client."""
        return promises_unique_numbers(self.client)

    @property
    def find_orders(self) -> Callable[[Collection[str]], Iterable[Order | UnreadableOrder]]:
        """See ``OrderFinder``. The double has this method only if the other client has it."""
        # Raises AttributeError, as a client without this method does.
        find: Callable[[Collection[str]], Iterable[Order | UnreadableOrder]] = getattr(self.client, "find_orders")  # noqa: B009

        def find_orders(numbers: Collection[str]) -> Iterable[Order | UnreadableOrder]:
            with self.faults.around("client.find_orders"):
                return list(find(numbers))

        return find_orders

    def pending_orders(self) -> Iterable[Order | UnreadableOrder]:
        """See ``FulfillmentClient``. One call, which ends after the last order was read."""
        with self.faults.around("client.pending_orders"):
            yield from self.client.pending_orders()

    def get_order(self, order_id: str) -> Order:
        """See ``FulfillmentClient``."""
        with self.faults.around("client.get_order"):
            return self.client.get_order(order_id)

    def attach_artwork(
        self, order: Order, item: OrderItem, artworks: Sequence[Artwork], *, idempotency_key: str
    ) -> None:
        """See ``FulfillmentClient``."""
        with self.faults.around("client.attach_artwork"):
            return attacher(self.client).attach_artwork(order, item, artworks, idempotency_key=idempotency_key)

    def attach_order(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> None:
        """See ``FulfillmentClient``."""
        with self.faults.around("client.attach_order"):
            return order_attacher(self.client).attach_order(order, artworks, idempotency_key=idempotency_key)

    def fulfill(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str | None:
        """See ``FulfillmentClient``."""
        with self.faults.around("client.fulfill"):
            return self.client.fulfill(order, artworks, idempotency_key=idempotency_key)


class FaultyLedger:
    """A ``Ledger`` that forwards to another one, with faults.

    Args:
        ledger: Receives every call, unless a fault comes first.
        faults: The planned faults.
    """

    def __init__(self, ledger: Ledger, faults: Faults) -> None:
        self.ledger = ledger
        self.faults = faults

    def claim(
        self, orders: Sequence[OrderClaim], *, owner: str, lease_for: timedelta
    ) -> Sequence[Lease | LedgerError | None]:
        """See ``Ledger``. One call, however many orders it claims."""
        with self.faults.around("ledger.claim"):
            return self.ledger.claim(orders, owner=owner, lease_for=lease_for)

    def advance(self, writes: Sequence[LedgerWrite]) -> Sequence[LedgerError | None]:
        """See ``Ledger``. One call, however many writes it contains."""
        with self.faults.around("ledger.advance"):
            return self.ledger.advance(writes)

    def find(
        self,
        tenant: str,
        *,
        order_ids: Collection[str] | None = None,
        order_numbers: Collection[str] | None = None,
        file_names: Collection[str] | None = None,
        unresolved: bool = False,
        state: FulfillState | None = None,
    ) -> list[OrderRecord]:
        """See ``Ledger``. One call, which reads all rows."""
        with self.faults.around("ledger.find"):
            return list(
                self.ledger.find(
                    tenant,
                    order_ids=order_ids,
                    order_numbers=order_numbers,
                    file_names=file_names,
                    unresolved=unresolved,
                    state=state,
                )
            )

    def find_used_files(self, tenant: str, names: Collection[str]) -> list[FileRecord]:
        """See ``Ledger``. One call, which reads all files."""
        with self.faults.around("ledger.find_used_files"):
            return list(self.ledger.find_used_files(tenant, names))

    def forget(self, tenant: str, *, still_pending: Collection[str], min_age: timedelta, silent_scans: int) -> int:
        """See ``Ledger``."""
        with self.faults.around("ledger.forget"):
            return self.ledger.forget(tenant, still_pending=still_pending, min_age=min_age, silent_scans=silent_scans)


class FaultyStorage(ArtworkStorage):
    """A storage that uses another storage, with faults. Each request is a call, and so is each retry.

    Args:
        storage: Where the files are. It does not change, but both share one count of requests.
        faults: The planned faults. An error of this library keeps its class. Any other error is translated like an
            error of the storage's SDK.
        concurrent_reads: Whether several threads may read at the same time. Only without it, the numbers of calls are
            the same in each scan.
    """

    def __init__(self, storage: ArtworkStorage, faults: Faults, *, concurrent_reads: bool = False) -> None:
        self.__dict__.update(vars(storage))
        self.faults = faults
        self.concurrent_reads = concurrent_reads

    def _send(
        self, kind: RequestKind, request: Callable[[], T], /, *, name: str | None = None, deadline: float = math.inf
    ) -> T:
        def with_faults() -> T:
            with self.faults.around(f"storage.{kind}"):
                return request()

        return super()._send(kind, with_faults, name=name, deadline=deadline)
