"""A ledger behind a database: what is committed stays, what is not is gone when its client dies."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from attrs import define, field

from history import Claimed, History, Wrote
from remote_artwork.core.lifecycle import FulfillState, ItemStep, Lease, OrderKey, OrderRecord, OrderStep, Step
from remote_artwork.errors import LedgerError, LedgerUnavailable
from remote_artwork.ledgers.memory import MemoryLedger
from simulation.faults import Faults
from simulation.scheduler import Process, Scheduler
from simulation.storage import EPOCH

T = TypeVar("T")
LEDGER_FAULTS = ("die", "refuse", "lose", "stall")


@define(eq=False)
class Database:
    """What is durable: the rules are those of ``MemoryLedger``, the time is the database's own."""

    scheduler: Scheduler
    history: History
    rules: MemoryLedger = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.rules = MemoryLedger(clock=self.now)

    def now(self) -> datetime:
        """The time by the clock of the database."""
        return EPOCH + timedelta(seconds=self.scheduler.now)


@define(eq=False)
class LedgerConnection:
    """The ``Ledger`` of one process. Each transaction has a way to the database, a commit, and a way of its answer."""

    database: Database
    process: Process
    faults: Faults

    def claim(self, key: OrderKey, *, order_number: str, owner: str, lease_for: timedelta) -> Lease | None:
        """See ``Ledger``."""

        def commit() -> Lease | None:
            lease = self.database.rules.claim(key, order_number=order_number, owner=owner, lease_for=lease_for)
            if lease is not None:
                now = self.database.scheduler.now
                self.database.history.add(
                    Claimed(now, self.process.name, key, lease.epoch, now + lease_for.total_seconds())
                )
            return lease

        return self._transaction(f"claim {key.order_id}", commit)

    def advance(self, lease: Lease, steps: Sequence[Step], *, release: bool = False) -> None:
        """See ``Ledger``."""

        def commit() -> None:
            self.database.rules.advance(lease, steps, release=release)
            self.database.history.add(wrote(self.database.scheduler.now, self.process.name, lease, steps, release))

        self._transaction(f"advance {lease.key.order_id}", commit)

    def find(
        self,
        tenant: str,
        *,
        order_ids: Collection[str] | None = None,
        order_numbers: Collection[str] | None = None,
        file_names: Collection[str] | None = None,
        state: FulfillState | None = None,
    ) -> list[OrderRecord]:
        """See ``Ledger``."""
        return self._transaction(
            "find",
            lambda: self.database.rules.find(
                tenant, order_ids=order_ids, order_numbers=order_numbers, file_names=file_names, state=state
            ),
        )

    def forget(self, tenant: str, *, still_pending: Collection[str], min_age: timedelta, silent_scans: int) -> int:
        """See ``Ledger``."""
        return self._transaction(
            "forget",
            lambda: self.database.rules.forget(
                tenant, still_pending=still_pending, min_age=min_age, silent_scans=silent_scans
            ),
        )

    def _transaction(self, what: str, commit: Callable[[], T]) -> T:
        faults, process = self.faults, self.process
        fault = faults.strike(process, f"ledger {what}", LEDGER_FAULTS)
        early = fault is not None and faults.coin()
        if fault == "stall" and early:
            faults.stall()
        faults.travel()
        if fault == "die" and early:
            faults.die(process)
        if fault == "refuse":
            raise LedgerUnavailable("the database is not there; nothing was written")
        try:
            answer = commit()
        except LedgerError as error:
            faults.note(process, f"ledger   {what}: {error}")
            raise
        if fault == "stall" and not early:
            faults.stall()
        faults.travel()
        if fault == "die":
            faults.die(process)
        if fault == "lose":
            raise LedgerUnavailable("the answer of the commit was lost")
        return answer


def wrote(at: float, process: str, lease: Lease, steps: Sequence[Step], release: bool) -> Wrote:  # noqa: FBT001
    """The event of one committed write."""
    return Wrote(
        at,
        process,
        lease.key,
        at + lease.duration.total_seconds(),
        order=tuple((s.before, s.after, bool(s.settled_by)) for s in steps if isinstance(s, OrderStep)),
        items=tuple((s.item_number, s.before, s.after) for s in steps if isinstance(s, ItemStep)),
        release=release,
    )
