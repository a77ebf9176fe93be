"""The cost of the ledger in a scan does not grow with the number of finished orders."""

import threading
from functools import partial

import pytest
from attrs import evolve
from sqlalchemy import event

import remote_artwork as ra
from done_orders import files_from_items, remember_done
from remote_artwork.core.lifecycle import ItemState, ItemStep, LedgerWrite, OrderKey
from remote_artwork.core.matching import Page
from remote_artwork.core.orders import StoredFile
from remote_artwork.errors import OrderNotStored
from remote_artwork.runtime import THREADS
from remote_artwork.testing import FakeShop
from remote_artwork.testing.ledger import FILES, FULFILLED, INTEND, SELECT, VERIFY, claim, claim_all, leases_of
from shop_files import memory_folder

DONE = 100_000
A_PAGE = 1000
BEGINNINGS = ("BEGIN", "SELECT set_config(")
"""What a transaction begins with."""
GROUP = [OrderKey("acme", f"order-{number}") for number in range(8)]
ATTACHED = ItemStep(item_number="1", before=ItemState.VERIFIED, after=ItemState.ATTACHED, files=FILES)


class Full(ra.ArtworkStorage):
    """The files of many done orders, in many pages."""

    def pages(self):
        for first in range(0, DONE, A_PAGE):
            names = [f"{number}_1.jpg" for number in range(first, first + A_PAGE)]
            yield Page(names, partial(self.as_printed, names))

    @staticmethod
    def as_printed(names, position):
        [file] = files_from_items(names[position].partition("_")[0])
        return StoredFile(name=file["name"], size=file["size"], etag=file["etag"])


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return request.getfixturevalue("postgres_url")


def test_a_scan_of_a_hundred_thousand_finished_orders_needs_at_most_ten_queries(ledger_url, root):
    queries = []
    files, _ = memory_folder(root)
    with ra.SqlLedger(ledger_url) as ledger:
        remember_done(ledger, DONE)
        event.listen(ledger.database.engine, "before_cursor_execute", lambda *arguments: queries.append(arguments[2]))
        shop = FakeShop([ra.Order("new", [ra.OrderItem("1")])])
        report = ra.Scanner(Full(files, root), shop, ledger=ledger).scan(sweep=True)
    assert report.names_seen == DONE
    assert [item.status for item in report.items] == ["missing"]
    assert not any(report.file_counts.values()), "the ledger knows all of them"
    assert len([query for query in queries if not query.startswith(BEGINNINGS)]) <= 10


class Counts:
    """The statements of a ledger, without what opens a transaction, and its commits."""

    def __init__(self, ledger):
        self.words, self.begun, self.commits = [], 0, 0
        event.listen(ledger.database.engine, "before_cursor_execute", self._count)
        event.listen(ledger.database.engine, "commit", self._commit)

    def _count(self, _connection, _cursor, statement, *_):
        if statement.startswith(BEGINNINGS):
            self.begun += 1
        else:
            self.words.append(statement.split()[0])

    def _commit(self, _connection):
        self.commits += 1

    def take(self):
        """The statements, transactions and commits since the last call."""
        taken = (self.words, self.begun, self.commits)
        self.words, self.begun, self.commits = [], 0, 0
        return taken


@pytest.fixture
def ledger(ledger_url):
    with ra.SqlLedger(ledger_url) as ledger:
        claim(ledger, OrderKey("acme", "first"))  # makes the tables
        yield ledger


def written(ledger, leases, *steps, release=False):
    writes = [LedgerWrite(lease=lease, steps=steps, release=release) for lease in leases]
    assert ledger.advance(writes) == [None] * len(writes)


def test_a_group_of_orders_is_written_by_one_commit_and_one_statement_for_each_table(ledger):
    counts, sqlite = Counts(ledger), ledger.database.file is not None
    each = len(GROUP) if sqlite else 1

    leases = leases_of(claim_all(ledger, GROUP))
    grant, update = ("INSERT", "UPDATE") if sqlite else ("WITH", "WITH")
    assert counts.take() == ([grant] * each + ["SELECT"] * sqlite, 1, 1)
    written(ledger, leases, SELECT, VERIFY, INTEND)
    assert counts.take() == ([update] * each + ["INSERT", "INSERT"], 1, 1)
    written(ledger, leases, ATTACHED, FULFILLED, release=True)
    assert counts.take() == ([update] * each + ["INSERT"], 1, 1)
    claim_all(ledger, GROUP, owner="them")
    assert counts.take() == ([grant] * each + ["SELECT"], 1, 1)


def test_a_lease_is_renewed_by_one_statement(ledger):
    [lease] = leases_of(claim_all(ledger, GROUP[:1]))
    counts = Counts(ledger)
    written(ledger, [lease])
    [_], begun, commits = counts.take()
    assert (begun, commits) == (1, 1)


def test_an_order_that_the_database_refuses_costs_its_group_one_more_transaction_and_no_commit(ledger):
    leases = leases_of(claim_all(ledger, GROUP))
    counts = Counts(ledger)
    refused = evolve(SELECT, checks="\ud800")
    steps = [[refused] if lease.key == GROUP[3] else [SELECT] for lease in leases]
    answers = ledger.advance([LedgerWrite(lease=lease, steps=each) for lease, each in zip(leases, steps, strict=True)])
    assert [type(answer) for answer in answers] == [type(None)] * 3 + [OrderNotStored] + [type(None)] * 4
    _, begun, commits = counts.take()
    assert (begun, commits) == (2, 1)


class Later:
    """A runtime whose clock can be set forward."""

    def __init__(self):
        self.passed = 0.0

    def __getattr__(self, name):
        return getattr(THREADS, name)

    def monotonic(self):
        return THREADS.monotonic() + self.passed


def test_a_pass_with_nothing_to_do_makes_one_query_and_writes_nothing(ledger, root):
    _, storage = memory_folder(root)
    shop, runtime = FakeShop([ra.Order(str(number), [ra.OrderItem("1")]) for number in range(100)]), Later()
    scanner = ra.Scanner(storage, shop, ledger=ledger, runtime=runtime)
    scanner.scan()
    counts = Counts(ledger)
    assert {str(item.status) for item in scanner.scan().items} == {"missing"}
    assert counts.take() == (["SELECT"], 1, 0)
    runtime.passed = 3601.0
    scanner.scan()
    _, begun, commits = counts.take()
    assert (begun, commits) == (2, 1), "once an hour, the ledger counts the scan"


def test_thirty_two_workers_need_at_most_four_connections(ledger, root):
    names = [f"{number}_1.jpg" for number in range(64)]
    _, storage = memory_folder(root, *names)
    shop = FakeShop([ra.Order(str(number), [ra.OrderItem("1")]) for number in range(64)])
    shop.concurrent_calls = 32
    in_use, peak, lock = 0, 0, threading.Lock()

    def change(by):
        nonlocal in_use, peak
        with lock:
            in_use += by
            peak = max(peak, in_use)

    event.listen(ledger.database.engine, "checkout", lambda *_: change(1))
    event.listen(ledger.database.engine, "checkin", lambda *_: change(-1))
    report = ra.Scanner(storage, shop, ledger=ledger, orders_at_once=32).scan()
    assert {str(item.status) for item in report.items} == {"fulfilled"}
    assert 1 <= peak <= 4
    assert ledger.database.engine.pool.checkedin() <= 4
