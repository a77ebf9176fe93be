"""The scanner of a shop, for schedulers that call Python. Replace OrdersFile with your own client."""

import logging
import os
from functools import cache

import remote_artwork as ra

log = logging.getLogger("prints")


@cache
def scanner() -> ra.Scanner:
    """Return the scanner of this process, which keeps the connections to the storage and the ledger."""
    local = ra.NetworkPolicy(allow_local=True)  # for a local folder; a bucket needs credentials instead
    storage = ra.open_storage(os.environ["LOCATION"], network=local)
    return ra.Scanner(storage, ra.OrdersFile("orders.json"), ledger=ra.SqlLedger("sqlite:///ledger.db"))


def alert(report: ra.ScanReport) -> None:
    """A person is needed: log it. Send a mail or a page from here."""
    for item in report.items:
        if item.needs_person:
            log.error("order %s, item %s: %s: %s", item.order_number, item.item_number, item.status, item.reason)
    for fault in report.faults:
        log.error("%s: %s", fault.part, fault.message)
