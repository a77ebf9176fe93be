"""A person settles an order: not beside a running call, and not what a scan has settled meanwhile."""

from datetime import timedelta

import pytest
from typer.testing import CliRunner

import remote_artwork as ra
from remote_artwork.cli.ledger import ledger_app
from remote_artwork.testing import FakeShop
from shop_files import memory_folder

LOST = ra.OutcomeUnknown("no answer")


class Case:
    def __init__(self, root, home, **promises):
        self.url = f"sqlite:///{home / 'ledger.db'}"
        self.shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])], **promises)
        self.scanner = ra.Scanner(memory_folder(root, "1001_1.jpg")[1], self.shop, ledger=ra.SqlLedger(self.url))

    def scan(self):
        [item] = self.scanner.scan().items
        return item.status

    def resolve(self, *words):
        return CliRunner().invoke(ledger_app, ["resolve", "1001", *words, "--ledger", self.url])

    @property
    def row(self):
        [record] = ra.SqlLedger(self.url).find("default")
        return record


@pytest.fixture
def running(root, tmp_path):
    """A call of half an hour at the most has just been begun, and is still under way."""
    case = Case(root, tmp_path, call_limit=timedelta(minutes=30))
    case.shop.delay_next("fulfill", LOST)
    case.scan()
    return case


def test_not_fulfilled_is_refused_while_the_call_may_be_under_way(running):
    refused = running.resolve("--not-fulfilled")
    assert refused.exit_code == 2
    assert "may still be running, and the next scan would send the order again; try again in 30 min" in refused.output
    assert running.scan() == "uncertain"
    running.shop.run_delayed()
    assert running.scan() == "fulfilled"
    assert len(running.shop.calls("fulfill")) == 2


def test_a_person_who_knows_that_the_call_has_ended_may_say_so(running):
    assert running.resolve("--not-fulfilled", "--call-is-over").exit_code == 0
    assert running.row.state == "open"


def test_fulfilled_is_taken_at_any_time(running):
    running.shop.run_delayed()
    assert running.resolve("--fulfilled").exit_code == 0
    assert (running.row.state, bool(running.row.settled_by)) == ("fulfilled", True)


def test_not_fulfilled_is_taken_once_no_call_can_be_under_way(root, tmp_path):
    case = Case(root, tmp_path, recovery=ra.Recovery.NONE, call_limit=timedelta(microseconds=1))
    case.shop.fail_next("fulfill", LOST)
    assert case.scan() == "uncertain"
    assert case.resolve("--not-fulfilled").exit_code == 0
    assert case.scan() == "fulfilled"


@pytest.mark.parametrize("word", ["--fulfilled", "--not-fulfilled"])
def test_an_order_that_a_scan_resolves_first_stays_unchanged(root, tmp_path, monkeypatch, word):
    case = Case(root, tmp_path, recovery=ra.Recovery.IDEMPOTENT)
    case.shop.fail_next("fulfill", LOST)
    assert case.scan() == "uncertain"
    real = ra.SqlLedger.claim

    def claim(self, orders, **lease):
        monkeypatch.setattr(ra.SqlLedger, "claim", real)
        assert case.scan() == "fulfilled"
        return real(self, orders, **lease)

    monkeypatch.setattr(ra.SqlLedger, "claim", claim)
    refused = case.resolve(word)
    assert refused.exit_code == 2
    assert "a scan has just resolved order 1001; the ledger now records it as fulfilled" in refused.output
    assert case.row.state == "fulfilled"
    assert len(case.shop.calls("fulfill")) == 2
