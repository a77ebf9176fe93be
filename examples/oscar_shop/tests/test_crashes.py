"""A scan of the shop dies before and after each of its calls; the next scans confirm each order once."""

from datetime import timedelta

import fsspec
from artwork.client import EventHandler, Order, OscarClient
from artwork.ledger import DjangoLedger
from artwork.models import Artwork, Fulfillment, LedgerRow
from artwork.sample_orders import place_order, product
from django.conf import settings
from django.db.models import F

import remote_artwork as ra
from remote_artwork.testing import Faults, FaultyClient, FaultyLedger, FaultyStorage, crash_points

PDF = b"%PDF-1.7\n" + b" " * 99 + b"\n%%EOF\n"
LONGER_THAN_ANY_LEASE = timedelta(hours=2)


def storage_of(order: ra.Order) -> ra.ArtworkStorage:
    files = fsspec.filesystem("memory")
    for item in order.items:
        files.pipe(f"/oscar/{order.number}_{item.number}.pdf", PDF)
    return ra.ArtworkStorage(files, "/oscar")


def scan(storage: ra.ArtworkStorage, faults: Faults) -> ra.ScanReport:
    client, ledger = FaultyClient(OscarClient(), faults), FaultyLedger(DjangoLedger(), faults)
    return ra.Scanner(FaultyStorage(storage, faults), client, ledger=ledger).scan()


def reset() -> None:
    for model in (Artwork, Fulfillment, LedgerRow):
        model.objects.all().delete()
    for order in Order.objects.all():
        order.status_changes.all().delete()
    Order.objects.update(status=settings.AWAITING_ARTWORK)


def let_time_pass() -> None:
    LedgerRow.objects.update(
        lease_until=F("lease_until") - LONGER_THAN_ANY_LEASE, intent_at=F("intent_at") - LONGER_THAN_ANY_LEASE
    )


def test_an_order_is_confirmed_once_wherever_a_scan_dies() -> None:
    order = place_order(product("Poster"), product("Card"))
    storage = storage_of(OscarClient().get_order(order.number))

    def die(faults: Faults) -> None:
        reset()
        scan(storage, faults)

    deaths = 0
    for point in crash_points(die):
        for _ in range(3):
            let_time_pass()
            scan(storage, Faults())
        order.refresh_from_db()
        assert order.status == settings.IN_PRODUCTION, point
        assert order.status_changes.count() == 1, point
        assert Artwork.objects.filter(line__order=order).count() == 2, point
        deaths += 1
    assert deaths > 30


def test_a_lost_response_is_resolved_without_a_second_confirmation() -> None:
    order = place_order(product("Poster"))
    storage = storage_of(OscarClient().get_order(order.number))
    faults = Faults()
    faults.fail("client.fulfill", ra.OutcomeUnknown("no answer"), moment="after")
    assert [item.status for item in scan(storage, faults).items] == ["uncertain"]
    assert [item.status for item in scan(storage, Faults()).items] == ["fulfilled"]
    assert order.status_changes.count() == 1


def test_an_order_cancelled_during_a_scan_is_not_confirmed() -> None:
    order = place_order(product("Poster"))
    storage = storage_of(OscarClient().get_order(order.number))
    faults = Faults()
    faults.intercept("client.fulfill", lambda: EventHandler().handle_order_status_change(order, settings.CANCELLED))
    assert [item.status for item in scan(storage, faults).items] == ["cancelled"]
    assert not Fulfillment.objects.exists()
