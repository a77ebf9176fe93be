"""The result of an earlier scan counts as long as nothing that it depends on has changed."""

from datetime import timedelta

import fsspec
from fsspec.implementations.memory import MemoryFileSystem

import remote_artwork as ra
from remote_artwork.core.matching import Page
from remote_artwork.errors import InvalidLedger, StorageMisbehaved
from remote_artwork.preflight.signature import SignatureCheck
from remote_artwork.reports import Finding, Severity
from remote_artwork.testing import FakeShop, Faults, FaultyLedger
from shop_files import JPEG, PNG, memory_folder


def one_item(number="1001", **fields):
    return ra.Order(number, [ra.OrderItem("1", **fields)])


def only(report):
    (item,) = report.items
    return item


class TestVerdicts:
    def test_a_rejection_is_taken_back_when_the_limit_is_raised(self, root):
        _, storage = memory_folder(root, "1001_1.jpg")
        shop, ledger = FakeShop([one_item()]), ra.MemoryLedger()
        small, large = ra.Policy(max_file_size=1000), ra.Policy()
        assert only(ra.Scanner(storage, shop, ledger=ledger, policy=small).scan()).status == "rejected"
        again = ra.Scanner(storage, shop, ledger=ledger, policy=small).scan()
        assert (only(again).status, again.requests["head"]) == ("rejected", 0)
        assert only(ra.Scanner(storage, shop, ledger=ledger, policy=large).scan()).status == "fulfilled"

    def test_a_file_that_waits_is_checked_again_when_the_checks_are_stricter(self, root):
        files, storage = memory_folder(root, "1001_1.jpg")
        shop = FakeShop([ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")])])
        ledger = ra.MemoryLedger()
        for policy in (ra.Policy(fulfill="per_item"), ra.Policy()):
            ra.Scanner(storage, shop, ledger=ledger, policy=policy).scan()
        files.pipe(f"{root}/1001_2.png", PNG)
        strict = ra.Scanner(storage, shop, ledger=ledger, checks=[SignatureCheck(max_file_size=1000)])
        assert {item.item_number: item.status for item in strict.scan().items}["1"] == "rejected"
        assert not shop.effects

    def test_a_rejection_is_taken_back_when_the_print_changes_its_size(self, root):
        class TooSmall:
            def check(self, _artwork, item):
                if item.print_size_mm and item.print_size_mm[0] > 100:
                    yield Finding(code="small", severity=Severity.REJECT, message="too small for this print")

        _, storage = memory_folder(root, "1001_1.jpg")
        shop = FakeShop([one_item(print_size_mm=(200.0, 300.0))])
        scanner = ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), checks=[TooSmall()])
        assert [only(scanner.scan()).status for _ in range(2)] == ["rejected", "rejected"]
        shop.put(one_item(print_size_mm=(50.0, 75.0)))
        assert only(scanner.scan()).status == "fulfilled"


class Signing(MemoryFileSystem):
    """Memory that signs URLs, as a private bucket does."""

    protocol = "signing"

    def sign(self, path, expiration=100, **_options):
        return f"https://prints.example{path}?lasts={expiration}"


class TestUrls:
    def test_a_url_is_made_anew_before_the_order_is_sent(self, root):
        files = Signing()
        files.pipe(f"{root}/1001_1.jpg", JPEG)
        storage = ra.ArtworkStorage(files, root)
        shop = FakeShop([ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")])])
        ledger, at_once = ra.MemoryLedger(), ra.Policy(fulfill="per_item", settle_for=None)
        ra.Scanner(storage, shop, ledger=ledger, policy=at_once, url_lifetime=timedelta(hours=24)).scan()
        assert len(shop.calls("attach_artwork")) == 1
        files.pipe(f"{root}/1001_2.png", PNG)
        ra.Scanner(storage, shop, ledger=ledger, policy=at_once, url_lifetime=timedelta(hours=40)).scan()
        [held] = shop.artwork["1001", "1"]
        assert held.url.endswith(f"lasts={40 * 3600}")
        assert sum(shop.effects.values()) == 1


class TestOnePassAndItsHost:
    def test_a_host_that_leaves_order_after_order_without_an_answer_is_left_alone(self, root):
        numbers = [str(number) for number in range(1001, 1021)]
        _, storage = memory_folder(root, *(f"{number}_1.jpg" for number in numbers))

        class Silent(FakeShop):
            def fulfill(self, order, artworks, *, idempotency_key):
                super().fulfill(order, artworks, idempotency_key=idempotency_key)
                raise TimeoutError

        shop = Silent([one_item(number) for number in numbers])
        report = ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), orders_at_once=1).scan()
        assert len(shop.calls("fulfill")) == 5
        assert report.exit_code == 3
        assert "did not answer for 5 orders in a row" in report.faults[0].message
        assert [item.status for item in report.items].count("failed") == 15

    def test_a_few_odd_orders_do_not_count_as_a_silent_host(self, root):
        numbers = [str(number) for number in range(1001, 1011)]
        _, storage = memory_folder(root, *(f"{number}_1.jpg" for number in numbers))

        class Odd(FakeShop):
            def fulfill(self, order, artworks, *, idempotency_key):
                if order.number.endswith(("1", "2", "3", "4")):
                    raise KeyError(order.number)
                return super().fulfill(order, artworks, idempotency_key=idempotency_key)

        report = ra.Scanner(storage, Odd([one_item(n) for n in numbers]), ledger=ra.MemoryLedger()).scan()
        assert report.faults == ()
        assert {item.status for item in report.items} == {"uncertain", "fulfilled"}

    def test_waits_of_one_scan_have_a_budget(self, root):
        numbers = [str(number) for number in range(1001, 1011)]
        _, storage = memory_folder(root, *(f"{number}_1.jpg" for number in numbers))
        waits = []

        class InTenSeconds(ra.Unavailable):
            retry_after = 10.0

        class Busy(FakeShop):
            def attach_artwork(self, order, item, artworks, *, idempotency_key):
                if order.id not in self.asked:
                    self.asked.add(order.id)
                    raise InTenSeconds
                super().attach_artwork(order, item, artworks, idempotency_key=idempotency_key)

        Busy.asked = set()
        scanner = ra.Scanner(
            storage,
            Busy([one_item(number) for number in numbers]),
            ledger=ra.MemoryLedger(),
            orders_at_once=1,
            retry=ra.RetryPolicy(budget=70, sleep=waits.append),
        )
        assert scanner.scan().exit_code == 3
        assert len(waits) == 3
        Busy.asked.clear()
        assert scanner.scan().exit_code == 3, "the next scan has a budget of its own"
        assert len(waits) == 6

    def test_an_invalid_ledger_that_is_noticed_during_a_scan_is_a_ledger_fault(self, root):
        _, storage = memory_folder(root, "1001_1.jpg", "1002_1.jpg")
        for call in ("ledger.claim", "ledger.advance"):
            faults = Faults()
            faults.fail(call, InvalidLedger("made by a newer release"))
            shop = FakeShop([one_item("1001"), one_item("1002")])
            report = ra.Scanner(storage, shop, ledger=FaultyLedger(ra.MemoryLedger(), faults)).scan()
            assert [fault.part for fault in report.faults] == ["ledger"]
            assert report.exit_code == 3
            assert not shop.effects


def test_a_failing_tenant_does_not_stop_the_others(root, tmp_path):
    good, bad = f"{root}/good", f"{root}/bad"
    _, storage = memory_folder(good, "1001_1.jpg")
    _, other = memory_folder(bad, "1001_1.jpg")

    class Poisoned(FakeShop):
        def get_order(self, order_id):
            raise MemoryError(order_id)

        def pending_orders(self):
            yield from super().pending_orders()
            raise RuntimeError("\0 poisoned")

    shop = FakeShop([one_item()])
    with ra.SqlLedger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        poisoned = ra.Scanner(other, Poisoned([one_item()]), ledger=ledger, tenant="bad\ttenant'; --")
        healthy = ra.Scanner(storage, shop, ledger=ledger, tenant="good")
        assert poisoned.scan().exit_code == 3
        assert only(healthy.scan()).status == "fulfilled"
        assert poisoned.scan().exit_code == 3
        assert [record.key.tenant for record in ledger.find("good")] == ["good"]
    fsspec.filesystem("memory").rm(root, recursive=True)
    fsspec.filesystem("memory").makedirs(root)


class Sizeless(ra.ArtworkStorage):
    """Lists names, and tells nothing of them."""

    def pages(self):
        def describe(_place):
            raise StorageMisbehaved("it names no size")

        yield Page(["1001_1.jpg"], describe)


def test_a_printed_file_that_a_sweep_finds_described_badly_stops_nothing(root):
    files, storage = memory_folder(root, "1001_1.jpg")
    shop, ledger = FakeShop([one_item()]), ra.MemoryLedger()
    assert only(ra.Scanner(storage, shop, ledger=ledger).scan()).status == "fulfilled"
    report = ra.Scanner(Sizeless(files, root), shop, ledger=ledger).scan(sweep=True)
    assert (report.names_seen, report.coverage, report.faults) == (1, "full", ())
