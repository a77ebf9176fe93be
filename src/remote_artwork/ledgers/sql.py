"""The ledger in SQLite or PostgreSQL, built on SQLAlchemy Core."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
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
    check_transitions,
    is_already_applied,
    lease_lost,
    state_changed,
)
from remote_artwork.core.reasons import Reason
from remote_artwork.errors import InvalidLedger, LeaseLost
from remote_artwork.ledgers.engine import (
    READS,
    DatabaseNow,
    FileIdentity,
    display_url,
    file_identity,
    insert_if_missing,
    is_one_of,
    migrate,
    open_engine,
    open_immutable,
    parse_ledger_url,
    read_revision,
)
from remote_artwork.ledgers.errors import InvalidRow, translate_errors
from remote_artwork.ledgers.schema import REVISIONS, items, orders, passes
from remote_artwork.ledgers.snapshot import CopyNeeded, SnapshotReader


class SqlLedger:
    """A ``Ledger`` in a SQLite or PostgreSQL database. The first write creates or migrates its tables.

    A SQLite file supports any number of threads and processes on one machine. Do not put it on a network file system;
    use PostgreSQL for several machines. An empty file is a new ledger. Do not empty a ledger that was in use: the
    library could then send orders twice.

    All times come from the database's clock. The table names start with ``remote_artwork_``, so a shop's database can
    contain them.

    ``find`` never writes. Before the first write of this object, it also creates no file beside a SQLite database:
    it opens the file as immutable, or reads a temporary copy if a write-ahead log lies beside the file. The copy is
    deleted by the first write, by ``close``, or with this object.

    Args:
        url: ``sqlite:///ledger.db`` (four slashes for an absolute path) or ``postgresql://user:password@host/name``.
        timeout: The longest wait for a connection, a lock or a statement.

    Raises:
        InvalidLedger: The URL is not valid. Later calls raise it if the database is not a ledger of this release.
        MissingExtra: The URL needs a driver that is not installed.
    """

    def __init__(self, url: str, *, timeout: timedelta = timedelta(seconds=30)) -> None:
        self._url: URL = parse_ledger_url(url)
        self._timeout = timeout
        self._file = Path(self._url.database or "") if self._url.get_backend_name() == "sqlite" else None
        self._engine = open_engine(self._url, timeout=timeout)
        self._reader = SnapshotReader(self._file, timeout=timeout) if self._file else None
        self._prepare_lock = threading.Lock()
        self._prepared: FileIdentity | None = None

    def __repr__(self) -> str:
        return f"SqlLedger({display_url(self._url)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes all connections. A later call opens new ones."""
        with translate_errors(self._url):
            self._prepared = None
            self._engine.dispose()
            if self._reader is not None:
                self._reader.close()

    def claim(self, key: OrderKey, *, order_number: str, owner: str, lease_for: timedelta) -> Lease | None:
        """See ``Ledger.claim``. The owner may claim again; its older lease then becomes invalid."""
        now = DatabaseNow()
        free = or_(orders.c.lease_owner.is_(None), orders.c.lease_until <= now, orders.c.lease_owner == owner)
        with self._write_transaction() as connection:
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
                named_pass=_scan_count(key.tenant),
                named_at=now,
            )
            granted = connection.execute(
                update(orders)
                .where(_has_key(orders, key), free)
                .values(
                    order_number=order_number,
                    lease_owner=owner,
                    lease_until=now + lease_for.total_seconds(),
                    epoch=orders.c.epoch + 1,
                )
            )
            if not granted.rowcount:
                return None
            [(record, epoch)] = _parse_records(connection.execute(_select_records(_has_key(orders, key))))
        return Lease(record=record, owner=owner, epoch=epoch, lasts=lease_for)

    def advance(self, lease: Lease, steps: Sequence[Step], *, release: bool = False) -> None:
        """See ``Ledger.advance``.

        An expired lease may still write if no other worker has claimed the order since. Its epoch is then still the
        newest.
        """
        check_transitions(steps)
        try:
            self._advance(lease, steps, release=release)
        except LeaseLost:
            if not self._is_already_applied(lease, steps, release=release):
                raise

    def _advance(self, lease: Lease, steps: Sequence[Step], *, release: bool) -> None:
        held = and_(_has_key(orders, lease.key), orders.c.lease_owner == lease.owner, orders.c.epoch == lease.epoch)
        changes: dict[str, Any] = {"lease_until": DatabaseNow() + lease.lasts.total_seconds()}
        if steps:
            changes["updated_at"] = DatabaseNow()
        if release:
            changes["lease_owner"] = None
        with self._write_transaction() as connection:
            # This update also locks the row. No other worker can claim the order before the steps are committed.
            if not connection.execute(update(orders).where(held).values(changes)).rowcount:
                raise lease_lost(lease.key)
            for step in steps:
                if not _write_step(connection, lease.key, step):
                    raise state_changed(lease.key, step)

    def _is_already_applied(self, lease: Lease, steps: Sequence[Step], *, release: bool) -> bool:
        """Whether an earlier call with this lease wrote these steps, and its response was lost."""
        owner = orders.c.lease_owner
        same_owner = or_(owner == lease.owner, owner.is_(None)) if release else owner == lease.owner
        with translate_errors(self._url):
            found = self._read(and_(_has_key(orders, lease.key), orders.c.epoch == lease.epoch, same_owner))
        return any(is_already_applied(record, steps) for record in found)

    def find(
        self,
        tenant: str,
        *,
        order_ids: Collection[str] | None = None,
        order_numbers: Collection[str] | None = None,
        state: FulfillState | None = None,
    ) -> list[OrderRecord]:
        """See ``Ledger.find``. With both ids and numbers, finds orders that match one of the two.

        Raises:
            InvalidLedger: The database is not a ledger, or a newer release created it.
            LedgerUnavailable: The database could not be read.
        """
        given = ((orders.c.order_id, order_ids), (orders.c.order_number, order_numbers))
        either = [is_one_of(column, texts) for column, texts in given if texts is not None]
        condition = orders.c.tenant == tenant
        if either:
            condition = and_(condition, or_(*either))
        if state is not None:
            condition = and_(condition, orders.c.state == state)
        with translate_errors(self._url):
            if self._reader is None or self._is_prepared():
                return self._read(condition)
            original, copy = partial(self._read_original, condition), partial(self._read_copy, condition)
            return self._reader.read(original=original, copy=copy) or []

    def forget(self, tenant: str, *, still_pending: Collection[str], min_age: timedelta, silent_passes: int) -> int:
        """See ``Ledger.forget``. Also keeps orders with an active lease."""
        now = DatabaseNow()
        with self._write_transaction() as connection:
            insert_if_missing(connection, passes, tenant=tenant, passes=0)
            connection.execute(update(passes).where(passes.c.tenant == tenant).values(passes=passes.c.passes + 1))
            connection.execute(
                update(orders)
                .where(orders.c.tenant == tenant, is_one_of(orders.c.order_id, still_pending))
                .values(named_pass=_scan_count(tenant), named_at=now)
            )
            return connection.execute(
                delete(orders).where(
                    orders.c.tenant == tenant,
                    orders.c.updated_at <= now - min_age.total_seconds(),
                    orders.c.named_at <= now - min_age.total_seconds(),
                    orders.c.named_pass <= _scan_count(tenant) - max(1, silent_passes),
                    orders.c.state.not_in(sorted(UNRESOLVED_STATES)),
                    or_(orders.c.lease_owner.is_(None), orders.c.lease_until <= now),
                )
            ).rowcount

    @contextmanager
    def _write_transaction(self) -> Iterator[Connection]:
        with translate_errors(self._url):
            if not self._is_prepared():
                self._prepare()
            with self._engine.begin() as connection:
                yield connection

    def _is_prepared(self) -> bool:
        """Whether this object has already written to this file or server."""
        return self._prepared is not None and self._prepared == file_identity(self._file)

    def _prepare(self) -> None:
        with self._prepare_lock:
            if self._is_prepared():
                return
            with self._engine.connect().execution_options(**READS) as connection:
                ready = read_revision(connection, display_url(self._url)) == REVISIONS[-1]
            if not ready:
                with self._engine.begin() as connection:
                    migrate(connection, display_url(self._url))
            self._prepared = file_identity(self._file)
            if self._reader is not None:
                self._reader.close()

    def _read(self, condition: ColumnElement[bool]) -> list[OrderRecord]:
        with self._engine.connect().execution_options(**READS) as connection:
            revision = REVISIONS[-1] if self._is_prepared() else read_revision(connection, display_url(self._url))
            if revision is None:
                return []
            if revision != REVISIONS[-1]:
                raise InvalidLedger(
                    f"{display_url(self._url)} was made by an older release of remote_artwork; run a scan to migrate it"
                )
            # Fetched at once: a server-side cursor makes PostgreSQL choose a plan that is slow for many rows.
            return [record for record, _epoch in _parse_records(connection.execute(_select_records(condition)))]

    def _read_original(self, condition: ColumnElement[bool], file: Path) -> list[OrderRecord]:
        engine = open_immutable(file)
        try:
            with engine.connect() as connection:
                revision = read_revision(connection, display_url(self._url))
                if revision is None:
                    return []
                if revision != REVISIONS[-1]:
                    raise CopyNeeded
                return [record for record, _epoch in _parse_records(connection.execute(_select_records(condition)))]
        finally:
            engine.dispose()

    def _read_copy(self, condition: ColumnElement[bool], file: Path) -> list[OrderRecord]:
        engine = open_engine(self._url.set(database=str(file)), timeout=self._timeout)
        try:
            with engine.begin() as connection:
                if read_revision(connection, display_url(self._url)) is None:
                    return []
                migrate(connection, display_url(self._url))
                return [record for record, _epoch in _parse_records(connection.execute(_select_records(condition)))]
        finally:
            engine.dispose()


def _has_key(table: Table, key: OrderKey) -> ColumnElement[bool]:
    return and_(table.c.tenant == key.tenant, table.c.order_id == key.order_id, table.c.approval == key.approval)


def _scan_count(tenant: str) -> ColumnElement[int]:
    return func.coalesce(select(passes.c.passes).where(passes.c.tenant == tenant).scalar_subquery(), 0)


def _write_step(connection: Connection, key: OrderKey, step: Step) -> bool:
    """Writes one step if its row is still in the state ``step.before``. Returns whether it did."""
    if isinstance(step, ItemStep):
        changes = {
            "state": step.after,
            "files": _files_json(step.files),
            "reason": step.reason.to_json() if step.reason else "",
            "checks": step.checks,
            "updated_at": DatabaseNow(),
        }
        if step.before is None:
            item_key = {"tenant": key.tenant, "order_id": key.order_id, "approval": key.approval}
            return insert_if_missing(connection, items, **item_key, item_number=step.item_number, **changes)
        row_before = and_(_has_key(items, key), items.c.item_number == step.item_number, items.c.state == step.before)
        return connection.execute(update(items).where(row_before).values(changes)).rowcount == 1
    order_changes: dict[str, Any] = {
        "state": step.after,
        "reason": step.reason.to_json() if step.reason else "",
        "settled_by": step.settled_by,
        "receipt": step.receipt,
    }
    if step.after is FulfillState.FULFILL_INTENT:
        order_changes["intent_at"] = DatabaseNow()
    if step.work:
        order_changes["work"] = step.work
    if step.call_limit is not None:
        order_changes["call_limit"] = step.call_limit.total_seconds()
    row_before = and_(_has_key(orders, key), orders.c.state == step.before)
    return connection.execute(update(orders).where(row_before).values(order_changes)).rowcount == 1


_KEY_COLUMNS = ("tenant", "order_id", "approval")
_ORDER_COLUMNS = ("order_number", "state", "receipt", "work", "reason", "settled_by", "call_limit")
_FIRST_ITEM_COLUMN = len(_KEY_COLUMNS) + len(_ORDER_COLUMNS) + 3
"""Index of the first item column in a row of ``_select_records``. It follows epoch, updated_at and intent_age."""

_FULFILL_STATES = {str(state): state for state in FulfillState}
_ITEM_STATES = {str(state): state for state in ItemState}


def _select_records(condition: ColumnElement[bool]) -> Select[Any]:
    """One statement for orders and their items, so that both are from the same moment. It returns one row per item."""
    same_order = and_(*(orders.c[name] == items.c[name] for name in _KEY_COLUMNS))
    return (
        select(
            *(orders.c[name] for name in (*_KEY_COLUMNS, *_ORDER_COLUMNS, "epoch", "updated_at")),
            (DatabaseNow() - orders.c.intent_at).label("intent_age"),
            items.c.item_number,
            items.c.state.label("item_state"),
            items.c.files,
            items.c.reason.label("item_reason"),
            items.c.checks,
        )
        .select_from(orders.outerjoin(items, same_order))
        .where(condition)
        .order_by(*(orders.c[name] for name in _KEY_COLUMNS), items.c.item_number)
    )


def _parse_records(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[OrderRecord, int]]:
    """Parses the rows of ``_select_records`` into the record and the epoch of each order.

    Raises:
        InvalidRow: A row contains an invalid value.
    """
    try:
        yield from _group_records(rows)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise InvalidRow(f"a row cannot be read: {type(error).__name__}: {error}") from error


def _group_records(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[OrderRecord, int]]:
    for key, group in groupby(rows, key=itemgetter(0, 1, 2)):
        order_rows = list(group)
        _tenant, _order_id, _approval, *columns, epoch, updated_at, age = order_rows[0][:_FIRST_ITEM_COLUMN]
        number, state, receipt, work, reason, settled_by, call_limit = columns
        record = OrderRecord(
            key=OrderKey(*key),
            order_number=number,
            state=_FULFILL_STATES[state],
            items={
                row[_FIRST_ITEM_COLUMN]: _parse_item(*row[_FIRST_ITEM_COLUMN:])
                for row in order_rows
                if row[_FIRST_ITEM_COLUMN] is not None
            },
            receipt=receipt,
            work=work,
            reason=Reason.from_json(reason),
            settled_by=settled_by,
            call_limit=None if call_limit is None else timedelta(seconds=call_limit),
            # Not negative, even if the clock was set back.
            intent_age=None if age is None else timedelta(seconds=max(0.0, age)),
            updated_at=datetime.fromtimestamp(updated_at, UTC),
        )
        yield record, epoch


def _parse_item(number: str, state: str, files: list[dict[str, Any]], reason: str, checks: str) -> ItemRecord:
    return ItemRecord(
        item_number=number,
        state=_ITEM_STATES[state],
        files=tuple(FileRecord(**file) for file in files),
        reason=Reason.from_json(reason),
        checks=checks,
    )


def _files_json(files: Iterable[FileRecord]) -> list[dict[str, Any]]:
    """The value of the ``files`` column."""
    return [attrs.asdict(file) for file in files]
