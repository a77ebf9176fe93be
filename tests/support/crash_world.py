"""A small shop that can die anywhere: its files, its host with a journal, and a ledger whose time passes on demand."""

import hashlib
import itertools
import time
import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta

import attrs
import fsspec
from sqlalchemy import insert, update

import remote_artwork as ra
from history import History
from invariants import violations
from recording import Recorder, RecordingCheck, RecordingEffects, RecordingLedger, RecordingShop, RecordingStorage
from remote_artwork.core.lifecycle import UNRESOLVED_STATES, FulfillState
from remote_artwork.core.orders import ArtworkByItem
from remote_artwork.ledgers.schema import items, orders, scans
from remote_artwork.preflight.checks import preflight_checks
from remote_artwork.testing import FakeShop, Faults, FaultyClient, FaultyLedger
from shop_files import JPEG, memory_folder

AGES = 7200.0
"""Seconds that pass when time passes: longer than any lease or call."""
TABLES = (orders, items, scans)
PASSING = {
    "epoch",
    "version",
    "lease_owner",
    "lease_until",
    "intent_at",
    "updated_at",
    "scans",
    "seen_in_scan",
    "seen_at",
}
_NUMBERS = itertools.count(1)
NO_WAITING = ra.RetryPolicy(attempts=2, sleep=lambda _seconds: None)


@attrs.define(eq=False)
class EditingShop(FakeShop):
    """Moves an order to another state to attach files. ``end_edit`` is the last step of an attach call."""

    def attach_artwork(
        self, order: ra.Order, item: ra.OrderItem, artworks: Sequence[ra.Artwork], *, idempotency_key: str
    ) -> None:
        """See ``ArtworkAttacher``."""
        FakeShop.attach_artwork(self, order, item, artworks, idempotency_key=idempotency_key)
        self._begin_edit(order.id)

    def attach_order(self, order: ra.Order, artworks: ArtworkByItem, *, idempotency_key: str) -> None:
        """See ``OrderArtworkAttacher``."""
        FakeShop.attach_order(self, order, artworks, idempotency_key=idempotency_key)
        self._begin_edit(order.id)

    def _begin_edit(self, order_id: str) -> None:
        self.put(attrs.evolve(self.orders[order_id], state=ra.OrderState.OTHER))

    def end_edit(self, order_id: str) -> None:
        """Close the edit of an order."""
        self.put(attrs.evolve(self.orders[order_id], state=ra.OrderState.PENDING))


@attrs.define
class World:
    """Orders ``1001`` and so on, of one item each by default, with their files; and one ledger."""

    ledger: ra.SqlLedger
    shop: FakeShop
    storage: ra.ArtworkStorage
    files: fsspec.AbstractFileSystem
    root: str
    untouched: tuple = attrs.field(init=False)
    history: History = attrs.field(factory=History, init=False)
    now: float = attrs.field(default=0.0, init=False)
    """The time in the history. It passes only when the test lets it pass."""
    begun: frozenset[str] = frozenset()
    """Orders whose fulfill call was begun, and has no known end, when the scans in the end began."""

    @classmethod
    def of(
        cls,
        ledger: ra.SqlLedger,
        numbers: Iterable[str] = ("1001", "1002", "1003"),
        *,
        items: int = 1,
        kind: type[FakeShop] = FakeShop,
        **promises,
    ) -> "World":
        """A shop of this kind with these orders, each with so many items."""
        each = [str(number) for number in range(1, items + 1)]
        root = f"/{uuid.uuid4().hex}"
        files, storage = memory_folder(root, *(f"{number}_{item}.jpg" for number in numbers for item in each))
        shop = kind([ra.Order(number, [ra.OrderItem(item) for item in each]) for number in numbers], **promises)
        shop.download = lambda artwork: files.cat(artwork.url.removeprefix("memory:/"))
        world = cls(ledger, shop, storage, files, root)
        world.scanner().plan()
        let_time_pass(ledger)
        world.restore(((), (), ()), (dict(shop.orders), [], {}, {}))
        world.untouched = world.snapshot()
        return world

    def scanner(self, faults: Faults | None = None, **options) -> ra.Scanner:
        """A fresh process, as far as the ledger can tell."""
        faults = faults or Faults()
        recorder = Recorder(self.history, f"process {next(_NUMBERS)}", lambda: self.now, self.content_of)
        checks = options.pop("checks", None) or preflight_checks(options.get("policy", ra.Policy()))
        return ra.Scanner(
            RecordingStorage(self.storage, faults, recorder),
            RecordingShop(FaultyClient(RecordingEffects(self.shop, recorder), faults), self.shop, recorder),
            ledger=FaultyLedger(RecordingLedger(self.ledger, recorder), faults),
            checks=[*checks, RecordingCheck(recorder)],
            retry=NO_WAITING,
            **options,
        )

    def content_of(self, name: str) -> bytes | None:
        """What a file contains now; None if it is gone."""
        path = f"{self.root}/{name}"
        return self.files.cat(path) if self.files.exists(path) else None

    def snapshot(self) -> tuple:
        """Everything durable: the ledger's rows, and what the shop knows; and what has happened so far."""
        with self.ledger.database.engine.connect() as connection:
            rows = tuple(tuple(row._asdict() for row in connection.execute(table.select())) for table in TABLES)
        shop = self.shop
        knows = dict(shop.orders), list(shop.journal), dict(shop.effects), dict(shop.artwork)
        return rows, knows, tuple(self.history.events)

    def state(self) -> tuple:
        """The snapshot without what only tells how long it took to get there. From equal states all goes on equally."""
        rows, (orders_now, journal, effects, artwork), _ = self.snapshot()
        plain = tuple(
            tuple(sorted(repr(({k: v for k, v in row.items() if k not in PASSING}, held(row))) for row in table))
            for table in rows
        )
        effective = repr([call for call in journal if call.effect])
        return plain, repr(orders_now), effective, repr(effects), repr(artwork)

    def restore(self, rows: tuple, shop: tuple, events: tuple = ()) -> None:
        self.history.events[:] = events
        with self.ledger.database.engine.begin() as connection:
            connection.execute(orders.delete())
            connection.execute(scans.delete())
            for table, found in zip(TABLES, rows, strict=True):
                if found:
                    connection.execute(insert(table), list(found))
        for attribute, value in zip(("orders", "journal", "effects", "artwork"), shop, strict=True):
            kept = getattr(self.shop, attribute)
            kept.clear()
            kept.extend(value) if isinstance(kept, list) else kept.update(value)

    def let_time_pass(self) -> None:
        self.now += AGES
        let_time_pass(self.ledger)

    def scan_in_the_end(self) -> None:
        """Fresh processes: one at once, while the dead one's leases run; then one that settles, and one that sends."""
        self.begun = frozenset(r.key.order_id for r in self.ledger.find("default") if r.state in UNRESOLVED_STATES)
        at_rest = {"fulfilled", "uncertain"} if self.shop.recovery is ra.Recovery.NONE else {"fulfilled"}
        self.scanner().scan()
        for _ in range(4):
            self.let_time_pass()
            report = self.scanner().scan()
            if not self._end_edits(report) and {item.status for item in report.items} <= at_rest:
                return

    def _end_edits(self, report: ra.ScanReport) -> bool:
        """Close the edits that a death left open, as a person does who has read the report. Whether there were any."""
        left_open = [order for order in self.shop.orders.values() if order.state is ra.OrderState.OTHER]
        uncertain = {item.order_id for item in report.items if item.status is ra.ItemStatus.UNCERTAIN}
        for order in left_open:
            assert order.id in uncertain, f"order {order.id} is being edited, and the report does not say so"
            self.shop.end_edit(order.id)
        return bool(left_open)

    def check(self) -> None:
        """What must hold in the end, by the journals of the shop, the storage and the ledger."""
        shop = self.shop
        assert set(shop.effects.values()) <= {1}, "an order was fulfilled twice"
        found = violations(self.history, versioned=False)
        assert not found, "\n".join([self.history.render(), *found])
        records = {record.key.order_id: record for record in self.ledger.find("default")}
        for number, order in shop.orders.items():
            record = records[number]
            settled = {FulfillState.FULFILLED} if order.state is ra.OrderState.FULFILLED else set()
            if shop.recovery is ra.Recovery.NONE and number in self.begun:
                settled.add(FulfillState.UNCERTAIN)
            assert record.state in settled, f"order {number} is {order.state} in the shop and {record.state} here"
        attached: set[str] = set()
        for call in shop.journal:
            if call.name in ("attach_artwork", "attach_order", "fulfill") and call.effect:
                assert set(call.downloaded) == {SHA_OF_JPEG}, "what was sent is not what was selected"
            if call.name in ("attach_artwork", "attach_order") and call.effect:
                attached.add(call.order_id)
            if call.name == "fulfill" and call.effect and shop.attaching is not ra.Attaching.WITH_FULFILL:
                assert call.order_id in attached, "an order was fulfilled without its artwork"


SHA_OF_JPEG = hashlib.sha256(JPEG).hexdigest()


def held(row: dict) -> bool:
    """Whether a lease keeps others from an order: a scan that comes at once after a death leaves such an order."""
    return row.get("lease_owner") is not None and row["lease_until"] > time.time()


def let_time_pass(ledger: ra.SqlLedger) -> None:
    """Every lease ends, and every call is over."""
    ledger.forget("nobody", still_pending=(), min_age=timedelta(0), silent_scans=1)  # makes the tables
    with ledger.database.engine.begin() as connection:
        connection.execute(
            update(orders).values(lease_until=orders.c.lease_until - AGES, intent_at=orders.c.intent_at - AGES)
        )
