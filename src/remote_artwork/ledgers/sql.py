"""The ledger in SQLite or PostgreSQL, through SQLAlchemy Core."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import attrs
from sqlalchemy import ColumnElement, Select, Table, and_, delete, func, or_, select, update
from sqlalchemy.engine import URL, Connection

from remote_artwork.core.lifecycle import (
    UNRESOLVED_STATES,
    FileRecord,
    FulfillState,
    ItemRecord,
    ItemState,
    ItemStep,
    Lease,
    OrderKey,
    OrderRecord,
    Step,
    check_arrows,
    moved_on,
    taken_over,
    written_already,
)
from remote_artwork.core.reasons import Reason
from remote_artwork.errors import InvalidLedger, LeaseLost
from remote_artwork.ledgers.engine import (
    READS,
    DatabaseNow,
    Identity,
    among,
    identity,
    insert_if_missing,
    migrate,
    open_engine,
    parse_ledger_url,
    revision_of,
    shown,
)
from remote_artwork.ledgers.errors import DamagedRow, translated
from remote_artwork.ledgers.schema import REVISIONS, items, orders, passes
from remote_artwork.ledgers.snapshot import copied

_KEY = ("tenant", "order_id", "approval")
_PLAIN = ("order_number", "state", "receipt", "work", "reason", "settled_by", "call_limit")
_ITEM = len(_KEY) + len(_PLAIN) + 3
"""Where the item's columns begin in a row of ``select_records``: after epoch, time of change and age of the intent."""

_FULFILL_STATES = {str(state): state for state in FulfillState}
_ITEM_STATES = {str(state): state for state in ItemState}


def select_records(condition: ColumnElement[bool]) -> Select[Any]:
    """One statement for orders with their items, so that both are seen at one moment; a row an item."""
    beside = and_(*(orders.c[name] == items.c[name] for name in _KEY))
    return (
        select(
            *(orders.c[name] for name in (*_KEY, *_PLAIN, "epoch", "updated_at")),
            (DatabaseNow() - orders.c.intent_at).label("intent_age"),
            items.c.item_number,
            items.c.state.label("item_state"),
            items.c.files,
            items.c.reason.label("item_reason"),
            items.c.checks,
        )
        .select_from(orders.outerjoin(items, beside))
        .where(condition)
        .order_by(*(orders.c[name] for name in _KEY), items.c.item_number)
    )


def records(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[OrderRecord, int]]:
    """The record and the epoch of each order in the rows of ``select_records``.

    Raises:
        DamagedRow: One cannot be read.
    """
    try:
        yield from _records(rows)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise DamagedRow(f"a row cannot be read: {type(error).__name__}: {error}") from error


def _records(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[OrderRecord, int]]:
    for key, group in groupby(rows, key=itemgetter(0, 1, 2)):
        of_order = list(group)
        _tenant, _order_id, _approval, *plain, epoch, updated_at, age = of_order[0][:_ITEM]
        number, state, receipt, work, reason, settled_by, call_limit = plain
        record = OrderRecord(
            key=OrderKey(*key),
            order_number=number,
            state=_FULFILL_STATES[state],
            items={row[_ITEM]: _item(*row[_ITEM:]) for row in of_order if row[_ITEM] is not None},
            receipt=receipt,
            work=work,
            reason=Reason.from_json(reason),
            settled_by=settled_by,
            call_limit=None if call_limit is None else timedelta(seconds=call_limit),
            # A clock that was set back must not make an age negative.
            intent_age=None if age is None else timedelta(seconds=max(0.0, age)),
            updated_at=datetime.fromtimestamp(updated_at, UTC),
        )
        yield record, epoch


def _item(number: str, state: str, files: list[dict[str, Any]], reason: str, checks: str) -> ItemRecord:
    return ItemRecord(
        item_number=number,
        state=_ITEM_STATES[state],
        files=tuple(FileRecord(**file) for file in files),
        reason=Reason.from_json(reason),
        checks=checks,
    )


def as_json(files: Iterable[FileRecord]) -> list[dict[str, Any]]:
    """What the ``files`` column holds."""
    return [attrs.asdict(file) for file in files]


class SqlLedger:
    """A ``Ledger`` in a database. The first write creates its tables, or brings older ones up to date.

    A SQLite file serves any number of threads and processes of one machine; it must not lie on a network file system.
    A file without a byte is a new ledger: whoever empties one loses what was sent.
    For several machines use PostgreSQL. All times are the database's clock. The tables are named
    ``remote_artwork_…``, so they may live beside a shop's own.

    ``find`` never writes: until this object has written, a SQLite file is copied and the copy is read, so that not a
    byte beside it changes either.

    Args:
        url: ``sqlite:///ledger.db`` (four slashes for an absolute path) or ``postgresql://user:password@host/name``.
        timeout: How long a call waits for a connection, a lock or a statement.

    Raises:
        InvalidLedger: The URL is none, or (by a later call) what it leads to is not a ledger of this release.
        MissingExtra: The URL needs a driver that is not installed.
    """

    def __init__(self, url: str, *, timeout: timedelta = timedelta(seconds=30)) -> None:
        self._url: URL = parse_ledger_url(url)
        self._timeout = timeout
        self._file = Path(self._url.database or "") if self._url.get_backend_name() == "sqlite" else None
        self._engine = open_engine(self._url, timeout=timeout)
        self._opening = threading.Lock()
        self._opened: Identity | None = None

    def __repr__(self) -> str:
        return f"SqlLedger({shown(self._url)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the connections back. A later call opens new ones."""
        with translated(self._url):
            self._opened = None
            self._engine.dispose()

    def claim(self, key: OrderKey, *, order_number: str, owner: str, lease_for: timedelta) -> Lease | None:
        """See ``Ledger.claim``. The owner itself may claim again, which makes its older lease worthless."""
        now = DatabaseNow()
        free = or_(orders.c.lease_owner.is_(None), orders.c.lease_until <= now, orders.c.lease_owner == owner)
        with self._writing() as connection:
            insert_if_missing(
                connection,
                orders,
                tenant=key.tenant,
                order_id=key.order_id,
                approval=key.approval,
                order_number=order_number,
                state=FulfillState.OPEN,
                reason="",
                epoch=0,
                updated_at=now,
                named_pass=_passes_of(key.tenant),
                named_at=now,
            )
            granted = connection.execute(
                update(orders)
                .where(_is(orders, key), free)
                .values(
                    order_number=order_number,
                    lease_owner=owner,
                    lease_until=now + lease_for.total_seconds(),
                    epoch=orders.c.epoch + 1,
                )
            )
            if not granted.rowcount:
                return None
            [(record, epoch)] = records(connection.execute(select_records(_is(orders, key))))
        return Lease(record=record, owner=owner, epoch=epoch, lasts=lease_for)

    def advance(self, lease: Lease, steps: Sequence[Step], *, release: bool = False) -> None:
        """See ``Ledger.advance``.

        A lease that ended but that nobody took over may still write: its epoch is the newest, so nobody else can
        have worked on the order since.
        """
        check_arrows(steps)
        try:
            self._advance(lease, steps, release=release)
        except LeaseLost:
            if not self._is_written(lease, steps, release=release):
                raise

    def _advance(self, lease: Lease, steps: Sequence[Step], *, release: bool) -> None:
        held = and_(_is(orders, lease.key), orders.c.lease_owner == lease.owner, orders.c.epoch == lease.epoch)
        changes: dict[str, Any] = {"lease_until": DatabaseNow() + lease.lasts.total_seconds()}
        if steps:
            changes["updated_at"] = DatabaseNow()
        if release:
            changes["lease_owner"] = None
        with self._writing() as connection:
            # Also locks the row, so that nobody can take the order over before the steps are committed.
            if not connection.execute(update(orders).where(held).values(changes)).rowcount:
                raise taken_over(lease.key)
            for step in steps:
                if not _written(connection, lease.key, step):
                    raise moved_on(lease.key, step)

    def _is_written(self, lease: Lease, steps: Sequence[Step], *, release: bool) -> bool:
        """Whether this lease has written these steps before, by a call whose answer was lost."""
        owner = orders.c.lease_owner
        ours = or_(owner == lease.owner, owner.is_(None)) if release else owner == lease.owner
        with translated(self._url):
            found = self._read(and_(_is(orders, lease.key), orders.c.epoch == lease.epoch, ours))
        return any(written_already(record, steps) for record in found)

    def find(
        self,
        tenant: str,
        *,
        order_ids: Collection[str] | None = None,
        order_numbers: Collection[str] | None = None,
        state: FulfillState | None = None,
    ) -> list[OrderRecord]:
        """See ``Ledger.find``. Given ids and numbers, an order is found by either.

        Raises:
            InvalidLedger: It is none, or one of a newer release.
            LedgerUnavailable: It could not be read.
        """
        given = ((orders.c.order_id, order_ids), (orders.c.order_number, order_numbers))
        either = [among(column, texts) for column, texts in given if texts is not None]
        wanted = orders.c.tenant == tenant
        if either:
            wanted = and_(wanted, or_(*either))
        if state is not None:
            wanted = and_(wanted, orders.c.state == state)
        with translated(self._url):
            if self._file is None or self._is_open():
                return self._read(wanted)
            with copied(self._file, timeout=self._timeout) as copy:
                return [] if copy is None else self._read_copy(copy, wanted)

    def forget(self, tenant: str, *, still_pending: Collection[str], min_age: timedelta, silent_passes: int) -> int:
        """See ``Ledger.forget``. Orders under a running lease stay too."""
        now = DatabaseNow()
        with self._writing() as connection:
            insert_if_missing(connection, passes, tenant=tenant, passes=0)
            connection.execute(update(passes).where(passes.c.tenant == tenant).values(passes=passes.c.passes + 1))
            connection.execute(
                update(orders)
                .where(orders.c.tenant == tenant, among(orders.c.order_id, still_pending))
                .values(named_pass=_passes_of(tenant), named_at=now)
            )
            return connection.execute(
                delete(orders).where(
                    orders.c.tenant == tenant,
                    orders.c.updated_at <= now - min_age.total_seconds(),
                    orders.c.named_at <= now - min_age.total_seconds(),
                    orders.c.named_pass <= _passes_of(tenant) - max(1, silent_passes),
                    orders.c.state.not_in(sorted(UNRESOLVED_STATES)),
                    or_(orders.c.lease_owner.is_(None), orders.c.lease_until <= now),
                )
            ).rowcount

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with translated(self._url):
            if not self._is_open():
                self._prepare()
            with self._engine.begin() as connection:
                yield connection

    def _is_open(self) -> bool:
        """Whether this object has written to this very file (or server) before."""
        return self._opened is not None and self._opened == identity(self._file)

    def _prepare(self) -> None:
        with self._opening:
            if self._is_open():
                return
            with self._engine.connect().execution_options(**READS) as connection:
                ready = revision_of(connection, shown(self._url)) == REVISIONS[-1]
            if not ready:
                with self._engine.begin() as connection:
                    migrate(connection, shown(self._url))
            self._opened = identity(self._file)

    def _read(self, condition: ColumnElement[bool]) -> list[OrderRecord]:
        with self._engine.connect().execution_options(**READS) as connection:
            revision = REVISIONS[-1] if self._is_open() else revision_of(connection, shown(self._url))
            if revision is None:
                return []
            if revision != REVISIONS[-1]:
                raise InvalidLedger(f"{shown(self._url)} was made by an older release; one scan brings it up to date")
            # Not in portions: for a cursor PostgreSQL plans to be quick with the first rows, and slow with the rest.
            return [record for record, _epoch in records(connection.execute(select_records(condition)))]

    def _read_copy(self, copy: Path, condition: ColumnElement[bool]) -> list[OrderRecord]:
        engine = open_engine(self._url.set(database=str(copy)), timeout=self._timeout)
        try:
            with engine.begin() as connection:
                if revision_of(connection, shown(self._url)) is None:
                    return []
                migrate(connection, shown(self._url))
                return [record for record, _epoch in records(connection.execute(select_records(condition)))]
        finally:
            engine.dispose()


def _is(table: Table, key: OrderKey) -> ColumnElement[bool]:
    return and_(table.c.tenant == key.tenant, table.c.order_id == key.order_id, table.c.approval == key.approval)


def _passes_of(tenant: str) -> ColumnElement[int]:
    return func.coalesce(select(passes.c.passes).where(passes.c.tenant == tenant).scalar_subquery(), 0)


def _written(connection: Connection, key: OrderKey, step: Step) -> bool:
    """Writes one step if its row is still in ``step.before``; says whether it was."""
    if isinstance(step, ItemStep):
        changes = {
            "state": step.after,
            "files": as_json(step.files),
            "reason": step.reason.to_json() if step.reason else "",
            "checks": step.checks,
            "updated_at": DatabaseNow(),
        }
        if step.before is None:
            row = {"tenant": key.tenant, "order_id": key.order_id, "approval": key.approval}
            return insert_if_missing(connection, items, **row, item_number=step.item_number, **changes)
        here = and_(_is(items, key), items.c.item_number == step.item_number, items.c.state == step.before)
        return connection.execute(update(items).where(here).values(changes)).rowcount == 1
    outcome: dict[str, Any] = {
        "state": step.after,
        "reason": step.reason.to_json() if step.reason else "",
        "settled_by": step.settled_by,
        "receipt": step.receipt,
    }
    if step.after is FulfillState.FULFILL_INTENT:
        outcome["intent_at"] = DatabaseNow()
    if step.work:
        outcome["work"] = step.work
    if step.call_limit is not None:
        outcome["call_limit"] = step.call_limit.total_seconds()
    here = and_(_is(orders, key), orders.c.state == step.before)
    return connection.execute(update(orders).where(here).values(outcome)).rowcount == 1
