"""The command by which a person settles an order: whoever names it names one that works as it stands."""

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
    """How far the artwork of one item is."""

    SELECTED = "selected"
    VERIFIED = "verified"
    REJECTED = "rejected"
    ATTACH_INTENT = "attach_intent"
    ATTACHED = "attached"
    LATE_REPLACEMENT = "late_replacement"


VERIFIED_STATES = frozenset({ItemState.VERIFIED, ItemState.ATTACH_INTENT, ItemState.ATTACHED})
"""The files passed the checks."""


class FulfillState(enum.StrEnum):
    """How far one order is, under one approval."""

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
"""From (None: no row yet) → to. Every state may go back to ``selected``: the file was replaced."""

ORDER_TRANSITIONS: Mapping[FulfillState, frozenset[FulfillState]] = {
    _F.OPEN: frozenset({_F.FULFILL_INTENT, _F.CANCELLED}),
    _F.FULFILL_INTENT: frozenset({_F.FULFILL_INTENT, _F.FULFILLED, _F.UNCERTAIN, _F.OPEN, _F.CANCELLED}),
    _F.UNCERTAIN: frozenset({_F.FULFILLED, _F.OPEN}),
    _F.FULFILLED: frozenset({_F.UNCERTAIN}),
    _F.CANCELLED: frozenset({_F.OPEN}),
}
"""From → to. An order's row is created ``open`` by its first claim, and is ``open`` again after a call that surely had
no effect. Each attempt of a call records its intent, so that the intent's age is the age of the last attempt."""

UNRESOLVED_STATES = frozenset({FulfillState.FULFILL_INTENT, FulfillState.UNCERTAIN})
"""A call may have had its effect, and nobody knows it: such rows are never forgotten, and a person may settle them."""


def allowed(before: ItemState | FulfillState | None, after: ItemState | FulfillState) -> bool:
    """Whether the tables hold an arrow from ``before`` to ``after``."""
    if isinstance(after, FulfillState):
        return isinstance(before, FulfillState) and after in ORDER_TRANSITIONS[before]
    return not isinstance(before, FulfillState) and after in ITEM_TRANSITIONS[before]


@frozen
class OrderKey:
    """What a ledger row about an order is found by: one approval of one order of one tenant."""

    tenant: str
    order_id: str
    approval: str = ""

    @property
    def fulfillment_key(self) -> str:
        """The idempotency key of the fulfill call; hashes this key alone, so that a re-upload cannot change it."""
        return _digest("fulfill", self.tenant, self.order_id, self.approval)

    def attachment_key(self, item_number: str, files: Sequence[FileRecord]) -> str:
        """The idempotency key of an attach call: hashes the item and the versions of its files too."""
        versions = [part for file in files for part in (file.placement, file.name, file.version)]
        return _digest("attach", self.tenant, self.order_id, self.approval, item_number, *versions)


def replace_unstorable(text: str) -> str:
    """A host's words, with what no database takes replaced: half characters, and NUL for PostgreSQL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")


def _storable_reason(reason: Reason | None) -> Reason | None:
    return None if reason is None else reason.with_text(replace_unstorable)


def _storable_or_none(text: str | None) -> str | None:
    return None if text is None else replace_unstorable(text)


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@frozen(kw_only=True)
class FileRecord:
    """Which bytes an item's artwork is, as the ledger remembers them. Holds no URL."""

    placement: str
    name: str
    size: int
    etag: str
    version_id: str | None = None

    @classmethod
    def of(cls, placement: str, file: StoredFile) -> FileRecord:
        """The record of a stored file for one placement."""
        return cls(placement=placement, name=file.name, size=file.size, etag=file.etag, version_id=file.version_id)

    @property
    def version(self) -> str:
        """The most precise name of these very bytes that the storage gave."""
        return self.version_id or self.etag

    def describes(self, file: StoredFile) -> bool:
        """Whether ``file`` is still these bytes, as far as the storage can tell."""
        if self.version_id and file.version_id and self.version_id != file.version_id:
            return False
        return (self.name, self.size, self.etag) == (file.name, file.size, file.etag)


@frozen(kw_only=True)
class ItemRecord:
    """The ledger's row about one item.

    Args:
        item_number: Which item.
        state: How far its artwork is.
        files: The files it is about.
        reason: Why they were refused, where they were.
        checks: Digest of the checks that judged them; a verdict of other checks counts for nothing.
    """

    item_number: str
    state: ItemState
    files: tuple[FileRecord, ...] = ()
    reason: Reason | None = None
    checks: str = ""

    def describes(self, files: Mapping[str, StoredFile]) -> bool:
        """Whether the row is about exactly these files, given by placement."""
        return len(self.files) == len(files) and all(
            record.placement in files and record.describes(files[record.placement]) for record in self.files
        )


@frozen(kw_only=True)
class OrderRecord:
    """Everything a ledger knows of one order.

    Args:
        key: Which order and approval.
        order_number: The number people know it by.
        state: How far the fulfillment is.
        items: Item number → its row.
        receipt: What the host answered to ``fulfill``.
        work: Digest of what was asked for when the last ``fulfill_intent`` was recorded: ``Order.work``.
        reason: Why the order is in this state, where that needs a word.
        settled_by: Who said that it is in this state, where a person did.
        intent_age: How long ago the last ``fulfill_intent`` was recorded, by the ledger's own clock.
        call_limit: How long the call may be in flight that this intent speaks of.
        updated_at: When the order's row last changed, by the ledger's own clock.
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
        """Whether the order is done so long that a shop which still names it pending has lost it.

        A call may be under way for ``call_limit``. A person's word counts for more than what the shop names.
        """
        if self.state is not FulfillState.FULFILLED or self.settled_by:
            return False
        return self.intent_age is not None and self.intent_age > call_limit

    @property
    def remaining_call_time(self) -> timedelta:
        """How much longer a fulfill call may be in flight; zero once none can be, as far as the row tells."""
        if self.intent_age is None or self.call_limit is None:
            return timedelta(0)
        return max(timedelta(0), self.call_limit - self.intent_age)

    @property
    def receipt_details(self) -> dict[str, str | None]:
        """When it was fulfilled, and with which receipt, as fields of a reason."""
        return {"at": self.updated_at.isoformat() if self.updated_at else None, "receipt": self.receipt}


@frozen(kw_only=True)
class ItemStep:
    """One arrow of an item's row, with what the row holds afterwards."""

    item_number: str
    before: ItemState | None
    after: ItemState
    files: tuple[FileRecord, ...]
    reason: Reason | None = field(default=None, converter=_storable_reason)
    checks: str = ""

    @property
    def record(self) -> ItemRecord:
        """The row afterwards."""
        return ItemRecord(
            item_number=self.item_number,
            state=self.after,
            files=self.files,
            reason=self.reason,
            checks=self.checks,
        )


@frozen(kw_only=True)
class OrderStep:
    """One arrow of an order's row, with what the row holds afterwards.

    An empty ``work`` and a ``call_limit`` of None leave the row's as they are.
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
    """The right to work on one order for a while.

    Args:
        record: The order's row as it was when the lease was granted.
        owner: Who holds it.
        epoch: Grows by one with every grant; a holder of an older epoch is refused.
        lasts: How long it runs from its grant, and again from every write of its holder.
    """

    record: OrderRecord
    owner: str
    epoch: int
    lasts: timedelta

    @property
    def key(self) -> OrderKey:
        """Which order is held."""
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
    """The row as these steps leave it. For ledgers of your own; nothing is written here.

    Args:
        record: The row as it is in the ledger.
        steps: As ``Ledger.advance`` was given them.
        lease: Whose write it is.
        owner: Who holds the row in the ledger; None where the lease was given back.
        epoch: How often the row was granted.
        now: The ledger's clock, which also told the record's ``intent_age``.
        release: As ``Ledger.advance`` was given it.

    Returns:
        The record to store; the very ``record`` where it shows these steps already. The intent was recorded at
        ``now`` minus its ``intent_age``.

    Raises:
        LeaseLost: The lease may not write, or a row is in another state than its step expects.
        ValueError: The lifecycle has no such arrow, which is a mistake of the caller.
    """
    check_arrows(steps)
    if epoch != lease.epoch or owner not in ((lease.owner, None) if release else (lease.owner,)):
        raise taken_over(lease.key)
    try:
        if owner is None:
            raise taken_over(lease.key)
        after = record
        for step in steps:
            after = _stepped(after, step)
    except LeaseLost:
        if not written_already(record, steps):
            raise
        return record
    return evolve(after, updated_at=now) if steps else record


def check_arrows(steps: Iterable[Step]) -> None:
    """Refuses arrows that the lifecycle's tables do not hold.

    Raises:
        ValueError: A mistake of the caller, not of the data: such a step must never be asked for.
    """
    for step in steps:
        if not allowed(step.before, step.after):
            raise ValueError(f"the lifecycle has no arrow from {step.before} to {step.after}: {step}")


def written_already(record: OrderRecord, steps: Iterable[Step]) -> bool:
    """Whether the rows are exactly as these steps leave them.

    While one lease holds the order nobody else writes, so then it was this very write, and its answer was lost.
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


def taken_over(key: OrderKey) -> LeaseLost:
    """The error of a lease that is no longer the order's newest."""
    return LeaseLost(f"order {key.order_id}: the lease was given back or another scanner has taken the order over")


def moved_on(key: OrderKey, step: Step) -> LeaseLost:
    """The error of a step whose row is in another state than the caller saw."""
    what = f"item {step.item_number}" if isinstance(step, ItemStep) else "the order"
    return LeaseLost(f"order {key.order_id}: {what} is no longer {step.before or 'new'}; somebody else has changed it")


def _stepped(record: OrderRecord, step: Step) -> OrderRecord:
    if isinstance(step, ItemStep):
        item = record.items.get(step.item_number)
        if (item.state if item else None) != step.before:
            raise moved_on(record.key, step)
        return evolve(record, items={**record.items, step.item_number: step.record})
    if record.state != step.before:
        raise moved_on(record.key, step)
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
    """What to type, for a shell, to say that an order was fulfilled; where the ledger is, is left to the person.

    Args:
        key: Which order.
        number: The number people know it by.
        by_id: Whether the id is named also where it is the number; for orders that share it.
    """
    options = [f"--tenant={key.tenant}"] if key.tenant != DEFAULT_TENANT else []
    options += [f"--id={key.order_id}"] if by_id or key.order_id != number else []
    options += [f"--approval={key.approval}"] if key.approval else []
    options.append("--fulfilled")
    command = ["remote-artwork", "ledger", "resolve"]
    # Behind a lone "--" nothing is taken for an option.
    return shlex.join([*command, *options, "--", number] if number.startswith("-") else [*command, number, *options])
