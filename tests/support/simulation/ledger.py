"""A ledger behind a database: what is committed stays, what is not is gone when its client dies."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from attrs import define, field

from history import Claimed, History, NotWritten, Wrote
from remote_artwork.core.lifecycle import (
    FileRecord,
    FulfillState,
    ItemStep,
    Lease,
    LedgerWrite,
    OrderClaim,
    OrderRecord,
    OrderStep,
    Step,
)
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

    def claim(
        self, orders: Sequence[OrderClaim], *, owner: str, lease_for: timedelta
    ) -> list[Lease | LedgerError | None]:
        """See ``Ledger``."""

        def commit() -> list[Lease | LedgerError | None]:
            answers = self.database.rules.claim(orders, owner=owner, lease_for=lease_for)
            now = self.database.scheduler.now
            for answer in answers:
                if isinstance(answer, Lease):
                    self.database.history.add(
                        Claimed(now, self.process.name, answer.key, answer.epoch, now + lease_for.total_seconds())
                    )
            return answers

        return self._transaction(f"claim {_names(orders)}", commit)

    def advance(self, writes: Sequence[LedgerWrite]) -> list[LedgerError | None]:
        """See ``Ledger``."""

        def commit() -> list[LedgerError | None]:
            answers = self.database.rules.advance(writes)
            now = self.database.scheduler.now
            for write, refused in zip(writes, answers, strict=True):
                if refused is None:
                    self.database.history.add(wrote(now, self.process.name, write.lease, write.steps, write.release))
                else:
                    self._not_written([write], refused)
            return answers

        try:
            return self._transaction(f"advance {_names(writes)}", commit)
        except LedgerUnavailable as error:
            self._not_written(writes, error)
            raise

    def _not_written(self, writes: Sequence[LedgerWrite], error: LedgerError) -> None:
        now = self.database.scheduler.now
        for write in writes:
            self.database.history.add(NotWritten(now, self.process.name, write.key, f"{type(error).__name__}: {error}"))

    def find(
        self,
        tenant: str,
        *,
        order_ids: Collection[str] | None = None,
        order_numbers: Collection[str] | None = None,
        file_names: Collection[str] | None = None,
        unresolved: bool = False,
        state: FulfillState | None = None,
    ) -> list[OrderRecord]:
        """See ``Ledger``."""
        return self._transaction(
            "find",
            lambda: self.database.rules.find(
                tenant,
                order_ids=order_ids,
                order_numbers=order_numbers,
                file_names=file_names,
                unresolved=unresolved,
                state=state,
            ),
        )

    def find_used_files(self, tenant: str, names: Collection[str]) -> list[FileRecord]:
        """See ``Ledger``."""
        return self._transaction("find used files", lambda: self.database.rules.find_used_files(tenant, names))

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
        fault = faults.strike(process, "ledger", what, LEDGER_FAULTS)
        early = fault is not None and faults.coin()
        if fault == "stall" and early:
            faults.stall()
        faults.travel()
        if fault == "die" and early:
            faults.die(process)
        if fault == "refuse":
            raise LedgerUnavailable("the database is not there; nothing was written")
        answer = commit()
        if fault == "stall" and not early:
            faults.stall()
        faults.answer()
        if fault == "die":
            faults.die(process)
        if fault == "lose":
            raise LedgerUnavailable("the answer of the commit was lost")
        return answer


def _names(of: Sequence[OrderClaim | LedgerWrite]) -> str:
    return ", ".join(each.key.order_id for each in of)


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
