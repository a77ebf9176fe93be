"""A host that quotes the signed URL it was given: neither the report nor the ledger shows what it was signed with."""

import json
import logging
import threading
from datetime import timedelta
from urllib.parse import parse_qs, parse_qsl, quote

import pytest

import remote_artwork as ra
from remote_artwork.testing import FakeShop
from shop_files import memory_folder

SIGNED = "https://prints.s3.example/in/1001_1.jpg?X-Amz-Credential=AKIA&X-Amz-Signature=deadbeef"
QUERY = dict(parse_qsl(SIGNED.partition("?")[2]))
QUOTED = [
    ra.ArtworkUnreachable(f"{SIGNED} answers 403"),
    ra.ArtworkRejected(f"{SIGNED} has no bleed"),
    ra.PaymentRequired(f"before {SIGNED}"),
    ra.Unavailable(f"{SIGNED}: busy"),
    ra.OutcomeUnknown(SIGNED),
    ra.NotPending(SIGNED),
    ra.ClientError(SIGNED),
    ra.ArtworkUnreachable(f"could not fetch {quote(SIGNED, safe='')}"),
    ra.ArtworkUnreachable(f"could not fetch {quote(quote(SIGNED, safe=''), safe='')}"),
    ra.ArtworkUnreachable(json.dumps({"url": SIGNED.partition("?")[0], "query": QUERY})),
    ra.ArtworkUnreachable(json.dumps(json.dumps({"query": list(QUERY.items())}))),
    ra.ArtworkUnreachable(repr(parse_qs(SIGNED.partition("?")[2]))),
    ConnectionError(f"host gave up on url: {SIGNED.partition('example')[2]} (time-out)"),
]


@pytest.mark.parametrize("call", ["attach_artwork", "fulfill"])
@pytest.mark.parametrize("error", QUOTED, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("recovery", [ra.Recovery.QUERYABLE, ra.Recovery.NONE], ids=str)
def test_a_signature_that_the_shop_quotes_is_redacted(root, call, error, recovery, tmp_path):
    _, storage = memory_folder(root, "1001_1.jpg")
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])], recovery=recovery)
    shop.fail_next(call, error)
    retry = ra.RetryPolicy(attempts=1)
    with ra.SqlLedger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        report = ra.Scanner(storage, shop, ledger=ledger, retry=retry).scan()
        output = report.to_json() + repr(list(ledger.find("default")))
    assert "…" in output
    assert "1001_1.jpg?X" not in output
    assert "deadbeef" not in output
    assert "AKIA" not in output


class Raising:
    """Code of the host that fails and quotes the signed URL, also in the cause of its error."""

    def __init__(self, shop):
        self.shop = shop

    def raise_error(self, *_arguments, **_options):
        try:
            raise ConnectionError(SIGNED)
        except ConnectionError as error:
            raise LookupError(f"no answer from {SIGNED}") from error

    check = on_event = raise_error


@pytest.mark.parametrize(
    "part", ["pending_orders", "get_order", "attach_artwork", "fulfill", "check", "observer", "report"]
)
def test_a_signature_in_an_error_of_the_host_is_not_logged(root, part, caplog):
    _, storage = memory_folder(root, "1001_1.jpg")
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])])
    host = Raising(shop)
    options = {"checks": [host]} if part == "check" else {"observer": host} if part == "observer" else {}
    if part in ("pending_orders", "get_order", "attach_artwork", "fulfill"):
        shop = type("Shop", (FakeShop,), {part: host.raise_error})(list(shop.orders.values()))
    scanner = ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), **options)
    stop = threading.Event()

    def end(_report):
        stop.set()
        if part == "report":
            host.raise_error()

    with caplog.at_level(logging.DEBUG):
        scanner.run_forever(every=timedelta(seconds=1), stop=stop, on_report=end)
    output = "".join(f"{caplog.handler.format(record)} {vars(record)}" for record in caplog.records)
    assert "LookupError" in output
    assert "deadbeef" not in output
    assert "AKIA" not in output
