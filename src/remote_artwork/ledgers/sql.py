"""``SqlLedger``: a ledger in SQLite or PostgreSQL."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import attrs
from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, func, or_, select, union_all, update
from sqlalchemy.engine import URL, Connection

from remote_artwork.core.lifecycle import (
    UNRESOLVED_STATES,
    FileRecord,
    FulfillState,
    ItemRecord,
    ItemState,
    Lease,
    LedgerWrite,
    OrderClaim,
    OrderKey,
    OrderRecord,
    apply_write,
    file_key,
    lease_lost,
    records_intent,
)
from remote_artwork.core.reasons import Reason
from remote_artwork.errors import ConfigurationError, InvalidLedger, LeaseLost, LedgerError, LedgerUnavailable
from remote_artwork.ledgers.engine import (
    READS,
    DatabaseNow,
    FileIdentity,
    display_url,
    file_identity,
    insert_into,
    is_one_of,
    open_engine,
    parse_ledger_url,
)
from remote_artwork.ledgers.errors import InvalidRow, translate_errors
from remote_artwork.ledgers.read_only import ReadOnlyFile
from remote_artwork.ledgers.schema import SchemaState, items, migrate, orders, scans, schema_state, used_files
from remote_artwork.locks import ProcessLock

T = TypeVar("T")
C = TypeVar("C", OrderClaim, LedgerWrite)


class SqlLedger:
    """A ``Ledger`` in SQLite or PostgreSQL. The first write creates its tables, or migrates those of an older release.

    A SQLite file serves any number of threads and processes of one machine. It must not be on a network file system. An
    empty file is a new ledger, so never empty one: the orders that were sent would be sent again. For several machines,
    use PostgreSQL. All times are by the database's clock. The names of the tables start with ``remote_artwork_``, so a
    shop can have its own tables in the same database.

    ``find`` never writes. Until this object writes, it also leaves every byte of a SQLite file as it is, and creates no
    file beside it.

    Args:
        url: ``sqlite:///ledger.db`` (four slashes for an absolute path), the path of a SQLite file, or
            ``postgresql://user:password@host/name``. A PostgreSQL database must have the encoding UTF8. If it contains
            several ledgers, add the schema of yours: ``?options=-csearch_path%3DSCHEMA``.
        timeout: How long a call waits for a connection, a lock or a statement.

    Raises:
        InvalidLedger: The URL is malformed. A later call raises it if the database is not a ledger of this release.
        MissingExtra: The URL needs a driver that is not installed.
    """

    def __init__(self, url: str | Path, *, timeout: timedelta = timedelta(seconds=30)) -> None:
        try:
            self._url: URL = parse_ledger_url(url)
        except ConfigurationError as error:
            del url  # error reporters show the variables of each frame, and the URL may contain a password
            raise error.with_traceback(None) from None
        del url
        self._file = Path(self._url.database or "") if self._url.get_backend_name() == "sqlite" else None
        self._engine = open_engine(self._url, timeout=timeout)
        self._reader = ReadOnlyFile(self._url, timeout=timeout) if self._file else None
        self._preparing = ProcessLock()
        self._prepared: FileIdentity | None = None
        self._leased: dict[OrderKey, _Row] = {}

    def __repr__(self) -> str:
        url = getattr(self, "_url", None)  # missing if the URL was refused
        return f"SqlLedger({display_url(url)!r})" if url else "SqlLedger(…)"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. A later call opens new ones."""
        with translate_errors(self._url):
            self._prepared = None
            self._leased.clear()
            self._engine.dispose()
        if self._reader:
            self._reader.close()

    def claim(
        self, orders: Sequence[OrderClaim], *, owner: str, lease_for: timedelta
    ) -> list[Lease | LedgerError | None]:
        """See ``Ledger.claim``."""

        def grant(connection: Connection, order: OrderClaim, _known: dict[OrderKey, _Row]) -> _Row | None:
            return _grant(connection, order, owner, lease_for)

        answers = self._in_one_transaction(orders, grant, {})
        self._leased.update({row.record.key: row for row in answers if isinstance(row, _Row)})
        return [
            Lease(record=row.record, owner=owner, epoch=row.epoch, duration=lease_for) if isinstance(row, _Row) else row
            for row in answers
        ]

    def advance(self, writes: Sequence[LedgerWrite]) -> list[LedgerError | None]:
        """See ``Ledger.advance``.

        A lease that has ended may still write if no other scanner has claimed the order since.
        """
        leased = {write.key: row for write in writes if (row := self._leased.pop(write.key, None))}

        def advance(connection: Connection, write: LedgerWrite, known: dict[OrderKey, _Row]) -> _Row | LeaseLost:
            written, row = None, known.pop(write.key, None)
            try:
                if row is not None:
                    with suppress(LeaseLost):  # the row may have changed since; read it before the lease is given up
                        written = _write(connection, row, write)
                while written is None:
                    written = _write(connection, _read_row(connection, write.key), write)
            except LeaseLost as error:
                return error
            known[write.key] = written
            return written

        answers = self._in_one_transaction(writes, advance, leased)
        self._leased.update({row.record.key: row for row in answers if isinstance(row, _Row) and row.owner is not None})
        return [None if isinstance(answer, _Row) else answer for answer in answers]

    def _in_one_transaction(
        self,
        orders: Sequence[C],
        write: Callable[[Connection, C, dict[OrderKey, _Row]], T],
        known: Mapping[OrderKey, _Row],
    ) -> list[T | LedgerError]:
        """Write the orders in one transaction. If the database refuses one, write each in a savepoint of its own.

        They are written in the order of their keys, so that two processes never wait for each other.
        """
        if not orders:
            return []
        in_key_order = sorted(range(len(orders)), key=lambda number: orders[number].key)
        answers: dict[int, T | LedgerError] = {}
        try:
            with self._writing() as connection:
                rows = dict(known)
                answers |= {number: write(connection, orders[number], rows) for number in in_key_order}
        except LedgerUnavailable:
            raise
        except LedgerError as error:
            if len(orders) == 1:
                return [error]
            with self._writing() as connection:
                rows = dict(known)
                for number in in_key_order:
                    answers[number] = self._write_alone(connection, partial(write, connection, orders[number], rows))
        return [answers[number] for number in range(len(orders))]

    def _write_alone(self, connection: Connection, write: Callable[[], T]) -> T | LedgerError:
        try:
            with translate_errors(self._url), connection.begin_nested():
                return write()
        except LedgerUnavailable:
            raise
        except LedgerError as error:
            return error

    def find(
        self,
        tenant: str,
        *,
        order_ids: Collection[str] | None = None,
        order_numbers: Collection[str] | None = None,
        file_names: Collection[str] | None = None,
        state: FulfillState | None = None,
    ) -> list[OrderRecord]:
        """See ``Ledger.find``. It returns the orders that have one of the ids, numbers or files.

        Raises:
            InvalidLedger: The database is not a ledger, or it is one of a newer release.
            LedgerUnavailable: The database could not be read.
        """
        query = partial(
            _find,
            tenant=tenant,
            columns={orders.c.order_id: order_ids, orders.c.order_number: order_numbers},
            file_names=file_names,
            state=state,
        )
        with translate_errors(self._url):
            if self._reader and not self._is_prepared():
                return self._reader.read(query, empty=[])
            with self._engine.connect().execution_options(**READS) as connection:
                schema = (
                    SchemaState.CURRENT if self._is_prepared() else schema_state(connection, display_url(self._url))
                )
                if schema is SchemaState.MISSING:
                    return []
                if schema is SchemaState.OLDER:
                    raise InvalidLedger(
                        f"the ledger {display_url(self._url)} was made by an older release of remote_artwork; "
                        "run one scan to migrate it"
                    )
                return query(connection)

    def forget(self, tenant: str, *, still_pending: Collection[str], min_age: timedelta, silent_scans: int) -> int:
        """See ``Ledger.forget``. Orders with a running lease are kept, too."""
        now = DatabaseNow()
        before = now - min_age.total_seconds()
        with self._writing() as connection:
            connection.execute(insert_into(connection, scans).values(tenant=tenant, scans=0).on_conflict_do_nothing())
            connection.execute(update(scans).where(scans.c.tenant == tenant).values(scans=scans.c.scans + 1))
            connection.execute(
                update(orders)
                .where(orders.c.tenant == tenant, is_one_of(orders.c.order_id, still_pending))
                .values(seen_in_scan=_scans_of(tenant), seen_at=now)
            )
            # Not DELETE … RETURNING, which SQLite has only since 3.35.
            forgotten = connection.execute(
                select(*(orders.c[name].label(f"old_{name}") for name in (*_KEY, "order_number", "state")))
                .where(
                    orders.c.tenant == tenant,
                    orders.c.updated_at <= before,
                    orders.c.seen_at <= before,
                    orders.c.seen_in_scan <= _scans_of(tenant) - max(1, silent_scans),
                    orders.c.state.not_in(sorted(UNRESOLVED_STATES)),
                    or_(orders.c.lease_owner.is_(None), orders.c.lease_until <= now),
                )
                .with_for_update()
            ).all()
            if forgotten:
                rows = [row._asdict() for row in forgotten]
                connection.execute(_DELETE_ORDERS, rows)
                connection.execute(_FORGET_USED_FILES, rows)
            return len(forgotten)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with translate_errors(self._url):
            if not self._is_prepared():
                self._prepare()
            with self._engine.begin() as connection:
                yield connection

    def _is_prepared(self) -> bool:
        """Whether this object, in this process, has written to this file (or server) before."""
        return self._prepared is not None and self._prepared == file_identity(self._file)

    def _prepare(self) -> None:
        with self._preparing:
            if self._is_prepared():
                return
            with self._engine.connect().execution_options(**READS) as connection:
                schema = schema_state(connection, display_url(self._url))
            if schema is not SchemaState.CURRENT:
                with self._engine.begin() as connection:
                    migrate(connection, display_url(self._url))
            self._prepared = file_identity(self._file)
            if self._reader:
                self._reader.close()


@attrs.frozen(kw_only=True)
class _Row:
    """An order's row with its lease, as it is when its ``version`` is in the database.

    ``SqlLedger`` remembers the rows of its leases, as it last wrote them. This saves a query for each write. The
    version shows whether such a row is still current.
    """

    record: OrderRecord
    owner: str | None
    epoch: int
    version: int


def _grant(connection: Connection, order: OrderClaim, owner: str, lease_for: timedelta) -> _Row | None:
    """Lease an order. Returns its row; None while another owner holds a lease."""
    now = DatabaseNow()
    available = or_(orders.c.lease_owner.is_(None), orders.c.lease_until <= now, orders.c.lease_owner == owner)
    connection.execute(
        insert_into(connection, orders)
        .values(
            **attrs.asdict(order.key),
            order_number=order.order_number,
            state=FulfillState.OPEN,
            epoch=0,
            updated_at=now,
            seen_in_scan=_scans_of(order.key.tenant),
            seen_at=now,
        )
        .on_conflict_do_nothing()
    )
    granted = connection.execute(
        update(orders)
        .where(_has_key(order.key), available)
        .values(
            order_number=order.order_number,
            lease_owner=owner,
            lease_until=now + lease_for.total_seconds(),
            epoch=orders.c.epoch + 1,
            version=orders.c.version + 1,
        )
    )
    return _read_row(connection, order.key) if granted.rowcount else None


def _write(connection: Connection, row: _Row, write: LedgerWrite) -> _Row | None:
    """Apply the steps to a row and write it, unless the row was changed since it was read.

    Returns:
        The row as written; None if it was changed.
    """
    record = apply_write(row.record, write, owner=row.owner, epoch=row.epoch)
    owner = None if write.release else write.lease.owner
    written = _Row(record=record, owner=owner, epoch=row.epoch, version=row.version + 1)
    values: dict[str, Any] = {
        "lease_owner": written.owner,
        "lease_until": DatabaseNow() + write.lease.duration.total_seconds(),
        "version": written.version,
    }
    if record is not row.record:
        values |= _order_columns(record) | {"updated_at": DatabaseNow()}
        if records_intent(write.steps):
            values["intent_at"] = DatabaseNow()
    unchanged = and_(_has_key(write.key), orders.c.version == row.version)
    if not connection.execute(update(orders).where(unchanged).values(values)).rowcount:
        return None
    changed = [item for number, item in record.items.items() if item is not row.record.items.get(number)]
    if changed:
        statement = insert_into(connection, items)
        columns = {name: statement.excluded[name] for name in _ITEM_COLUMNS}
        connection.execute(
            statement.on_conflict_do_update(index_elements=[*_KEY, "item_number"], set_=columns),
            [attrs.asdict(write.key) | {"item_number": item.item_number} | _item_columns(item) for item in changed],
        )
    _write_used_files(connection, row.record, record)
    return written


def _write_used_files(connection: Connection, before: OrderRecord, after: OrderRecord) -> None:
    old, new = _used_file_rows(before), _used_file_rows(after)
    if added := [new[digest] for digest in new if digest not in old]:
        connection.execute(insert_into(connection, used_files).on_conflict_do_nothing(), added)
    if removed := [digest for digest in old if digest not in new]:
        connection.execute(
            delete(used_files).where(is_one_of(used_files.c.id, removed), used_files.c.forgotten_state.is_(None))
        )


def _used_file_rows(record: OrderRecord) -> dict[str, dict[str, Any]]:
    """The rows of the files that were used for an order, by their ids."""
    files = [(file, False) for file in record.sent_files] + [(file, True) for file in record.attached_files]
    key = attrs.asdict(record.key)
    rows = [
        {**key, "order_number": record.order_number, "file": attrs.asdict(file), "attached": attached}
        for file, attached in files
    ]
    return {
        (digest := _digest(*key.values(), row["file"], row["attached"])): {
            **row,
            "id": digest,
            "file_key": _digest(file_key(row["file"]["name"])),
            "path_key": _digest(path) if (path := row["file"]["path_key"]) else None,
        }
        for row in rows
    }


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _order_columns(record: OrderRecord) -> dict[str, Any]:
    return {
        "state": record.state,
        "receipt": record.receipt,
        "work": record.work,
        "reason": _reason_text(record.reason),
        "settled_by": record.settled_by,
        "call_limit": None if record.call_limit is None else record.call_limit.total_seconds(),
        "sent_files": [attrs.asdict(file) for file in record.sent_files],
        "attached_files": [attrs.asdict(file) for file in record.attached_files],
    }


def _item_columns(item: ItemRecord) -> dict[str, Any]:
    return {
        "state": item.state,
        "files": [attrs.asdict(file) for file in item.files],
        "reason": _reason_text(item.reason),
        "checks": item.checks,
    }


def _reason_text(reason: Reason | None) -> str:
    return reason.to_json() if reason else ""


_KEY = ("tenant", "order_id", "approval")
_ORDER_COLUMNS = (
    "order_number",
    "state",
    "receipt",
    "work",
    "reason",
    "settled_by",
    "call_limit",
    "updated_at",
    "sent_files",
    "attached_files",
)
_LEASE_COLUMNS = ("lease_owner", "epoch", "version")
_ITEM_COLUMNS = ("state", "files", "reason", "checks")
_ITEM = len(_KEY) + len(_ORDER_COLUMNS) + len(_LEASE_COLUMNS) + 1
"""The index of the item's first column in a row of ``_select_rows``, after the age of the intent."""

_DELETE_ORDERS = delete(orders).where(*(orders.c[name] == bindparam(f"old_{name}") for name in _KEY))
_FORGET_USED_FILES = (
    update(used_files)
    .where(*(used_files.c[name] == bindparam(f"old_{name}") for name in _KEY), used_files.c.forgotten_state.is_(None))
    .values(forgotten_state=bindparam("old_state"), order_number=bindparam("old_order_number"))
)

_FULFILL_STATES = {str(state): state for state in FulfillState}
_ITEM_STATES = {str(state): state for state in ItemState}


def _select_rows(condition: ColumnElement[bool]) -> Select[Any]:
    """Select orders with their items by one statement, so that both are of one moment. There is a row for each item."""
    return (
        select(
            *(orders.c[name] for name in (*_KEY, *_ORDER_COLUMNS, *_LEASE_COLUMNS)),
            (DatabaseNow() - orders.c.intent_at).label("intent_age"),
            items.c.item_number,
            *(items.c[name].label(f"item_{name}") for name in _ITEM_COLUMNS),
        )
        .select_from(orders.outerjoin(items, and_(*(orders.c[name] == items.c[name] for name in _KEY))))
        .where(condition)
        .order_by(*(orders.c[name] for name in _KEY), items.c.item_number)
    )


def _find(
    connection: Connection,
    *,
    tenant: str,
    columns: Mapping[ColumnElement[str], Collection[str] | None],
    file_names: Collection[str] | None,
    state: FulfillState | None,
) -> list[OrderRecord]:
    """The rows that have one of these texts in a column, or used a file with one of these names; without both, all."""
    matches = [orders.c.tenant == tenant] + ([] if state is None else [orders.c.state == state])
    found: dict[OrderKey, OrderRecord] = {}
    forgotten: list[OrderRecord] = []
    either = [is_one_of(column, texts) for column, texts in columns.items() if texts is not None]
    if either or file_names is None:
        condition = and_(*matches, or_(*either)) if either else and_(*matches)
        found = {record.key: record for record in _read_records(connection, condition)}
    if file_names:
        keys, forgotten = _find_used_files(connection, tenant, file_names)
        if keys:
            condition = and_(*matches, is_one_of(orders.c.order_id, {key.order_id for key in keys}))
            found |= {record.key: record for record in _read_records(connection, condition) if record.key in keys}
    return [*found.values(), *(record for record in forgotten if state in (None, record.state))]


def _read_records(connection: Connection, condition: ColumnElement[bool]) -> list[OrderRecord]:
    # Without a server-side cursor: for a cursor, PostgreSQL chooses a plan that is fast for the first rows only.
    return [row.record for row in _rows(connection.execute(_select_rows(condition)))]


def _find_used_files(
    connection: Connection, tenant: str, names: Collection[str]
) -> tuple[set[OrderKey], list[OrderRecord]]:
    """The orders with a row, and the forgotten orders, for which files of these names or paths were used."""
    columns = (*_KEY, "order_number", "forgotten_state", "attached", "file")
    digests = {_digest(file_key(name)) for name in names}
    # A union, because SQLite uses no index for OR. A file with both keys is found twice.
    selected = select(*(used_files.c[name] for name in columns)).where(used_files.c.tenant == tenant)
    query = union_all(
        *(selected.where(is_one_of(key, digests)) for key in (used_files.c.file_key, used_files.c.path_key))
    )
    keys: set[OrderKey] = set()
    groups: defaultdict[tuple[OrderKey, str, FulfillState], dict[bool, list[FileRecord]]] = defaultdict(dict)
    with _invalid_rows():
        for *key, number, state, attached, file in connection.execute(query).all():
            if state is None:
                keys.add(OrderKey(*key))
            else:
                group = groups[OrderKey(*key), number, _FULFILL_STATES[state]]
                group.setdefault(attached, []).append(_file(file))
    return keys, [
        OrderRecord(
            key=key,
            order_number=number,
            state=state,
            sent_files=tuple(dict.fromkeys(files.get(False, ()))),
            attached_files=tuple(dict.fromkeys(files.get(True, ()))),
            forgotten=True,
        )
        for (key, number, state), files in groups.items()
    ]


def _read_row(connection: Connection, key: OrderKey) -> _Row:
    """Read the row of one order.

    Raises:
        LeaseLost: There is none.
    """
    for row in _rows(connection.execute(_select_rows(_has_key(key)))):
        return row
    raise lease_lost(key)


def _rows(selected: Iterable[Sequence[Any]]) -> Iterator[_Row]:
    """Build the rows of orders from the result of ``_select_rows``.

    Raises:
        InvalidRow: A row cannot be read.
    """
    with _invalid_rows():
        for key, group in groupby(selected, key=itemgetter(0, 1, 2)):
            of_order = list(group)
            with _invalid_rows(f" of the order with the id {key[1]!r}"):
                row = _row(OrderKey(*key), of_order)
            yield row


@contextmanager
def _invalid_rows(of: str = "") -> Iterator[None]:
    try:
        yield
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise InvalidRow(f"a row{of} cannot be read: {type(error).__name__}: {error}") from error


def _row(key: OrderKey, of_order: Sequence[Sequence[Any]]) -> _Row:
    number, state, receipt, work, reason, settled_by, call_limit, updated_at, *rest = of_order[0][len(_KEY) : _ITEM]
    sent_files, attached_files, owner, epoch, version, age = rest
    record = OrderRecord(
        key=key,
        order_number=number,
        state=_FULFILL_STATES[state],
        items={row[_ITEM]: _item(*row[_ITEM:]) for row in of_order if row[_ITEM] is not None},
        receipt=receipt,
        work=work,
        reason=Reason.from_json(reason),
        settled_by=settled_by,
        call_limit=None if call_limit is None else timedelta(seconds=call_limit),
        # If the clock was set back, the age must not be negative.
        intent_age=None if age is None else timedelta(seconds=max(0.0, age)),
        updated_at=datetime.fromtimestamp(updated_at, UTC),
        sent_files=tuple(map(_file, sent_files)),
        attached_files=tuple(map(_file, attached_files)),
    )
    return _Row(record=record, owner=owner, epoch=epoch, version=version)


def _item(number: str, state: str, files: list[dict[str, Any]], reason: str, checks: str) -> ItemRecord:
    return ItemRecord(
        item_number=number,
        state=_ITEM_STATES[state],
        files=tuple(map(_file, files)),
        reason=Reason.from_json(reason),
        checks=checks,
    )


def _file(columns: Mapping[str, Any]) -> FileRecord:
    return FileRecord(**columns)


def _has_key(key: OrderKey) -> ColumnElement[bool]:
    return and_(orders.c.tenant == key.tenant, orders.c.order_id == key.order_id, orders.c.approval == key.approval)


def _scans_of(tenant: str) -> ColumnElement[int]:
    return func.coalesce(select(scans.c.scans).where(scans.c.tenant == tenant).scalar_subquery(), 0)
