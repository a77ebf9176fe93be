"""The outcome of an attach call is unknown: the order is followed up until it is sent or a person has looked at it."""

from datetime import timedelta

import pytest
from attrs import evolve
from typer.testing import CliRunner

import remote_artwork as ra
from doubt import LOST, Case, statuses
from reasons import because
from remote_artwork.cli.app import app
from remote_artwork.client import advance_one, claim_one
from remote_artwork.core.lifecycle import steps_of_person
from remote_artwork.core.report import ExitCode
from remote_artwork.testing import FakeShop, Faults, Killed

TWO_ITEMS = ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")])
REFUSALS = [ra.NotPending("it is being modified"), ra.OrderGone("404"), ra.AlreadyFulfilled("by hand")]
"""What a shop may say of an order whose own edit it did not end."""

by_name = pytest.mark.parametrize("refusal", REFUSALS, ids=lambda error: type(error).__name__)


class EditsOrders(FakeShop):
    """Opens an edit of the order to attach files, and closes it. Its answer may be lost in between."""

    breaks = False

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        super().attach_artwork(order, item, artworks, idempotency_key=idempotency_key)
        if self.breaks:
            self.put(evolve(self.orders[order.id], state=ra.OrderState.OTHER))
            raise LOST


def stranded(root, order=TWO_ITEMS):
    """An order that the shop no longer lists, because an attach call left its edit open."""
    case = Case(root, kind=EditsOrders, order=order)
    case.files.pipe(f"{root}/1001_2.jpg", case.files.cat(case.path))
    case.shop.breaks = True
    items = case.scan()
    assert {item.status for item in items} == {"uncertain"}
    case.shop.breaks = False
    return case


def scan_report(case):
    report = ra.Scanner(case.storage, case.shop, ledger=case.ledger).scan()
    case.now += timedelta(hours=1)
    return report


def test_an_order_that_an_attach_call_left_in_another_state_is_reported_by_every_scan(root):
    case = stranded(root)
    for _ in range(3):
        report = scan_report(case)
        assert {item.code for item in report.items} == {"not_pending_after_attach"}
        assert statuses(report.items) == ["uncertain", "uncertain"]
        assert report.exit_code is ExitCode.PERSON_NEEDED
        assert "its state in the shop is now other" in report.items[0].reason
        assert "remote-artwork ledger resolve 1001" in report.items[0].reason
    assert not case.shop.effects


def test_the_dry_run_reports_it_too_and_does_not_ask_the_shop(root):
    case = stranded(root)
    calls = len(case.shop.calls("get_order"))
    report = ra.Scanner(case.storage, case.shop, ledger=case.ledger).plan()
    assert {(item.status, item.code) for item in report.items} == {("uncertain", "attach_unresolved")}
    assert len(case.shop.calls("get_order")) == calls


def test_it_is_sent_once_the_shop_lists_it_again(root):
    case = stranded(root)
    case.scan()
    case.edit(state=ra.OrderState.PENDING)
    assert statuses(case.scan()) == ["fulfilled", "fulfilled"]
    assert list(case.shop.effects.values()) == [1]
    assert case.scan() == ()


@by_name
def test_a_refusal_after_an_unknown_attach_is_uncertain_and_followed_up(root, refusal):
    case = Case(root)
    case.shop.fail_next("attach_artwork", LOST)
    assert statuses(case.scan()) == ["uncertain"]
    case.shop.fail_next("attach_artwork", refusal)
    report = scan_report(case)
    assert [(item.status, item.code) for item in report.items] == [("uncertain", "attach_in_doubt_refused")]
    assert report.exit_code is ExitCode.PERSON_NEEDED
    case.edit(state=ra.OrderState.OTHER)
    assert [item.code for item in case.scan()] == ["not_pending_after_attach"]


@by_name
def test_a_refusal_for_the_second_item_after_an_unknown_attach_of_the_first_is_uncertain(root, refusal):
    case = Case(root, order=TWO_ITEMS)
    case.files.pipe(f"{root}/1001_2.jpg", case.files.cat(case.path))
    case.shop.fail_next("attach_artwork", LOST)
    faults = Faults()
    faults.fail("client.attach_artwork", refusal, number=2)
    assert [item.code for item in case.scan(faults)] == ["attach_in_doubt_refused"] * 2
    assert case.states == {"": "open"}


@by_name
def test_a_refusal_without_an_attach_in_doubt_is_cancelled(root, refusal):
    case = Case(root)
    case.shop.fail_next("attach_artwork", refusal)
    assert [item.code for item in case.scan()] == ["no_longer_accepted"]
    case.edit(state=ra.OrderState.OTHER)
    assert case.scan() == ()


def test_an_attach_call_that_was_refused_for_now_leaves_the_earlier_one_in_doubt(root):
    case = Case(root)
    case.shop.fail_next("attach_artwork", LOST)
    case.scan()
    for _ in range(2):
        case.shop.fail_next("attach_artwork", ra.Unavailable("503"))
    assert statuses(case.scan()) == ["failed"]
    case.edit(state=ra.OrderState.OTHER)
    assert [item.code for item in case.scan()] == ["not_pending_after_attach"]


def test_a_file_that_the_shop_refuses_ends_the_doubt(root):
    case = Case(root)
    case.shop.fail_next("attach_artwork", LOST)
    case.scan()
    case.shop.fail_next("attach_artwork", ra.ArtworkRejected("too small"))
    assert statuses(case.scan()) == ["rejected"]
    case.edit(state=ra.OrderState.OTHER)
    assert case.scan() == ()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_process_that_dies_while_it_attaches_leaves_an_order_that_is_followed_up(root, moment):
    case, faults = Case(root), Faults()
    faults.intercept("client.attach_artwork", faults.kill, moment=moment)
    with pytest.raises(Killed):
        case.scan(faults)
    case.now += timedelta(hours=1)
    case.edit(state=ra.OrderState.OTHER)
    assert [item.code for item in case.scan()] == ["not_pending_after_attach"]


@pytest.mark.parametrize(
    ("change", "status", "code", "state"),
    [
        ({"state": ra.OrderState.CANCELLED}, "cancelled", "cancelled_not_fulfilled", "cancelled"),
        ({"state": ra.OrderState.FULFILLED}, "uncertain", "fulfilled_after_attach", "uncertain"),
        ({"state": ra.OrderState.FULFILLED, "approval": "b"}, "cancelled", "approved_again_after_attach", "cancelled"),
    ],
    ids=["cancelled", "fulfilled", "approved again"],
)
def test_what_the_shop_shows_later_decides(root, change, status, code, state):
    case = stranded(root)
    case.edit(**change)
    assert {(item.status, item.code) for item in case.scan()} == {(status, code)}
    assert case.states == {"": state}
    later = case.scan()
    assert {item.status for item in later} <= {status} if state == "uncertain" else later == ()


def test_an_order_that_is_gone_waits_for_a_person(root):
    case = stranded(root)
    case.shop.delete("1001")
    for _ in range(2):
        assert {(item.status, item.code) for item in case.scan()} == {("uncertain", "order_gone_after_attach")}
    assert case.states == {"": "uncertain"}


def test_an_order_with_our_key_was_fulfilled_by_a_call_of_ours(root):
    case = stranded(root)
    case.edit(state=ra.OrderState.FULFILLED, fulfillment_key=case.our_key)
    assert {item.code for item in case.scan()} == {"fulfilled_after_earlier_call"}
    assert case.states == {"": "fulfilled"}


def test_an_order_that_the_list_left_out_is_read_again_by_the_next_scan(root):
    class LeavesOneOut(FakeShop):
        def pending_orders(self):
            return [] if self.artwork else super().pending_orders()

    case = Case(root, kind=LeavesOneOut)
    case.shop.fail_next("attach_artwork", LOST, after_effect=True)
    case.scan()
    assert [(item.status, item.code) for item in case.scan()] == [("uncertain", "not_listed_after_attach")]


def test_a_shop_that_cannot_be_asked_leaves_the_order_uncertain(root):
    case, faults = stranded(root), Faults()
    for number in (1, 2):
        faults.fail("client.get_order", ra.Unavailable("503"), number=number)
    case.edit(state=ra.OrderState.OTHER)
    items = case.scan(faults)
    assert {(item.status, item.code) for item in items} == {("uncertain", "order_not_read")}


def test_a_new_approval_that_is_listed_is_processed_and_the_old_one_is_not_reported(root):
    case = stranded(root, order=evolve(TWO_ITEMS, approval="a"))
    case.edit(state=ra.OrderState.PENDING, approval="b")
    assert statuses(case.scan()) == ["fulfilled", "fulfilled"]
    assert {item.code for item in case.scan()} == {"approved_again_after_attach"}
    assert case.scan() == ()
    assert list(case.shop.effects.values()) == [1]


@pytest.mark.parametrize("fulfilled", [True, False], ids=["fulfilled", "not fulfilled"])
def test_a_person_records_what_happened_before_any_scan_calls_it_uncertain(root, tmp_path, fulfilled):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    case = Case(root)
    case.ledger = ra.SqlLedger(url)
    case.shop.fail_next("attach_artwork", LOST)
    case.scan()
    case.edit(state=ra.OrderState.OTHER)
    assert [item.code for item in case.scan()] == ["not_pending_after_attach"]
    option = "--fulfilled" if fulfilled else "--not-fulfilled"
    result = CliRunner().invoke(app, ["ledger", "resolve", "1001", option, "--ledger", url])
    assert result.exit_code == 0, result.output
    assert case.states == {"": "fulfilled" if fulfilled else "open"}
    assert case.scan() == ()
    case.edit(state=ra.OrderState.PENDING)
    assert statuses(case.scan()) == ["fulfilled"]
    assert len(case.shop.effects) == (not fulfilled)


def test_an_order_that_a_person_resolved_during_the_scan_is_left_alone(root):
    case = stranded(root)
    claim = case.ledger.claim

    def resolved_just_before(orders, **options):
        case.ledger.claim = claim
        lease = claim_one(case.ledger, orders[0].key, order_number="1001", owner="ann", lease_for=timedelta(minutes=1))
        why = because("resolved by a person")
        steps = steps_of_person(lease.record, fulfilled=False, person="ann", because=why)
        advance_one(case.ledger, lease, steps, release=True)
        return claim(orders, **options)

    case.ledger.claim = resolved_just_before
    calls = len(case.shop.calls("get_order"))
    assert {item.code for item in case.scan()} == {"attach_unresolved"}
    assert len(case.shop.calls("get_order")) == calls
    assert case.scan() == ()


@pytest.mark.parametrize(
    ("change", "status", "code", "state"),
    [
        ({"state": ra.OrderState.OTHER}, "uncertain", "not_pending_after_attach", "open"),
        ({"state": ra.OrderState.CANCELLED}, "cancelled", "cancelled_not_fulfilled", "cancelled"),
        ({"state": ra.OrderState.FULFILLED}, "uncertain", "fulfilled_after_attach", "uncertain"),
    ],
    ids=["being edited", "cancelled", "fulfilled by hand"],
)
@pytest.mark.parametrize("attaching", [ra.Attaching.SEPARATE, ra.Attaching.PER_ORDER], ids=str)
def test_an_order_that_changes_between_the_list_and_the_repeated_call(root, attaching, change, status, code, state):
    case, faults = Case(root), Faults()
    case.shop.attaching = attaching
    method = "attach_order" if attaching is ra.Attaching.PER_ORDER else "attach_artwork"
    case.shop.fail_next(method, LOST)
    assert statuses(case.scan()) == ["uncertain"]
    faults.intercept("client.get_order", lambda: case.edit(**change))
    [item] = case.scan(faults)
    assert (item.status, item.code) == (status, code)
    assert ("ledger resolve 1001" in item.reason) == (status == "uncertain")
    assert case.states == {"": state}
    assert len(case.shop.calls(method)) == 1
