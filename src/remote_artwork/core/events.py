"""The events of a scan: what an ``Observer`` receives. Most are made from an order's plan and from ledger steps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, TypedDict

from attrs import fields, frozen

from remote_artwork.core.lifecycle import FulfillState, ItemState, ItemStep, OrderStep, Step
from remote_artwork.core.planner import ItemPlan, OrderPlan
from remote_artwork.core.reasons import Reason
from remote_artwork.core.report import FileOutcome, ItemOutcome, ItemStatus, Part, ScanReport

_NEXT_WORD = re.compile("(?<=[a-z])(?=[A-Z])")


@frozen(kw_only=True)
class Event:
    """The base of all events.

    Args:
        tenant: The tenant whose orders are scanned.
    """

    tenant: str

    @property
    def event_name(self) -> str:
        """The name in logs: ``OrderFulfilled`` is ``order_fulfilled``."""
        return _NEXT_WORD.sub("_", type(self).__name__).lower()

    def facts(self) -> Mapping[str, Any]:
        """The fields by name, as logs have them in ``extra``."""
        return {field.name: getattr(self, field.name) for field in fields(type(self))}


@frozen(kw_only=True)
class ScanStarted(Event):
    """A scan or a dry run starts. ``ScanFinished`` follows, or ``ScanAborted`` if it raises an error.

    Args:
        location: The canonical URL of the storage location, without secrets.
        dry_run: Whether it is ``plan``.
        started_at: When it started.
    """

    location: str
    dry_run: bool
    started_at: datetime


@frozen(kw_only=True)
class FilesListed(Event):
    """A page of the storage location was read.

    Args:
        count: The number of files on it.
    """

    count: int


@frozen(kw_only=True)
class OrderStarted(Event):
    """A worker starts to process an order: its files are checked and attached, and the order is sent.

    Args:
        order_number: The order's number.
        order_id: The shop's id of the order.
        done: How many orders of the scan are done.
        total: How many orders of the scan have anything to process.
    """

    order_number: str
    order_id: str
    done: int
    total: int


@frozen(kw_only=True)
class ItemEvent(Event):
    """The base of events about the files of one item.

    Args:
        order_number: The order's number.
        order_id: The shop's id of the order.
        item_number: The item's number.
        files: Names of the files.
    """

    order_number: str
    order_id: str
    item_number: str
    files: tuple[str, ...]


@frozen(kw_only=True)
class ItemFound(ItemEvent):
    """A pending item has a file for each of its placements. The files are not checked yet."""


@frozen(kw_only=True)
class ItemVerified(ItemEvent):
    """The item's files passed the checks."""


@frozen(kw_only=True)
class ItemRejected(ItemEvent):
    """The item's files did not pass the checks, or the shop refused them.

    Args:
        because: The reason, as data.
    """

    because: Reason | None

    @property
    def reason(self) -> str:
        """What is wrong and what to do, in English."""
        return self.because.render() if self.because else ""


@frozen(kw_only=True)
class ItemAttached(ItemEvent):
    """The item's files are attached in the shop. With ``WITH_FULFILL``, the call that fulfills the order attaches."""


@frozen(kw_only=True)
class OrderFulfilled(Event):
    """An order is fulfilled, and the ledger has its receipt.

    Args:
        order_number: The order's number.
        order_id: The shop's id of the order.
        receipt: What ``fulfill`` returned.
        uploaded_at: When the newest of its files was last modified, by the storage's clock; None if it is not known.
    """

    order_number: str
    order_id: str
    receipt: str | None
    uploaded_at: datetime | None = None


@frozen(kw_only=True)
class ItemReported(Event):
    """The outcome of a pending item. There is one event for each item of the report.

    Args:
        outcome: The outcome, as in the report.
    """

    outcome: ItemOutcome

    def facts(self) -> Mapping[str, Any]:
        """The item, its status and the reason, without the findings."""
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
    """The outcome of an unmatched file. There is one event for each file, also for those the report leaves out.

    Args:
        outcome: The outcome, as in the report.
    """

    outcome: FileOutcome

    def facts(self) -> Mapping[str, Any]:
        """The file, its status and the reason."""
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
    """A scan or a dry run finished.

    Args:
        report: The whole report.
    """

    report: ScanReport

    def facts(self) -> Mapping[str, Any]:
        """How many items have each status, and the exit code."""
        counts = {str(status): count for status, count in self.report.counts.items()}
        return {"tenant": self.tenant, "counts": counts, "exit_code": int(self.report.exit_code)}


@frozen(kw_only=True)
class Measured(Event):
    """The base of events about something that took time. They arrive some time after it.

    Args:
        order_id: The shop's id of the order that it was for; None: it was for the whole scan, or for several orders.
        started_at: When it started.
        seconds: How long it took.
        error: The name of the error's class; None if there was no error.
    """

    order_id: str | None
    started_at: datetime
    seconds: float
    error: str | None


@frozen(kw_only=True)
class StorageRequested(Measured):
    """One request to the storage. A request that is sent again is another one.

    Args:
        kind: ``list``, ``head`` or ``get``, as in ``ScanReport.requests``.
        file: The name of the file that it concerned; None: it concerned the folder.
        size: How many bytes of a file were read.
    """

    kind: Literal["list", "head", "get"]
    file: str | None
    size: int = 0


@frozen(kw_only=True)
class ShopCalled(Measured):
    """One call of the client. Reading the list of pending orders, with all its pages, is one call.

    Args:
        method: The method of ``FulfillmentClient``.
    """

    method: str


@frozen(kw_only=True)
class LedgerCalled(Measured):
    """One call of the ledger: one transaction.

    Args:
        method: The method of ``Ledger``.
        orders: How many orders were claimed or written at once; 0 for the other methods.
    """

    method: str
    orders: int = 0


@frozen(kw_only=True)
class RetryWaited(Measured):
    """A call failed, and is made again after a wait. The event is recorded when the wait starts.

    Args:
        part: What did not answer.
    """

    part: Part


@frozen(kw_only=True)
class RequestWaited(Measured):
    """A request waited until the limiter of its storage let it run. Without a limiter, there are no such events."""


@frozen(kw_only=True)
class OrderFinished(Measured):
    """A worker has processed an order. It follows the steps and the calls of that order.

    Args:
        order_number: The order's number.
        statuses: The status of each item; empty if the scan was aborted.
    """

    order_number: str
    statuses: tuple[ItemStatus, ...] = ()


@frozen(kw_only=True)
class ScanAborted(Measured):
    """A scan or a dry run raised an error. There is no report."""


Emit = Callable[[Event], None]
"""Receives an event. Never raises."""


def ignore(_event: Event) -> None:
    """Ignore the event."""


class _OrderFields(TypedDict):
    tenant: str
    order_number: str
    order_id: str


class _ItemFields(_OrderFields):
    item_number: str
    files: tuple[str, ...]


def _order_fields(plan: OrderPlan) -> _OrderFields:
    return _OrderFields(tenant=plan.key.tenant, order_number=plan.order.number, order_id=plan.order.id)


def _item_fields(plan: OrderPlan, number: str, files: Iterable[str]) -> _ItemFields:
    return _ItemFields(**_order_fields(plan), item_number=number, files=tuple(files))


def _planned_fields(plan: OrderPlan, item: ItemPlan) -> _ItemFields:
    return _item_fields(plan, item.number, (file.name for file in item.files.values()))


def items_found(plan: OrderPlan) -> Iterator[ItemFound]:
    """One event for each item that has its files."""
    return (ItemFound(**_planned_fields(plan, item)) for item in plan.items if item.files)


def order_started(plan: OrderPlan, *, done: int, total: int) -> OrderStarted:
    """A worker starts to process the order; ``done`` of ``total`` orders are done."""
    return OrderStarted(**_order_fields(plan), done=done, total=total)


def item_checked(plan: OrderPlan, item: ItemPlan, rejection: Reason | None) -> Event:
    """The result of the checks in a dry run, which writes no ledger step."""
    if rejection:
        return ItemRejected(**_planned_fields(plan, item), because=rejection)
    return ItemVerified(**_planned_fields(plan, item))


def event_of_step(plan: OrderPlan, step: Step) -> Event | None:
    """The event for a ledger step; None if the step has none."""
    if isinstance(step, OrderStep) and step.after is FulfillState.FULFILLED:
        return OrderFulfilled(**_order_fields(plan), receipt=step.receipt, uploaded_at=_uploaded_at(plan))
    if not isinstance(step, ItemStep):
        return None
    item = _item_fields(plan, step.item_number, (file.name for file in step.files))
    if step.after is ItemState.REJECTED:
        return ItemRejected(**item, because=step.reason)
    if step.after is ItemState.ATTACHED:
        return ItemAttached(**item)
    if (step.before, step.after) == (ItemState.SELECTED, ItemState.VERIFIED):
        return ItemVerified(**item)
    return None


def _uploaded_at(plan: OrderPlan) -> datetime | None:
    times = [file.last_modified for item in plan.items for file in item.files.values()]
    known = [time for time in times if time is not None]
    return max(known) if known and len(known) == len(times) else None


def item_reported(plan: OrderPlan, outcome: ItemOutcome) -> ItemReported:
    """The outcome of one item of the order."""
    return ItemReported(tenant=plan.key.tenant, outcome=outcome)
