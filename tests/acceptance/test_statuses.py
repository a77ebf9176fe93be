"""Every status there is, reached through the public API; with its reason, which says what is to be done."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

import remote_artwork as ra
from remote_artwork.core.orders import StoredFile
from remote_artwork.errors import StorageDenied
from remote_artwork.events import FileReported, ItemReported
from remote_artwork.ledgers import FileRecord, files_digest
from remote_artwork.testing import FakeShop, Faults, FaultyClient, FaultyStorage
from shop_files import PDF, memory_folder

DAY = timedelta(days=1)
SHA256 = hashlib.sha256(PDF).hexdigest()


class World:
    """One shop with one order of two items by default; its files; and the events that an observer receives."""

    def __init__(self, root):
        self.root = root
        self.files, self.storage = memory_folder(root)
        self.shop = FakeShop([ra.Order("1", [ra.OrderItem("1")])])
        self.ledger, self.faults, self.events = ra.MemoryLedger(), Faults(), []

    def on_event(self, event):
        self.events.append(event)

    def put(self, *names, data=PDF):
        for name in names:
            self.files.pipe(f"{self.root}/{name}", data)

    def order(self, *items, number="1", **fields):
        self.shop.put(ra.Order(number, items or [ra.OrderItem("1")], **fields))

    def scan(self, **policy):
        storage, shop = FaultyStorage(self.storage, self.faults), FaultyClient(self.shop, self.faults)
        return ra.Scanner(storage, shop, ledger=self.ledger, observer=self, policy=ra.Policy(**policy)).scan(sweep=True)


def fulfilled(world):
    world.put("1_1.pdf")


def attached(world):
    world.order(ra.OrderItem("1"), ra.OrderItem("2"))
    world.put("1_1.pdf")
    return {"fulfill": "per_item"}


def matched(world):
    world.order(ra.OrderItem("1"), ra.OrderItem("2"))
    world.put("1_1.pdf")


def not_required(world):
    world.order(ra.OrderItem("1", requires_artwork=False))


def missing(world):
    """Nothing was uploaded."""


def late(world):
    world.order(created_at=datetime.now(UTC) - 3 * DAY)
    return {"late_after": DAY}


def conflict(world):
    world.put("1_1.pdf", "1_1.png")


def rejected(world):
    world.put("1_1.pdf", data=PDF[:500])


def settling(world):
    world.put("1_1.pdf", data=b"")
    return {"settle_for": timedelta(seconds=90)}


def unreadable(world):
    world.put("1_1.pdf")
    world.faults.fail("storage.get", StorageDenied("the storage refuses access; permit s3:GetObject"))


def uncertain(world):
    world.put("1_1.pdf")
    world.shop.recovery = ra.Recovery.NONE
    world.shop.fail_next("fulfill", ra.OutcomeUnknown("time-out"))


def failed(world):
    world.put("1_1.pdf")
    world.shop.fail_next("fulfill", ra.PaymentRequired("invoice 7 is open"))


def cancelled(world):
    world.put("1_1.pdf")
    world.faults.intercept("storage.get", lambda: world.shop.cancel("1"))


def late_replacement(world):
    world.put("1_1.pdf")
    world.faults.intercept("client.fulfill", lambda: world.put("1_1.pdf", data=PDF + b"\n"), moment="after")


def awaiting_review(world):
    world.put("1_1.pdf")
    return {"review": True}


DIGEST = files_digest({"1": [FileRecord.of("default", StoredFile(name="1_1.pdf", size=len(PDF), etag=""), SHA256)]})

ITEMS = [
    (fulfilled, "fulfilled with 1_1.pdf"),
    (attached, "attached 1_1.pdf; the order waits for item 2 (missing)"),
    (matched, "found 1_1.pdf; the order waits for item 2 (missing)"),
    (not_required, "needs no artwork"),
    (missing, "waits for 1_1.<jpg|png|pdf>"),
    (late, "has waited 3 days for 1_1.<jpg|png|pdf>; upload it or cancel the order"),
    (conflict, "several files for one print: 1_1.pdf, 1_1.png; delete all but the right one"),
    (rejected, "1_1.pdf: the file is incomplete; it begins as a PDF, but its end is missing; upload it again"),
    (settling, "1_1.pdf is empty, so its upload may not be finished; it is checked when it is 90 seconds old"),
    (unreadable, "the storage refuses access; permit s3:GetObject; nothing was sent"),
    (
        uncertain,
        (
            "it is not known whether the order was fulfilled (time-out); check the order in the shop, then record "
            "what happened: remote-artwork ledger resolve 1 --fulfilled (or --not-fulfilled); add the --ledger or "
            "--orders-file of your scans"
        ),
    ),
    (failed, "the shop holds the order until it is paid for (invoice 7 is open); the files are fine"),
    (cancelled, "the shop no longer lists it as pending (cancelled)"),
    (
        late_replacement,
        (
            "1_1.pdf was replaced during or after the call that sent the order; the earlier file is printed, or the "
            "newer one, which was not checked; check the order"
        ),
    ),
    (
        awaiting_review,
        (
            f"waits for a person who accepts its files (digest {DIGEST}); compare the files with the order, then "
            f"accept them: remote-artwork accept 1 --by=NAME --files={DIGEST}; "
            "add the --ledger or --orders-file of your scans"
        ),
    ),
]


@pytest.fixture
def world(root):
    return World(root)


@pytest.mark.parametrize(("arrange", "reason"), ITEMS, ids=lambda value: getattr(value, "__name__", ""))
def test_an_item_reaches_the_status_with_its_reason_and_its_event(world, arrange, reason):
    report = world.scan(**arrange(world) or {})
    first = report.items[0]
    assert (first.status, first.reason.removeprefix(f"{world.storage.location}: ")) == (arrange.__name__, reason)
    assert [event.outcome for event in world.events if isinstance(event, ItemReported)] == list(report.items)


def test_every_status_of_an_item_is_in_the_table():
    assert [arrange.__name__ for arrange, _ in ITEMS] == list(ra.ItemStatus)


def early(world):
    world.put("9_1.pdf")
    return "9_1.pdf"


def near_miss(world):
    world.put("1-1.pdf")
    return "1-1.pdf"


def unsupported(world):
    world.put("1_1.tiff")
    return "1_1.tiff"


def refused(world):
    world.put("1_1.pdf", data=PDF[:500])
    return "1_1.pdf"


def superseded(world):
    world.put("1_1.pdf")
    world.scan()
    world.put("1_1.pdf", data=PDF + b"\n")
    return "1_1.pdf"


def ambiguous(world):
    world.put("1_1.pdf", "1_1.png")
    return "1_1.pdf"


def unrelated(world):
    world.put("logo.pdf")
    return "logo.pdf"


FILES = [
    (early, "no pending order expects it yet; it is used when the order arrives"),
    (near_miss, "it has the wrong separator; item 1 of order 1 waits for 1_1.pdf"),
    (unsupported, ".tiff files are not printed; save it as JPEG, PNG or PDF"),
    (refused, "the file is incomplete; it begins as a PDF, but its end is missing; upload it again"),
    (superseded, "it was replaced after it was checked for order 1, which is fulfilled; it is not sent again"),
    (ambiguous, "several files for one print: 1_1.pdf, 1_1.png; delete all but the right one"),
    (unrelated, "its name does not follow the pattern {order_number}_{order_item_number}"),
]


@pytest.mark.parametrize(
    ("arrange", "reason", "status"),
    [(*row, status) for row, status in zip(FILES, ra.FileStatus, strict=True)],
    ids=list(ra.FileStatus),
)
def test_a_file_reaches_the_status_with_its_reason_and_its_event(world, arrange, reason, status):
    name = arrange(world)
    del world.events[:]
    report = world.scan()
    [file] = [file for file in report.files if file.name == name]
    assert (file.status, file.reason) == (status, reason)
    assert file.suggestion == ("1_1.pdf" if status is ra.FileStatus.NEAR_MISS else None)
    assert file in [event.outcome for event in world.events if isinstance(event, FileReported)]
