"""Doubles that pass every call on, and let ``Faults`` break in before or after it."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Literal, NoReturn, TypeVar

from attrs import define, field, frozen

from remote_artwork.client import FulfillmentClient, Ledger, attacher
from remote_artwork.core.lifecycle import FulfillState, Lease, OrderKey, OrderRecord, Step
from remote_artwork.core.orders import Artwork, ArtworkByItem, Attaching, Order, OrderItem, Recovery
from remote_artwork.storage.backends.base import RequestKind
from remote_artwork.storage.storage import ArtworkStorage

Moment = Literal["before", "after"]


class Killed(BaseException):
    """The process dies here. No ``except`` of the library catches it, as none catches a SIGKILL."""


@frozen
class CrashPoint:
    """One place at which a process can die.

    Args:
        number: The how-manieth call of the scan, from 1.
        moment: Whether the call has had its effect.
        call: The call's name.
    """

    number: int
    moment: Moment
    call: str

    def __str__(self) -> str:
        return f"{self.moment} call {self.number}, {self.call}"


@define
class _Trap:
    call: str
    number: int
    moment: Moment
    act: Callable[[], object]
    seen: int = 0

    def springs_at(self, call: str) -> bool:
        """Whether this call is the one; counts it if it is of the kind."""
        if not call.startswith(self.call):
            return False
        self.seen += 1
        return self.seen == self.number


@define
class Faults:
    """What is to go wrong, and the calls that were made. May be used from several threads.

    Args:
        calls: The name of every call so far, in order.
        dead: Whether the process counts as dead: every further call raises ``Killed``.
    """

    calls: list[str] = field(factory=list, init=False)
    dead: bool = field(default=False, init=False)
    _traps: list[_Trap] = field(factory=list, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False, repr=False)

    def fail(self, call: str, error: BaseException, *, number: int = 1, moment: Moment = "before") -> None:
        """Makes one call raise an error.

        Args:
            call: How the call's name begins; empty for any call.
            error: What it raises.
            number: The how-manieth such call from now on.
            moment: Instead of the call's effect, or once it has had it.
        """

        def raise_it() -> NoReturn:
            raise error

        self.meanwhile(call, raise_it, number=number, moment=moment)

    def meanwhile(self, call: str, act: Callable[[], object], *, number: int = 1, moment: Moment = "before") -> None:
        """Does something right before or after one call, for example replaces a file; arguments as of ``fail``."""
        self._traps.append(_Trap(call, number, moment, act))

    def die(self) -> NoReturn:
        """Ends the process, as far as calls can tell.

        Raises:
            Killed: Always.
        """
        self.dead = True
        raise Killed

    @contextmanager
    def around(self, call: str) -> Iterator[None]:
        """What a faulty double makes its call in.

        Raises:
            Killed: The process is dead.
        """
        with self._lock:
            if self.dead:
                raise Killed
            self.calls.append(call)
            sprung = [trap for trap in self._traps if trap.springs_at(call)]
        _act(sprung, "before")
        try:
            yield
        except Exception:
            _act(sprung, "after")
            raise
        _act(sprung, "after")


def _act(traps: list[_Trap], moment: Moment) -> None:
    for trap in traps:
        if trap.moment == moment:
            trap.act()


def crash_points(scan: Callable[[Faults], object]) -> Iterator[CrashPoint]:
    """Runs a scan once to count its calls, then once for each place at which it can die, and dies there.

    After each death the place is yielded, so that the loop's body can look at what is left, start a fresh scanner on
    it, or let that one die too, with a loop of its own.

    Args:
        scan: Prepares the same things each time, and scans with doubles that use the faults it is given. It must not
            catch ``Killed``.

    Raises:
        AssertionError: The scan makes other calls each time, so that not all of its places were tried.
    """
    unharmed = Faults()
    scan(unharmed)
    for number, call in enumerate(unharmed.calls, start=1):
        for moment in ("before", "after"):
            point = CrashPoint(number, moment, call)
            faults = Faults()
            faults.meanwhile("", faults.die, number=number, moment=moment)
            try:
                scan(faults)
            except Killed:
                if faults.calls != unharmed.calls[: len(faults.calls)]:
                    raise AssertionError(f"another run made other calls before it died {point}") from None
            else:
                raise AssertionError(f"the scan was to die {point}, and ended; prepare the same things each time")
            yield point


T = TypeVar("T")


class FaultyClient:
    """A ``FulfillmentClient`` before another one.

    Args:
        client: Gets every call that does not fail before it.
        faults: What is to go wrong.
    """

    def __init__(self, client: FulfillmentClient, faults: Faults) -> None:
        self.client = client
        self.faults = faults

    @property
    def recovery(self) -> Recovery:
        """The other client's promise."""
        return self.client.recovery

    @property
    def attaching(self) -> Attaching:
        """The other client's promise."""
        return self.client.attaching

    @property
    def call_limit(self) -> timedelta:
        """The other client's promise."""
        return self.client.call_limit

    def pending_orders(self) -> Iterable[Order]:
        """See ``FulfillmentClient``. One call, which ends when all orders were read."""
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
            attacher(self.client).attach_artwork(order, item, artworks, idempotency_key=idempotency_key)

    def fulfill(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str | None:
        """See ``FulfillmentClient``."""
        with self.faults.around("client.fulfill"):
            return self.client.fulfill(order, artworks, idempotency_key=idempotency_key)


class FaultyLedger:
    """A ``Ledger`` before another one.

    Args:
        ledger: Gets every call that does not fail before it.
        faults: What is to go wrong.
    """

    def __init__(self, ledger: Ledger, faults: Faults) -> None:
        self.ledger = ledger
        self.faults = faults

    def claim(self, key: OrderKey, *, order_number: str, owner: str, lease_for: timedelta) -> Lease | None:
        """See ``Ledger``."""
        with self.faults.around("ledger.claim"):
            return self.ledger.claim(key, order_number=order_number, owner=owner, lease_for=lease_for)

    def advance(self, lease: Lease, steps: Sequence[Step], *, release: bool = False) -> None:
        """See ``Ledger``."""
        with self.faults.around("ledger.advance"):
            self.ledger.advance(lease, steps, release=release)

    def find(
        self,
        tenant: str,
        *,
        order_ids: Collection[str] | None = None,
        order_numbers: Collection[str] | None = None,
        state: FulfillState | None = None,
    ) -> list[OrderRecord]:
        """See ``Ledger``. One call, in which all rows are read."""
        with self.faults.around("ledger.find"):
            return list(self.ledger.find(tenant, order_ids=order_ids, order_numbers=order_numbers, state=state))

    def forget(self, tenant: str, *, still_pending: Collection[str], min_age: timedelta, silent_passes: int) -> int:
        """See ``Ledger``."""
        with self.faults.around("ledger.forget"):
            return self.ledger.forget(tenant, still_pending=still_pending, min_age=min_age, silent_passes=silent_passes)


class FaultyStorage(ArtworkStorage):
    """A second handle on another storage. Each request is a call, repeats of the retry policy included.

    Args:
        storage: Where the files are. It is not changed, but both count their requests together.
        faults: What is to go wrong. An error of the library's own keeps its class; any other is translated like one
            of the storage's client.
    """

    def __init__(self, storage: ArtworkStorage, faults: Faults) -> None:
        self.__dict__.update(vars(storage))
        self.faults = faults
        self.concurrent_reads = False  # each call has its number only where they come one after another

    def _send(
        self, kind: RequestKind, request: Callable[[], T], /, *, name: str | None = None, deadline: float = math.inf
    ) -> T:
        def watched() -> T:
            with self.faults.around(f"storage.{kind}"):
                return request()

        return super()._send(kind, watched, name=name, deadline=deadline)
