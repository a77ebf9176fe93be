"""The database of a ledger: its connections, its tables, and its transactions.

A ledger and the other stores in its database share one ``LedgerDatabase``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar, cast

from sqlalchemy.engine import URL, Connection, Engine

from remote_artwork.errors import ConfigurationError, InvalidLedger
from remote_artwork.ledgers.engine import (
    READS,
    FileIdentity,
    display_url,
    file_identity,
    open_engine,
    parse_ledger_url,
)
from remote_artwork.ledgers.errors import translate_errors
from remote_artwork.ledgers.host_engine import HostEngine, adopt_engine
from remote_artwork.ledgers.read_only import ReadOnlyFile
from remote_artwork.ledgers.schema import SchemaState, migrate, schema_state
from remote_artwork.locks import ProcessLock

T = TypeVar("T")


class LedgerDatabase:
    """The connections to the tables of this library. The first write creates or migrates them.

    Reads never write. Until this object writes, they leave every byte of a SQLite file as it is.

    Args:
        url: See ``SqlLedger``.
        engine: See ``SqlLedger``.
        timeout: How long a call waits for a connection, a lock or a statement.

    Raises:
        InvalidLedger: The URL is malformed, or the engine cannot be used.
        MissingExtra: The URL needs a driver that is not installed.
    """

    def __init__(self, url: str | Path | None, *, engine: Engine | None, timeout: timedelta) -> None:
        if (url is None) == (engine is None):
            raise InvalidLedger("a ledger needs a URL or an engine; give one of them")
        self._host: HostEngine | None = None
        self._reader: ReadOnlyFile | None = None
        self.engine: Engine
        self.file: Path | None
        self.url: URL
        if engine is not None:
            self._host = adopt_engine(engine, timeout=timeout)
            self.engine, self.file, self.url = self._host.engine, self._host.file, engine.url
        else:
            try:
                self.url = parse_ledger_url(cast("str | Path", url))
            except ConfigurationError as error:
                del url  # error reporters show the variables of each frame, and the URL may contain a password
                raise error.with_traceback(None) from None
            del url
            self.file = Path(self.url.database or "") if self.url.get_backend_name() == "sqlite" else None
            self.engine = open_engine(self.url, timeout=timeout)
            self._reader = ReadOnlyFile(self.url, timeout=timeout) if self.file else None
        self._preparing = ProcessLock()
        self._prepared: FileIdentity | None = None

    def __str__(self) -> str:
        return display_url(self.url)

    def __repr__(self) -> str:
        url = getattr(self, "url", None)  # missing if the URL was refused
        return f"LedgerDatabase({display_url(url)!r})" if url else "LedgerDatabase(…)"

    def close(self) -> None:
        """Close the connections, but not those of an engine that was given. A later call opens new ones."""
        with translate_errors(self.url):
            self._prepared = None
            if self._host is None:
                self.engine.dispose()
        if self._reader:
            self._reader.close()

    def exists(self) -> bool:
        """Whether the database has the tables of this library. Writes nothing.

        Raises:
            InvalidLedger: The database is not a ledger, or its folder does not exist.
            LedgerUnavailable: The database could not be read.
        """

        def found(_connection: Connection) -> bool:
            return True

        return self.read(found, empty=False)

    def read(self, query: Callable[[Connection], T], *, empty: T) -> T:
        """Run a query in a transaction that only reads. It may run twice.

        Returns:
            The result of the query; ``empty`` if the database has no tables of this library.

        Raises:
            InvalidLedger: The database is not a ledger, or it is one of a newer release.
            LedgerUnavailable: The database could not be read.
        """
        with translate_errors(self.url):
            if self._reader and not self._is_prepared():
                return self._reader.read(query, empty=empty)
            with self._reading() as connection:
                if not self._is_prepared() and not self._is_current(connection):
                    return empty
                return query(connection)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Run the block in one durable transaction.

        Raises:
            LedgerError: The database could not be written.
        """
        with translate_errors(self.url):
            if not self._is_prepared():
                self._prepare()
            with self.engine.begin() as connection:
                self._start(connection)
                yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self.engine.connect().execution_options(**READS) as connection:
            connection.begin()
            self._start(connection)
            yield connection

    def _start(self, connection: Connection) -> None:
        if self._host is not None:
            self._host.start(connection)

    def _is_current(self, connection: Connection) -> bool:
        """Whether there are tables.

        Raises:
            InvalidLedger: They are those of an older release.
        """
        schema = schema_state(connection, str(self))
        if schema is SchemaState.OLDER:
            raise InvalidLedger(
                f"the ledger {self} was made by an older release of remote_artwork; run one scan to migrate it"
            )
        return schema is not SchemaState.MISSING

    def _is_prepared(self) -> bool:
        """Whether this object, in this process, has written to this file (or server) before."""
        return self._prepared is not None and self._prepared == file_identity(self.file)

    def _prepare(self) -> None:
        with self._preparing:
            if self._is_prepared():
                return
            with self._reading() as connection:
                schema = schema_state(connection, str(self))
            if schema is not SchemaState.CURRENT:
                with self.engine.begin() as connection:
                    self._start(connection)
                    migrate(connection, str(self))
            self._prepared = file_identity(self.file)
            if self._reader:
                self._reader.close()
