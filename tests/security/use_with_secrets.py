"""Uses a location with credentials, and prints everything it can: logs, errors, reports, pickles.

Reads JSON from standard input. The test searches the output for the credentials.
"""

from __future__ import annotations

import copy
import json
import logging
import pickle
import sys
import traceback
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from fsspec.asyn import get_loop

import remote_artwork as ra
from merchant_locations import FILE, USES, open_at
from remote_artwork.testing import FakeShop

ROLE = "arn:aws:iam::123456789012:role/prints"


def show(what):
    print(what, str(what), repr(what), getattr(what, "__dict__", ""))


class PrintingObserver:
    """An observer that prints every event."""

    def on_event(self, event):
        show(event)
        print(event.facts())


def show_error(error):
    """Print a chain of errors, with the local variables of every frame."""
    while error is not None:
        show(error)
        print("".join(traceback.TracebackException.from_exception(error, capture_locals=True).format()))
        show_pickle(error)
        error = error.__cause__ or error.__context__


def show_pickle(what):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        try:
            print(pickle.dumps(what, protocol).decode("latin-1"))
        except (TypeError, AttributeError, pickle.PicklingError) as refusal:
            print("not pickled:", refusal)


def opened():
    """Open the storage. Only this function holds the secrets, so that no other frame of this script shows them."""
    given = json.load(sys.stdin)
    if given["credentials"] == "AssumeRole":
        given["options"]["base"] = ra.Keys(*given["secrets"])
        given["secrets"] = [ROLE]
        given["options"]["sts_endpoint"] = given["token_uri"]
    credentials = getattr(ra, given["credentials"])(*given["secrets"], **given["options"])
    for shown in (credentials, [credentials], {"credentials": copy.deepcopy(credentials)}, f"{credentials}"):
        show(shown)
    show_pickle(credentials)
    network = ra.NetworkPolicy(allow_private=True, allow_http=True, call_timeout=10.0)
    retry = ra.RetryPolicy(attempts=2, first_wait=0.01)
    storage = open_at(given["protocol"], given["endpoint"], given["path"], credentials, network, retry=retry)
    if given["protocol"] == "gcs":
        storage._backend._fs.credentials.credentials._token_uri = given[
            "token_uri"
        ]  # a key file can name only Google's address
    return storage


def use_scanner(storage):
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")]), ra.Order("1002", [ra.OrderItem("1")])])
    ledger = ra.SqlLedger("sqlite:///ledger.db")
    ledger.forget("another", still_pending=(), min_age=timedelta(days=1), silent_scans=1)  # creates the file
    scanner = ra.Scanner(storage, shop, ledger=ledger, url_lifetime=timedelta(minutes=30), observer=PrintingObserver())
    for report in (scanner.plan(), scanner.scan(), scanner.scan(sweep=True)):
        show(report)
        show(report.to_dict())
        print(report.to_json())
        report.to_html("sheet.html", storage=storage)
        print(Path("sheet.html").read_text(encoding="utf-8"))
        show_pickle(report)
    show(scanner)
    print(scanner.explain("1001_1.png"))
    print("statuses:", [item.status.value for item in report.items], storage.requests)


def main():
    logging.basicConfig(level=logging.DEBUG, stream=sys.stdout, format="%(name)s %(levelname)s %(message)s %(args)s")
    get_loop().slow_callback_duration = 0  # asyncio's debug mode then logs every step
    storage = opened()
    show(storage)
    show_pickle(storage)
    try:
        use_scanner(storage)
    except ra.RemoteArtworkError as error:  # credentials that cannot make URLs are refused
        show_error(error)
    attempts = [*USES.values(), lambda storage: storage.url(FILE, expires_in=timedelta(days=300))]
    for attempt in attempts:
        try:
            attempt(storage)
        except ra.RemoteArtworkError as error:
            logging.getLogger("application").exception("it did not work")
            show_error(error)


main()
