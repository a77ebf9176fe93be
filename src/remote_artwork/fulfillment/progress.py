"""Progress: how far one order is, in the ledger first and in memory after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import define, evolve, field

from remote_artwork.core.findings import Finding
from remote_artwork.core.lifecycle import (
    FileRecord,
    FulfillState,
    ItemRecord,
    ItemState,
    ItemStep,
    Lease,
    OrderStep,
    Step,
)
from remote_artwork.core.model import StoredFile
from remote_artwork.core.planning import ItemPlan, OrderPlan
from remote_artwork.core.report import ItemOutcome, ItemStatus
from remote_artwork.errors import RemoteArtworkError
from remote_artwork.interfaces import Ledger


class Stop(Exception):
    """The order goes no further in this pass; its outcomes are set."""


@define(kw_only=True)
class Progress:
    """How far one order is. Every change is written to the ledger before it is believed.

    Args:
        plan: What was planned for the order.
        ledger: Where each step is written.
        lease: The right to write.
        failures: Errors that may concern more than this order.
        state: Where the order is.
        rows: Where its items are.
        calling: Whether a call that may have had an effect is not recorded as ended yet.
    """

    plan: OrderPlan
    ledger: Ledger
    lease: Lease
    failures: list[RemoteArtworkError] = field(factory=list)
    state: FulfillState = field(init=False)
    rows: dict[str, ItemRecord] = field(init=False)
    calling: bool = False
    _outcomes: dict[str, ItemOutcome] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.state = self.lease.record.state
        self.rows = dict(self.lease.record.items)
        self._outcomes = {item.item.number: self.plan.outcome(item) for item in self.plan.items}

    @property
    def required(self) -> list[ItemPlan]:
        """The items that need artwork."""
        return [item for item in self.plan.items if item.item.requires_artwork]

    def item_step(
        self, number: str, after: ItemState, *, files: Mapping[str, StoredFile] | None = None, reason: str = ""
    ) -> ItemStep:
        """The step of one item from where it is; ``files`` are new ones, by placement, else those it has."""
        row = self.rows.get(number)
        if files is None:
            records = row.files if row else ()
        else:
            records = tuple(FileRecord.of(placement, file) for placement, file in files.items())
        before = row.state if row else None
        return ItemStep(item_number=number, before=before, after=after, files=records, reason=reason)

    def order_step(
        self, after: FulfillState, *, receipt: str | None = None, work: str = "", reason: str = ""
    ) -> OrderStep:
        """The step of the order from where it is."""
        return OrderStep(before=self.state, after=after, receipt=receipt, work=work, reason=reason)

    def advance(self, *steps: Step) -> None:
        """Writes the steps, all or none.

        Raises:
            LedgerError: They may not be believed.
        """
        self.ledger.advance(self.lease, steps)
        for step in steps:
            if isinstance(step, OrderStep):
                self.state = step.after
            else:
                self.rows[step.item_number] = ItemRecord(
                    item_number=step.item_number, state=step.after, files=step.files, reason=step.reason
                )

    def set(
        self,
        number: str,
        status: ItemStatus,
        reason: str,
        *,
        findings: tuple[Finding, ...] = (),
        receipt: str | None = None,
        now: bool = False,
    ) -> None:
        """Sets the outcome of one item."""
        before = self._outcomes[number]
        self._outcomes[number] = evolve(
            before,
            status=status,
            reason=reason,
            findings=findings or before.findings,
            receipt=receipt or before.receipt,
            now=now,
        )

    def set_required(self, status: ItemStatus, reason: str) -> None:
        """Sets the outcome of every item that needs artwork."""
        for item in self.required:
            self.set(item.item.number, status, reason)

    def stop(self, status: ItemStatus, reason: str) -> Stop:
        """Sets the outcome of every item that needs artwork, and gives the signal to raise."""
        self.set_required(status, reason)
        return Stop()

    def outcomes(self) -> Sequence[ItemOutcome]:
        """One outcome for every item of the order."""
        return list(self._outcomes.values())
