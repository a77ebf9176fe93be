"""Whole scans in every outage, over every protocol; and that the documentation tells of each."""

import re
import time
from pathlib import Path

import pytest

import remote_artwork as ra
from outages import ENDS_WITHIN, FAULTS, NO_SUCH_HOST, PROTOCOLS, REFUSED, outage
from remote_artwork.errors import StorageError
from remote_artwork.storage import StoredFile
from remote_artwork.testing import FakeShop

HASTY = ra.NetworkPolicy(allow_private=True, allow_http=True, connect_timeout=2.0, read_timeout=0.5, call_timeout=10.0)
TWICE = ra.RetryPolicy(attempts=2, sleep=lambda _seconds: None)
FILE = StoredFile(name="1001_1.png", size=100_000, etag="e", version_id="1")

USES = (
    lambda storage: storage.stat(FILE.name),
    lambda storage: storage.reader(FILE).read(0, FILE.size),
)
ANSWERED = {"HTTP 200 with a web page": 1, "HTTP 200 with an empty body": 1, "HTTP 403": 1}
NEVER_ARRIVED = {REFUSED: 0, NO_SUCH_HOST: 0}
WEB_LIKE = 1 + 2 + 1
"""The folder, the names of two items, and a name that no file has."""

WEB_REFUSED = 1 + 2 * 8
"""The folder, and every name of each of two items."""

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "outages.md"


def limit(fault):
    """Requests that may reach a server in two attempts."""
    return (ANSWERED | NEVER_ARRIVED).get(fault, 2)


@pytest.fixture
def shop():
    return FakeShop([ra.Order("1001", [ra.OrderItem("1")]), ra.Order("1002", [ra.OrderItem("1")])])


def scanned(storage, shop):
    begin = time.monotonic()
    report = ra.Scanner(storage, shop, ledger=ra.MemoryLedger()).scan()
    assert time.monotonic() - begin < ENDS_WITHIN
    assert {call.name for call in shop.journal} == {"pending_orders"}
    return report


@pytest.mark.parametrize(
    ("protocol", "fault"),
    [(protocol, fault) for protocol in PROTOCOLS for fault in FAULTS],
)
def test_a_scan_in_an_outage_knows_nothing_and_sends_nothing(shop, protocol, fault):
    with outage(protocol, fault, HASTY, TWICE) as (storage, server):
        report = scanned(storage, shop)
    assert [item.status for item in report.items] == ["unreadable"] * 2
    assert [fault.part for fault in report.faults] == ["storage"]
    assert report.exit_code == 3
    web_limit = {"HTTP 403": WEB_REFUSED}.get(fault, WEB_LIKE)
    assert len(server.requests) <= (web_limit if protocol == "web" and fault in ANSWERED else limit(fault))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("fault", FAULTS)
def test_one_file_in_an_outage_is_never_a_missing_one(protocol, fault):
    with outage(protocol, fault, HASTY, TWICE) as (storage, server):
        for use in USES:
            server.requests.clear()
            begin = time.monotonic()
            with pytest.raises(StorageError) as raised:
                use(storage)
            assert time.monotonic() - begin < ENDS_WITHIN
            assert not isinstance(raised.value, FileNotFoundError)
            assert len(server.requests) <= limit(fault)


def rows(table):
    """Fault → protocol → cell, of one table of the page."""
    block = PAGE.read_text(encoding="utf-8").partition(f"<!-- {table}: begin -->")[2].partition("<!-- ")[0]
    head, _, *body = ([cell.strip() for cell in line.strip("| ").split("|")] for line in block.strip().splitlines())
    return {fault: dict(zip(head[1:], cells, strict=True)) for fault, *cells in body}


@pytest.mark.parametrize("table", ["scan", "stat"])
def test_the_page_of_outages_names_every_fault_and_protocol(table):
    assert list(rows(table)) == list(FAULTS)
    assert all(list(cells)[: len(PROTOCOLS)] == list(PROTOCOLS) for cells in rows(table).values())


def test_no_outage_of_the_page_is_read_as_missing():
    for fault, cells in rows("scan").items():
        for protocol in PROTOCOLS:
            assert cells[protocol].startswith("`unreadable`"), (fault, protocol)
    for fault, cells in rows("stat").items():
        for protocol in PROTOCOLS:
            assert re.match("`Storage(Unreachable|Misbehaved|Denied)`", cells[protocol]), (fault, protocol)
