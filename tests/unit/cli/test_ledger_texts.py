"""What ``ledger show`` says about an order, for people."""

from datetime import UTC, datetime, timedelta, timezone

from remote_artwork.cli.ledger import describe
from remote_artwork.core.lifecycle import FileRecord, FulfillState, ItemRecord, ItemState, OrderKey, OrderRecord
from remote_artwork.core.reasons import reason

BACK = FileRecord(placement="back", name="1001_1_back.png", size=12345, etag="an etag")
FRONT = FileRecord(placement="default", name="1001_2.png", size=7, etag="another etag")


def test_an_open_order_with_its_items():
    record = OrderRecord(
        key=OrderKey("default", "1001"),
        order_number="1001",
        updated_at=datetime(2026, 3, 1, 10, 30, tzinfo=timezone(timedelta(hours=1))),
        items={
            "1": ItemRecord(
                item_number="1",
                state=ItemState.REJECTED,
                files=(BACK,),
                reason=reason("file_empty", file="x", settle_for=120),
            ),
            "2": ItemRecord(item_number="2", state=ItemState.VERIFIED, files=(FRONT,), checks="internal"),
        },
        work="internal",
    )
    assert describe(record).splitlines() == [
        "Order 1001: open; it was not sent yet",
        "  last change: 2026-03-01 09:30 UTC",
        "  item 1: rejected",
        "    back: 1001_1_back.png (12,345 bytes)",
        "    why: x is empty, so its upload may not be finished; it is checked when it is 2 minutes old",
        "  item 2: checked",
        "    1001_2.png (7 bytes)",
    ]


def test_an_uncertain_order_with_the_command_that_resolves_it():
    record = OrderRecord(
        key=OrderKey("acme", "gid-7", "v2"),
        order_number="1001\u202e",
        state=FulfillState.UNCERTAIN,
        reason=reason("resolved_by_person", person="kim"),
        settled_by="kim",
        receipt="r-1",
    )
    lines = describe(record).splitlines()
    assert lines[0] == r"Order 1001\u202e: uncertain; it is not known whether the shop has fulfilled it"
    assert lines[1:4] == ["  id in the shop: gid-7", "  approval: v2", "  receipt: r-1"]
    assert lines[4].startswith("  why: ")
    assert lines[5] == "  set by: kim"
    assert "ledger resolve" in lines[6]
    assert "--tenant=acme --id=gid-7 --approval=v2 --fulfilled (or --not-fulfilled)" in lines[6]


def test_an_order_of_which_only_the_files_are_known():
    record = OrderRecord(
        key=OrderKey("default", "1001"),
        order_number="1001",
        state=FulfillState.FULFILLED,
        sent_files=(FRONT,),
        updated_at=datetime(2026, 3, 1, tzinfo=UTC),
        forgotten=True,
    )
    assert describe(record).splitlines()[2:] == ["  files that were sent:", "    1001_2.png (7 bytes)"]
