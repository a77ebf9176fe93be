"""What a shop's passes are made of, for schedulers that call Python. Your own client takes the place of OrdersFile."""

import logging
import os
from functools import cache

import remote_artwork as ra

log = logging.getLogger("prints")


@cache
def scanner() -> ra.Scanner:
    """One for each process: it keeps the connections to the storage and the ledger."""
    local = ra.NetworkPolicy(allow_local=True)  # for a folder of this machine; a bucket needs credentials instead
    storage = ra.open_storage(os.environ["PLACE"], network=local)
    return ra.Scanner(storage, ra.OrdersFile("orders.json"), ledger=ra.SqlLedger("sqlite:///ledger.db"))


def tell(report: ra.ScanReport) -> None:
    """Somebody has to look; send a mail or a page from here."""
    for item in report.items:
        if item.status.needs_person:
            log.error("order %s, item %s: %s: %s", item.order_number, item.item_number, item.status, item.reason)
    for fault in report.faults:
        log.error("%s: %s", fault.part, fault.message)
