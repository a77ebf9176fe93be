"""``Attaching.PER_ORDER``: one call attaches the files of all items. Calls receive the order as it was just read."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import define, evolve, field

import remote_artwork as ra
from doubt import LOST
from remote_artwork.testing import FakeShop, Faults, FaultyClient, FaultyLedger
from shop_files import JPEG, memory_folder

ITEMS = ("1", "2", "3")
ORDER = ra.Order("1001", [ra.OrderItem(number) for number in ITEMS])


@define(eq=False)
class Shop(FakeShop):
    """Records the order that each call receives, and the one that it returned last before."""

    last_read: ra.Order | None = field(default=None, init=False)
    received: list[tuple[ra.Order, ra.Order | None]] = field(factory=list, init=False)

    def get_order(self, order_id):
        self.last_read = FakeShop.get_order(self, order_id)
        return self.last_read

    def attach_artwork(self, order, item, artworks, *, idempotency_key):
        self.received.append((order, self.last_read))
        FakeShop.attach_artwork(self, order, item, artworks, idempotency_key=idempotency_key)

    def attach_order(self, order, artworks, *, idempotency_key):
        self.received.append((order, self.last_read))
        FakeShop.attach_order(self, order, artworks, idempotency_key=idempotency_key)

    def fulfill(self, order, artworks, *, idempotency_key):
        self.received.append((order, self.last_read))
        return FakeShop.fulfill(self, order, artworks, idempotency_key=idempotency_key)


class Case:
    def __init__(self, root, attaching=ra.Attaching.PER_ORDER):
        self.root = root
        self.files, self.storage = memory_folder(root, *(f"1001_{number}.jpg" for number in ITEMS))
        self.shop = Shop([ORDER], attaching=attaching)
        self.now = datetime(2026, 5, 1, tzinfo=UTC)
        self.ledger = ra.MemoryLedger(clock=lambda: self.now)

    def scan(self, faults=None, **options):
        faults = faults or Faults()
        scanner = ra.Scanner(
            self.storage,
            FaultyClient(self.shop, faults),
            ledger=FaultyLedger(self.ledger, faults),
            retry=ra.RetryPolicy(attempts=2, sleep=lambda _seconds: None),
            **options,
        )
        report = scanner.scan()
        self.now += timedelta(hours=1)
        return {item.item_number: item for item in report.items}

    def statuses(self, faults=None, **options):
        return [item.status for item in self.scan(faults, **options).values()]

    def replace(self, number):
        self.files.pipe(f"{self.root}/1001_{number}.jpg", JPEG + b"newer")

    @property
    def row_states(self):
        [record] = self.ledger.find("default")
        return [record.items[number].state for number in ITEMS]


@pytest.fixture
def case(root):
    return Case(root)


def test_one_call_attaches_all_items_after_the_intents_of_all(case):
    faults, rows = Faults(), []
    faults.intercept("client.attach_order", lambda: rows.append(case.row_states))
    faults.intercept("client.fulfill", lambda: rows.append(case.row_states))
    assert case.statuses(faults) == ["fulfilled"] * 3
    assert rows == [["attach_intent"] * 3, ["attached"] * 3]
    calls = [call for call in faults.calls if call.startswith(("client.", "ledger.advance"))]
    assert calls == [
        "client.pending_orders",
        *("client.get_order", "ledger.advance", "client.attach_order"),
        *("client.get_order", "ledger.advance", "client.fulfill"),
        "ledger.advance",
    ]
    assert {number for _, number in case.shop.artwork} == set(ITEMS)


def test_a_rejection_names_its_item_and_is_not_offered_again_until_its_file_is_replaced(case):
    case.shop.fail_next("attach_order", ra.ArtworkRejected("too dark", item_number="2"))
    items = case.scan()
    assert [item.status for item in items.values()] == ["matched", "rejected", "matched"]
    assert "too dark" in items["2"].reason
    assert [note.code for note in items["1"].notes] == ["order_waits"]
    assert case.row_states == ["verified", "rejected", "verified"]
    assert case.statuses() == ["matched", "rejected", "matched"]
    assert len(case.shop.calls("attach_order")) == 1
    case.replace("2")
    assert case.statuses() == ["fulfilled"] * 3
    assert case.shop.effects.total() == 1


def test_a_rejection_that_names_no_item_is_one_of_all_and_is_offered_again(case):
    case.shop.fail_next("attach_order", ra.ArtworkRejected("one file is too dark"))
    assert case.statuses() == ["rejected"] * 3
    assert case.row_states == ["verified"] * 3
    assert case.statuses() == ["fulfilled"] * 3


@pytest.mark.parametrize("done", [True, False], ids=["after its effect", "without effect"])
def test_a_lost_answer_leaves_all_items_uncertain_and_the_call_is_repeated(case, done):
    case.shop.fail_next("attach_order", LOST, after_effect=done)
    assert case.statuses() == ["uncertain"] * 3
    assert case.row_states == ["attach_intent"] * 3
    assert case.statuses() == ["fulfilled"] * 3
    first, second = case.shop.calls("attach_order")
    assert first.idempotency_key == second.idempotency_key
    assert case.shop.effects.total() == 1


def test_a_temporary_refusal_is_retried_in_the_same_scan(case):
    case.shop.fail_next("attach_order", ra.Unavailable("503"))
    assert case.statuses() == ["fulfilled"] * 3


def test_a_replaced_file_is_attached_with_all_others_and_another_key(case):
    faults = Faults()
    faults.intercept("client.attach_order", lambda: case.replace("3"), moment="after")
    assert case.statuses(faults) == ["fulfilled"] * 3
    first, second = case.shop.calls("attach_order")
    assert first.idempotency_key != second.idempotency_key
    for number in ITEMS:
        [artwork] = case.shop.artwork["1001", number]
        assert artwork.version == case.storage.stat(f"1001_{number}.jpg").etag


def test_nothing_is_attached_before_the_order_is_complete_even_per_item(case):
    case.files.rm(f"{case.root}/1001_3.jpg")
    policy = ra.Policy(fulfill="per_item")
    assert case.statuses(policy=policy) == ["matched", "matched", "missing"]
    assert not case.shop.calls("attach_order")
    case.files.pipe(f"{case.root}/1001_3.jpg", JPEG)
    assert case.statuses(policy=policy) == ["fulfilled"] * 3


def test_an_item_without_a_url_keeps_the_call_from_being_made(case):
    class SignsAllButOne(ra.ArtworkStorage):
        def url(self, file, *, expires_in):
            if file.name == "1001_2.jpg":
                raise ra.ConfigurationError(f"nothing signs {file.name} for {expires_in}")
            return super().url(file, expires_in=expires_in)

    case.storage = SignsAllButOne(case.files, case.root)
    items = case.scan()
    assert [(item.status, item.code) for item in items.values()][1] == ("unreadable", "no_url")
    assert [items[number].status for number in ("1", "3")] == ["matched", "matched"]
    assert not case.shop.calls("attach_order")


@pytest.mark.parametrize("attaching", list(ra.Attaching), ids=str)
def test_every_call_receives_the_order_as_it_was_just_read(root, attaching):
    case = Case(root, attaching)
    case.shop.fail_next("fulfill", ra.RateLimited("429"))
    assert case.statuses() == ["fulfilled"] * 3
    calls = {ra.Attaching.SEPARATE: 5, ra.Attaching.PER_ORDER: 3, ra.Attaching.WITH_FULFILL: 2}
    assert len(case.shop.received) == calls[attaching]
    for received, read in case.shop.received:
        assert received is read
        assert received.state is ra.OrderState.PENDING


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"items": [ra.OrderItem(number, quantity=2) for number in ITEMS]}, "settling"),
        ({"state": ra.OrderState.CANCELLED}, "cancelled"),
        ({"state": ra.OrderState.FULFILLED}, "cancelled"),
    ],
    ids=["edited", "cancelled", "fulfilled by hand"],
)
@pytest.mark.parametrize("attaching", [ra.Attaching.SEPARATE, ra.Attaching.PER_ORDER], ids=str)
def test_nothing_is_attached_to_an_order_that_changed_since_it_was_listed(root, attaching, change, status):
    case, faults = Case(root, attaching), Faults()
    faults.intercept("client.get_order", lambda: case.shop.put(evolve(ORDER, **change)))
    assert case.statuses(faults) == [status] * 3
    assert not case.shop.received


def test_an_order_that_cannot_be_read_gets_no_artwork(case):
    faults = Faults()
    for number in (1, 2):
        faults.fail("client.get_order", ra.Unavailable("503"), number=number)
    items = case.scan(faults)
    assert {(item.status, item.code) for item in items.values()} == {("failed", "order_not_read")}
    assert not case.shop.received
