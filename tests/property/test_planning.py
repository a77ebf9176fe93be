"""The plan does not depend on the order of orders, files and pages."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from remote_artwork.core.expected import expect_files
from remote_artwork.core.lifecycle import OrderKey
from remote_artwork.core.matching import Matches, Page
from remote_artwork.core.orders import StoredFile
from remote_artwork.core.planner import Planner
from remote_artwork.core.policy import Policy
from remote_artwork.core.report import FileTally, ItemStatus, sorted_items
from remote_artwork.core.unmatched import UnmatchedClassifier, unsupported

from .strategies import worlds

NOW = datetime(2026, 5, 4, tzinfo=UTC)
BOUNDED = settings(max_examples=200, deadline=None)


def planned(world, orders, names, page_size):
    """Outcomes of items, outcomes of files, and the ambiguous names."""
    awaited = expect_files(orders, world.pattern)
    matches, tally = Matches(awaited), FileTally()
    watch = UnmatchedClassifier(world.pattern, awaited, iter(orders))
    near = []
    for start in range(0, len(names), page_size):
        page = names[start : start + page_size]
        for name in matches.add_page(Page(page, lambda i, page=page: StoredFile(name=page[i], size=1, etag="e"))):
            near.append(watch.classify(name, {}))  # noqa: PERF401  add_page and classify take turns, as in a scan
    served = {(key, placement) for key, placements in matches.found.items() for placement in placements}
    suggested = [outcome for outcome in near if outcome.suggestion]
    for outcome in [
        *(outcome for outcome in near if not outcome.suggestion),
        *watch.settle_suggestions(suggested, served),
    ]:
        tally.add(outcome)
    for name in matches.unsupported:
        tally.add(unsupported(name))
    planner = Planner(expected=awaited, matches=matches, policy=Policy(), now=NOW, call_limit=timedelta(minutes=1))
    plans = [planner.order(order, OrderKey("t", order.id), None) for order in orders]
    items = sorted_items(outcome for plan in plans for outcome in plan.outcomes())
    return items, tally.examples(), tally.counts, sorted(matches.ambiguous, key=lambda pair: pair[0])


@BOUNDED
@given(worlds(), st.randoms(use_true_random=False), st.integers(1, 4))
def test_the_plan_does_not_depend_on_any_order(world, chance, page_size):
    orders = chance.sample(world.orders, len(world.orders))
    names = chance.sample(world.names, len(world.names))
    assert planned(world, orders, names, page_size) == planned(world, world.orders, world.names, 1000)


@BOUNDED
@given(worlds())
def test_a_page_that_is_listed_twice_changes_no_item(world):
    once = planned(world, world.orders, world.names, 2)
    twice = planned(world, world.orders, world.names + world.names, 3)
    assert once[0] == twice[0]


@BOUNDED
@given(worlds())
def test_every_pending_item_has_one_outcome_with_a_reason(world):
    items = planned(world, world.orders, world.names, 1000)[0]
    assert [(i.order_id, i.item_number) for i in items] == [(i.order_id, i.item_number) for i in sorted_items(items)]
    assert len({(i.order_id, i.item_number) for i in items}) == len(items) == sum(len(o.items) for o in world.orders)
    assert all(item.reason for item in items)
    assert {item.status for item in items} <= {
        ItemStatus.MATCHED,
        ItemStatus.MISSING,
        ItemStatus.CONFLICT,
        ItemStatus.FAILED,
        ItemStatus.NOT_REQUIRED,
    }
