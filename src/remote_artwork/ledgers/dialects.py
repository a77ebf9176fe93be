"""The few things that SQLite and PostgreSQL say differently, as constructs that read the same for both."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Double, Table, Text, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class DatabaseNow(FunctionElement[float]):
    """The database's own clock: seconds since 1970, with fractions. Stands still within one statement."""

    type = Double()
    inherit_cache = True


@compiles(DatabaseNow, "sqlite")
def _sqlite_now(_element: DatabaseNow, _compiler: SQLCompiler, **_options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(DatabaseNow, "postgresql")
def _postgresql_now(_element: DatabaseNow, _compiler: SQLCompiler, **_options: Any) -> str:
    # Not now(): that is the start of the transaction, however long it has waited for a lock since.
    return "CAST(extract(epoch FROM statement_timestamp()) AS double precision)"


class _EachText(FunctionElement[str]):
    name = "each_text"
    inherit_cache = True


@compiles(_EachText, "sqlite")
def _sqlite_each(element: _EachText, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_EachText, "postgresql")
def _postgresql_each(element: _EachText, compiler: SQLCompiler, **options: Any) -> str:
    return f"jsonb_array_elements_text(CAST({compiler.process(element.clauses, **options)} AS jsonb))"


def among(column: ColumnElement[str], texts: Collection[str]) -> ColumnElement[bool]:
    """Whether the column holds one of the texts. They travel as one parameter, however many they are."""
    parameter = bindparam(None, json.dumps(list(texts), ensure_ascii=False), type_=Text(), unique=True)
    return column.in_(select(_EachText(parameter).table_valued("value").c.value))


def insert_if_missing(connection: Connection, table: Table, **values: Any) -> bool:
    """Inserts a row unless its primary key is there already.

    Returns:
        Whether it was inserted.
    """
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).values(**values).on_conflict_do_nothing()
    return connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount == 1
