"""``Scanner.explain``: why a file or an order has its status, step by step. Each step and the verdict is a reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import cast

from remote_artwork.core.expected import ExpectedFiles, split_extension
from remote_artwork.core.lifecycle import FulfillState, OrderRecord, file_key
from remote_artwork.core.orders import MEDIA_TYPES
from remote_artwork.core.pattern import FilenamePattern
from remote_artwork.core.planner import HAS_FILES, ItemPlan, OrderPlan, file_not_known, order_waits
from remote_artwork.core.policy import Policy
from remote_artwork.core.reasons import Explained, Reason, reason, to_dicts
from remote_artwork.core.report import Explanation, FileOutcome, ItemStatus
from remote_artwork.core.text import nfc
from remote_artwork.scan.collect import Collected

_MOST_USERS = 5
"""How many of the items that share a file an explanation names."""


def explain_file(
    name: str,
    collected: Collected,
    seen: Sequence[FileOutcome],
    known: Sequence[OrderRecord],
    pattern: FilenamePattern,
) -> Explanation:
    """Explain the status of a file.

    Args:
        name: The file's name, relative to the location's folder.
        collected: The pending orders, the ledger and the files.
        seen: The outcome of this name as an unmatched file, if it has one.
        known: The ledger's rows of the orders whose numbers the name may contain, or that used a file of this name.
        pattern: The pattern of the file names.
    """
    steps = _name_steps(name, collected, pattern)
    if collected.faults:
        return _cannot_explain(name, steps, collected)
    users = [(plan, item) for plan in collected.plans for item in plan.items if nfc(name) in map(nfc, item.candidates)]
    if users:
        for plan, item in users[:_MOST_USERS]:
            steps += _ledger_steps(plan, item)
            steps.append(reason("file_found", print=_print_of(plan, item)))
        if len(users) > _MOST_USERS:
            steps.append(reason("more_items_expect_file", count=len(users) - _MOST_USERS))
        shown = next((item for _, item in users if item.status not in HAS_FILES), users[0][1])
        return Explanation(subject=name, steps=tuple(steps), because=_status(shown.status, shown))
    for record in known:
        selected = (file for row in record.items.values() for file in row.files)
        if any(file_key(file.name) == file_key(name) for file in (*record.used_files, *selected)):
            steps.append(
                reason(
                    "file_in_ledger",
                    order_number=record.order_number,
                    state=str(record.state),
                    at=record.updated_at.isoformat() if record.updated_at else None,
                )
            )
            because = reason("file_used_earlier", order_number=record.order_number)
            return Explanation(subject=name, steps=tuple(steps), because=because)
    if seen:
        steps.append(reason("file_found_not_expected"))
        return Explanation(subject=name, steps=tuple(steps), because=_status(seen[0].status, seen[0]))
    because, step = _explain_unseen(name, collected, known)
    return Explanation(subject=name, steps=(*steps, step), because=because)


def _name_steps(name: str, collected: Collected, pattern: FilenamePattern) -> list[Reason]:
    basename, extension = split_extension(name)
    printable = extension.lower() in MEDIA_TYPES
    follows = pattern.fits(basename)
    return [
        reason("extension_printed" if printable else "extension_not_printed", extension=extension),
        reason(
            "name_follows_pattern" if follows else "name_does_not_follow_pattern",
            pattern=str(pattern),
            basename=basename,
        ),
        reason("orders_pending", orders=len(collected.plans), items=len(_expected(collected).basenames)),
    ]


def _expected(collected: Collected) -> ExpectedFiles:
    return cast("ExpectedFiles", collected.expected)  # the name of the file was given to search for


def _explain_unseen(name: str, collected: Collected, known: Sequence[OrderRecord]) -> tuple[Reason, Reason]:
    """The verdict and the last step for a file that was not found."""
    basename, extension = split_extension(name)
    if unknown := collected.unknown.get(nfc(basename)):
        because = reason(
            "status_of_file", status=str(ItemStatus.UNREADABLE), reasons=to_dicts([file_not_known(unknown)])
        )
        return because, reason("file_not_answered")
    expected = _expected(collected).by_basename.get(nfc(basename))
    if expected is not None and extension.lower() in MEDIA_TYPES:
        item = next(
            item for plan in collected.plans for item in plan.items if (plan.order.id, item.number) == expected.key
        )
        if expected.basename in item.expected:
            because = reason("upload_file", status=str(item.status), file=name)
            return because, reason("file_missing", print=expected.details)
        return _status(item.status, item), reason("file_not_needed", print=expected.details)
    for record in known:
        if record.state in (FulfillState.FULFILLED, FulfillState.CANCELLED):
            details = {"order_number": record.order_number, "state": str(record.state)}
            return reason("order_done", **details), reason("order_done_in_ledger", **details)
    return reason("nothing_to_do"), reason("file_missing_not_expected")


def explain_order(
    number: str, collected: Collected, known: Iterable[OrderRecord], *, policy: Policy, now: datetime
) -> Explanation:
    """Explain the status of an order.

    Args:
        number: The order's number.
        collected: The pending orders, the ledger and the files.
        known: The ledger's rows of orders with this number.
        policy: The shop's policy.
        now: The time of the explanation.
    """
    plans = [plan for plan in collected.plans if plan.order.number == number]
    steps = [step for plan in plans for step in _order_steps(plan)]
    if collected.faults:
        return _cannot_explain(number, steps, collected)
    if collected.saw_only_neighbors and any(item.expected for plan in plans for item in plan.items):
        steps.append(reason("only_neighbors_seen"))
    for other in collected.other_outcomes:
        if other.order_number == number and not plans:
            return Explanation(subject=number, steps=(), because=other.because, notes=other.notes)
    if not plans:
        steps = [reason("order_not_listed", orders=len(collected.plans), order_number=number)]
        steps += [reason("order_in_ledger", state=str(record.state), order_id=record.key.order_id) for record in known]
        return Explanation(subject=number, steps=tuple(steps), because=reason("order_not_pending"))
    because, *notes = [verdict for plan in plans for verdict in _order_verdict(plan, policy, now)]
    return Explanation(subject=number, steps=tuple(steps), because=because, notes=tuple(notes))


_DECIDED = (ItemStatus.FULFILLED, ItemStatus.CANCELLED, ItemStatus.UNCERTAIN, ItemStatus.LATE_REPLACEMENT)
"""These statuses follow from the state of the whole order, not from the file of one item."""


def _order_verdict(plan: OrderPlan, policy: Policy, now: datetime) -> Sequence[Reason]:
    waiting = [item for item in plan.items if item.status not in (*HAS_FILES, ItemStatus.NOT_REQUIRED)]
    if decided := next((item for item in waiting if item.status in _DECIDED), None):
        return [decided.because]
    if waiting:
        return [order_waits((planned.item, planned.status) for planned in waiting)]
    outcomes = plan.before_review(plan.outcomes(), policy, now)
    if reviewed := next((item for item in outcomes if item.status is ItemStatus.AWAITING_REVIEW), None):
        return reviewed.reasons
    return [reason("order_complete") if plan.complete else reason("order_needs_nothing")]


def _cannot_explain(subject: str, steps: Sequence[Reason], collected: Collected) -> Explanation:
    faults = [reason("part_not_used", part=fault.part, reasons=to_dicts(fault.reasons)) for fault in collected.faults]
    return Explanation(
        subject=subject,
        steps=(*steps, *faults),
        because=reason("cannot_explain"),
        exit_code=max(fault.exit_code for fault in collected.faults),
    )


def _order_steps(plan: OrderPlan) -> list[Reason]:
    order = plan.order
    steps = [reason("order_pending", order_number=order.number, order_id=order.id, items=len(order.items))]
    for item in plan.items:
        steps.append(
            reason(
                "status_of_item",
                item=_named(item),
                status=str(item.status),
                reasons=to_dicts(item.reasons),
            )
        )
        steps += _ledger_steps(plan, item)
    return steps


def _ledger_steps(plan: OrderPlan, item: ItemPlan) -> list[Reason]:
    row = plan.record.items.get(item.number) if plan.record else None
    if row is None:
        return []
    return [
        reason(
            "item_in_ledger",
            item=_named(item),
            state=str(row.state),
            files=[file.name for file in row.files],
            order_state=str(plan.state),
        )
    ]


def _named(item: ItemPlan) -> dict[str, str]:
    """The field ``item`` of a reason."""
    return {"item_number": item.number, "label": item.item.label}


def _print_of(plan: OrderPlan, item: ItemPlan) -> dict[str, str | None]:
    """The field ``print`` of a reason, for all placements of an item."""
    return {"order_number": plan.order.number, "placement": None, **_named(item)}


def _status(status: str, explained: Explained) -> Reason:
    return reason("status_of_file", status=str(status), reasons=to_dicts(explained.reasons))
