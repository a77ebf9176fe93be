"""The ledger's states, transitions and records, and the rules of every write to a ledger."""

from __future__ import annotations

import enum
import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from attrs import evolve, field, frozen

from remote_artwork.core.orders import StoredFile
from remote_artwork.core.reasons import Reason
from remote_artwork.core.text import nfc
from remote_artwork.errors import LeaseLost


class ItemState(enum.StrEnum):
    """How far the artwork of one item is."""

    SELECTED = "selected"
    VERIFIED = "verified"
    REJECTED = "rejected"
    ATTACH_INTENT = "attach_intent"
    ATTACHED = "attached"
    LATE_REPLACEMENT = "late_replacement"


class FulfillState(enum.StrEnum):
    """How far the fulfillment of one order is, for one approval."""

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
"""State of an item (None: it has no row) → the states that may follow. ``selected`` may follow every state, because a
file can be replaced at any time."""

ORDER_TRANSITIONS: Mapping[FulfillState, frozenset[FulfillState]] = {
    _F.OPEN: frozenset({_F.FULFILL_INTENT, _F.CANCELLED, _F.UNCERTAIN}),
    _F.FULFILL_INTENT: frozenset({_F.FULFILL_INTENT, _F.FULFILLED, _F.UNCERTAIN, _F.OPEN, _F.CANCELLED}),
    _F.UNCERTAIN: frozenset({_F.FULFILLED, _F.OPEN}),
    _F.FULFILLED: frozenset({_F.UNCERTAIN}),
    _F.CANCELLED: frozenset({_F.OPEN}),
}
"""State of an order → the states that may follow. The first claim creates the row in state ``open``. A call that had no
effect leads back to ``open``. An ``open`` order becomes ``uncertain`` if a person must check what an attach call did.
Each attempt records its own ``fulfill_intent``, so the age of the intent is the age of the last attempt."""

VERIFIED_STATES = frozenset({ItemState.VERIFIED, ItemState.ATTACH_INTENT, ItemState.ATTACHED})
"""States of an item whose files passed the checks."""

UNRESOLVED_STATES = frozenset({FulfillState.FULFILL_INTENT, FulfillState.UNCERTAIN})
"""States of an order whose ``fulfill`` call may have had its effect. A ledger never deletes such a row."""


def is_transition(before: ItemState | FulfillState | None, after: ItemState | FulfillState) -> bool:
    """Whether the tables above contain the transition."""
    if isinstance(after, FulfillState):
        return isinstance(before, FulfillState) and after in ORDER_TRANSITIONS[before]
    return not isinstance(before, FulfillState) and after in ITEM_TRANSITIONS[before]


@frozen(order=True)
class OrderKey:
    """Identifies the ledger's row of an order: one approval of one order of one tenant."""

    tenant: str
    order_id: str
    approval: str = ""

    @property
    def fulfillment_key(self) -> str:
        """The idempotency key of the fulfill call. It depends on nothing else, so a new upload cannot change it."""
        return digest_of("fulfill", self.tenant, self.order_id, self.approval)

    def attachment_key(self, item_number: str, files: Sequence[FileRecord]) -> str:
        """The idempotency key of an attach call. It also depends on the item and the versions of its files."""
        versions = [part for file in files for part in (file.placement, file.name, file.version)]
        return digest_of("attach", self.tenant, self.order_id, self.approval, item_number, *versions)

    def order_attachment_key(self, files: Mapping[str, Sequence[FileRecord]]) -> str:
        """The idempotency key of a call that attaches the files of all items. It depends on the versions of all."""
        keys = [self.attachment_key(number, of_item) for number, of_item in files.items()]
        return digest_of("attach order", self.tenant, self.order_id, self.approval, *keys)


def digest_of(*parts: str) -> str:
    """The SHA-256 of several texts, in hex."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def file_key(name: str) -> str:
    """The key under which a ledger looks up a file that was used: its name in NFC and without case.

    A storage may spell one file in several ways. A server that ignores case answers for every spelling.
    """
    folded = nfc(nfc(name).casefold())
    return folded.encode("utf-8", "backslashreplace").decode()


@lru_cache(maxsize=1024)
def path_key(path: str) -> str:
    """A digest of the path of a file in its storage, from the bucket or the root on, in any spelling.

    The folder of a location can change while its files stay where they are. Then their names change, and their paths do
    not.
    """
    return digest_of("path", file_key(path.strip("/")))


def lookup_keys(file: FileRecord | StoredFile) -> frozenset[str]:
    """The keys under which a ledger finds a file: the one of its name, and the one of its path if that is known."""
    return frozenset({file_key(file.name), file.path_key} - {""})


@frozen(kw_only=True)
class FileRecord:
    """One version of a file, as the ledger stores it. It contains no URL.

    It is made from a lookup of that file. A listing may describe the same version with another change token, without
    its version id, or both. Only ``describes`` and ``may_describe`` compare a record with a file:

    - ``describes`` is for a file that is to be sent. Any doubt counts as another version, which is checked again.
    - ``may_describe`` is for a file that another order was sent with. Any doubt counts as the same version.

    If the token of a *listed* file differs, the difference proves nothing: look the file up, and compare again.
    """

    placement: str
    name: str
    size: int
    etag: str
    version_id: str | None = None
    changed_at: str = ""
    path_key: str = ""
    sha256: str | None = None

    @classmethod
    def of(cls, placement: str, file: StoredFile, sha256: str | None = None) -> FileRecord:
        """The record of a stored file for one placement. ``sha256`` is known if the file was read whole."""
        return cls(
            placement=placement,
            name=file.name,
            size=file.size,
            etag=file.etag,
            version_id=file.version_id,
            changed_at=file.changed_at,
            path_key=file.path_key,
            sha256=sha256,
        )

    @property
    def version(self) -> str:
        """The most precise change token that the storage gave for this version."""
        return self.version_id or self.etag

    def describes(self, file: StoredFile) -> bool:
        """Whether ``file`` is certainly still this version.

        A version id that a lookup does not confirm has vanished: the file was moved to another bucket.
        """
        version_vanished = bool(self.version_id) and file.version_id is None and not file.listed
        touched = self.changed_at and file.changed_at and self.changed_at != file.changed_at
        return self.name == file.name and self.may_describe(file) and not version_vanished and not touched

    def may_describe(self, file: StoredFile) -> bool:
        """Whether ``file`` may be this version: name or path are the same, and nothing shows another content.

        A later ``changed_at`` is no such difference. It also changes with the permissions of a file.
        """
        if self.version_id and file.version_id and self.version_id != file.version_id:
            return False
        if (self.size, self.etag) != (file.size, file.etag):
            return False
        return self.name == file.name or not lookup_keys(self).isdisjoint(lookup_keys(file))


@frozen(kw_only=True)
class ItemRecord:
    """The ledger's row of one item.

    Args:
        item_number: The item.
        state: How far its artwork is.
        files: The files that were selected for it, one for each placement.
        reason: Why the files were rejected, if they were.
        checks: Digest of the checks that judged the files. The result of other checks does not count.
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


NOTHING: Final[Mapping[str, Any]] = {}
"""The value of a mapping that is empty in most of very many objects. They share it; it is never changed."""


@frozen(kw_only=True)
class OrderRecord:
    """The ledger's row of one order, with the rows of its items.

    Args:
        key: The order and its approval.
        order_number: The number that people use for the order.
        state: How far the fulfillment is.
        items: Item number → its row.
        receipt: What the shop returned from ``fulfill``.
        work: Digest of what the order asked for when the last ``fulfill_intent`` was recorded: ``Order.work``.
        reason: Why the order is in this state, if there is more to say.
        settled_by: The person who set this state, if a person did.
        intent_age: The time since the last ``fulfill_intent`` was recorded, by the ledger's clock.
        call_limit: How long the call of that intent may be in flight.
        updated_at: When the row last changed, by the ledger's clock.
        sent_files: The files of its ``fulfill`` calls, unless it is known that these had no effect.
        attached_files: The files of its attach calls, and of ``fulfill`` calls that were in doubt when the order was
            cancelled. They are printed if a person releases the order in the shop.
        review_files: The ``files_digest`` that a person is asked to accept, or has accepted.
        accepted_by: The person who accepted these files. Empty if nobody did.
        forgotten: Whether ``forget`` deleted the row. The record then has no more than the number and these files.
    """

    key: OrderKey
    order_number: str
    state: FulfillState = FulfillState.OPEN
    items: Mapping[str, ItemRecord] = NOTHING
    receipt: str | None = None
    work: str = ""
    reason: Reason | None = None
    settled_by: str = ""
    intent_age: timedelta | None = None
    call_limit: timedelta | None = None
    updated_at: datetime | None = None
    sent_files: tuple[FileRecord, ...] = ()
    attached_files: tuple[FileRecord, ...] = ()
    review_files: str = ""
    accepted_by: str = ""
    forgotten: bool = False

    @property
    def accepted_files(self) -> str:
        """The ``files_digest`` that a person accepted. Empty if there is none."""
        return self.review_files if self.accepted_by else ""

    @property
    def attach_unresolved(self) -> bool:
        """Whether an attach call may have had its effect, and its answer is not known. No ``fulfill`` call is."""
        states = (item.state for item in self.items.values())
        return self.state is FulfillState.OPEN and ItemState.ATTACH_INTENT in states

    @property
    def is_unresolved(self) -> bool:
        """Whether the outcome of a call is unknown. A ledger never deletes such a row."""
        return self.state in UNRESOLVED_STATES or self.attach_unresolved

    @property
    def used_files(self) -> tuple[FileRecord, ...]:
        """All files that were printed for the order, or may have been."""
        return _merge(self.sent_files, self.attached_files)

    def has_used(self, file: StoredFile) -> bool:
        """Whether the file was printed for the order, or may have been."""
        return any(record.may_describe(file) for record in self.used_files)

    def has_printed(self, file: StoredFile) -> bool:
        """Whether the file was printed for the order, as far as the shop confirmed it."""
        return self.state is FulfillState.FULFILLED and any(record.may_describe(file) for record in self.sent_files)

    def is_stale_fulfillment(self, call_limit: timedelta) -> bool:
        """Whether the order was fulfilled so long ago that a shop which still lists it as pending has lost the call.

        Within ``call_limit`` the call may still be in flight. A state that a person set is never stale.
        """
        if self.state is not FulfillState.FULFILLED or self.settled_by:
            return False
        return self.intent_age is not None and self.intent_age > call_limit

    @property
    def remaining_call_time(self) -> timedelta:
        """How much longer the fulfill call may be in flight. Zero if the row shows no such call."""
        if self.intent_age is None or self.call_limit is None:
            return timedelta(0)
        return max(timedelta(0), self.call_limit - self.intent_age)

    @property
    def receipt_details(self) -> dict[str, str | None]:
        """When the order was fulfilled, and its receipt, as details of a reason."""
        return {"at": self.updated_at.isoformat() if self.updated_at else None, "receipt": self.receipt}


def forgotten_record(record: OrderRecord) -> OrderRecord:
    """What a ledger keeps of a row that ``forget`` deletes."""
    return OrderRecord(
        key=record.key,
        order_number=record.order_number,
        state=record.state,
        sent_files=record.sent_files,
        attached_files=record.attached_files,
        forgotten=True,
    )


def _merge(files: tuple[FileRecord, ...], others: Iterable[FileRecord]) -> tuple[FileRecord, ...]:
    """The files of both, each once, in order."""
    return tuple(dict.fromkeys((*files, *others)))


def replace_unstorable(text: str) -> str:
    """The text without what a database cannot store: lone surrogates, and NUL for PostgreSQL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")


def _storable_text(text: str | None) -> str | None:
    return None if text is None else replace_unstorable(text)


def _storable_reason(reason: Reason | None) -> Reason | None:
    return None if reason is None else reason.with_text(replace_unstorable)


@frozen(kw_only=True)
class ItemStep:
    """One transition of an item's row, and what the row contains afterwards."""

    item_number: str
    before: ItemState | None
    after: ItemState
    files: tuple[FileRecord, ...]
    reason: Reason | None = field(default=None, converter=_storable_reason)
    checks: str = ""

    @property
    def record(self) -> ItemRecord:
        """The row after the step."""
        return ItemRecord(
            item_number=self.item_number,
            state=self.after,
            files=self.files,
            reason=self.reason,
            checks=self.checks,
        )


@frozen(kw_only=True)
class OrderStep:
    """One transition of an order's row, and what the row contains afterwards.

    An empty ``work`` and a ``call_limit`` of None keep the values of the row.
    """

    before: FulfillState
    after: FulfillState
    receipt: str | None = field(default=None, converter=_storable_text)
    work: str = ""
    reason: Reason | None = field(default=None, converter=_storable_reason)
    settled_by: str = field(default="", converter=replace_unstorable)
    call_limit: timedelta | None = None


@frozen(kw_only=True)
class ReviewStep:
    """A request that a person accepts the files of an order, or the acceptance of the files that were requested.

    A request voids an earlier acceptance. An acceptance of other files than those of the request is refused.

    Args:
        files: The ``files_digest`` of the order.
        accepted_by: The person who accepts the files. Empty for a request.
    """

    files: str
    accepted_by: str = field(default="", converter=replace_unstorable)


Step = ItemStep | OrderStep | ReviewStep


def _allowed_steps(steps: Iterable[Step]) -> tuple[Step, ...]:
    allowed = tuple(steps)
    for step in allowed:
        if not isinstance(step, ReviewStep) and not is_transition(step.before, step.after):
            raise ValueError(f"no transition leads from {step.before} to {step.after}: {step}")
    return allowed


@frozen(kw_only=True)
class Lease:
    """The exclusive right to work on one order for a limited time.

    Args:
        record: The order's row when the lease was granted.
        owner: The scanner that holds the lease.
        epoch: The number of the grant. Each grant of the order has a higher one, and an older lease cannot write.
        duration: How long the lease lasts from its grant, and again from each write of its holder.
    """

    record: OrderRecord
    owner: str
    epoch: int
    duration: timedelta

    @property
    def key(self) -> OrderKey:
        """The order of the lease."""
        return self.record.key


@frozen(kw_only=True)
class OrderClaim:
    """An order to lease, for ``Ledger.claim``.

    Args:
        key: The order and its approval.
        order_number: The number that people use for the order.
    """

    key: OrderKey
    order_number: str


@frozen(kw_only=True)
class LedgerWrite:
    """A write of the holder of a lease, for ``Ledger.advance``.

    Args:
        lease: Must have the epoch of the row; an older one is refused.
        steps: Transitions of the row and its items, in order. Without steps, the write only renews the lease.
        release: Whether the write ends the lease.

    Raises:
        ValueError: The lifecycle tables do not contain a transition. This is an error in the caller.
    """

    lease: Lease
    steps: tuple[Step, ...] = field(default=(), converter=_allowed_steps)
    release: bool = False

    @property
    def key(self) -> OrderKey:
        """The order of the write."""
        return self.lease.key


def lease_lost(key: OrderKey) -> LeaseLost:
    """The error for a lease that may not write any more."""
    return LeaseLost(
        f"order {key.order_id}: this scan does not hold the lease any more; "
        "it was released, or another scan has taken over the order"
    )


def apply_write(record: OrderRecord, write: LedgerWrite, *, owner: str | None, epoch: int) -> OrderRecord:
    """Return the row after a write. These are the rules of ``Ledger.advance``; every ledger uses them.

    The function writes nothing. A ledger reads the row, calls it, and stores the result unless the row was changed in
    between. It renews or releases the lease in the same transaction. If the result is not ``record`` itself, the ledger
    sets ``updated_at`` to the time by its own clock, and stores that time minus ``intent_age`` as the time of the last
    intent.

    Args:
        record: The row in the ledger.
        write: As passed to ``Ledger.advance``.
        owner: The holder of the row's lease in the ledger; None if it was released.
        epoch: The number of the row's last grant in the ledger.

    Returns:
        The row to store. It is ``record`` itself if there are no steps, or if this lease has written them before.

    Raises:
        LeaseLost: The lease may not write, or a row is in another state than its step expects.
    """
    lease = write.lease
    if epoch != lease.epoch or owner not in ((lease.owner, None) if write.release else (lease.owner,)):
        raise lease_lost(lease.key)
    try:
        if owner is None:
            raise lease_lost(lease.key)
        after = record
        for step in write.steps:
            after = _apply_step(after, step)
    except LeaseLost:
        # Only the holder of the lease writes the row. If it shows the steps, this write was repeated.
        if not _shows(record, write.steps):
            raise
        return record
    return after


def records_intent(steps: Iterable[Step]) -> bool:
    """Whether one of the steps starts a fulfill call, so that ``intent_age`` counts from now on."""
    return any(isinstance(step, OrderStep) and step.after is FulfillState.FULFILL_INTENT for step in steps)


def _apply_step(record: OrderRecord, step: Step) -> OrderRecord:
    if isinstance(step, ItemStep):
        item = record.items.get(step.item_number)
        if (item.state if item else None) != step.before:
            raise _state_changed(record.key, f"item {step.item_number}", step)
        items = {**record.items, step.item_number: step.record}
        called = step.after is ItemState.ATTACH_INTENT
        return evolve(
            record,
            items=items,
            attached_files=_merge(record.attached_files, step.files) if called else record.attached_files,
        )
    if isinstance(step, ReviewStep):
        if step.accepted_by and step.files != record.review_files:
            raise LeaseLost(
                f"order {record.key.order_id}: its files are no longer those of the review; review it again"
            )
        return evolve(record, review_files=step.files, accepted_by=step.accepted_by)
    if record.state != step.before:
        raise _state_changed(record.key, "the order", step)
    sent_files, attached_files = _files_after(record, step)
    return evolve(
        record,
        state=step.after,
        receipt=step.receipt,
        work=step.work or record.work,
        reason=step.reason,
        settled_by=step.settled_by,
        call_limit=record.call_limit if step.call_limit is None else step.call_limit,
        intent_age=timedelta(0) if records_intent([step]) else record.intent_age,
        sent_files=sent_files,
        attached_files=attached_files,
    )


def _files_after(record: OrderRecord, step: OrderStep) -> tuple[tuple[FileRecord, ...], tuple[FileRecord, ...]]:
    """The ``sent_files`` and the ``attached_files`` after a step of the order."""
    sent, attached = record.sent_files, record.attached_files
    if step.after is FulfillState.FULFILL_INTENT:
        return _merge(sent, [file for item in record.items.values() for file in item.files]), attached
    if step.before in UNRESOLVED_STATES and step.after is FulfillState.OPEN:  # the call had no effect
        return (), attached
    if step.before in UNRESOLVED_STATES and step.after is FulfillState.CANCELLED:  # the call stays in doubt
        return (), _merge(attached, sent)
    return sent, attached


def _state_changed(key: OrderKey, row: str, step: ItemStep | OrderStep) -> LeaseLost:
    return LeaseLost(f"order {key.order_id}: {row} is no longer {step.before or 'new'}; another process has changed it")


def _shows(record: OrderRecord, steps: Sequence[Step]) -> bool:
    """Whether the rows are exactly as the last step of each leaves them."""
    items = {step.item_number: step.record for step in steps if isinstance(step, ItemStep)}
    order = [step for step in steps if isinstance(step, OrderStep)][-1:]
    review = [(step.files, step.accepted_by) for step in steps if isinstance(step, ReviewStep)][-1:]
    if review and review != [(record.review_files, record.accepted_by)]:
        return False
    return all(record.items.get(number) == row for number, row in items.items()) and all(
        (record.state, record.receipt, record.reason, record.settled_by)
        == (step.after, step.receipt, step.reason, step.settled_by)
        and step.work in ("", record.work)
        and step.call_limit in (None, record.call_limit)
        for step in order
    )


def steps_of_person(record: OrderRecord, *, fulfilled: bool, person: str, because: Reason) -> tuple[Step, ...]:
    """The steps with which a person records the outcome of an unresolved order.

    Args:
        record: The row of the order.
        fulfilled: Whether the shop shows the order as fulfilled. Otherwise a scan sends it.
        person: Who says so.
        because: The reason that the row shows.
    """
    after = FulfillState.FULFILLED if fulfilled else FulfillState.OPEN
    attached = ItemState.ATTACHED if fulfilled else ItemState.VERIFIED
    items = [
        ItemStep(item_number=number, before=row.state, after=attached, files=row.files, checks=row.checks)
        for number, row in record.items.items()
        if row.state is ItemState.ATTACH_INTENT
    ]
    in_doubt = FulfillState.UNCERTAIN if record.state is FulfillState.OPEN else record.state
    first = [OrderStep(before=record.state, after=in_doubt)] if record.state is FulfillState.OPEN else []
    receipt = record.receipt if fulfilled else None
    last = OrderStep(before=in_doubt, after=after, receipt=receipt, reason=because, settled_by=person)
    return (*items, *first, last)


DEFAULT_TENANT = "default"


def resolve_command(key: OrderKey, number: str, *, by_id: bool = False) -> str:
    """The shell command with which a person records that an order was fulfilled. The person adds ``--ledger``.

    Args:
        key: The order.
        number: The number that people use for the order.
        by_id: Name the id even if it is equal to the number, because several orders have this number.
    """
    options = _key_options(key, number, by_id=by_id)
    options += [f"--approval={key.approval}"] if key.approval else []
    options.append("--fulfilled")
    command = ["remote-artwork", "ledger", "resolve"]
    # After "--", the shell command does not read a number that starts with "-" as an option.
    return shlex.join([*command, *options, "--", number] if number.startswith("-") else [*command, number, *options])


def accept_command(key: OrderKey, number: str, files: str) -> str:
    """The shell command with which a person accepts the files of an order. The person adds ``--ledger``.

    Args:
        key: The order.
        number: The number that people use for the order.
        files: The ``files_digest``.
    """
    options = [*_key_options(key, number), "--by=NAME", f"--files={files}"]
    command = ["remote-artwork", "accept"]
    return shlex.join([*command, *options, "--", number] if number.startswith("-") else [*command, number, *options])


def _key_options(key: OrderKey, number: str, *, by_id: bool = False) -> list[str]:
    options = [f"--tenant={key.tenant}"] if key.tenant != DEFAULT_TENANT else []
    return options + ([f"--id={key.order_id}"] if by_id or key.order_id != number else [])
