"""The statements of claims, writes and lookups, in the SQL of each database.

They are text, so no call has to build or compile them. PostgreSQL writes all orders of a call by one statement for each
table. SQLite runs a short statement for each row that it writes, which costs little in the same process.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from datetime import timedelta
from itertools import chain
from typing import Any

from attrs import frozen
from sqlalchemy.engine import Connection, CursorResult

from remote_artwork.core.lifecycle import (
    UNRESOLVED_STATES,
    FulfillState,
    ItemState,
    OrderClaim,
    OrderKey,
    file_key,
    replace_unstorable,
)
from remote_artwork.ledgers.rows import (
    FOUND_FILE_COLUMNS,
    ITEM_COLUMNS,
    KEY,
    ORDER_COLUMNS,
    USED_FILE_COLUMNS,
    OrderRow,
    files_text,
    item_columns,
    lookup_digest,
    read_rows,
    read_rows_without_items,
    reason_text,
    used_file_columns,
    used_file_id,
    used_files_of,
)

# ruff: noqa: S608 - a statement contains only constants of this package; every value is a parameter

_MOST_KEYS = 100
"""Keys of orders in one statement of SQLite, whose older releases allow 999 parameters."""


@frozen(kw_only=True)
class RowChange:
    """One row of an order as it was read, and as it is to be written.

    Args:
        before: The row in the database. It is written only if its version is still the same.
        after: The row to write.
        intends: Whether a fulfill call starts now.
        lease_for: How long the lease lasts from now on.
    """

    before: OrderRow
    after: OrderRow
    intends: bool
    lease_for: timedelta

    @property
    def changes(self) -> bool:
        """Whether more than the lease changes."""
        return self.after.record is not self.before.record

    def order_columns(self) -> tuple[Any, ...]:
        """The values of ``_UPDATED``."""
        record = self.after.record
        return (
            *(str(record.state), record.receipt, record.work, reason_text(record.reason), record.settled_by),
            None if record.call_limit is None else record.call_limit.total_seconds(),
            *(files_text(record.sent_files), files_text(record.attached_files)),
            *(record.review_files, record.accepted_by),
            *(self.after.owner, self.lease_for.total_seconds(), self.changes, self.intends),
            *(record.key.tenant, record.key.order_id, record.key.approval, self.before.version),
        )

    def item_rows(self) -> list[tuple[Any, ...]]:
        """The rows of the items that change."""
        before, record = self.before.record, self.after.record
        changed = [item for number, item in record.items.items() if item is not before.items.get(number)]
        return [item_columns(record.key, item) for item in changed]

    def added_files(self) -> list[tuple[Any, ...]]:
        """The rows of the files that were not used for the order before."""
        old = used_files_of(self.before.record)
        return [
            used_file_columns(self.after.record, used) for used in used_files_of(self.after.record) if used not in old
        ]

    def removed_files(self) -> list[str]:
        """The ids of the files that are known not to be used for the order."""
        new = used_files_of(self.after.record)
        return [
            used_file_id(self.after.record.key, used) for used in used_files_of(self.before.record) if used not in new
        ]


@frozen(kw_only=True)
class OrderFilters:
    """Which orders to find, as in ``Ledger.find``."""

    order_ids: Collection[str] | None = None
    order_numbers: Collection[str] | None = None
    unresolved: bool = False
    state: FulfillState | None = None

    @property
    def either(self) -> bool:
        """Whether not all orders are asked for."""
        return self.order_ids is not None or self.order_numbers is not None or self.unresolved


_ORDER, _ITEM, _USED_FILE, _SCAN = (f"remote_artwork_{name}" for name in ("order", "item", "used_file", "scan"))
_INTENT = ItemState.ATTACH_INTENT
_ITEM_KEY = (*KEY, "item_number")
_ITEM_ROW = (*_ITEM_KEY, *ITEM_COLUMNS[1:])
_UPDATED = (
    *("state", "receipt", "work", "reason", "settled_by", "call_limit"),
    *("sent_files", "attached_files", "review_files", "accepted_by"),
)
_LEASED = ("order_number", "lease_owner", "lease_until")
_NEW = (*KEY, *_LEASED, "state", "epoch", "version", "updated_at", "seen_at", "seen_in_scan")


def _join(columns: Sequence[str], form: str = "{}", separator: str = ", ") -> str:
    return separator.join(form.format(column) for column in columns)


def _same_key(left: str, right: str) -> str:
    return _join(KEY, f"{left}.{{0}} = {right}.{{0}}", " AND ")


class Statements(ABC):
    """The statements of one database. Orders are given in the order of their keys, each once."""

    now: str
    """The time by the database's clock, in seconds since 1970. It does not change within one statement."""
    json: str
    """A JSON column as text."""
    mark: str
    """A parameter."""
    each: str
    """A query for the texts in a parameter that is a JSON list."""

    def _row_columns(self) -> str:
        files = {name: self.json.format(f"o.{name}") for name in ("sent_files", "attached_files")}
        of_order = [files.get(name, f"o.{name}") for name in ORDER_COLUMNS]
        return ", ".join([*of_order, f"{self.now} - o.intent_at"])

    def _item_columns(self) -> str:
        return ", ".join(self.json.format("i.files") if name == "files" else f"i.{name}" for name in ITEM_COLUMNS)

    def _select(self, orders: str) -> str:
        """Select orders with their items by one statement, so that both are of one moment: a row for each item."""
        return (
            f"SELECT {self._row_columns()}, {self._item_columns()} FROM {orders} "
            f"LEFT JOIN {_ITEM} AS i ON {_same_key('o', 'i')} "
        )

    def find(self, connection: Connection, tenant: str, filters: OrderFilters) -> list[tuple[Any, ...]]:
        """The rows of orders, as ``read_rows`` reads them."""
        required, values = f"tenant = {self.mark}", [tenant]
        if filters.state is not None:
            required += f" AND state = {self.mark}"
            values.append(str(filters.state))
        branches = [
            (f"{required} AND {column} IN {self.each}", [*values, _list_text(texts)])
            for column, texts in (("order_id", filters.order_ids), ("order_number", filters.order_numbers))
            if texts is not None
        ]
        if filters.unresolved:
            states = _join(sorted(UNRESOLVED_STATES), "'{}'")
            branches.append((f"{required} AND state IN ({states})", values))
            attaching = f"SELECT order_id, approval FROM {_ITEM} WHERE tenant = {self.mark} AND state = '{_INTENT}'"
            condition = f"{required} AND state = '{FulfillState.OPEN}' AND (order_id, approval) IN ({attaching})"
            branches.append((condition, [*values, tenant]))
        if len(branches) <= 1:
            [(condition, values)] = branches or [(required, values)]
            query = f"{self._select(f'(SELECT * FROM {_ORDER} WHERE {condition}) AS o')}"
        else:
            # Each condition has its own SELECT, because SQLite uses no index for OR.
            keys = " UNION ".join(f"SELECT {_join(KEY)} FROM {_ORDER} WHERE {condition}" for condition, _ in branches)
            values = [value for _, of_branch in branches for value in of_branch]
            query = self._select(f"({keys}) AS k JOIN {_ORDER} AS o ON {_same_key('k', 'o')}")
        # Without a server-side cursor: for a cursor, PostgreSQL chooses a plan that is fast for the first rows only.
        return _fetch_all(connection.exec_driver_sql(query, tuple(values)))

    def find_used_files(self, connection: Connection, tenant: str, names: Collection[str]) -> list[str]:
        """The files with these names that were used for orders, as ``file_text`` wrote them."""
        columns = self.json.format("file")
        query = f"SELECT {columns} FROM {_USED_FILE} WHERE tenant = {self.mark} AND file_key IN {self.each}"
        return [file for (file,) in _fetch_all(connection.exec_driver_sql(query, (tenant, _digests(names))))]

    def find_orders_of_files(
        self, connection: Connection, tenant: str, names: Collection[str]
    ) -> list[tuple[Any, ...]]:
        """The rows of ``FOUND_FILE_COLUMNS`` of files with these names or ``path_key``. Some may be found twice."""
        columns = _join(FOUND_FILE_COLUMNS[:-1]) + ", " + self.json.format("file")
        texts = _digests(names)
        query = " UNION ALL ".join(
            f"SELECT {columns} FROM {_USED_FILE} WHERE tenant = {self.mark} AND {key} IN {self.each}"
            for key in ("file_key", "path_key")
        )
        return _fetch_all(connection.exec_driver_sql(query, (tenant, texts, tenant, texts)))

    @abstractmethod
    def grant(
        self, connection: Connection, claims: Sequence[OrderClaim], *, owner: str, lease_for: timedelta
    ) -> dict[OrderKey, OrderRow]:
        """Lease the orders that no other owner holds. Returns their rows."""

    @abstractmethod
    def read(self, connection: Connection, keys: Sequence[OrderKey]) -> dict[OrderKey, OrderRow]:
        """The rows of these orders."""

    @abstractmethod
    def update(self, connection: Connection, changes: Sequence[RowChange]) -> list[RowChange]:
        """Write the orders' own rows. Returns the changes that were written: of rows with the expected version."""

    @abstractmethod
    def write_items(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write the rows of items."""

    @abstractmethod
    def add_used_files(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write the rows of files that were used for an order."""

    @abstractmethod
    def remove_used_files(self, connection: Connection, ids: Sequence[str]) -> None:
        """Delete the rows of files that were not used after all."""

    def write(self, connection: Connection, changes: Sequence[RowChange]) -> list[RowChange]:
        """Write orders with their items and files. Returns the changes that were written."""
        written = self.update(connection, changes)
        changed = [change for change in written if change.changes]
        if rows := [row for change in changed for row in change.item_rows()]:
            self.write_items(connection, rows)
        if rows := [row for change in changed for row in change.added_files()]:
            self.add_used_files(connection, rows)
        if ids := [used for change in changed for used in change.removed_files()]:
            self.remove_used_files(connection, ids)
        return written


class SqliteStatements(Statements):
    """The statements of SQLite. Releases before 3.35 have no RETURNING."""

    now = "((julianday('now') - 2440587.5) * 86400.0)"
    json = "{}"
    mark = "?"
    each = "(SELECT value FROM json_each(?))"

    def __init__(self) -> None:
        has_key = _join(KEY, "{} = ?", " AND ")
        self._grant = (
            f"INSERT INTO {_ORDER} ({_join(_NEW)}) "
            f"VALUES (?, ?, ?, ?, ?, {self.now} + ?, 'open', 1, 1, {self.now}, {self.now}, "
            f"coalesce((SELECT scans FROM {_SCAN} WHERE tenant = ?), 0)) "
            f"ON CONFLICT ({_join(KEY)}) DO UPDATE SET {_join(_LEASED, '{0} = excluded.{0}')}, "
            "epoch = epoch + 1, version = version + 1 "
            f"WHERE lease_owner IS NULL OR lease_until <= {self.now} OR lease_owner = excluded.lease_owner"
        )
        same_key = " AND ".join(f"o.{name} = k.column{number}" for number, name in enumerate(KEY, 1))
        self._read = self._select(f"(VALUES {{}}) AS k CROSS JOIN {_ORDER} AS o ON {same_key}")
        self._update = (
            f"UPDATE {_ORDER} SET {_join(_UPDATED, '{} = ?')}, lease_owner = ?, lease_until = {self.now} + ?, "
            f"updated_at = CASE WHEN ? THEN {self.now} ELSE updated_at END, "
            f"intent_at = CASE WHEN ? THEN {self.now} ELSE intent_at END, version = version + 1 "
            f"WHERE {has_key} AND version = ?"
        )
        self._write_items = (
            f"INSERT INTO {_ITEM} ({_join(_ITEM_ROW)}) VALUES ({_join(_ITEM_ROW, '?')}) "
            f"ON CONFLICT ({_join(_ITEM_KEY)}) DO UPDATE SET {_join(ITEM_COLUMNS[1:], '{0} = excluded.{0}')}"
        )
        self._add_used_files = (
            f"INSERT INTO {_USED_FILE} ({_join(USED_FILE_COLUMNS)}) VALUES ({_join(USED_FILE_COLUMNS, '?')}) "
            "ON CONFLICT DO NOTHING"
        )
        self._remove_used_files = f"DELETE FROM {_USED_FILE} WHERE id = ? AND forgotten_state IS NULL"

    def grant(
        self, connection: Connection, claims: Sequence[OrderClaim], *, owner: str, lease_for: timedelta
    ) -> dict[OrderKey, OrderRow]:
        """See ``Statements.grant``."""
        seconds = lease_for.total_seconds()
        granted = []
        for claim in claims:
            key = claim.key
            values = (key.tenant, key.order_id, key.approval, claim.order_number, owner, seconds, key.tenant)
            if connection.exec_driver_sql(self._grant, values).rowcount:
                granted.append(key)
        return self.read(connection, granted)

    def read(self, connection: Connection, keys: Sequence[OrderKey]) -> dict[OrderKey, OrderRow]:
        """See ``Statements.read``."""
        selected: list[tuple[Any, ...]] = []
        for start in range(0, len(keys), _MOST_KEYS):
            some = keys[start : start + _MOST_KEYS]
            query = self._read.format(_join(("?, ?, ?",) * len(some), "({})"))
            selected += _fetch_all(connection.exec_driver_sql(query, tuple(chain.from_iterable(map(_parts, some)))))
        return {row.record.key: row for row in read_rows(selected)}

    def update(self, connection: Connection, changes: Sequence[RowChange]) -> list[RowChange]:
        """See ``Statements.update``."""
        return [
            change for change in changes if connection.exec_driver_sql(self._update, change.order_columns()).rowcount
        ]

    def write_items(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """See ``Statements.write_items``."""
        connection.exec_driver_sql(self._write_items, list(rows))

    def add_used_files(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """See ``Statements.add_used_files``."""
        connection.exec_driver_sql(self._add_used_files, list(rows))

    def remove_used_files(self, connection: Connection, ids: Sequence[str]) -> None:
        """See ``Statements.remove_used_files``."""
        connection.exec_driver_sql(self._remove_used_files, [(each,) for each in ids])


class PostgresqlStatements(Statements):
    """The statements of PostgreSQL. Each locks rows in the order of their keys, so no two calls block each other."""

    # now() is the start of the transaction, which may have waited for a lock since.
    now = "CAST(extract(epoch FROM statement_timestamp()) AS double precision)"
    json = "CAST({} AS text)"
    mark = "%s"
    each = "(SELECT value FROM jsonb_array_elements_text(CAST(%s AS jsonb)) AS texts(value))"

    def __init__(self) -> None:
        available = f"o.lease_owner IS NULL OR o.lease_until <= {self.now} OR o.lease_owner = c.owner"
        self._grant = (
            f"WITH c AS MATERIALIZED (SELECT * FROM {_unnest((*KEY, 'order_number'), ['text'] * 4, 'c')} "
            "CROSS JOIN (SELECT CAST(%s AS text) AS owner, CAST(%s AS float8) AS seconds) AS lease), "
            # New orders first. If another process inserts one at this moment, it holds the order.
            f"inserted AS (INSERT INTO {_ORDER} AS o ({_join(_NEW)}) "
            f"SELECT {_join(KEY, 'c.{}')}, c.order_number, c.owner, {self.now} + c.seconds, 'open', 1, 1, {self.now}, "
            f"{self.now}, coalesce(s.scans, 0) FROM c LEFT JOIN {_SCAN} AS s ON s.tenant = c.tenant "
            f"WHERE NOT EXISTS (SELECT FROM {_ORDER} AS known WHERE {_same_key('known', 'c')}) "
            f"ORDER BY c.position ON CONFLICT DO NOTHING RETURNING {self._row_columns()}), "
            # Orders that others hold are left out before their rows are locked.
            f"locked AS MATERIALIZED (SELECT {_join(KEY, 'o.{}')} FROM c JOIN {_ORDER} AS o ON {_same_key('c', 'o')} "
            f"WHERE {available} ORDER BY c.position FOR UPDATE OF o), "
            f"updated AS (UPDATE {_ORDER} AS o SET order_number = c.order_number, lease_owner = c.owner, "
            f"lease_until = {self.now} + c.seconds, epoch = o.epoch + 1, version = o.version + 1 "
            f"FROM locked JOIN c ON {_same_key('locked', 'c')} WHERE {_same_key('o', 'locked')} AND ({available}) "
            f"RETURNING {self._row_columns()}) "
            "SELECT * FROM inserted UNION ALL SELECT * FROM updated"
        )
        by_key = f"{_unnest(KEY, ['text'] * 3, 'k')} JOIN {_ORDER} AS o ON {_same_key('k', 'o')}"
        self._read = self._select(by_key)
        updated = (*_UPDATED, "lease_owner", "seconds", "changes", "intends", *KEY, "version")
        types = ["text"] * 5 + [
            "float8",
            "json",
            "json",
            "text",
            "text",
            "text",
            "float8",
            "bool",
            "bool",
            "text",
            "text",
            "text",
            "int8",
        ]
        self._update = (
            f"WITH c AS MATERIALIZED (SELECT * FROM {_unnest(updated, types, 'c')}), "
            f"locked AS MATERIALIZED (SELECT {_join(KEY, 'o.{}')} FROM c JOIN {_ORDER} AS o ON {_same_key('c', 'o')} "
            "ORDER BY c.position FOR UPDATE OF o) "
            f"UPDATE {_ORDER} AS o SET {_join(_UPDATED, '{0} = c.{0}')}, lease_owner = c.lease_owner, "
            f"lease_until = {self.now} + c.seconds, "
            f"updated_at = CASE WHEN c.changes THEN {self.now} ELSE o.updated_at END, "
            f"intent_at = CASE WHEN c.intends THEN {self.now} ELSE o.intent_at END, version = o.version + 1 "
            f"FROM locked JOIN c ON {_same_key('locked', 'c')} "
            f"WHERE {_same_key('o', 'locked')} AND o.version = c.version RETURNING c.position"
        )
        self._write_items = (
            f"INSERT INTO {_ITEM} ({_join(_ITEM_ROW)}) SELECT {_join(_ITEM_ROW, 'r.{}')} FROM "
            f"{_unnest(_ITEM_ROW, ['text'] * 5 + ['json', 'text', 'text'], 'r')} "
            f"ON CONFLICT ({_join(_ITEM_KEY)}) DO UPDATE SET {_join(ITEM_COLUMNS[1:], '{0} = excluded.{0}')}"
        )
        self._add_used_files = (
            f"INSERT INTO {_USED_FILE} ({_join(USED_FILE_COLUMNS)}) SELECT {_join(USED_FILE_COLUMNS, 'r.{}')} FROM "
            f"{_unnest(USED_FILE_COLUMNS, ['text'] * 7 + ['json', 'bool'], 'r')} ON CONFLICT DO NOTHING"
        )
        self._remove_used_files = f"DELETE FROM {_USED_FILE} WHERE id = ANY(%s) AND forgotten_state IS NULL"

    def grant(
        self, connection: Connection, claims: Sequence[OrderClaim], *, owner: str, lease_for: timedelta
    ) -> dict[OrderKey, OrderRow]:
        """See ``Statements.grant``."""
        columns = _transpose([(*_parts(claim.key), claim.order_number) for claim in claims])
        granted = connection.exec_driver_sql(self._grant, (*columns, owner, lease_for.total_seconds()))
        rows = read_rows_without_items(_fetch_all(granted))
        known = [row.record.key for row in rows if row.epoch > 1]  # a new row has no items
        return {row.record.key: row for row in rows} | (self.read(connection, sorted(known)) if known else {})

    def read(self, connection: Connection, keys: Sequence[OrderKey]) -> dict[OrderKey, OrderRow]:
        """See ``Statements.read``."""
        selected = _fetch_all(connection.exec_driver_sql(self._read, _transpose([_parts(key) for key in keys])))
        return {row.record.key: row for row in read_rows(selected)}

    def update(self, connection: Connection, changes: Sequence[RowChange]) -> list[RowChange]:
        """See ``Statements.update``."""
        columns = _transpose([change.order_columns() for change in changes])
        written = _fetch_all(connection.exec_driver_sql(self._update, columns))
        return [changes[position - 1] for (position,) in written]

    def write_items(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """See ``Statements.write_items``."""
        connection.exec_driver_sql(self._write_items, _transpose(rows))

    def add_used_files(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """See ``Statements.add_used_files``."""
        connection.exec_driver_sql(self._add_used_files, _transpose(rows))

    def remove_used_files(self, connection: Connection, ids: Sequence[str]) -> None:
        """See ``Statements.remove_used_files``."""
        connection.exec_driver_sql(self._remove_used_files, (list(ids),))


def _unnest(columns: Sequence[str], types: Sequence[str], name: str) -> str:
    """A table of the rows that are given as one list for each column, with their positions from 1."""
    lists = ", ".join(f"CAST(%s AS {each}[])" for each in types)
    return f"unnest({lists}) WITH ORDINALITY AS {name}({_join(columns)}, position)"


def _list_text(texts: Collection[str]) -> str:
    """The texts as one parameter, so there may be many.

    A text that no database can store, such as a file name that is not valid Unicode, is in no column.
    """
    return json.dumps([text for text in texts if text == replace_unstorable(text)], ensure_ascii=False)


def _digests(names: Collection[str]) -> str:
    """What files with these names are found by, as one parameter."""
    return json.dumps([lookup_digest(key) for key in set(map(file_key, names))])


def _fetch_all(result: CursorResult[Any]) -> list[tuple[Any, ...]]:
    """All rows as the driver returns them. SQLAlchemy's own row objects would cost more than the query."""
    return list(result.cursor.fetchall())


def _transpose(rows: Sequence[tuple[Any, ...]]) -> tuple[list[Any], ...]:
    return tuple(map(list, zip(*rows, strict=True)))


def _parts(key: OrderKey) -> tuple[str, str, str]:
    return key.tenant, key.order_id, key.approval
