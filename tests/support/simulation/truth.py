"""Whether what a report says is true, and whether every order has come to its end."""

from collections import Counter
from typing import TYPE_CHECKING

import remote_artwork as ra
from history import CallBegan, CallEnded, CallTookEffect, Died, Looked
from remote_artwork.core.lifecycle import UNRESOLVED_STATES, FulfillState, ItemState, OrderKey, OrderRecord
from remote_artwork.core.report import ItemOutcome, ItemStatus
from simulation.shop import TENANT

if TYPE_CHECKING:
    from simulation.world import World


def untrue_outcomes(world: "World") -> list[str]:
    """What the last report says, and is not so. No fault was active during its scan."""
    if not world.reports:
        return []
    _, report = world.reports[-1]
    records = {record.key: record for record in world.database.rules.find(TENANT)}
    found = [f"the last report has a fault: {fault.message}" for fault in report.faults]
    for item in report.items:
        order = world.shop.orders[item.order_id]
        if not _is_true(world, item, order, records):
            found.append(
                f"the last report says of order {item.order_id}, item {item.item_number}: {item.status} "
                f"({item.reason}), which is not so"
            )
    reported = {item.order_id for item in report.items}
    found += [
        f"order {order.id} is pending, and not in the report"
        for order in world.shop.pending()
        if order.id not in reported
    ]
    uncertain = {item.order_id for item in report.items if item.status is ItemStatus.UNCERTAIN}
    found += [
        f"a call of the library left the edit of order {order.id} open, and the last report does not call it uncertain"
        for order in world.shop.orders.values()
        if _was_left_open(order, records) and order.id not in uncertain
    ]
    return found


def _was_left_open(order: ra.Order, records: dict[OrderKey, OrderRecord]) -> bool:
    """Whether an attach call left an order in the middle of its edit, and nothing else has changed it since."""
    record = records[OrderKey(TENANT, order.id, order.approval)] if order.state is ra.OrderState.OTHER else None
    if record is None or record.settled_by:
        return False
    return not any(item.state in (ItemState.SELECTED, ItemState.REJECTED) for item in record.items.values())


def _is_true(world: "World", item: ItemOutcome, order: ra.Order, records: dict[OrderKey, OrderRecord]) -> bool:  # noqa: PLR0911 - one line for each status
    record = records.get(OrderKey(TENANT, order.id, order.approval))
    of_order = [record for key, record in records.items() if key.order_id == order.id]
    ordered = next(each for each in order.items if each.number == item.item_number)
    name = world.setup.name_of(order, ordered)
    upload = world.bucket.current.get(name)
    match item.status:
        case ItemStatus.FULFILLED | ItemStatus.LATE_REPLACEMENT:
            return any(
                r.state is FulfillState.FULFILLED or r.key.fulfillment_key in world.shop.receipts for r in of_order
            )
        case ItemStatus.UNCERTAIN:
            return any(r.is_unresolved for r in of_order)
        case ItemStatus.REJECTED:
            return upload is not None and upload.content.startswith("bad")
        case ItemStatus.MISSING:
            return upload is None
        case ItemStatus.CONFLICT:
            numbers = Counter(other.number for other in world.shop.orders.values())
            second = name.replace(".jpg", ".png") in world.bucket.current
            return second or (numbers[item.order_number] > 1 and not world.setup.reuse)
        case ItemStatus.CANCELLED:
            return order.state is not ra.OrderState.PENDING
        case ItemStatus.SETTLING:
            return any(r.state in UNRESOLVED_STATES for r in of_order if r is not record)
        case ItemStatus.AWAITING_REVIEW:
            return record is not None and record.review_files != "" and record.accepted_by == ""
        case ItemStatus.MATCHED | ItemStatus.ATTACHED:  # it waits for another item of its order
            return len(order.items) > 1
        case _:
            return False


def unfinished_orders(world: "World") -> list[str]:
    """Orders that are still pending, although their files are good and people have resolved what was uncertain."""
    _, last = world.reports[-1]
    why = {item.order_id: f"{item.status} ({item.reason})" for item in last.items}
    records = world.database.rules.find(TENANT)
    found = [f"order {order.id} is still pending: {why.get(order.id)}" for order in world.shop.pending()]
    for record in records:
        shown = record.key.fulfillment_key in world.shop.receipts
        if shown and record.state not in (FulfillState.FULFILLED, FulfillState.UNCERTAIN):
            found.append(f"the shop fulfilled {record.key}, and the ledger has it as {record.state}")
    return found


def silent_replacements(world: "World") -> list[str]:
    """Files that were replaced between the last look and the download, and whose scan did not say so.

    Nothing can prevent it where the storage keeps no versions. A scan that ends sees it, and raises the alarm.
    """
    began: dict[int, CallBegan] = {}
    looks: dict[tuple[str, str], str] = {}
    replaced: dict[int, str] = {}
    found = []
    died = {event.process for event in world.history.events if isinstance(event, Died)}
    for event in world.history.events:
        if isinstance(event, Looked):
            looks[event.process, event.name] = event.content
        elif isinstance(event, CallBegan) and event.name == "fulfill":
            began[event.call] = event
        elif isinstance(event, CallTookEffect) and event.call in began:
            process = began[event.call].process
            for name, content in event.contents.items():
                if looks.get((process, name)) != content:
                    replaced[event.call] = name
        elif isinstance(event, CallEnded) and event.call in replaced and event.outcome == "confirmed":
            call = began[event.call]
            if call.process in died:
                continue
            reports = [report for process, report in world.reports if process == call.process]
            items = [item for report in reports for item in report.items if item.order_id == call.key.order_id]
            codes = {code for item in items for code in (item.code, *(note.code for note in item.notes))}
            if codes.isdisjoint(ALARMS):
                found.append(
                    f"call {event.call} printed {replaced[event.call]} as it was replaced, and no report says so"
                )
    return found


ALARMS = {"replaced_after_send", "replaced_after_send_unpinned", "replacement_not_checked"}
