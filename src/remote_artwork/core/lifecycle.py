"""The lifecycle of an order in the ledger: states, records, and the rules of a ledger write. Pure; does no I/O."""

from __future__ import annotations

import enum
import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from attrs import evolve, field, frozen

from remote_artwork.core.orders import StoredFile
from remote_artwork.core.reasons import Reason
from remote_artwork.errors import LeaseLost


class ItemState(enum.StrEnum):
    """The state of one item's artwork."""

    SELECTED = "selected"
    VERIFIED = "verified"
    REJECTED = "rejected"
    ATTACH_INTENT = "attach_intent"
    ATTACHED = "attached"
    LATE_REPLACEMENT = "late_replacement"


VERIFIED_STATES = frozenset({ItemState.VERIFIED, ItemState.ATTACH_INTENT, ItemState.ATTACHED})
"""States in which the files have passed all checks."""


class FulfillState(enum.StrEnum):
    """The state of one approval of an order."""

    OPEN = "open"
    FULFILL_INTENT = "fulfill_intent"
    FULFILLED = "fulfilled"
    UNCERTAIN = "uncertain"
    CANCELLED = "cancelled"


_I, _F = ItemState, FulfillState

ITEM_TRANSITIONS: Mapping[ItemState | None, frozenset[ItemState]] = {
    None: frozenset({_I.SELECTED}),
    _I.SELECTED: frozenset({_I.SELECTED, _I.VERIFIED, _I.REJECTED}),
    _I.VERIFIED: frozenset({_I.SELECTED, _I.ATTACH_INTENT, _I.ATTACHED, _I.REJECTED, _I.LATE_REPLACEMENT}),
    _I.REJECTED: frozenset({_I.SELECTED}),
    _I.ATTACH_INTENT: frozenset({_I.ATTACHED, _I.VERIFIED, _I.SELECTED, _I.LATE_REPLACEMENT}),
    _I.ATTACHED: frozenset({_I.SELECTED, _I.ATTACH_INTENT, _I.REJECTED, _I.LATE_REPLACEMENT}),
    _I.LATE_REPLACEMENT: frozenset({_I.SELECTED}),
}
"""State → allowed next states. None means that the item has no row yet.

Every state may return to ``selected``, because a merchant can replace the file at any time."""

ORDER_TRANSITIONS: Mapping[FulfillState, frozenset[FulfillState]] = {
    _F.OPEN: frozenset({_F.FULFILL_INTENT, _F.CANCELLED}),
    _F.FULFILL_INTENT: frozenset({_F.FULFILL_INTENT, _F.FULFILLED, _F.UNCERTAIN, _F.OPEN, _F.CANCELLED}),
    _F.UNCERTAIN: frozenset({_F.FULFILLED, _F.OPEN}),
    _F.FULFILLED: frozenset({_F.UNCERTAIN}),
    _F.CANCELLED: frozenset({_F.OPEN}),
}
"""State → allowed next states. The first claim creates the row as ``open``.

A row returns to ``open`` after a call that certainly had no effect. Each attempt of a call records a new intent:
the age of the intent is the age of the last attempt."""

UNRESOLVED_STATES = frozenset({FulfillState.FULFILL_INTENT, FulfillState.UNCERTAIN})
"""States in which the outcome of a call is unknown. A ledger never deletes such rows; a person may resolve them."""


def is_transition(before: ItemState | FulfillState | None, after: ItemState | FulfillState) -> bool:
    """Whether the lifecycle allows the transition from ``before`` to ``after``."""
    if isinstance(after, FulfillState):
        return isinstance(before, FulfillState) and after in ORDER_TRANSITIONS[before]
    return not isinstance(before, FulfillState) and after in ITEM_TRANSITIONS[before]


@frozen
class OrderKey:
    """The primary key of an order's ledger row: one approval of one order of one tenant."""

    tenant: str
    order_id: str
    approval: str = ""

    @property
    def fulfillment_key(self) -> str:
        """The idempotency key of the fulfill call. It hashes only this key, so a new upload does not change it."""
        return _digest("fulfill", self.tenant, self.order_id, self.approval)

    def attachment_key(self, item_number: str, files: Sequence[FileRecord]) -> str:
        """The idempotency key of an attach call. It also hashes the item and the versions of its files."""
        versions = [part for file in files for part in (file.placement, file.name, file.version)]
        return _digest("attach", self.tenant, self.order_id, self.approval, item_number, *versions)


def replace_unstorable(text: str) -> str:
    """Replaces characters that a database cannot store: lone surrogates, and NUL (which PostgreSQL rejects)."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")


def _storable_reason(reason: Reason | None) -> Reason | None:
    return None if reason is None else reason.with_text(replace_unstorable)


def _storable_or_none(text: str | None) -> str | None:
    return None if text is None else replace_unstorable(text)


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@frozen(kw_only=True)
class FileRecord:
    """The stored identity of one artwork file. Never contains a URL."""

    placement: str
    name: str
    size: int
    etag: str
    version_id: str | None = None

    @classmethod
    def of(cls, placement: str, file: StoredFile) -> FileRecord:
        """Creates the record of a stored file for one placement."""
        return cls(placement=placement, name=file.name, size=file.size, etag=file.etag, version_id=file.version_id)

    @property
    def version(self) -> str:
        """The most precise version identifier from the storage: the version id, or else the ETag."""
        return self.version_id or self.etag

    def describes(self, file: StoredFile) -> bool:
        """Whether ``file`` still has the recorded content, according to the storage."""
        if self.version_id and file.version_id and self.version_id != file.version_id:
            return False
        return (self.name, self.size, self.etag) == (file.name, file.size, file.etag)


@frozen(kw_only=True)
class ItemRecord:
    """The ledger row of one item.

    Args:
        item_number: The item's number.
        state: The state of its artwork.
        files: The files selected for it.
        reason: Why the files were rejected; None if they were not.
        checks: Digest of the checks that ran. A result from different checks is ignored.
    """

    item_number: str
    state: ItemState
    files: tuple[FileRecord, ...] = ()
    reason: Reason | None = None
    checks: str = ""

    def describes(self, files: Mapping[str, StoredFile]) -> bool:
        """Whether the row describes exactly these files. ``files`` maps placement to file."""
        return len(self.files) == len(files) and all(
            record.placement in files and record.describes(files[record.placement]) for record in self.files
        )


@frozen(kw_only=True)
class OrderRecord:
    """Everything the ledger stores about one approval of an order.

    Args:
        key: The order and approval.
        order_number: The order number that people use.
        state: The state of the fulfillment.
        items: Item number → its row.
        receipt: The return value of the shop's ``fulfill``.
        work: ``Order.work`` at the last ``fulfill_intent``: a digest of the requested work.
        reason: Why the order is in this state, if an explanation is needed.
        settled_by: The person who set this state; empty if the library set it.
        intent_age: Time since the last ``fulfill_intent``, by the ledger's clock.
        call_limit: The longest time that the call of the last intent may be in flight.
        updated_at: When the order's row last changed, by the ledger's clock.
    """

    key: OrderKey
    order_number: str
    state: FulfillState = FulfillState.OPEN
    items: Mapping[str, ItemRecord] = field(factory=dict)
    receipt: str | None = None
    work: str = ""
    reason: Reason | None = None
    settled_by: str = ""
    intent_age: timedelta | None = None
    call_limit: timedelta | None = None
    updated_at: datetime | None = None

    def is_stale_fulfillment(self, call_limit: timedelta) -> bool:
        """Whether a shop that still lists this fulfilled order as pending has lost the fulfillment.

        A call may be in flight for ``call_limit``, so a younger fulfillment is not stale. An order that a person
        resolved is never stale.
        """
        if self.state is not FulfillState.FULFILLED or self.settled_by:
            return False
        return self.intent_age is not None and self.intent_age > call_limit

    @property
    def remaining_call_time(self) -> timedelta:
        """How much longer a fulfill call may be in flight; zero if no call can be."""
        if self.intent_age is None or self.call_limit is None:
            return timedelta(0)
        return max(timedelta(0), self.call_limit - self.intent_age)

    @property
    def receipt_details(self) -> dict[str, str | None]:
        """The time and the receipt of the fulfillment, as fields of a reason."""
        return {"at": self.updated_at.isoformat() if self.updated_at else None, "receipt": self.receipt}


@frozen(kw_only=True)
class ItemStep:
    """One transition of an item's row, and the content of the row after it."""

    item_number: str
    before: ItemState | None
    after: ItemState
    files: tuple[FileRecord, ...]
    reason: Reason | None = field(default=None, converter=_storable_reason)
    checks: str = ""

    @property
    def record(self) -> ItemRecord:
        """The item's row after the step."""
        return ItemRecord(
            item_number=self.item_number,
            state=self.after,
            files=self.files,
            reason=self.reason,
            checks=self.checks,
        )


@frozen(kw_only=True)
class OrderStep:
    """One transition of an order's row, and the content of the row after it.

    If ``work`` is empty or ``call_limit`` is None, the row keeps its value.
    """

    before: FulfillState
    after: FulfillState
    receipt: str | None = field(default=None, converter=_storable_or_none)
    work: str = ""
    reason: Reason | None = field(default=None, converter=_storable_reason)
    settled_by: str = field(default="", converter=replace_unstorable)
    call_limit: timedelta | None = None


Step = ItemStep | OrderStep


@frozen(kw_only=True)
class Lease:
    """The exclusive right to work on one order for a limited time.

    Args:
        record: The order's row when the lease was granted.
        owner: The worker that holds the lease.
        epoch: Increases by one with each grant. Writes with an older epoch are refused.
        lasts: The duration of the lease. Each write by its owner starts it again.
    """

    record: OrderRecord
    owner: str
    epoch: int
    lasts: timedelta

    @property
    def key(self) -> OrderKey:
        """The key of the leased order."""
        return self.record.key


def advance_record(
    record: OrderRecord,
    steps: Sequence[Step],
    *,
    lease: Lease,
    owner: str | None,
    epoch: int,
    now: datetime,
    release: bool = False,
) -> OrderRecord:
    """Applies steps to an order's row, by the rules that every ledger follows. Use it in your own ledger.

    This function does no I/O: read the row, call it, and store the result.

    Args:
        record: The row as read from the ledger.
        steps: The ``steps`` argument of ``Ledger.advance``.
        lease: The ``lease`` argument of ``Ledger.advance``.
        owner: The lease owner stored in the row; None if the lease was released.
        epoch: The epoch stored in the row.
        now: The current time of the ledger's clock, which also measured ``record.intent_age``.
        release: The ``release`` argument of ``Ledger.advance``.

    Returns:
        The record to store. If the row already contains these steps, this is the same ``record`` object.
        To store the time of the intent, compute ``now`` minus ``intent_age``.

    Raises:
        LeaseLost: The lease is no longer valid, or a row is not in the state that its step expects.
        ValueError: A step is not a transition of the lifecycle. This is a bug in the caller.
    """
    check_transitions(steps)
    if epoch != lease.epoch or owner not in ((lease.owner, None) if release else (lease.owner,)):
        raise lease_lost(lease.key)
    try:
        if owner is None:
            raise lease_lost(lease.key)
        after = record
        for step in steps:
            after = _apply_step(after, step)
    except LeaseLost:
        if not is_already_applied(record, steps):
            raise
        return record
    return evolve(after, updated_at=now) if steps else record


def check_transitions(steps: Iterable[Step]) -> None:
    """Validates that each step is a transition of the lifecycle.

    Raises:
        ValueError: A step is not. This is a bug in the caller, not a problem of the data.
    """
    for step in steps:
        if not is_transition(step.before, step.after):
            raise ValueError(f"the lifecycle has no transition from {step.before} to {step.after}: {step}")


def is_already_applied(record: OrderRecord, steps: Iterable[Step]) -> bool:
    """Whether the rows already have the content that these steps write.

    Only the owner of the lease writes to an order. So an earlier attempt of the same write succeeded, and its
    response was lost.
    """
    items = {step.item_number: step.record for step in steps if isinstance(step, ItemStep)}
    order = [step for step in steps if isinstance(step, OrderStep)][-1:]
    return all(record.items.get(number) == row for number, row in items.items()) and all(
        (record.state, record.receipt, record.reason, record.settled_by)
        == (step.after, step.receipt, step.reason, step.settled_by)
        and step.work in ("", record.work)
        and step.call_limit in (None, record.call_limit)
        for step in order
    )


def lease_lost(key: OrderKey) -> LeaseLost:
    """Creates the error for a lease that was released or replaced by a newer one."""
    return LeaseLost(f"order {key.order_id}: the lease was released, or another scanner took over the order")


def state_changed(key: OrderKey, step: Step) -> LeaseLost:
    """Creates the error for a step whose row is no longer in the expected state."""
    what = f"item {step.item_number}" if isinstance(step, ItemStep) else "the order"
    return LeaseLost(f"order {key.order_id}: {what} is no longer {step.before or 'new'}; another process changed it")


def _apply_step(record: OrderRecord, step: Step) -> OrderRecord:
    if isinstance(step, ItemStep):
        item = record.items.get(step.item_number)
        if (item.state if item else None) != step.before:
            raise state_changed(record.key, step)
        return evolve(record, items={**record.items, step.item_number: step.record})
    if record.state != step.before:
        raise state_changed(record.key, step)
    return evolve(
        record,
        state=step.after,
        receipt=step.receipt,
        work=step.work or record.work,
        reason=step.reason,
        settled_by=step.settled_by,
        call_limit=record.call_limit if step.call_limit is None else step.call_limit,
        intent_age=timedelta(0) if step.after is FulfillState.FULFILL_INTENT else record.intent_age,
    )


DEFAULT_TENANT = "default"


def resolve_command(key: OrderKey, number: str, *, by_id: bool = False) -> str:
    """The shell command that marks an order as fulfilled. The person adds the option ``--ledger``.

    Args:
        key: The order and approval.
        number: The order number that people use.
        by_id: Include ``--id`` even if the id equals the number, because several orders share the number.
    """
    options = [f"--tenant={key.tenant}"] if key.tenant != DEFAULT_TENANT else []
    options += [f"--id={key.order_id}"] if by_id or key.order_id != number else []
    options += [f"--approval={key.approval}"] if key.approval else []
    options.append("--fulfilled")
    command = ["remote-artwork", "ledger", "resolve"]
    # A number that starts with "-" goes after "--", or the command line would read it as an option.
    return shlex.join([*command, *options, "--", number] if number.startswith("-") else [*command, number, *options])
