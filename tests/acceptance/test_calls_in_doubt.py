"""A fulfill call was started and its outcome is unknown: nothing that happens meanwhile counts as an answer."""

from datetime import timedelta

import pytest

import remote_artwork as ra
from doubt import LOST, Case, statuses
from reasons import because
from remote_artwork.client import advance_one, claim_one
from remote_artwork.core.lifecycle import FulfillState, OrderKey, OrderStep
from remote_artwork.testing import FakeShop, Faults
from shop_files import JPEG

REFUSALS = [
    ra.Unavailable("503"),
    ra.RateLimited("429"),
    ra.AuthenticationFailed("the key was changed"),
    ra.PaymentRequired("no credit"),
    ra.ArtworkUnreachable("403"),
    ra.ArtworkRejected("too small"),
    ra.NotPending("in production"),
    ra.OrderGone("404"),
]


class PrintsWhatItHolds(FakeShop):
    """Takes no notice of the artworks that are handed to ``fulfill``."""

    printed = None

    def fulfill(self, order, artworks, *, idempotency_key):
        self.printed = self.artwork[order.id, "1"]
        return super().fulfill(order, artworks, idempotency_key=idempotency_key)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda error: type(error).__name__)
def test_a_refused_repeat_says_nothing_about_the_first_call(root, refusal):
    case = Case(root)
    case.lose_the_answer(done=False)
    case.shop.fail_next("fulfill", refusal)
    case.shop.fail_next("fulfill", refusal)
    [item] = case.scan()
    assert item.status == "uncertain"
    assert "refused a retry" in item.reason
    assert case.states == {"": "fulfill_intent"}
    case.shop._faults.clear()
    assert statuses(case.scan()) == ["fulfilled"]
    assert list(case.shop.effects.values()) == [1]


def test_a_refused_attach_before_a_repeat_says_nothing_about_the_first_call(root):
    case = Case(root)
    case.lose_the_answer(done=False)
    case.shop.fail_next("attach_artwork", ra.NotPending("in production"))
    assert statuses(case.scan()) == ["uncertain"]
    assert case.states == {"": "fulfill_intent"}


def test_a_file_that_is_replaced_after_a_refused_repeat_is_never_sent_in_its_place(root):
    case = Case(root)
    case.lose_the_answer(done=False)
    for _ in range(2):
        case.shop.fail_next("fulfill", ra.PaymentRequired("no credit"))
    case.scan()
    case.files.pipe(case.path, JPEG + b"newer")
    case.shop._faults.clear()
    [item] = case.scan()
    assert item.status == "uncertain"
    assert "a file was replaced" in item.reason
    assert not case.shop.effects


@pytest.mark.parametrize("recovery", [ra.Recovery.IDEMPOTENT, ra.Recovery.QUERYABLE], ids=str)
def test_another_state_does_not_prove_that_nothing_was_printed(root, recovery):
    case = Case(root, recovery)
    case.lose_the_answer(done=True)
    case.edit(state=ra.OrderState.OTHER, fulfillment_key=None)
    [item] = case.scan()
    assert item.status == "uncertain"
    assert "neither pending, nor fulfilled, nor cancelled" in item.reason
    assert case.states == {"": "uncertain"}


def test_an_order_that_has_gone_on_with_our_key_is_fulfilled(root):
    case = Case(root)
    case.lose_the_answer(done=True)
    case.edit(state=ra.OrderState.OTHER)
    [item] = case.scan()
    assert item.status == "fulfilled"
    assert "with this library's idempotency key" in item.reason


def test_a_queryable_shop_that_still_names_the_order_pending_is_sent_it_with_the_same_file(root):
    case = Case(root, ra.Recovery.QUERYABLE)
    case.lose_the_answer(done=False)
    assert statuses(case.scan()) == ["fulfilled"]
    assert list(case.shop.effects.values()) == [1]


def test_what_was_set_late_is_not_printed_by_a_repeat(root):
    case = Case(root, kind=PrintsWhatItHolds)
    case.shop.delay_next("attach_artwork", LOST)
    assert statuses(case.scan()) == ["uncertain"]
    case.files.pipe(case.path, JPEG + b"newer")
    case.lose_the_answer(done=False)
    case.shop.run_delayed()
    assert statuses(case.scan()) == ["fulfilled"]
    assert [piece.version for piece in case.shop.printed] == [case.storage.stat("1001_1.jpg").etag]


@pytest.mark.parametrize("recovery", list(ra.Recovery), ids=str)
def test_another_order_with_the_same_number_waits_for_a_call_in_doubt_with_its_file(root, recovery):
    case = Case(root, recovery, order=ra.Order("1001", [ra.OrderItem("1")], id="A"))
    case.lose_the_answer(done=True)
    case.shop.put(ra.Order("1001", [ra.OrderItem("1")], id="B"))
    outcome = {item.order_id: item for item in case.scan()}
    assert outcome["B"].status == "conflict"
    assert "printed for order 1001 (id A)" in outcome["B"].reason
    assert list(case.shop.effects.values()) == [1]


@pytest.mark.parametrize("recovery", list(ra.Recovery), ids=str)
def test_a_new_approval_waits_until_the_call_of_the_old_one_is_resolved(root, recovery):
    case = Case(root, recovery, order=ra.Order("1001", [ra.OrderItem("1")], approval="a"))
    case.lose_the_answer(done=False)
    case.edit(approval="b")
    assert sorted(statuses(case.scan())) == ["settling", "uncertain"]
    assert sorted(statuses(case.scan())) == ["settling", "uncertain"]
    assert not case.shop.effects
    lease = claim_one(
        case.ledger,
        OrderKey("default", "1001", "a"),
        order_number="1001",
        owner="a person",
        lease_for=timedelta(minutes=1),
    )
    said = OrderStep(before=FulfillState.UNCERTAIN, after=FulfillState.OPEN, reason=because("settled by a person"))
    advance_one(case.ledger, lease, [said], release=True)
    assert statuses(case.scan()) == ["fulfilled"]


@pytest.mark.parametrize("recovery", [ra.Recovery.IDEMPOTENT, ra.Recovery.QUERYABLE], ids=str)
def test_a_call_is_not_repeated_while_that_of_another_approval_is_in_doubt(root, recovery):
    case, faults = Case(root, recovery, order=ra.Order("1001", [ra.OrderItem("1")], approval="a")), Faults()

    def approved_again_and_sent_by_another_scan() -> None:
        case.edit(approval="b")
        assert statuses(case.scan()) == ["uncertain"]

    for _ in range(2):
        case.shop.fail_next("fulfill", LOST)
    faults.intercept("client.get_order", approved_again_and_sent_by_another_scan, number=2, moment="after")
    assert statuses(case.scan(faults)) == ["uncertain"]
    assert case.states == {"a": "fulfill_intent", "b": "fulfill_intent"}
    calls = len(case.shop.calls("fulfill"))
    for _ in range(2):
        items = case.scan()
        assert statuses(items) == ["uncertain", "uncertain"]
        assert {item.code for item in items} >= {"earlier_approval_unresolved"}
    assert len(case.shop.calls("fulfill")) == calls
    lease = claim_one(
        case.ledger, OrderKey("default", "1001", "a"), order_number="1001", owner="ann", lease_for=timedelta(minutes=1)
    )
    advance_one(case.ledger, lease, [OrderStep(before=lease.record.state, after=FulfillState.OPEN)], release=True)
    assert statuses(case.scan()) == ["fulfilled"]
    assert list(case.shop.effects.values()) == [1]


@pytest.mark.parametrize("recovery", list(ra.Recovery), ids=str)
def test_a_call_in_doubt_is_reported_also_when_nothing_of_the_order_needs_artwork_any_more(root, recovery):
    case = Case(root, recovery)
    case.lose_the_answer(done=False)
    case.shop.put(ra.Order("1001", [ra.OrderItem("1", requires_artwork=False)]))
    for _ in range(2):
        [item] = case.scan()
        assert item.status == "uncertain"
    assert "not-fulfilled" in item.reason


def test_an_item_that_was_removed_before_the_call_is_not_part_of_it(root):
    two = ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")])
    case = Case(root, order=two)
    case.files.pipe(f"{root}/1001_2.jpg", JPEG)
    faults = Faults()
    faults.fail("client.fulfill", ra.PaymentRequired("no credit"))
    assert statuses(case.scan(faults)) == ["failed", "failed"]
    case.shop.put(ra.Order("1001", [ra.OrderItem("1")]))
    case.files.rm(f"{root}/1001_2.jpg")
    case.lose_the_answer(done=False)
    assert statuses(case.scan()) == ["fulfilled"]


def test_an_order_that_was_fulfilled_after_a_call_of_ours_was_not_fulfilled_elsewhere(root):
    case, faults = Case(root, ra.Recovery.QUERYABLE), Faults()
    case.shop.fail_next("fulfill", ra.PaymentRequired("no credit"))
    assert statuses(case.scan()) == ["failed"]
    faults.intercept("client.get_order", lambda: case.shop.fulfill_by_hand("1001"))
    [item] = case.scan(faults)
    assert item.status == "fulfilled"
    assert "the shop does not say by whom" in item.reason
    assert case.states == {"": "fulfilled"}


def test_an_order_that_carries_another_key_says_so(root):
    case, faults = Case(root), Faults()
    by_another = {"state": ra.OrderState.FULFILLED, "fulfillment_key": "another"}
    faults.intercept("client.get_order", lambda: case.edit(**by_another))
    [item] = case.scan(faults)
    assert item.status == "cancelled"
    assert "with another idempotency key" in item.reason


def test_an_answer_about_another_order_does_not_count(root):
    class Mistaken(FakeShop):
        def get_order(self, order_id):
            del order_id
            return ra.Order("1002", [ra.OrderItem("1")], state=ra.OrderState.FULFILLED)

    case = Case(root, kind=Mistaken)
    [item] = case.scan()
    assert item.status == "failed"
    assert "returned '1002'" in item.reason
    assert not case.shop.effects


def test_a_line_that_was_deleted_and_made_anew_is_another_one(root):
    case, faults = Case(root), Faults()
    anew = [ra.OrderItem("1", id="another line")]
    faults.intercept("client.get_order", lambda: case.edit(items=anew))
    assert statuses(case.scan(faults)) == ["settling"]
    assert not case.shop.effects


@pytest.mark.parametrize("recovery", [ra.Recovery.IDEMPOTENT, ra.Recovery.QUERYABLE], ids=str)
def test_what_a_scan_printed_that_was_stopped_in_its_call_is_never_lost(root, recovery):
    case, faults = Case(root, recovery), Faults()

    def another_scan_gives_the_call_up() -> None:
        case.now += timedelta(hours=1)
        case.files.pipe(case.path, JPEG + b"newer")
        case.scan()

    faults.intercept("client.fulfill", another_scan_gives_the_call_up)
    [item] = case.scan(faults)
    assert item.status == "uncertain"
    assert "receipt-1001" in item.reason
    assert case.states == {"": "uncertain"}
    assert statuses(case.scan()) == ["uncertain"], "also once the shop names it no more"


class Unsigned(ra.ArtworkStorage):
    def url(self, file, *, expires_in):
        raise ra.ConfigurationError(f"nothing signs {file.name} for {expires_in}")


@pytest.mark.parametrize("attaching", list(ra.Attaching), ids=str)
def test_a_repeat_that_nothing_signs_leaves_the_call_in_doubt(root, attaching):
    case = Case(root)
    case.shop.attaching = attaching
    case.lose_the_answer(done=True)
    case.edit(state=ra.OrderState.PENDING, fulfillment_key=None)
    case.storage = Unsigned(case.files, root)
    [item] = case.scan()
    assert item.status == "uncertain"
    assert "a later scan resolves the earlier fulfill call" in item.reason
    assert case.states == {"": "fulfill_intent"}


def test_what_is_attached_already_needs_no_url(root):
    case = Case(root, order=ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")]))
    at_once = ra.Policy(fulfill="per_item")
    ra.Scanner(case.storage, case.shop, ledger=case.ledger, policy=at_once).scan()
    case.files.pipe(f"{root}/1001_2.jpg", b"\xff\xd8 half")
    report = ra.Scanner(Unsigned(case.files, root), case.shop, ledger=case.ledger, policy=at_once).scan()
    assert {item.item_number: item.status for item in report.items} == {"1": "attached", "2": "rejected"}


@pytest.mark.parametrize("call", ["get_order", "attach_artwork", "fulfill"])
def test_an_order_that_meets_the_limit_of_the_shop_needs_nobody(tmp_path, call):
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])])
    (tmp_path / "1001_1.jpg").write_bytes(JPEG)
    for _ in range(2):
        shop.fail_next(call, ra.RateLimited("429", retry_after=0.05))
    retry = ra.RetryPolicy(attempts=2, sleep=lambda _seconds: None)
    storage = ra.open_storage(tmp_path.as_uri(), network=ra.NetworkPolicy(allow_local=True))
    policy = ra.Policy(settle_for=None)
    scanner = ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), policy=policy, retry=retry)
    report = scanner.scan()
    [item] = report.items
    assert (item.status, item.code, item.needs_person) == ("failed", "rate_limited", False)
    assert "the next scan tries again" in item.reason
    assert [item.status for item in scanner.scan().items] == ["fulfilled"]
