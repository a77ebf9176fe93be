"""The events of one order: made of its plan, and of each step once the ledger has it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypedDict

from attrs import fields, frozen

from remote_artwork.core.lifecycle import FulfillState, ItemState, Step
from remote_artwork.core.planner import ItemPlan, OrderPlan
from remote_artwork.core.reasons import Reason
from remote_artwork.core.report import FileOutcome, ItemOutcome, ScanReport

_NEXT_WORD = re.compile("(?<=[a-z])(?=[A-Z])")


@frozen(kw_only=True)
class Event:
    """What all events have in common.

    Args:
        tenant: Whose pass it is.
    """

    tenant: str

    @property
    def event_name(self) -> str:
        """What the logs call it: ``OrderFulfilled`` is ``order_fulfilled``."""
        return _NEXT_WORD.sub("_", type(self).__name__).lower()

    def facts(self) -> Mapping[str, Any]:
        """Its fields by name, as the logs have them in ``extra``."""
        return {field.name: getattr(self, field.name) for field in fields(type(self))}


@frozen(kw_only=True)
class ScanStarted(Event):
    """A pass begins. It ends with ``ScanFinished``, unless it raises.

    Args:
        location: The canonical URL of the storage location, without secrets.
        dry_run: Whether it is ``plan``.
    """

    location: str
    dry_run: bool


@frozen(kw_only=True)
class FilesListed(Event):
    """A page of the location was looked at.

    Args:
        count: How many files it named.
    """

    count: int


@frozen(kw_only=True)
class OrderStarted(Event):
    """Work on an order begins: its files are checked, attached and sent, as far as it goes.

    Args:
        order_number: The number people know the order by.
        order_id: The host's own id of the order.
        done: How many orders of the pass are behind it.
        total: How many there are with anything to do.
    """

    order_number: str
    order_id: str
    done: int
    total: int


@frozen(kw_only=True)
class ItemEvent(Event):
    """Something happened to the files of one item.

    Args:
        order_number: The number people know the order by.
        order_id: The host's own id of the order.
        item_number: The number people know the item by.
        files: Names of the files.
    """

    order_number: str
    order_id: str
    item_number: str
    files: tuple[str, ...]


@frozen(kw_only=True)
class ItemFound(ItemEvent):
    """A pending item has a file for each of its placements; nothing is known of what is in them."""


@frozen(kw_only=True)
class ItemVerified(ItemEvent):
    """The item's files passed the checks."""


@frozen(kw_only=True)
class ItemRejected(ItemEvent):
    """The item's files did not pass the checks, or the shop refuses them.

    Args:
        because: The reason, as data.
    """

    because: Reason | None

    @property
    def reason(self) -> str:
        """What is wrong, and what to do, in English."""
        return self.because.render() if self.because else ""


@frozen(kw_only=True)
class ItemAttached(ItemEvent):
    """The item's files are attached at the shop; by the call that fulfilled the order, where the shop has but one."""


@frozen(kw_only=True)
class OrderFulfilled(Event):
    """An order is fulfilled, and the ledger has its receipt.

    Args:
        order_number: The number people know the order by.
        order_id: The host's own id of the order.
        receipt: The host's answer to ``fulfill``, where it gave one.
    """

    order_number: str
    order_id: str
    receipt: str | None


@frozen(kw_only=True)
class ItemReported(Event):
    """What became of a pending item in this pass: one for each item of the report.

    Args:
        outcome: As the report has it.
    """

    outcome: ItemOutcome

    def facts(self) -> Mapping[str, Any]:
        """Where the item is, and why; without the findings."""
        outcome = self.outcome
        return {
            "tenant": self.tenant,
            "order_number": outcome.order_number,
            "order_id": outcome.order_id,
            "item_number": outcome.item_number,
            "files": outcome.files,
            "status": str(outcome.status),
            "code": outcome.code,
            "reason": outcome.reason,
        }


@frozen(kw_only=True)
class FileReported(Event):
    """What a file is that did not simply match: one for each, also beyond the examples that the report keeps.

    Args:
        outcome: As the report has it.
    """

    outcome: FileOutcome

    def facts(self) -> Mapping[str, Any]:
        """Which file it is, and why."""
        outcome = self.outcome
        return {
            "tenant": self.tenant,
            "file": outcome.name,
            "status": str(outcome.status),
            "code": outcome.code,
            "reason": outcome.reason,
            "suggestion": outcome.suggestion,
        }


@frozen(kw_only=True)
class ScanFinished(Event):
    """The pass ended.

    Args:
        report: All of it.
    """

    report: ScanReport

    def facts(self) -> Mapping[str, Any]:
        """How many items have each status, and the exit code."""
        counts = {str(status): count for status, count in self.report.counts.items()}
        return {"tenant": self.tenant, "counts": counts, "exit_code": self.report.exit_code}


Emit = Callable[[Event], None]
"""Takes an event; never raises."""


def ignore(_event: Event) -> None:
    """For passes that nobody is told of."""


class _Order(TypedDict):
    tenant: str
    order_number: str
    order_id: str


class _Item(_Order):
    item_number: str
    files: tuple[str, ...]


def _order(plan: OrderPlan) -> _Order:
    return _Order(tenant=plan.key.tenant, order_number=plan.order.number, order_id=plan.order.id)


def _item(plan: OrderPlan, number: str, files: Iterable[str]) -> _Item:
    return _Item(**_order(plan), item_number=number, files=tuple(files))


def _planned(plan: OrderPlan, item: ItemPlan) -> _Item:
    return _item(plan, item.item.number, (file.name for file in item.files.values()))


def found(plan: OrderPlan) -> Iterator[ItemFound]:
    """One for each item that has its files."""
    return (ItemFound(**_planned(plan, item)) for item in plan.items if item.files)


def started(plan: OrderPlan, *, done: int, total: int) -> OrderStarted:
    """Work on the order begins; ``done`` of ``total`` orders are behind it."""
    return OrderStarted(**_order(plan), done=done, total=total)


def checked(plan: OrderPlan, item: ItemPlan, rejection: Reason | None) -> Event:
    """What the checks say of an item's files, where no ledger is told."""
    if rejection:
        return ItemRejected(**_planned(plan, item), because=rejection)
    return ItemVerified(**_planned(plan, item))


def of_step(plan: OrderPlan, step: Step) -> Event | None:
    """What is to be told of a step; most are told of by what comes next."""
    if step.after is FulfillState.FULFILLED:
        return OrderFulfilled(**_order(plan), receipt=step.receipt)
    if isinstance(step.after, FulfillState):
        return None
    item = _item(plan, step.item_number, (file.name for file in step.files))
    if step.after is ItemState.REJECTED:
        return ItemRejected(**item, because=step.reason)
    if step.after is ItemState.ATTACHED:
        return ItemAttached(**item)
    if (step.before, step.after) == (ItemState.SELECTED, ItemState.VERIFIED):
        return ItemVerified(**item)
    return None


def reported(plan: OrderPlan, outcome: ItemOutcome) -> ItemReported:
    """What became of one item of the order."""
    return ItemReported(tenant=plan.key.tenant, outcome=outcome)
