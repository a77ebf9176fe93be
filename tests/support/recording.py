"""Doubles that record what a scan does, for ``invariants``: a ledger, a client, a storage and a preflight check."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from attrs import define

import remote_artwork as ra
from history import (
    CallBegan,
    CallEnded,
    CallTookEffect,
    Checked,
    Claimed,
    History,
    ListedBeside,
    ListedOrders,
    Looked,
    NotWritten,
    Read,
    Wrote,
)
from remote_artwork.client import ArtworkReader
from remote_artwork.core.lifecycle import ItemStep, Lease, LedgerWrite, OrderClaim, OrderKey, OrderStep
from remote_artwork.core.matching import Page
from remote_artwork.core.report import Finding
from remote_artwork.errors import LedgerError, LedgerUnavailable
from remote_artwork.testing import FakeShop, Faults, FaultyStorage

TENANT = "default"
T = TypeVar("T")


@define(eq=False)
class Recorder:
    """Where one process of a test records.

    Args:
        history: What happened.
        process: The name of the process.
        now: The time of the test, in seconds. It does not pass while a scan runs.
        content_of: The content of a file as it is now, by its name; None if it is gone.
    """

    history: History
    process: str
    now: Callable[[], float]
    content_of: Callable[[str], bytes | None]
    call: int = 0
    """The number of the call that the process makes."""

    def looked(self, name: str) -> None:
        """The storage has described or sent a file."""
        content = self.content_of(name)
        if content is not None:
            self.history.add(Looked(self.now(), self.process, name, digest(content)))


def digest(content: bytes) -> str:
    """A content in a history."""
    return hashlib.sha256(content).hexdigest()


class RecordingLedger:
    """A ``Ledger`` that forwards to another one."""

    def __init__(self, ledger: ra.Ledger, recorder: Recorder) -> None:
        self._ledger, self._recorder = ledger, recorder
        self.find, self.find_used_files, self.forget = ledger.find, ledger.find_used_files, ledger.forget

    def claim(
        self, orders: Sequence[OrderClaim], *, owner: str, lease_for: timedelta
    ) -> Sequence[Lease | LedgerError | None]:
        """See ``Ledger``."""
        answers = self._ledger.claim(orders, owner=owner, lease_for=lease_for)
        now, process = self._recorder.now(), self._recorder.process
        for lease in answers:
            if isinstance(lease, Lease):
                until = now + lease.duration.total_seconds()
                self._recorder.history.add(Claimed(now, process, lease.key, lease.epoch, until))
        return answers

    def advance(self, writes: Sequence[LedgerWrite]) -> Sequence[LedgerError | None]:
        """See ``Ledger``."""
        now, process, history = self._recorder.now(), self._recorder.process, self._recorder.history
        try:
            answers = self._ledger.advance(writes)
        except LedgerUnavailable as error:
            for write in writes:
                history.add(NotWritten(now, process, write.key, str(error)))
            raise
        for write, refused in zip(writes, answers, strict=True):
            history.add(
                _wrote(now, process, write) if refused is None else NotWritten(now, process, write.key, str(refused))
            )
        return answers


class RecordingEffects:
    """A ``FakeShop`` as one process sees it, which records what its calls do."""

    def __init__(self, shop: FakeShop, recorder: Recorder) -> None:
        self._shop, self._recorder = shop, recorder
        self.recovery, self.attaching, self.call_limit = shop.recovery, shop.attaching, shop.call_limit
        self.pending_orders, self.get_order = shop.pending_orders, shop.get_order

    def attach_artwork(self, order: ra.Order, item: ra.OrderItem, artworks: Sequence[ra.Artwork], **key: str) -> None:
        """See ``ArtworkAttacher``."""
        with self._recorded([artwork.name for artwork in artworks]):
            self._shop.attach_artwork(order, item, artworks, **key)

    def attach_order(self, order: ra.Order, artworks: Mapping[str, Sequence[ra.Artwork]], **key: str) -> None:
        """See ``OrderArtworkAttacher``."""
        with self._recorded([artwork.name for each in artworks.values() for artwork in each]):
            self._shop.attach_order(order, artworks, **key)

    def fulfill(self, order: ra.Order, artworks: Mapping[str, Sequence[ra.Artwork]], **key: str) -> str | None:
        """See ``FulfillmentClient``."""
        with self._recorded([artwork.name for each in artworks.values() for artwork in each]):
            return self._shop.fulfill(order, artworks, **key)

    @contextmanager
    def _recorded(self, names: Sequence[str]) -> Iterator[None]:
        calls_before = len(self._shop.journal)
        try:
            yield
        finally:
            for made in self._shop.journal[calls_before:]:
                if made.effect:
                    contents = dict(zip(names, made.downloaded, strict=True)) if made.downloaded else {}
                    now = self._recorder.now()
                    self._recorder.history.add(CallTookEffect(now, "shop", self._recorder.call, contents))


class RecordingShop:
    """A client that forwards to another one, which belongs to a ``FakeShop``."""

    def __init__(self, client: ra.FulfillmentClient, shop: FakeShop, recorder: Recorder) -> None:
        self._client, self._shop, self._recorder = client, shop, recorder
        self.recovery, self.attaching, self.call_limit = shop.recovery, shop.attaching, shop.call_limit

    def pending_orders(self) -> list[ra.Order]:
        """See ``FulfillmentClient``."""
        orders = list(self._client.pending_orders())
        self._recorder.history.add(ListedOrders(self._recorder.now(), self._recorder.process, tuple(orders)))
        return orders

    def get_order(self, order_id: str) -> ra.Order:
        """See ``FulfillmentClient``."""
        order = self._shop.orders.get(order_id)
        self._recorder.history.add(Read(self._recorder.now(), self._recorder.process, order_id, order))
        return self._client.get_order(order_id)

    def attach_artwork(
        self, order: ra.Order, item: ra.OrderItem, artworks: Sequence[ra.Artwork], *, idempotency_key: str
    ) -> None:
        """See ``ArtworkAttacher``."""

        def attach() -> None:
            self._client.attach_artwork(order, item, artworks, idempotency_key=idempotency_key)

        self._attach(order, {item.number: artworks}, idempotency_key, attach)

    def attach_order(
        self, order: ra.Order, artworks: Mapping[str, Sequence[ra.Artwork]], *, idempotency_key: str
    ) -> None:
        """See ``OrderArtworkAttacher``."""

        def attach() -> None:
            self._client.attach_order(order, artworks, idempotency_key=idempotency_key)

        self._attach(order, artworks, idempotency_key, attach)

    def _attach(
        self,
        order: ra.Order,
        artworks: Mapping[str, Sequence[ra.Artwork]],
        idempotency_key: str,
        attach: Callable[[], None],
    ) -> None:
        def attach_and_end() -> None:
            attach()
            if end_edit := getattr(self._shop, "end_edit", None):  # a process that dies before leaves the edit open
                end_edit(order.id)

        self._call("attach", order, artworks, idempotency_key, attach_and_end)

    def fulfill(
        self, order: ra.Order, artworks: Mapping[str, Sequence[ra.Artwork]], *, idempotency_key: str
    ) -> str | None:
        """See ``FulfillmentClient``."""

        def fulfill() -> str | None:
            return self._client.fulfill(order, artworks, idempotency_key=idempotency_key)

        return self._call("fulfill", order, artworks, idempotency_key, fulfill)

    def _call(
        self,
        name: str,
        order: ra.Order,
        artworks: Mapping[str, Sequence[ra.Artwork]],
        idempotency_key: str,
        make: Callable[[], T],
    ) -> T:
        history, process, now = self._recorder.history, self._recorder.process, self._recorder.now
        call, outcome = history.next_call(), "unknown"
        key = OrderKey(TENANT, order.id, order.approval)
        files = {number: tuple(artwork.name for artwork in each) for number, each in artworks.items()}
        self._recorder.call = call
        history.add(CallBegan(now(), process, call, name, key, idempotency_key, order, files))
        try:
            answer = make()
            outcome = "confirmed"
        except ra.OutcomeUnknown:
            raise
        except ra.ClientError:
            outcome = "refused"
            raise
        finally:
            history.add(CallEnded(now(), process, call, outcome))
        return answer


class RecordingStorage(FaultyStorage):
    """A storage that uses another one, with faults."""

    def __init__(self, storage: ra.ArtworkStorage, faults: Faults, recorder: Recorder) -> None:
        super().__init__(storage, faults)
        self._recorder = recorder

    def _send(self, kind: str, request: Callable[[], T], /, *, name: str | None = None, **options: float) -> T:
        answer = super()._send(kind, request, name=name, **options)
        if name is not None:
            self._recorder.looked(name)
        return answer

    def siblings(self, basenames: Collection[str]) -> Iterator[Page]:
        """See ``ArtworkStorage``."""
        pages = list(super().siblings(basenames))
        names = tuple(name for page in pages for name in page.names)
        self._recorder.history.add(ListedBeside(self._recorder.now(), self._recorder.process, tuple(basenames), names))
        yield from pages


@define(eq=False)
class RecordingCheck:
    """A preflight check that accepts every file that the checks before it accept."""

    recorder: Recorder

    def __repr__(self) -> str:
        return "RecordingCheck()"

    def check(self, artwork: ArtworkReader, _item: ra.OrderItem) -> list[Finding]:
        """See ``PreflightCheck``."""
        content = digest(artwork.read(0, artwork.file.size))
        self.recorder.history.add(
            Checked(self.recorder.now(), self.recorder.process, artwork.file.name, content, accepted=True)
        )
        return []


def _wrote(at: float, process: str, write: LedgerWrite) -> Wrote:
    return Wrote(
        at,
        process,
        write.key,
        at + write.lease.duration.total_seconds(),
        order=tuple((s.before, s.after, bool(s.settled_by)) for s in write.steps if isinstance(s, OrderStep)),
        items=tuple((s.item_number, s.before, s.after) for s in write.steps if isinstance(s, ItemStep)),
        release=write.release,
    )
