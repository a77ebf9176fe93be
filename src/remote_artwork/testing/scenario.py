"""The scans of the contract. ``Scenario`` scans one order, and then compares the artwork of all its items."""

# ruff: noqa: S101 - a contract asserts

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from attrs import Factory, define, field

from remote_artwork.client import FulfillmentClient
from remote_artwork.core.orders import Artwork, ArtworkByItem, Order, OrderItem, OrderState, Recovery
from remote_artwork.core.pattern import FilenamePattern
from remote_artwork.core.report import ItemStatus
from remote_artwork.errors import OrderGone
from remote_artwork.ledgers.memory import MemoryLedger
from remote_artwork.retry import RetryPolicy
from remote_artwork.scanner import Scanner
from remote_artwork.storage.storage import ArtworkStorage
from remote_artwork.testing.faults import Faults, FaultyClient, FaultyLedger, FaultyStorage, Moment

PATTERN = FilenamePattern("{order_number}_{order_item_number}[_{placement}]")
PDF = b"%PDF-1.7\n" + b" " * 99 + b"\n%%EOF\n"
"""A minimal file that passes the checks of every scan."""

Change = Callable[[Order], None]
ReadNames = Callable[[Order, OrderItem], Sequence[str]]
Statuses = set[ItemStatus]
T = TypeVar("T")


class CountingClient(FaultyClient):
    """Forwards every call, and records those that returned.

    ``fulfilled`` holds the idempotency keys of ``fulfill`` by order id, ``attached`` the artwork that was attached
    before, by item number.
    """

    def __init__(self, client: FulfillmentClient) -> None:
        super().__init__(client, Faults())
        self.fulfilled: defaultdict[str, list[str]] = defaultdict(list)
        self.attached: dict[str, Sequence[Artwork]] = {}

    def attach_artwork(
        self, order: Order, item: OrderItem, artworks: Sequence[Artwork], *, idempotency_key: str
    ) -> None:
        """See ``FulfillmentClient``."""
        attach = super().attach_artwork
        return self._attach(
            partial(attach, order, item, artworks, idempotency_key=idempotency_key), {item.number: artworks}
        )

    def attach_order(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> None:
        """See ``FulfillmentClient``."""
        attach = super().attach_order
        return self._attach(partial(attach, order, artworks, idempotency_key=idempotency_key), artworks)

    def fulfill(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str | None:
        """See ``FulfillmentClient``."""
        receipt = super().fulfill(order, artworks, idempotency_key=idempotency_key)
        self.fulfilled[order.id].append(idempotency_key)
        return receipt

    def _attach(self, call: Callable[[], T], artworks: ArtworkByItem) -> T:
        answer = call()  # a wrong client may return something: the scan must see it
        self.attached.update(artworks)
        return answer

    def times(self, order: Order) -> int:
        """How often the order was fulfilled, judged by the responses. For an idempotent client, one key counts once."""
        keys = self.fulfilled[order.id]
        return len(set(keys)) if self.recovery is Recovery.IDEMPOTENT else len(keys)


@define
class Scenario:
    """Scans of one order. Each scan has a new scanner, like a process that has just started.

    Args:
        client: The client under test.
        order: Its order.
        storage: Holds the files of the order; see ``upload``.
        fulfillments: Returns how often the shop has fulfilled an order, from the shop's own records.
        read_names: Returns the names of the artwork that the shop has stored for an item.
    """

    client: FulfillmentClient
    order: Order
    storage: ArtworkStorage
    fulfillments: Callable[[Order], int] | None = None
    read_names: ReadNames = field(kw_only=True)
    now: datetime = datetime(2026, 5, 1, tzinfo=UTC)
    counter: CountingClient = field(
        init=False, default=Factory(lambda self: CountingClient(self.client), takes_self=True)
    )
    ledger: MemoryLedger = field(init=False)
    reasons: list[str] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self.restart(self.client)

    def restart(self, client: FulfillmentClient, order: Order | None = None) -> None:
        """Starts over with an empty ledger, and with a client whose order, or another one, is pending."""
        self.client, self.counter = client, CountingClient(client)
        self.order = order or self.order
        self.ledger = MemoryLedger(clock=lambda: self.now)

    def scan(self, faults: Faults | None = None) -> Statuses:
        """Scans once and compares the artwork. Returns the statuses of the items that require artwork.

        Every scan of the contract is made here. The artwork is also compared if the process dies during the scan.
        """
        faults = faults or Faults()
        scanner = Scanner(
            FaultyStorage(self.storage, faults),
            FaultyClient(self.counter, faults),
            ledger=FaultyLedger(self.ledger, faults),
            pattern=PATTERN,
            retry=RetryPolicy(sleep=lambda _seconds: None),
        )
        try:
            items = scanner.scan(orders=[self.order.number]).items
        finally:
            self._compare_artwork()
        outcomes = [item for item in items if item.status is not ItemStatus.NOT_REQUIRED]
        self.reasons = sorted({f"{item.status}: {item.reason}" for item in outcomes})
        return {item.status for item in outcomes}

    def expect(self, status: ItemStatus, faults: Faults | None = None) -> None:
        """Scans once, and asserts that every item that requires artwork has this status."""
        found = self.scan(faults)
        shown = f"its items are {'; '.join(self.reasons)}" if found else "the list of pending orders did not contain it"
        assert found == {status}, f"order {self.order.number!r} must be {status} after this scan; {shown}"

    def scan_later(self) -> Statuses:
        """Scans once every lease and every call has ended."""
        self.now += self.client.call_limit + timedelta(hours=1)
        return self.scan()

    def scan_until_settled(self) -> Statuses:
        """Scans three times later: one scan resolves an unknown call, one sends, one finds nothing to do."""
        for _ in range(2):
            self.scan_later()
        return self.scan_later()

    def _compare_artwork(self) -> None:
        """Asserts that the shop has the right artwork: of a fulfilled order for all items, else for those attached."""
        try:
            state = self.client.get_order(self.order.id).state
        except OrderGone:
            return
        items = {item.number: item for item in required(self.order)}
        if state is OrderState.PENDING:
            items = {number: item for number, item in items.items() if number in self.counter.attached}
        if state in {OrderState.PENDING, OrderState.FULFILLED}:
            expected = {number: file_names(self.order, item) for number, item in items.items()}
            assert_artwork(self.order, expected, self.read_names)

    def times_fulfilled(self) -> int:
        """How often the shop has fulfilled the order."""
        return (self.fulfillments or self.counter.times)(self.order)


def upload(files: Any, folder: str, order: Order) -> None:
    """Uploads a file for every placement of the order to a folder of an fsspec file system."""
    for item in required(order):
        for name in file_names(order, item):
            files.pipe(f"{folder}/{name}", PDF)


def file_names(order: Order, item: OrderItem) -> list[str]:
    """The names of the files of an item, one for each placement."""
    return [f"{PATTERN.render(order, item, placement)}.pdf" for placement in item.placements]


def example_artwork(order: Order, item: OrderItem, placement: str) -> Artwork:
    """A valid artwork for one placement of an item. Its URL cannot be downloaded."""
    name = f"{order.number}_{item.number}_{placement}.png"
    return Artwork(
        name=name,
        url=f"https://prints.example/{name}?signature=none",
        expires_at=datetime(2099, 1, 1, tzinfo=UTC),
        placement=placement,
        media_type="image/png",
        size=1234,
        version="v1",
        last_modified=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )


def names_of(artworks: ArtworkByItem) -> dict[str, list[str]]:
    """Item number → the names of its artwork."""
    return {number: [artwork.name for artwork in each] for number, each in artworks.items()}


def assert_artwork(order: Order, expected: Mapping[str, Sequence[str]], read_names: ReadNames) -> None:
    """Asserts that the shop has stored exactly these files for these items.

    Args:
        order: The order.
        expected: Item number → file names, in the order of the placements.
        read_names: Returns what the shop has stored.
    """
    stored = stored_names(order, read_names)
    wrong = [
        f"item {number!r} needs {list(expected[number])} and has {names}"
        for number, names in stored.items()
        if number in expected and names != list(expected[number])
    ]
    assert not wrong, f"the shop has stored the wrong artwork for order {order.number!r}: {'; '.join(wrong)}"


def stored_names(order: Order, read_names: ReadNames) -> dict[str, list[str] | str]:
    """Item number → the names of the artwork that the shop has stored, or why they cannot be read."""
    return {item.number: _stored(order, item, read_names) for item in required(order)}


def _stored(order: Order, item: OrderItem, read_names: ReadNames) -> list[str] | str:
    try:
        return list(read_names(order, item))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        return f"nothing that `read_names` can read ({type(error).__name__}: {error})"


def required(order: Order) -> list[OrderItem]:
    """The items that require artwork."""
    return [item for item in order.items if item.requires_artwork]


def fault(call: str, error: Exception, moment: Moment = "before") -> Faults:
    """Faults that make the first such call fail."""
    faults = Faults()
    faults.fail(call, error, moment=moment)
    return faults


def dying(call: str, moment: Moment) -> Faults:
    """Faults that end the process at the first such call."""
    faults = Faults()
    faults.intercept(call, faults.kill, moment=moment)
    return faults


def assert_fulfilled_once(scenario: Scenario) -> None:
    """Asserts that the order is fulfilled, by exactly one effect."""
    assert scenario.client.get_order(scenario.order.id).state is OrderState.FULFILLED
    assert scenario.times_fulfilled() == 1


def assert_resolved(scenario: Scenario, *, sent: bool) -> None:
    """Asserts that later scans resolve a call without a recorded outcome, as the client's ``recovery`` allows."""
    outcomes = [scenario.scan_later() for _ in range(3)]
    if scenario.client.recovery is Recovery.NONE and {ItemStatus.FULFILLED} not in outcomes:
        assert outcomes[-1] == {ItemStatus.UNCERTAIN}
        assert scenario.times_fulfilled() <= sent
    else:
        assert {ItemStatus.FULFILLED} in outcomes
        assert_fulfilled_once(scenario)


def assert_not_sent_after(scenario: Scenario, change: Change) -> None:
    """Asserts that an order is not sent if the shop changes it right before ``fulfill``."""
    faults = Faults()
    faults.intercept("client.fulfill", lambda: change(scenario.order))
    scenario.expect(ItemStatus.CANCELLED, faults)
    scenario.scan_until_settled()
    assert scenario.times_fulfilled() == 0
