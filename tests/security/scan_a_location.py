"""Scans a merchant's location in its own process. Reads JSON from standard input, prints the statuses and faults."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import remote_artwork as ra
from merchant_locations import open_at
from remote_artwork.testing import FakeShop

given = json.load(sys.stdin)
credentials = getattr(ra, given["credentials"])(*given["secrets"])
network = ra.NetworkPolicy(allow_private=True, allow_http=True, call_timeout=10.0)
retry = ra.RetryPolicy(attempts=2, first_wait=0.01)
if given["protocol"] == "url":
    storage = ra.open_storage(given["endpoint"], credentials=credentials, network=network, retry=retry)
else:
    storage = open_at(given["protocol"], given["endpoint"], given["path"], credentials, network, retry=retry)
shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")]), ra.Order("1002", [ra.OrderItem("1")])])
report = ra.Scanner(storage, shop, ledger=ra.SqlLedger("sqlite:///ledger.db")).scan()
print(json.dumps([[item.status for item in report.items], [fault.message for fault in report.faults]]))
