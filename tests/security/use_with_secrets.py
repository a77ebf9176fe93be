"""Uses a location with credentials, and prints all there is to print: logs, errors, reports, pickles.

Standard input: JSON. What it prints is searched for the credentials by whoever started it.
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


class Shown:
    """An observer that prints every event."""

    def on_event(self, event):
        show(event)
        print(event.facts())


def show_error(error):
    """Everything that a chain of errors holds, and the values of all variables on the way."""
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
    """The storage; the secrets are named nowhere else, so that this script's own variables do not show them."""
    given = json.load(sys.stdin)
    if given["credentials"] == "AssumeRole":
        given["options"]["base"] = ra.Keys(*given["secrets"])
        given["secrets"] = [ROLE]
        given["options"]["sts_endpoint"] = given["token_uri"]
    credentials = getattr(ra, given["credentials"])(*given["secrets"], **given["options"])
    for told in (credentials, [credentials], {"credentials": copy.deepcopy(credentials)}, f"{credentials}"):
        show(told)
    show_pickle(credentials)
    network = ra.NetworkPolicy(allow_private=True, allow_http=True, call_timeout=10.0)
    retry = ra.RetryPolicy(attempts=2, first_wait=0.01)
    storage = open_at(given["protocol"], given["endpoint"], given["path"], credentials, network, retry=retry)
    if given["protocol"] == "gcs":
        storage._backend._fs.credentials.credentials._token_uri = given["token_uri"]  # a key names Google's only
    return storage


def main():
    logging.basicConfig(level=logging.DEBUG, stream=sys.stdout, format="%(name)s %(levelname)s %(message)s %(args)s")
    get_loop().slow_callback_duration = 0  # with asyncio's debugging, each of its steps is logged as too slow
    storage = opened()
    show(storage)
    show_pickle(storage)
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")]), ra.Order("1002", [ra.OrderItem("1")])])
    ledger = ra.SqlLedger("sqlite:///ledger.db")
    scanner = ra.Scanner(storage, shop, ledger=ledger, url_lifetime=timedelta(minutes=30), observer=Shown())
    for report in (scanner.plan(), scanner.scan(), scanner.scan(sweep=True)):
        show(report)
        show(report.to_dict())
        print(report.to_json())
        report.to_html("sheet.html", storage=storage)
        print(Path("sheet.html").read_text(encoding="utf-8"))
        show_pickle(report)
    show(scanner)
    print(scanner.explain("1001_1.png"))
    attempts = [*USES.values(), lambda storage: storage.url(FILE, expires_in=timedelta(days=300))]
    for attempt in attempts:
        try:
            attempt(storage)
        except ra.RemoteArtworkError as error:
            logging.getLogger("host").exception("it did not work")
            show_error(error)
    print("statuses:", [item.status.value for item in report.items], storage.requests)


main()
