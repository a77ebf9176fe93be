"""The main job through the public API, on a shop in memory."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest

import remote_artwork as ra
from remote_artwork.errors import LedgerUnavailable
from remote_artwork.testing import FakeShop
from shop_files import JPEG, PDF, PNG, memory_folder


def scanner(storage, shop, **options):
    options.setdefault("ledger", ra.MemoryLedger())
    options.setdefault("retry", ra.RetryPolicy(attempts=2, sleep=lambda _seconds: None))
    return ra.Scanner(storage, shop, **options)


def statuses(report):
    return {(item.order_number, item.item_number): item.status for item in report.items}


def only(report):
    (item,) = report.items
    return item


def one_item(number="1001", **fields):
    return ra.Order(number, [ra.OrderItem("1")], **fields)


class TestGoodOrders:
    def test_a_complete_order_is_attached_and_fulfilled_once(self, root):
        _, storage = memory_folder(root, "1001_1.jpg", "1001_2.PDF")
        shop = FakeShop([ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")])])

        report = scanner(storage, shop).scan()

        assert statuses(report) == {("1001", "1"): "fulfilled", ("1001", "2"): "fulfilled"}
        assert report.exit_code == 0
        assert list(shop.effects.values()) == [1]
        assert [call.name for call in shop.journal] == [
            "pending_orders", "get_order", "attach_artwork", "attach_artwork", "get_order", "fulfill"
        ]  # fmt: skip
        (artwork,) = shop.artwork["1001", "2"]
        assert (artwork.name, artwork.media_type, artwork.size) == ("1001_2.PDF", "application/pdf", len(PDF))
        assert {item.receipt for item in report.items} == {"receipt-1001"}

    def test_a_second_scan_fulfills_nothing_and_reads_nothing(self, root):
        _, storage = memory_folder(root, "1001_1.jpg", "1002_1.png")
        shop = FakeShop([one_item("1001"), ra.Order("1002", [ra.OrderItem("1"), ra.OrderItem("2")])])
        scan = scanner(storage, shop)
        first, second = scan.scan(), scan.scan()

        assert statuses(first)["1001", "1"] == "fulfilled"
        assert first.requests["get"] > 0
        assert statuses(second) == {("1002", "1"): "matched", ("1002", "2"): "missing"}
        assert (second.requests["get"], second.requests["head"]) == (0, 0)
        assert sum(shop.effects.values()) == 1
        assert "1001_1.jpg" not in {file.name for file in second.files}

    def test_per_item_attaches_at_once_and_fulfills_when_complete(self, root):
        files, storage = memory_folder(root, "1001_1.jpg")
        shop = FakeShop([ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")])])
        scan = scanner(storage, shop, policy=ra.Policy(fulfill="per_item"))

        assert statuses(scan.scan()) == {("1001", "1"): "attached", ("1001", "2"): "missing"}
        assert not shop.effects
        files.pipe(f"{root}/1001_2.png", PNG)
        assert set(statuses(scan.scan()).values()) == {"fulfilled"}
        assert [call.item_number for call in shop.calls("attach_artwork")] == ["1", "1", "2"], "set again, then sent"

    def test_a_client_that_attaches_with_fulfill_gets_one_call(self, root):
        _, storage = memory_folder(root, "1001_1.jpg")
        shop = FakeShop([one_item()], attaching=ra.Attaching.WITH_FULFILL)

        assert only(scanner(storage, shop).scan()).status == "fulfilled"
        assert shop.artwork["1001", "1"][0].name == "1001_1.jpg"

    def test_placements_wait_for_each_side(self, root):
        files, storage = memory_folder(root, "1001_1_front.png")
        item = ra.OrderItem("1", placements=("front", "back"))
        shop = FakeShop([ra.Order("1001", [item])])
        scan = scanner(storage, shop, pattern="{order_number}_{order_item_number}[_{placement}]")

        waiting = only(scan.scan())
        assert (waiting.status, waiting.expected) == ("missing", ("1001_1_back",))
        files.pipe(f"{root}/1001_1_back.png", PNG)
        assert only(scan.scan()).status == "fulfilled"
        assert [artwork.placement for artwork in shop.artwork["1001", "1"]] == ["front", "back"]


class TestWhatIsNotSent:
    def test_an_order_in_which_nothing_needs_artwork_is_not_ours(self, root):
        _, storage = memory_folder(root)
        shop = FakeShop([ra.Order("1001", [ra.OrderItem("1", requires_artwork=False)])])

        report = scanner(storage, shop).scan()

        assert only(report).status == "not_required"
        assert report.requests == {"list": 0, "head": 0, "get": 0}
        assert [call.name for call in shop.journal] == ["pending_orders"]

    def test_two_files_for_one_item_are_a_conflict(self, root):
        _, storage = memory_folder(root, "1001_1.jpg", "1001_1.png", "1002_1.png")
        shop = FakeShop([one_item("1001"), one_item("1002")])

        report = scanner(storage, shop).scan()

        assert statuses(report) == {("1001", "1"): "conflict", ("1002", "1"): "fulfilled"}
        assert {(file.name, file.status) for file in report.files} == {
            ("1001_1.jpg", "ambiguous"),
            ("1001_1.png", "ambiguous"),
        }
        assert report.exit_code == 1

    def test_two_orders_with_one_number_are_a_conflict_and_siblings_go_on(self, root):
        _, storage = memory_folder(root, "1001_1.jpg", "1002_1.jpg")
        shop = FakeShop([one_item(id="a"), one_item(id="b"), one_item("1002")])

        report = scanner(storage, shop).scan()

        assert sorted((item.order_id, item.status) for item in report.items) == [
            ("1002", "fulfilled"), ("a", "conflict"), ("b", "conflict")
        ]  # fmt: skip

    def test_a_file_that_comes_before_its_order_waits_and_is_early(self, root):
        _, storage = memory_folder(root, "2001_1.jpg", "1001_1.jpg")
        shop = FakeShop([one_item("1001"), one_item("1003")])
        scan = scanner(storage, shop)

        assert {(file.name, file.status) for file in scan.scan().files} == {("2001_1.jpg", "early")}
        shop.put(one_item("2001"))
        assert statuses(scan.scan())["2001", "1"] == "fulfilled"

    @pytest.mark.parametrize(
        ("content", "words"),
        [(b"", "empty"), (JPEG[: len(JPEG) // 2], "end"), (PNG, "PNG"), (b"<html>404</html>" * 9, "web page")],
    )
    def test_a_broken_file_is_rejected_and_not_read_again(self, root, content, words):
        files, storage = memory_folder(root)
        files.pipe(f"{root}/1001_1.jpg", content)
        shop = FakeShop([one_item()])
        scan = scanner(storage, shop, policy=ra.Policy(settle_for=None))

        first, second = scan.scan(), scan.scan()

        assert only(first).status == only(second).status == "rejected"
        assert words.lower() in only(first).reason.lower()
        assert [(file.name, file.status) for file in second.files] == [("1001_1.jpg", "rejected")]
        assert (second.requests["head"], second.requests["get"]) == (0, 0)
        files.pipe(f"{root}/1001_1.jpg", JPEG)
        assert only(scan.scan()).status == "fulfilled"

    def test_a_file_above_the_limit_is_rejected_unread(self, root):
        _, storage = memory_folder(root, "1001_1.jpg")
        report = scanner(storage, FakeShop([one_item()]), policy=ra.Policy(max_file_size=1000)).scan()
        assert only(report).status == "rejected"
        assert report.requests["get"] == 0

    def test_a_late_item_reports_its_age(self, root):
        _, storage = memory_folder(root)
        ordered = datetime(2026, 5, 1, tzinfo=UTC)
        report = scanner(
            storage,
            FakeShop([one_item(created_at=ordered)]),
            policy=ra.Policy(late_after=timedelta(days=2)),
            clock=lambda: ordered + timedelta(days=3, hours=4),
        ).scan()
        assert only(report).status == "late"
        assert "3 days 4 hours" in only(report).reason

    @pytest.mark.parametrize(
        ("age", "policy", "status"),
        [
            (timedelta(hours=23), ra.Policy(), "missing"),
            (timedelta(hours=25), ra.Policy(), "late"),
            (timedelta(hours=25), ra.Policy(misnamed_after=None), "missing"),
            (timedelta(hours=25), ra.Policy(misnamed_after=None, late_after=timedelta(hours=24)), "late"),
        ],
    )
    def test_an_item_names_the_file_that_has_almost_its_name(self, root, age, policy, status):
        _, storage = memory_folder(root, "1001-1.jpg")
        ordered = datetime(2026, 5, 1, tzinfo=UTC)
        shop = FakeShop([one_item(created_at=ordered), one_item("2002", created_at=ordered)])
        report = scanner(storage, shop, policy=policy, clock=lambda: ordered + age).scan()
        misnamed, other = report.items
        assert misnamed.status == status
        assert misnamed.needs_person == (status == "late")
        assert "found a similar name: 1001-1.jpg; if it is the right file, rename it to 1001_1.jpg" in misnamed.reason
        assert [note.code for note in misnamed.notes] == ["misnamed_file"]
        assert "similar name" not in other.reason
        [file] = report.files
        assert (file.status, file.suggestion) == ("near_miss", "1001_1.jpg")
        assert "item 1 of order 1001" in file.reason

    def test_of_several_files_with_almost_its_name_an_item_names_all(self, root):
        _, storage = memory_folder(root, "1001-1.jpg", "1001 1.png")
        report = scanner(storage, FakeShop([one_item()])).scan()
        assert (
            "found similar names: 1001 1.png, 1001-1.jpg; rename the right file to 1001_1 and keep its extension"
            in only(report).reason
        )

    def test_the_name_to_give_has_an_extension_that_is_printed(self, root):
        _, storage = memory_folder(root, "1001_1.jpg.jpg")
        report = scanner(storage, FakeShop([one_item()])).scan()
        assert (
            "found a similar name: 1001_1.jpg.jpg; if it is the right file, rename it to 1001_1.jpg"
            in only(report).reason
        )

    def test_an_item_that_has_its_file_names_no_other(self, root):
        _, storage = memory_folder(root, "1001_1.jpg", "1001-1.jpg")
        report = scanner(storage, FakeShop([one_item()])).scan()
        assert "similar name" not in only(report).reason

    def test_an_id_named_twice_with_different_contents_fails_and_siblings_go_on(self, root):
        _, storage = memory_folder(root, "1001_1.jpg", "1002_1.jpg")

        class TwoFaced(FakeShop):
            def pending_orders(self):
                pending = list(super().pending_orders())
                return [*pending, attrs.evolve(pending[0], items=[ra.OrderItem("9")]), pending[1]]

        report = scanner(storage, TwoFaced([one_item("1001"), one_item("1002")])).scan()
        assert statuses(report) == {("1001", "1"): "failed", ("1002", "1"): "fulfilled"}


class TestTheOrderThatWasMatchedIsTheOrderThatIsSent:
    @pytest.mark.parametrize(
        ("change", "status", "words"),
        [
            (lambda shop: shop.cancel("1001"), "cancelled", "no longer"),
            (lambda shop: shop.fulfill_by_hand("1001"), "cancelled", "elsewhere"),
            (lambda shop: shop.delete("1001"), "cancelled", "no longer"),
            (lambda shop: shop.put(ra.Order("1001", [ra.OrderItem("1", quantity=2)])), "settling", "order changed"),
        ],
    )
    def test_nothing_is_sent_when_it_changed(self, root, change, status, words):
        _, storage = memory_folder(root, "1001_1.jpg")

        class Changing(FakeShop):
            def get_order(self, order_id):
                change(self)
                return super().get_order(order_id)

        shop = Changing([one_item()])
        item = only(scanner(storage, shop).scan())

        assert item.status == status
        assert words in item.reason
        assert "fulfill" not in {call.name for call in shop.journal}

    def test_a_file_replaced_after_attach_is_checked_and_attached_again(self, root):
        files, storage = memory_folder(root, "1001_1.jpg")
        replaced = []

        class Replacing(FakeShop):
            def attach_artwork(self, order, item, artworks, *, idempotency_key):
                super().attach_artwork(order, item, artworks, idempotency_key=idempotency_key)
                if not replaced:
                    replaced.append(files.pipe(f"{root}/1001_1.jpg", JPEG + b"newer"))

        shop = Replacing([one_item()])
        assert only(scanner(storage, shop).scan()).status == "fulfilled"
        assert shop.artwork["1001", "1"][0].size == len(JPEG) + 5

    def test_a_file_replaced_while_the_order_is_sent_is_an_alarm(self, root):
        files, storage = memory_folder(root, "1001_1.jpg")

        class Replacing(FakeShop):
            def fulfill(self, order, artworks, *, idempotency_key):
                files.pipe(f"{root}/1001_1.jpg", JPEG + b"newer")
                return super().fulfill(order, artworks, idempotency_key=idempotency_key)

        shop = Replacing([one_item()])
        report = scanner(storage, shop).scan()
        assert only(report).status == "late_replacement"
        assert report.exit_code == 1
        assert sum(shop.effects.values()) == 1

    def test_still_pending_long_after_the_receipt_is_uncertain(self, root):
        _, storage = memory_folder(root, "1001_1.jpg")
        shop = FakeShop([one_item()], call_limit=timedelta(microseconds=1))
        scan = scanner(storage, shop)
        scan.scan()
        shop.put(one_item())
        item = only(scan.scan())
        assert item.status == "uncertain"
        assert "still lists it as pending" in item.reason
        assert sum(shop.effects.values()) == 1


class TestUnknownOutcomes:
    @pytest.mark.parametrize("after_effect", [False, True])
    def test_an_idempotent_host_is_asked_again_with_the_same_key(self, root, after_effect):
        _, storage = memory_folder(root, "1001_1.jpg")
        shop = FakeShop([one_item()], recovery=ra.Recovery.IDEMPOTENT)
        shop.fail_next("fulfill", RuntimeError("connection lost"), after_effect=after_effect)
        scan = scanner(storage, shop)

        assert only(scan.scan()).status == "uncertain"
        scan.scan()
        assert list(shop.effects.values()) == [1]
        assert shop.get_order("1001").state is ra.OrderState.FULFILLED

    def test_a_queryable_shop_is_asked_and_sent_again_only_after_the_call_limit(self, root):
        _, storage = memory_folder(root, "1001_1.jpg")
        shop = FakeShop([one_item()], recovery=ra.Recovery.QUERYABLE, call_limit=timedelta(hours=1))
        shop.fail_next("fulfill", ra.OutcomeUnknown("time-out"))
        now = [datetime(2026, 5, 1, tzinfo=UTC)]
        scan = scanner(storage, shop, ledger=ra.MemoryLedger(clock=lambda: now[0]))

        assert [only(scan.scan()).status for _ in range(3)] == ["uncertain"] * 3
        assert sum(call.name == "fulfill" for call in shop.journal) == 1
        now[0] += timedelta(hours=1)
        assert only(scan.scan()).status == "fulfilled"
        assert list(shop.effects.values()) == [1]

    def test_a_host_that_promises_nothing_waits_for_a_person(self, root):
        _, storage = memory_folder(root, "1001_1.jpg")
        shop = FakeShop([one_item()], recovery=ra.Recovery.NONE)
        shop.fail_next("fulfill", ra.OutcomeUnknown("time-out"))
        scan = scanner(storage, shop)

        assert [only(scan.scan()).status for _ in range(3)] == ["uncertain"] * 3
        assert sum(call.name == "fulfill" for call in shop.journal) == 1

    def test_an_effect_whose_answer_was_lost_is_found_at_the_host(self, root):
        _, storage = memory_folder(root, "1001_1.jpg")

        class Lagging(FakeShop):
            """Goes on naming the order pending in its list for a while."""

            def pending_orders(self):
                return [one_item()]

        shop = Lagging([one_item()], recovery=ra.Recovery.QUERYABLE)
        shop.fail_next("fulfill", ra.OutcomeUnknown("time-out"), after_effect=True)
        scan = scanner(storage, shop)
        assert [only(scan.scan()).status for _ in range(2)] == ["uncertain", "fulfilled"]
        assert list(shop.effects.values()) == [1]


class TestFaultsOfTheHost:
    @pytest.mark.parametrize(
        ("error", "status", "words"),
        [
            (ra.PaymentRequired("card declined"), "failed", "paid"),
            (ra.ArtworkRejected("too small"), "rejected", "too small"),
            (ra.ArtworkUnreachable("404"), "failed", "new URL"),
            (ra.OrderGone("1001"), "cancelled", "no longer"),
            (ra.NotPending("1001"), "cancelled", "no longer"),
        ],
    )
    def test_a_refusal_has_no_effect_and_one_reason(self, root, error, status, words):
        _, storage = memory_folder(root, "1001_1.jpg", "1002_1.jpg")
        shop = FakeShop([one_item("1001"), one_item("1002")])
        shop.fail_next("fulfill", error)
        report = scanner(storage, shop, orders_at_once=1).scan()
        assert statuses(report) == {("1001", "1"): status, ("1002", "1"): "fulfilled"}
        assert words in report.items[0].reason

    def test_an_attach_with_unknown_outcome_is_repeated_by_the_next_scan(self, root):
        _, storage = memory_folder(root, "1001_1.jpg")
        shop = FakeShop([one_item()])
        shop.fail_next("attach_artwork", ValueError("a bug of the host"), after_effect=True)
        scan = scanner(storage, shop)
        assert [only(scan.scan()).status for _ in range(2)] == ["uncertain", "fulfilled"]


class TestChoosingOrders:
    def test_only_some_orders(self, root):
        _, storage = memory_folder(root, "1001_1.jpg", "1002_1.jpg")
        shop = FakeShop([one_item("1001"), one_item("1002")])
        assert statuses(scanner(storage, shop).scan(orders=["1002"])) == {("1002", "1"): "fulfilled"}
        assert shop.get_order("1001").state is ra.OrderState.PENDING

    def test_only_the_selected_order_that_no_longer_waits_is_resolved(self, root):
        _, storage = memory_folder(root, "1001_1.jpg", "1002_1.jpg")
        shop = FakeShop([one_item("1001"), one_item("1002")])
        for _ in range(2):
            shop.fail_next("fulfill", ra.OutcomeUnknown("no answer"), after_effect=True)
        scan = scanner(storage, shop)
        assert set(statuses(scan.scan()).values()) == {"uncertain"}
        assert statuses(scan.scan(orders=["1002"])) == {("1002", "1"): "fulfilled"}
        assert statuses(scan.scan()) == {("1001", "1"): "fulfilled"}

    def test_a_limit_leaves_the_rest_for_the_next_scan(self, root):
        _, storage = memory_folder(root, "1001_1.jpg", "1002_1.jpg", "1010_1.jpg")
        shop = FakeShop([one_item("1010"), one_item("1002"), one_item("1001"), one_item("1000")])
        scan = scanner(storage, shop)
        assert list(statuses(scan.scan(limit=2)).values()) == ["missing", "fulfilled", "fulfilled", "matched"]
        assert statuses(scan.scan(limit=2))["1010", "1"] == "fulfilled"


class TestPlan:
    def test_a_plan_calls_nothing_and_reads_nothing(self, root):
        _, storage = memory_folder(root, "1001_1.jpg")
        shop = FakeShop([one_item()])
        report = scanner(storage, shop).plan()
        assert (only(report).status, report.dry_run, report.requests["get"]) == ("matched", True, 0)
        assert [call.name for call in shop.journal] == ["pending_orders"]

    def test_a_verifying_plan_reports_the_results_of_the_checks(self, root):
        files, storage = memory_folder(root, "1001_1.jpg")
        files.pipe(f"{root}/1002_1.pdf", PDF[:300])
        shop = FakeShop([one_item("1001"), one_item("1002")])
        report = scanner(storage, shop).plan(verify=True)
        assert statuses(report) == {("1001", "1"): "matched", ("1002", "1"): "rejected"}
        assert [call.name for call in shop.journal] == ["pending_orders"]


class TestSiblings:
    def test_the_reason_of_a_good_file_names_the_item_that_was_just_rejected(self, root):
        files, storage = memory_folder(root, "1001_1.jpg")
        files.pipe(f"{root}/1001_2.pdf", PDF[:300])
        scan = scanner(storage, FakeShop([ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")])]))
        said = [report.items[0].reason for report in (scan.scan(), scan.scan())]
        assert said == ["found 1001_1.jpg; the order waits for item 2 (rejected)"] * 2


class TestExplain:
    @pytest.mark.parametrize(
        ("name", "verdict"),
        [
            ("1001_1.jpg", "matched"),
            ("1002-1.png", "near_miss"),
            ("3000_1.png", "early"),
            ("1003_1.pdf", "missing"),
            ("readme.txt", "there is nothing to do"),
        ],
    )
    def test_a_file(self, root, name, verdict):
        _, storage = memory_folder(root, "1001_1.jpg", "1002-1.png", "3000_1.png")
        shop = FakeShop([one_item(number) for number in ("1001", "1002", "1003")])
        explanation = scanner(storage, shop).explain(name)
        assert explanation.verdict.startswith(verdict)
        assert len(explanation.steps) >= 4

    @pytest.mark.parametrize(
        ("name", "verdict"),
        [
            ("1001_1.pdf", "matched: found 1001_1.jpg; the order waits for item 2 (late)"),
            ("1002_1.pdf", "conflict: several files for one print: 1002_1.jpg, 1002_1.png"),
            ("1001_2.pdf", "late: upload it as 1001_2.pdf"),
            ("1003_1.pdf", "there is nothing to do: order 1003 is fulfilled"),
        ],
    )
    def test_explain_asks_for_an_upload_only_if_the_item_needs_the_file(self, root, name, verdict):
        _, storage = memory_folder(root, "1001_1.jpg", "1002_1.jpg", "1002_1.png", "1003_1.jpg")
        begun = datetime.now(UTC) - timedelta(hours=2)
        first = ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")], created_at=begun)
        policy = ra.Policy(late_after=timedelta(hours=1))
        scan = scanner(storage, FakeShop([first, one_item("1002"), one_item("1003")]), policy=policy)
        scan.scan()
        assert scan.explain(name).verdict.startswith(verdict)

    def test_an_order(self, root):
        _, storage = memory_folder(root, "1001_1.jpg")
        shop = FakeShop([ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")])])
        scan = scanner(storage, shop)
        assert scan.explain(order="1001").verdict == "the order waits for item 2 (missing)"
        assert "not" in scan.explain(order="7").verdict

    def test_needs_one_subject(self, root):
        _, storage = memory_folder(root)
        with pytest.raises(ra.ConfigurationError, match="not both"):
            scanner(storage, FakeShop([])).explain()


class TestWhatDiedIsSettled:
    """A fulfill call whose answer was lost is settled although the host does not name the order pending any more."""

    @pytest.mark.parametrize("recovery", list(ra.Recovery))
    def test_an_effect_without_an_answer_is_found_by_the_next_scan(self, root, recovery):
        _, storage = memory_folder(root, "1001_1.jpg", "1001_2.png")
        shop = FakeShop([ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")])], recovery=recovery)

        class Killed(BaseException):
            pass

        shop.fail_next("fulfill", Killed(), after_effect=True)
        scan = scanner(storage, shop)
        with pytest.raises(Killed):
            scan.scan()
        assert {item.status for item in scan.plan().items} == {"uncertain"}

        report = scan.scan()

        assert set(statuses(report).values()) == {"fulfilled"}
        assert "answer was lost" in report.items[0].reason
        assert list(shop.effects.values()) == [1]
        assert scan.scan().items == ()

    def test_an_order_changed_since_is_left_to_a_person(self, root):
        _, storage = memory_folder(root, "1001_1.jpg")
        shop = FakeShop([one_item()], recovery=ra.Recovery.IDEMPOTENT)
        shop.fail_next("fulfill", ra.OutcomeUnknown("time-out"))
        scan = scanner(storage, shop)
        scan.scan()
        shop.put(ra.Order("1001", [ra.OrderItem("1", quantity=500)]))
        item = only(scan.scan())
        assert item.status == "uncertain"
        assert "changed" in item.reason
        assert not shop.effects

    def test_a_host_that_is_down_leaves_it_uncertain(self, root):
        _, storage = memory_folder(root, "1001_1.jpg")
        shop = FakeShop([one_item()])
        shop.fail_next("fulfill", ra.OutcomeUnknown("time-out"), after_effect=True)
        scan = scanner(storage, shop)
        scan.scan()
        for _ in range(2):
            shop.fail_next("get_order", ra.Unavailable("503"))
        report = scan.scan()
        assert (only(report).status, report.exit_code) == ("uncertain", 3)


class TestNobodyElsesFile:
    def test_a_file_that_was_printed_for_one_order_is_not_printed_for_another(self, root):
        files, storage = memory_folder(root, "1_1_1.jpg")
        shop = FakeShop([ra.Order("1", [ra.OrderItem("1_1")])])
        scan = scanner(storage, shop)
        assert only(scan.scan()).status == "fulfilled"

        shop.put(ra.Order("1_1", [ra.OrderItem("1")]))
        item = only(scan.scan())
        assert item.status == "conflict"
        assert "printed for order 1 " in item.reason
        assert sum(shop.effects.values()) == 1
        files.pipe(f"{root}/1_1_1.jpg", JPEG + b"its own")
        assert only(scan.scan()).status == "fulfilled"

    def test_a_second_approval_of_the_same_order_prints_the_same_file(self, root):
        _, storage = memory_folder(root, "1001_1.jpg")
        shop = FakeShop([one_item()])
        scan = scanner(storage, shop)
        scan.scan()
        shop.put(one_item(approval="second"))
        assert only(scan.scan()).status == "fulfilled"
        assert list(shop.effects.values()) == [1, 1]


class TestOddHosts:
    def test_a_receipt_of_another_type_is_kept_as_text(self, root):
        _, storage = memory_folder(root, "1001_1.jpg")

        class Numbered(FakeShop):
            def fulfill(self, order, artworks, *, idempotency_key):
                super().fulfill(order, artworks, idempotency_key=idempotency_key)
                return 4711

        assert only(scanner(storage, Numbered([one_item()])).scan()).receipt == "4711"

    @pytest.mark.parametrize("answer", [None, {"id": "1001"}])
    def test_a_value_that_is_not_an_order_fails_and_the_other_orders_continue(self, root, answer):
        _, storage = memory_folder(root, "1001_1.jpg", "1002_1.jpg")

        class Odd(FakeShop):
            def get_order(self, order_id):
                return answer if order_id == "1001" else super().get_order(order_id)

        report = scanner(storage, Odd([one_item("1001"), one_item("1002")])).scan()
        assert statuses(report) == {("1001", "1"): "failed", ("1002", "1"): "fulfilled"}

    def test_the_sequence_of_the_items_does_not_change_the_order(self, root):
        _, storage = memory_folder(root, "1001_1.jpg", "1001_2.jpg")

        class Shuffled(FakeShop):
            def get_order(self, order_id):
                order = super().get_order(order_id)
                return attrs.evolve(order, items=[attrs.evolve(item, position=None) for item in order.items[::-1]])

        shop = Shuffled([ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")])])
        assert set(statuses(scanner(storage, shop).scan()).values()) == {"fulfilled"}
        shop = Shuffled([ra.Order("1001", [ra.OrderItem("a"), ra.OrderItem("b")])])
        by_position = scanner(storage, shop, pattern="{order_number}_{order_item_position}").scan()
        assert set(statuses(by_position).values()) == {"settling"}

    @pytest.mark.parametrize(
        ("promise", "value"), [("recovery", "none"), ("attaching", "separate"), ("call_limit", 120)]
    )
    def test_promises_of_the_wrong_type_are_refused_at_once(self, root, promise, value):
        _, storage = memory_folder(root)
        shop = FakeShop([])
        setattr(shop, promise, value)
        with pytest.raises(ra.ConfigurationError, match=f"FakeShop.{promise}"):
            scanner(storage, shop)

    def test_a_refused_order_is_not_attached_any_further(self, root):
        _, storage = memory_folder(root, "1001_1.jpg", "1001_2.jpg")
        shop = FakeShop([ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")])])
        shop.fail_next("attach_artwork", ra.NotPending("cancelled"))
        report = scanner(storage, shop).scan()
        assert set(statuses(report).values()) == {"cancelled"}
        assert len(shop.calls("attach_artwork")) == 1

    def test_fulfilled_by_somebody_else_at_the_last_moment(self, root):
        _, storage = memory_folder(root, "1001_1.jpg")
        shop = FakeShop([one_item()])
        shop.fail_next("fulfill", ra.AlreadyFulfilled("1001"))
        item = only(scanner(storage, shop).scan())
        assert "does not say by whom" in item.reason
        assert "1001_1.jpg" not in item.reason

    def test_an_attach_that_failed_is_tried_again_by_the_next_scan(self, root):
        _, storage = memory_folder(root, "1001_1.jpg")
        shop = FakeShop([ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")])])
        shop.fail_next("attach_artwork", ra.ArtworkUnreachable("404"))
        scan = scanner(storage, shop, policy=ra.Policy(fulfill="per_item"))
        assert [statuses(scan.scan())["1001", "1"] for _ in range(3)] == ["failed", "attached", "attached"]
        assert len(shop.calls("attach_artwork")) == 2

    def test_order_numbers_given_as_one_text_are_refused(self, root):
        _, storage = memory_folder(root)
        with pytest.raises(ra.ConfigurationError, match="collection"):
            scanner(storage, FakeShop([])).scan(orders="1001")

    def test_a_deleted_file_is_missing_and_its_siblings_stay_matched(self, root):
        files, storage = memory_folder(root, "1001_1.jpg", "1001_2.jpg")

        class Deleting(FakeShop):
            def attach_artwork(self, order, item, artworks, *, idempotency_key):
                super().attach_artwork(order, item, artworks, idempotency_key=idempotency_key)
                if item.number == "2":
                    files.rm(f"{root}/1001_2.jpg")

        shop = Deleting([ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")])])
        report = scanner(storage, shop).scan()
        assert statuses(report) == {("1001", "1"): "attached", ("1001", "2"): "missing"}
        assert not shop.effects


class TestLedgerFaults:
    class Failing(ra.MemoryLedger):
        """Fails the n-th advance from when it is armed."""

        left = None

        def advance(self, writes):
            if self.left is not None and any(write.steps for write in writes):
                self.left -= 1
                if self.left < 0:
                    raise LedgerUnavailable("the disk is full")
            return super().advance(writes)

    @pytest.mark.parametrize("failing_after", range(3))
    def test_nothing_is_sent_without_its_intent_recorded_and_the_report_is_true(self, root, failing_after):
        _, storage = memory_folder(root, "1001_1.jpg")
        shop, ledger = FakeShop([one_item()], call_limit=timedelta(microseconds=1)), self.Failing()
        ledger.left = failing_after
        scan = scanner(storage, shop, ledger=ledger)

        report = scan.scan()

        assert report.exit_code == 3
        sent = bool(shop.effects)
        assert sent is (failing_after == 2)
        expected = {1: "uncertain", 2: "uncertain"}.get(failing_after, "failed")
        assert only(report).status == expected
        assert ("nothing was sent" in only(report).reason) is (expected == "failed")
        ledger.left = None
        assert only(scan.scan()).status == "fulfilled"
        assert list(shop.effects.values()) == [1]

    def test_an_alarm_that_cannot_be_recorded_is_still_reported(self, root):
        files, storage = memory_folder(root, "1001_1.jpg")

        class Replacing(FakeShop):
            def fulfill(self, order, artworks, *, idempotency_key):
                files.pipe(f"{root}/1001_1.jpg", JPEG + b"newer")
                return super().fulfill(order, artworks, idempotency_key=idempotency_key)

        ledger = self.Failing()
        ledger.left = 3
        report = scanner(storage, Replacing([one_item()]), ledger=ledger).scan()
        assert (only(report).status, report.exit_code) == ("late_replacement", 3)
