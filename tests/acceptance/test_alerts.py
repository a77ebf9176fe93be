"""Alerts about real scans: a month of hourly scans, with the messages that the policy says and no more."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import fsspec
import pytest
from attrs import evolve

import remote_artwork as ra
from alert_reports import HOUR, Inbox, item, report, reported
from alerts_by_mail import MailNotifier
from mail_server import running_mail_server
from remote_artwork.alerts import AlertOutcome, Alerts
from remote_artwork.testing import FakeShop
from shop_files import JPEG, PDF

HOURS = 30 * 24


class Clock:
    def __init__(self):
        self.now = datetime.now(UTC) + timedelta(minutes=10)  # the files are older than they have to be

    def __call__(self):
        return self.now


@pytest.fixture
def files():
    files = fsspec.filesystem("memory")
    files.mkdir("/month")
    yield files
    files.rm("/month", recursive=True)


def test_a_month_of_hourly_scans_reports_what_the_policy_says_and_no_more(files, tmp_path):
    """Order 1001 has a wrong file all the time. Order 1002 has one for two days. Order 1003 waits for its file."""
    clock, inbox = Clock(), Inbox()
    files.pipe({"/month/1001_1.pdf": JPEG, "/month/1002_1.pdf": JPEG})
    shop = FakeShop([ra.Order(number, [ra.OrderItem("1")]) for number in ("1001", "1002", "1003")])
    messages = {}
    with ra.SqlLedger(tmp_path / "ledger.db") as ledger:
        storage = ra.ArtworkStorage(files, "/month")
        policy = ra.Policy(settle_for=None)
        scanner = ra.Scanner(storage, shop, ledger=ledger, policy=policy, tenant="acme", clock=clock)
        alerts = Alerts(ledger, inbox)
        for hour in range(HOURS):
            if hour == 48:
                files.pipe("/month/1002_1.pdf", PDF)
            alerts.send(scanner.scan(orders=["1003"] if hour % 5 == 4 else None))
            if inbox.digests:
                messages[hour] = [reported(digest) for digest in inbox.digests]
                inbox.digests.clear()
            clock.now += HOUR
    assert messages == {
        0: [[("new", "1001"), ("new", "1002")]],
        25: [[("reminders", "1001"), ("reminders", "1002")]],  # the scan after 24 hours did not look at these orders
        48: [[("resolved", "1002")]],
        72: [[("reminders", "1001")]],
        168: [[("reminders", "1001")]],
        336: [[("reminders", "1001")]],
    }
    assert [order.number for order in shop.pending_orders()] == ["1001", "1003"]


def test_an_outage_of_the_storage_is_one_message_and_not_one_for_each_item(files):
    clock, inbox, ledger = Clock(), Inbox(), ra.MemoryLedger()
    files.pipe({"/month/1001_1.pdf": JPEG})
    shop = FakeShop([ra.Order(str(number), [ra.OrderItem("1")]) for number in range(1001, 1021)])
    alerts = Alerts(ledger, inbox)
    for hour in range(12):
        folder = "/month" if hour not in range(3, 6) else "/gone"
        storage = ra.ArtworkStorage(files, folder)
        scanner = ra.Scanner(storage, shop, ledger=ledger, policy=ra.Policy(settle_for=None), clock=clock)
        alerts.send(evolve(scanner.scan(), location="memory://month/"))
        clock.now += HOUR
    assert [reported(digest) for digest in inbox.digests] == [
        [("new", "1001")],
        [("new", "storage")],
        [("resolved", "storage")],
    ]
    assert inbox.digests[-1].resolved[0].open_for(clock.now) == 3 * HOUR
    assert [each.problem.order_number for each in inbox.digests[-1].still_open] == ["1001"]


def test_of_several_workers_with_one_report_one_sends_the_message(tmp_path):
    workers = 6
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    barrier, inbox = Barrier(workers), Inbox()

    def send(_number: int) -> AlertOutcome:
        with ra.SqlLedger(url) as ledger:
            barrier.wait()
            return Alerts(ledger, inbox).send(report(item("1001"), after=HOUR)).outcome

    with ra.SqlLedger(url) as ledger, ThreadPoolExecutor(workers) as pool:
        Alerts(ledger, Inbox()).send(report(item("1000")))
        outcomes = list(pool.map(send, range(workers)))
    assert [reported(digest) for digest in inbox.digests] == [[("new", "1001"), ("resolved", "1000")]]
    assert outcomes.count(AlertOutcome.DELIVERED) == 1
    assert set(outcomes) <= {AlertOutcome.DELIVERED, AlertOutcome.BUSY, AlertOutcome.NOTHING_NEW}


def test_the_notifier_for_mail_sends_text_and_html():
    with running_mail_server() as server:
        mail = MailNotifier(host="127.0.0.1", port=server.port, sender="a@shop.example", recipient="b@shop.example")
        alerts = Alerts(ra.MemoryLedger(), mail)
        server.refuses = True
        refused = alerts.send(report(item("1001")))
        assert refused.outcome is AlertOutcome.NOT_DELIVERED
        assert refused.error == "127.0.0.1 did not accept the mail (SMTPHeloError)"
        server.refuses = False
        sent = alerts.send(report(item("1001"), after=HOUR))
    [message] = server.mails
    assert message["Subject"] == "Print files of acme: 1 new problem"
    assert message.get_body(["plain"]).get_content().splitlines() == sent.digest.to_text().splitlines()
    assert message.get_body(["html"]).get_content().splitlines() == sent.digest.to_html().splitlines()
