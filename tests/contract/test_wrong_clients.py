"""Each kind of wrong client is caught by a named test of the contract, with a message that says what is wrong."""

import inspect
from functools import partial

import pytest
from attrs import evolve

import remote_artwork as ra
import wrong_clients as wrong
from contract_runner import ORDER, OTHERS, failure_of
from remote_artwork.testing import FakeShop

SEPARATE, PER_ORDER, WITH_FULFILL = ra.Attaching.SEPARATE, ra.Attaching.PER_ORDER, ra.Attaching.WITH_FULFILL
IDEMPOTENT = ra.Recovery.IDEMPOTENT

INTERFACE = "test_it_implements_the_interface"
IDS = "test_pending_orders_are_pending_and_have_unique_ids"
EVERY_ORDER = "test_every_pending_order_is_listed"
READS_THE_SAME = "test_a_listed_order_reads_the_same_by_its_id"
GONE = "test_an_unknown_order_is_gone"
STAYS_PENDING = "test_attaching_leaves_the_order_pending_and_its_work_the_same"
ANOTHER_ORDER = "test_another_order_keeps_its_own_artwork"
NEW_PROCESS = "test_a_new_process_knows_what_was_fulfilled"
AS_THE_SHOP = "test_an_order_is_read_as_the_shop_has_it"
THREADS = "test_calls_may_come_from_other_threads"
REPLACES = "test_attaching_again_replaces"
OWN_ARTWORK = "test_each_item_gets_its_own_artwork"
URL = "test_the_url_of_the_last_call_is_stored"
UNKNOWN_ITEM = "test_an_unknown_item_is_not_found"
NO_LONGER_WAITS = "test_a_fulfilled_order_no_longer_waits_and_the_others_do"
REPEATED = "test_a_repeated_fulfill_does_what_recovery_says"
OTHER_KEY = "test_another_key_finds_the_order_fulfilled"
NO_EARLY_KEY = "test_the_key_is_not_shown_before_the_effect"
NOT_TO_FULFILLED = "test_nothing_is_attached_to_a_fulfilled_order"
NOT_TO_CANCELLED = "test_nothing_is_attached_to_a_cancelled_order"
CANCELLED = "test_a_cancelled_order_is_refused"
SCAN = "test_a_scan_fulfills_the_order_once_and_later_scans_do_nothing"
ATTACHMENT_REPEATED = "test_an_attachment_without_a_response_is_repeated"
FOUND = "test_an_order_is_found_by_its_number_in_any_state"
BROKEN_CONNECTION = "test_a_connection_may_break_after_any_write"

FIRST, SECOND = "1001_1_default.png", ["1001_2_front.png", "1001_2_back.png"]
OTHER = "1002_1_default.png"
LARGE = evolve(ORDER, items=[*ORDER.items, ra.OrderItem("3", quantity=4)], approval="2")

CAUGHT = [
    (wrong.AlwaysTheFirstLine, SEPARATE, OWN_ARTWORK, f"item '1' needs ['{FIRST}'] and has {SECOND}"),
    (wrong.AlwaysTheFirstLine, WITH_FULFILL, OWN_ARTWORK, f"item '1' needs ['{FIRST}'] and has {[FIRST, *SECOND]}"),
    (wrong.AlwaysTheFirstLine, SEPARATE, SCAN, "item '2' needs ['1001_2_front.pdf', '1001_2_back.pdf'] and has []"),
    (wrong.AlwaysTheFirstLine, WITH_FULFILL, SCAN, "item '2' needs ['1001_2_front.pdf', '1001_2_back.pdf'] and has []"),
    (wrong.NothingAttached, SEPARATE, OWN_ARTWORK, f"item '1' needs ['{FIRST}'] and has []"),
    (wrong.NothingAttached, WITH_FULFILL, OWN_ARTWORK, f"item '1' needs ['{FIRST}'] and has []"),
    (wrong.NothingAttached, SEPARATE, SCAN, "item '1' needs ['1001_1.pdf'] and has []"),
    (wrong.NothingAttached, WITH_FULFILL, SCAN, "item '1' needs ['1001_1.pdf'] and has []"),
    (wrong.SwappedLines, SEPARATE, OWN_ARTWORK, f"item '1' needs ['{FIRST}'] and has {SECOND}"),
    (wrong.SwappedLines, WITH_FULFILL, OWN_ARTWORK, f"item '1' needs ['{FIRST}'] and has {SECOND}"),
    (wrong.SwappedLines, SEPARATE, SCAN, "item '1' needs ['1001_1.pdf'] and has ['1001_2_front.pdf'"),
    (wrong.SwappedLines, WITH_FULFILL, SCAN, "item '1' needs ['1001_1.pdf'] and has ['1001_2_front.pdf'"),
    (wrong.OtherOrder, SEPARATE, OWN_ARTWORK, f"item '1' needs ['{FIRST}'] and has []"),
    (wrong.Appends, SEPARATE, REPLACES, f"item '1' needs ['second-{FIRST}'] and has ['{FIRST}', 'second-{FIRST}']"),
    (wrong.ForgetsPlacements, SEPARATE, OWN_ARTWORK, f"item '2' needs {SECOND} and has ['1001_2_front.png']"),
    (wrong.ForgetsPlacements, WITH_FULFILL, OWN_ARTWORK, f"item '2' needs {SECOND} and has ['1001_2_front.png']"),
    (wrong.TurnedPlacements, SEPARATE, OWN_ARTWORK, f"item '2' needs {SECOND} and has {SECOND[::-1]}"),
    (wrong.TurnedPlacements, WITH_FULFILL, OWN_ARTWORK, f"item '2' needs {SECOND} and has {SECOND[::-1]}"),
    (wrong.StaleUrl, SEPARATE, URL, "the shop has the URL of an earlier call; do not keep such URLs"),
    (wrong.StaleUrl, WITH_FULFILL, URL, "the shop has the URL of an earlier call; do not keep such URLs"),
    (wrong.AnswersBeforeItCommits, SEPARATE, NO_LONGER_WAITS, "return after the effect"),
    (wrong.AnswersBeforeItCommits, WITH_FULFILL, NO_LONGER_WAITS, "return after the effect"),
    (wrong.AttachesLater, SEPARATE, OWN_ARTWORK, f"item '1' needs ['{FIRST}'] and has []"),
    (wrong.PrintsAgain, SEPARATE, REPEATED, "two calls with one key fulfilled order '1001' 2 times"),
    (wrong.AcceptsAnyKey, WITH_FULFILL, OTHER_KEY, "another key, for a fulfilled order: it did not raise"),
    (wrong.ReadsACachedOrder, SEPARATE, NO_LONGER_WAITS, "read the order from the shop in every call"),
    (wrong.SendsTheOrderItWasGiven, SEPARATE, CANCELLED, "a cancelled order: it did not raise; raise NotPending"),
    (wrong.SwallowsAnError, SEPARATE, CANCELLED, "a cancelled order: it did not raise; raise NotPending"),
    (wrong.SwallowsAnError, WITH_FULFILL, GONE, "an order that does not exist: it did not raise; raise OrderGone"),
    (wrong.SwallowsAnErrorOfAttaching, SEPARATE, NOT_TO_FULFILLED, "a fulfilled order: it did not raise"),
    (wrong.RaisesAForeignError, SEPARATE, GONE, "it raised KeyError ('no-such-order'); raise OrderGone"),
    (wrong.AsyncMethods, SEPARATE, INTERFACE, "AsyncMethods.fulfill is an async method, and it would never run"),
    (wrong.GeneratorMethods, SEPARATE, INTERFACE, "attach_artwork is a generator, and it would never run"),
    (wrong.DropsTheLastPage, SEPARATE, EVERY_ORDER, "the list lacks 1 of 5 orders: ['1005']; read every page"),
    (wrong.RepeatsAPage, SEPARATE, IDS, "the list has these orders more than once: ['1001', '1002']"),
    (wrong.ListsEverything, SEPARATE, IDS, "orders that are not pending: {'1006': 'fulfilled'}"),
    (wrong.ListsLess, SEPARATE, READS_THE_SAME, "has other values than in the list"),
    (wrong.MutatesTheOrder, SEPARATE, STAYS_PENDING, "after attach_artwork, order '1001' has other values"),
    (wrong.HoldsTheOrder, SEPARATE, STAYS_PENDING, "order '1001' is other and no longer pending"),
    (wrong.KeyBeforeTheEffect, WITH_FULFILL, NO_EARLY_KEY, "the key is shown although no call had its effect"),
    (wrong.KeyOfAttaching, SEPARATE, NO_EARLY_KEY, "the key is shown although no call had its effect"),
    (wrong.AttachesToAnyItem, SEPARATE, UNKNOWN_ITEM, "an item that the order does not have: it did not raise"),
    (wrong.AttachesTooLate, SEPARATE, NOT_TO_FULFILLED, "a fulfilled order: it did not raise"),
    (wrong.PrintsBeforeItStoresTheKey, SEPARATE, BROKEN_CONNECTION, "order '1001' was fulfilled 2 times"),
    (wrong.PrintsBeforeItStoresTheKey, WITH_FULFILL, BROKEN_CONNECTION, "broke after write 1, and order '1001' was"),
    (wrong.AlwaysTheFirstLine, PER_ORDER, OWN_ARTWORK, f"item '1' needs ['{FIRST}'] and has {[FIRST, *SECOND]}"),
    (wrong.AlwaysTheFirstLine, PER_ORDER, SCAN, "item '2' needs ['1001_2_front.pdf', '1001_2_back.pdf'] and has []"),
    (wrong.NothingAttached, PER_ORDER, OWN_ARTWORK, f"item '1' needs ['{FIRST}'] and has []"),
    (wrong.NothingAttached, PER_ORDER, SCAN, "item '1' needs ['1001_1.pdf'] and has []"),
    (wrong.SwappedLines, PER_ORDER, OWN_ARTWORK, f"item '1' needs ['{FIRST}'] and has {SECOND}"),
    (wrong.SwappedLines, PER_ORDER, SCAN, "item '1' needs ['1001_1.pdf'] and has ['1001_2_front.pdf'"),
    (wrong.LeavesTheLastItemOut, PER_ORDER, OWN_ARTWORK, f"item '2' needs {SECOND} and has []"),
    (wrong.LeavesTheLastItemOut, PER_ORDER, SCAN, "item '2' needs ['1001_2_front.pdf', '1001_2_back.pdf'] and has []"),
    (wrong.Appends, PER_ORDER, REPLACES, f"item '1' needs ['second-{FIRST}'] and has ['{FIRST}', 'second-{FIRST}']"),
    (wrong.KeepsWhatIsAttached, PER_ORDER, REPLACES, f"item '1' needs ['second-{FIRST}'] and has ['{FIRST}']"),
    (wrong.ForgetsPlacements, PER_ORDER, OWN_ARTWORK, f"item '2' needs {SECOND} and has ['1001_2_front.png']"),
    (wrong.StaleUrl, PER_ORDER, URL, "the shop has the URL of an earlier call; do not keep such URLs"),
    (wrong.AttachesUntilItFails, PER_ORDER, UNKNOWN_ITEM, f"item '1' needs ['{FIRST}'] and has ['second-{FIRST}']"),
    (wrong.SwallowsAnErrorOfAttaching, PER_ORDER, NOT_TO_FULFILLED, "attach_order was called with a fulfilled order"),
    (wrong.AttachesToCancelledOrders, SEPARATE, NOT_TO_CANCELLED, "a cancelled order: it did not raise"),
    (wrong.AttachesToCancelledOrders, PER_ORDER, NOT_TO_CANCELLED, "a cancelled order: it did not raise"),
    (wrong.SameItemOfEveryOrder, SEPARATE, ANOTHER_ORDER, f"item '1' needs ['{FIRST}'] and has ['{OTHER}']"),
    (wrong.SameItemOfEveryOrder, PER_ORDER, ANOTHER_ORDER, f"item '1' needs ['{FIRST}'] and has ['{OTHER}']"),
    (
        wrong.SameItemOfEveryOrder,
        WITH_FULFILL,
        ANOTHER_ORDER,
        "fulfill of order '1001' changed the artwork of order '1",
    ),
    (wrong.CollectsFilesByItem, SEPARATE, ANOTHER_ORDER, f"item '1' needs ['{FIRST}'] and has ['{OTHER}']"),
    (wrong.CutsTheQuery, SEPARATE, URL, "another URL than that of the call; pass each URL as it is"),
    (wrong.CutsTheQuery, PER_ORDER, URL, "another URL than that of the call; pass each URL as it is"),
    (wrong.CutsTheQuery, WITH_FULFILL, URL, "another URL than that of the call; pass each URL as it is"),
    (
        wrong.ChangesTheQuantity,
        SEPARATE,
        NO_LONGER_WAITS,
        "fulfill changed the quantity of order '1001', item '1', from 1 to 7",
    ),
    (wrong.SetsFilesBeforeItRefuses, WITH_FULFILL, CANCELLED, "a fulfill that was refused changed the artwork"),
    (wrong.SetsFilesBeforeItRefuses, WITH_FULFILL, OTHER_KEY, f"item '1' needs ['{FIRST}'] and has ['second-{FIRST}']"),
    (wrong.SetsFilesBeforeItRefuses, SEPARATE, NOT_TO_FULFILLED, f"needs ['{FIRST}'] and has ['second-{FIRST}']"),
    (wrong.UnknownStatesArePending, SEPARATE, CANCELLED, "cancelled, and get_order says that it is pending"),
    (wrong.NotPendingIsFulfilled, SEPARATE, CANCELLED, "cancelled, and get_order says that it is fulfilled"),
    (wrong.RefusedIsFulfilled, SEPARATE, CANCELLED, "it raised AlreadyFulfilled (order '1001' is no longer pending"),
    (wrong.ForgetsItsCacheWhenItWrites, SEPARATE, CANCELLED, "says that it is pending; read the order from the shop"),
    (wrong.StaleAfterAttaching, SEPARATE, NO_LONGER_WAITS, "read the order from the shop in every call"),
    (wrong.FindsOnlyPendingOrders, WITH_FULFILL, NO_LONGER_WAITS, "find each order of the shop, in any state"),
    (wrong.SearchesPendingOrders, SEPARATE, FOUND, "find_orders did not find order '1001' (id 1001)"),
    (wrong.SearchesAnOldIndex, WITH_FULFILL, FOUND, "is fulfilled, and find_orders says that it is pending"),
    (wrong.SearchesSummaries, SEPARATE, FOUND, "after find_orders, order '1001' has other values than in the list"),
    (wrong.FindsOnlyTheFirstPage, SEPARATE, READS_THE_SAME, "get_order raised OrderGone for order '1004'"),
    (wrong.ApprovalOnlyInTheList, SEPARATE, READS_THE_SAME, "has other values than in the list"),
    (wrong.ANewKeyForEachCall, SEPARATE, REPEATED, "a second fulfill with the same key raised AlreadyFulfilled"),
    (wrong.CutsTheKey, SEPARATE, NO_LONGER_WAITS, "the key of the call is not that of get_order"),
    (wrong.RetriesWithANewKey, SEPARATE, BROKEN_CONNECTION, "order '1001' was fulfilled 2 times"),
    (wrong.ReturnsFalse, SEPARATE, SCAN, "the client's method returned False, which may mean that it failed"),
    (wrong.ReturnsFalse, PER_ORDER, SCAN, "the client's method returned False, which may mean that it failed"),
    (wrong.ReturnsTheResponse, SEPARATE, SCAN, "the client's method returned a value of the type dict"),
    (
        wrong.BoundToAThread,
        SEPARATE,
        THREADS,
        "RuntimeError (connection of another thread); set `concurrent_calls` to 1",
    ),
    (wrong.KeysInMemory, SEPARATE, NEW_PROCESS, "a second fulfill with the same key raised AlreadyFulfilled"),
    (wrong.StatesInMemory, WITH_FULFILL, NEW_PROCESS, "another process says that it is pending; do not keep states in"),
    (wrong.ReadsOneCopy, SEPARATE, AS_THE_SHOP, "quantity of item '3' is 1 and must be 4"),
    (wrong.ReadsNoApproval, SEPARATE, AS_THE_SHOP, "approval is '' and must be '2'"),
    (wrong.ReadsTwoItems, SEPARATE, AS_THE_SHOP, "the quantity of item '3' is missing"),
    (wrong.WrongWhenRepeated, SEPARATE, ATTACHMENT_REPEATED, "the shop has stored the wrong artwork for order '1001'"),
]


@pytest.mark.parametrize(
    ("kind", "attaching", "name", "message"),
    [pytest.param(*case, id=f"{case[0].__name__}-{case[1]}-{case[2]}") for case in CAUGHT],
)
def test_a_wrong_client_is_caught_by_a_named_test(kind, attaching, name, message):
    fulfilled = ra.Order("1006", [ra.OrderItem("1")], state=ra.OrderState.FULFILLED)

    def run(shop):
        order = LARGE if name == AS_THE_SHOP else ORDER
        orders = [order, *OTHERS, fulfilled]
        return failure_of(name, lambda: shop(orders, recovery=IDEMPOTENT, attaching=attaching))

    threads = partial(FakeShop, concurrent_calls=8)
    right = {BROKEN_CONNECTION: wrong.TwoWrites, THREADS: threads, FOUND: wrong.Searches}.get(name, FakeShop)
    assert run(right) is None, "the right client passes this test"
    assert message in str(run(kind))


def test_every_wrong_client_is_in_the_table():
    kinds = {kind for _, kind in inspect.getmembers(wrong, inspect.isclass) if issubclass(kind, FakeShop)}
    assert kinds - {FakeShop, wrong.TwoWrites, wrong.Searches} == {case[0] for case in CAUGHT}
