"""``SqlLedger``: a ledger in SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from itertools import chain, groupby
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from attrs import field, frozen
from sqlalchemy import ColumnElement, bindparam, delete, exists, func, or_, select, update
from sqlalchemy.engine import URL, Connection, Engine

from remote_artwork.core.alerts import AlertRecord
from remote_artwork.core.lifecycle import (
    UNRESOLVED_STATES,
    FileRecord,
    FulfillState,
    ItemState,
    Lease,
    LedgerWrite,
    OrderClaim,
    OrderKey,
    OrderRecord,
    apply_write,
    lease_lost,
    records_intent,
)
from remote_artwork.errors import LeaseLost, LedgerError, LedgerUnavailable
from remote_artwork.ledgers.alerts import read_alerts, write_alerts
from remote_artwork.ledgers.database import LedgerDatabase
from remote_artwork.ledgers.engine import DatabaseNow, insert_into, is_one_of
from remote_artwork.ledgers.errors import translate_errors
from remote_artwork.ledgers.rows import KEY, OrderRow, read_file, read_rows, read_used_files
from remote_artwork.ledgers.schema import items, orders, scans, used_files
from remote_artwork.ledgers.statements import (
    OrderFilters,
    PostgresqlStatements,
    RowChange,
    SqliteStatements,
    Statements,
)

T = TypeVar("T")
C = TypeVar("C", OrderClaim, LedgerWrite)


class SqlLedger:
    """A ``Ledger`` and an ``AlertStore`` in SQLite or PostgreSQL.

    The first write creates its tables, or migrates those of an older release.

    A SQLite file serves any number of threads and processes of one machine. It must not be on a network file system. An
    empty file is a new ledger, so never empty one: the orders that were sent would be sent again. For several machines,
    use PostgreSQL. All times are by the database's clock. The names of the tables start with ``remote_artwork_``, so a
    shop can have its own tables in the same database.

    ``find`` and ``read_alerts`` never write. Until this object writes, they also leave every byte of a SQLite file as
    it is, and create no file beside it.

    Args:
        url: ``sqlite:///ledger.db`` (four slashes for an absolute path), the path of a SQLite file, or
            ``postgresql://user:password@host/name``. A PostgreSQL database must have the encoding UTF8. If it contains
            several ledgers, add the schema of yours: ``?options=-csearch_path%3DSCHEMA``.
        engine: Your SQLAlchemy engine instead of a URL, with ``sqlite:///`` or ``postgresql+psycopg://``. The ledger
            uses its connections, always in transactions of its own, and never disposes of it. For each transaction, it
            sets what the ledger needs: durable commits, isolation and the timeout of PostgreSQL. Connections to SQLite
            must have ``PRAGMA synchronous=FULL``, and their own timeout counts.
        timeout: How long a call waits for a connection, a lock or a statement.

    Raises:
        InvalidLedger: The URL is malformed, or the engine cannot be used. A later call raises it if the database is not
            a ledger of this release.
        MissingExtra: The URL needs a driver that is not installed.
    """

    def __init__(
        self,
        url: str | Path | None = None,
        *,
        engine: Engine | None = None,
        timeout: timedelta = timedelta(seconds=30),
    ) -> None:
        try:
            self.database: LedgerDatabase = LedgerDatabase(url, engine=engine, timeout=timeout)
        finally:
            del url  # error reporters show the variables of each frame, and the URL may contain a password
        self._statements = SqliteStatements() if self.database.file else PostgresqlStatements()
        self._leased: dict[OrderKey, OrderRow] = {}

    def __repr__(self) -> str:
        database = getattr(self, "database", None)  # missing if the URL was refused
        return f"SqlLedger({str(database)!r})" if database else "SqlLedger(…)"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, but not those of an engine that was given. A later call opens new ones."""
        self._leased.clear()
        self.database.close()

    def exists(self) -> bool:
        """Whether the database has the tables of a ledger. Writes nothing.

        Raises:
            InvalidLedger: The database is not a ledger, or its folder does not exist.
            LedgerUnavailable: The database could not be read.
        """
        return self.database.exists()

    def claim(
        self, orders: Sequence[OrderClaim], *, owner: str, lease_for: timedelta
    ) -> list[Lease | LedgerError | None]:
        """See ``Ledger.claim``."""

        def grant(connection: Connection, group: Sequence[OrderClaim]) -> list[OrderRow | None]:
            granted: list[OrderRow | None] = []
            for claims in _runs_of_unique_keys(group):
                rows = self._statements.grant(connection, claims, owner=owner, lease_for=lease_for)
                granted += [rows.get(claim.key) for claim in claims]
            return granted

        answers = self._in_one_transaction(orders, grant)
        leases: list[Lease | LedgerError | None] = []
        for answer in answers:
            if isinstance(answer, OrderRow):
                self._leased[answer.record.key] = answer
                leases.append(Lease(record=answer.record, owner=owner, epoch=answer.epoch, duration=lease_for))
            else:
                leases.append(answer)
        return leases

    def advance(self, writes: Sequence[LedgerWrite]) -> list[LedgerError | None]:
        """See ``Ledger.advance``.

        A lease that has ended may still write if no other scanner has claimed the order since.
        """
        leased = {write.key: row for write in writes if (row := self._leased.pop(write.key, None))}

        def write(connection: Connection, group: Sequence[LedgerWrite]) -> list[OrderRow | LeaseLost]:
            return _write(self._statements, connection, group, leased)

        answers = self._in_one_transaction(writes, write)
        self._leased.update(
            {row.record.key: row for row in answers if isinstance(row, OrderRow) and row.owner is not None}
        )
        return [None if isinstance(answer, OrderRow) else answer for answer in answers]

    def _in_one_transaction(
        self, orders: Sequence[C], write: Callable[[Connection, Sequence[C]], Sequence[T]]
    ) -> list[T | LedgerError]:
        """Write the orders in one transaction, sorted by their keys, so that two processes never wait for each other.

        If the database refuses one, nothing is written, and each is written in a savepoint of its own.
        """
        if not orders:
            return []
        in_key_order = sorted(range(len(orders)), key=lambda number: orders[number].key)
        sorted_orders = [orders[number] for number in in_key_order]
        answers: list[T | LedgerError] = []
        try:
            with self.database.writing() as connection:
                answers += write(connection, sorted_orders)
        except LedgerUnavailable:
            raise
        except LedgerError as error:
            if len(orders) == 1:
                return [error]
            with self.database.writing() as connection:
                for _, of_order in groupby(sorted_orders, key=lambda order: order.key):
                    answers += self._write_alone(connection, list(of_order), write)
        by_number = dict(zip(in_key_order, answers, strict=True))
        return [by_number[number] for number in range(len(orders))]

    def _write_alone(
        self,
        connection: Connection,
        of_order: Sequence[C],
        write: Callable[[Connection, Sequence[C]], Sequence[T]],
    ) -> Sequence[T | LedgerError]:
        try:
            with translate_errors(self.database.url), connection.begin_nested():
                return write(connection, of_order)
        except LedgerUnavailable:
            raise
        except LedgerError as error:
            return [error] * len(of_order)

    def find(
        self,
        tenant: str,
        *,
        order_ids: Collection[str] | None = None,
        order_numbers: Collection[str] | None = None,
        file_names: Collection[str] | None = None,
        unresolved: bool = False,
        state: FulfillState | None = None,
    ) -> Iterator[OrderRecord]:
        """See ``Ledger.find``. It returns the orders that have one of the ids, numbers or files.

        The orders are read at once. A record is built when the iterator comes to it.

        Raises:
            InvalidLedger: The database is not a ledger, or it is one of a newer release.
            LedgerUnavailable: The database could not be read.
        """
        query = partial(
            _find,
            statements=self._statements,
            tenant=tenant,
            filters=OrderFilters(order_ids=order_ids, order_numbers=order_numbers, unresolved=unresolved, state=state),
            file_names=file_names,
        )
        found: list[_Found] = self.database.read(query, empty=[])
        return chain.from_iterable(each.records(self.database.url) for each in found)

    def find_used_files(self, tenant: str, names: Collection[str]) -> Iterator[FileRecord]:
        """See ``Ledger.find_used_files``. The files are read at once; a record is built when the iterator comes to it.

        Raises:
            InvalidLedger: The database is not a ledger, or it is one of a newer release.
            LedgerUnavailable: The database could not be read.
        """
        query = partial(self._statements.find_used_files, tenant=tenant, names=names)
        return self._build_files(self.database.read(query, empty=[]))

    def _build_files(self, texts: Iterable[str]) -> Iterator[FileRecord]:
        with translate_errors(self.database.url):
            yield from map(read_file, texts)

    def forget(self, tenant: str, *, still_pending: Collection[str], min_age: timedelta, silent_scans: int) -> int:
        """See ``Ledger.forget``. Orders with a running lease are kept, too."""
        now = DatabaseNow()
        before = now - min_age.total_seconds()
        with self.database.writing() as connection:
            connection.execute(insert_into(connection, scans).values(tenant=tenant, scans=0).on_conflict_do_nothing())
            connection.execute(update(scans).where(scans.c.tenant == tenant).values(scans=scans.c.scans + 1))
            connection.execute(
                update(orders)
                .where(orders.c.tenant == tenant, is_one_of(orders.c.order_id, still_pending))
                .values(seen_in_scan=_scans_of(tenant), seen_at=now)
            )
            # Not DELETE … RETURNING, which SQLite has only since 3.35.
            forgotten = connection.execute(
                select(*(orders.c[name].label(f"old_{name}") for name in (*KEY, "order_number", "state")))
                .where(
                    orders.c.tenant == tenant,
                    orders.c.updated_at <= before,
                    orders.c.seen_at <= before,
                    orders.c.seen_in_scan <= _scans_of(tenant) - max(1, silent_scans),
                    orders.c.state.not_in(sorted(UNRESOLVED_STATES)),
                    ~((orders.c.state == FulfillState.OPEN) & _has_attach_intent()),
                    or_(orders.c.lease_owner.is_(None), orders.c.lease_until <= now),
                )
                .with_for_update()
            ).all()
            if forgotten:
                rows = [row._asdict() for row in forgotten]
                connection.execute(_DELETE_ITEMS, rows)  # in a host's SQLite engine, foreign keys may be off
                connection.execute(_DELETE_ORDERS, rows)
                connection.execute(_FORGET_USED_FILES, rows)
            return len(forgotten)

    def read_alerts(self, tenant: str, location: str) -> AlertRecord:
        """See ``AlertStore.read_alerts``."""
        record = AlertRecord(tenant=tenant, location=location)
        return self.database.read(partial(read_alerts, record=record), empty=record)

    def write_alerts(
        self, record: AlertRecord, state: str, *, claim_for: timedelta | None = None
    ) -> AlertRecord | None:
        """See ``AlertStore.write_alerts``."""
        with self.database.writing() as connection:
            return write_alerts(connection, record, state, claim_for)


def _runs_of_unique_keys(claims: Sequence[OrderClaim]) -> Iterator[list[OrderClaim]]:
    """The claims, sorted by their keys, in runs in which no order is named twice."""
    run: list[OrderClaim] = []
    for claim in claims:
        if run and run[-1].key == claim.key:
            yield run
            run = []
        run.append(claim)
    yield run


def _write(
    statements: Statements, connection: Connection, writes: Sequence[LedgerWrite], known: Mapping[OrderKey, OrderRow]
) -> list[OrderRow | LeaseLost]:
    """Apply the writes, sorted by their keys, and write each row unless it was changed since it was read.

    Args:
        statements: Those of the database.
        connection: A transaction.
        writes: As in ``Ledger.advance``.
        known: Rows as this ledger last wrote them.

    Returns:
        For each write, its row as written, or why nothing of it was written.
    """
    waiting = {key: list(of_order) for key, of_order in groupby(writes, key=lambda write: write.key)}
    answers: dict[OrderKey, list[OrderRow | LeaseLost]] = {}
    rows = {key: known[key] for key in waiting if key in known}
    read_now: set[OrderKey] = set()
    while waiting:
        if unread := [key for key in waiting if key not in rows]:
            rows |= statements.read(connection, unread)
            read_now.update(unread)
        changes = []
        for key, of_order in list(waiting.items()):
            change, of_writes = _apply(rows.pop(key, None), of_order)
            refused = [answer for answer in of_writes if isinstance(answer, LeaseLost)]
            if refused and key not in read_now:
                continue  # the row may have changed since; read it before the lease is given up
            answers[key] = of_writes
            if change is None:
                del waiting[key]
            else:
                changes.append(change)
        for change in statements.write(connection, changes) if changes else ():
            del waiting[change.after.record.key]
    return [answer for key in dict.fromkeys(write.key for write in writes) for answer in answers[key]]


def _apply(row: OrderRow | None, writes: Sequence[LedgerWrite]) -> tuple[RowChange | None, list[OrderRow | LeaseLost]]:
    """Apply the writes of one order to its row.

    Returns:
        How the row changes, None if every write is refused; and the answer for each write.
    """
    if row is None:
        return None, [lease_lost(write.key) for write in writes]
    record, owner, intends, last = row.record, row.owner, False, None
    refused: dict[int, LeaseLost] = {}
    for number, write in enumerate(writes):
        try:
            after = apply_write(record, write, owner=owner, epoch=row.epoch)
        except LeaseLost as error:
            refused[number] = error
            continue
        intends = intends or (after is not record and records_intent(write.steps))
        record, owner, last = after, None if write.release else write.lease.owner, write
    if last is None:
        return None, list(refused.values())
    after_row = OrderRow(record=record, owner=owner, epoch=row.epoch, version=row.version + 1)
    change = RowChange(before=row, after=after_row, intends=intends, lease_for=last.lease.duration)
    return change, [refused.get(number, after_row) for number in range(len(writes))]


@frozen(kw_only=True)
class _Found:
    """What a search selected: rows of orders as ``read_rows`` reads them, and records of forgotten orders.

    Args:
        selected: The rows.
        keys: Only these orders; None: all.
        forgotten: The records.
    """

    selected: list[tuple[Any, ...]] = field(factory=list)
    keys: Collection[OrderKey] | None = None
    forgotten: Sequence[OrderRecord] = ()

    def records(self, url: URL) -> Iterator[OrderRecord]:
        """Build the records, one after another: a scan finds up to 100,000 orders that are done, and keeps few.

        Raises:
            LedgerError: A row cannot be read.
        """
        with translate_errors(url):
            for row in read_rows(self.selected):
                if self.keys is None or row.record.key in self.keys:
                    yield row.record
        yield from self.forgotten


def _find(
    connection: Connection,
    *,
    statements: Statements,
    tenant: str,
    filters: OrderFilters,
    file_names: Collection[str] | None,
) -> list[_Found]:
    found: list[_Found] = []
    if file_names is None or filters.either:
        found.append(_Found(selected=statements.find(connection, tenant, filters)))
    if file_names:
        keys, forgotten = read_used_files(statements.find_orders_of_files(connection, tenant, file_names))
        known = {OrderKey(*row[: len(KEY)]) for each in found for row in each.selected}
        if new := keys - known:
            of_files = OrderFilters(order_ids={key.order_id for key in new}, state=filters.state)
            found.append(_Found(selected=statements.find(connection, tenant, of_files), keys=new))
        found.append(_Found(forgotten=[record for record in forgotten if filters.state in (None, record.state)]))
    return found


_DELETE_ITEMS = delete(items).where(*(items.c[name] == bindparam(f"old_{name}") for name in KEY))
_DELETE_ORDERS = delete(orders).where(*(orders.c[name] == bindparam(f"old_{name}") for name in KEY))
_FORGET_USED_FILES = (
    update(used_files)
    .where(*(used_files.c[name] == bindparam(f"old_{name}") for name in KEY), used_files.c.forgotten_state.is_(None))
    .values(forgotten_state=bindparam("old_state"), order_number=bindparam("old_order_number"))
)


def _has_attach_intent() -> ColumnElement[bool]:
    """Whether an order has an item with an attach intent."""
    of_order = (items.c[name] == orders.c[name] for name in KEY)
    return exists().where(*of_order, items.c.state == ItemState.ATTACH_INTENT)


def _scans_of(tenant: str) -> ColumnElement[int]:
    return func.coalesce(select(scans.c.scans).where(scans.c.tenant == tenant).scalar_subquery(), 0)
