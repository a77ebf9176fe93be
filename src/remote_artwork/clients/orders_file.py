"""Orders in a JSON or CSV file: a fulfillment client that needs no shop API.

    {"orders": [{"number": "1001", "status": "pending_approval", "items": [{"number": "1"}]}]}

A file whose name ends in ``.csv`` is a table with one row for each item. Orders and items accept every field of
``Order`` and ``OrderItem``. All other fields are kept.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

from attrs import define, evolve, field, frozen

from remote_artwork.clients.orders_csv import OrdersTable
from remote_artwork.clients.orders_json import OrdersDocument
from remote_artwork.core.orders import Artwork, ArtworkByItem, Attaching, Order, OrderItem, OrderState, Recovery
from remote_artwork.errors import (
    AlreadyFulfilled,
    ClientError,
    ConfigurationError,
    InvalidOrder,
    InvalidOrdersFile,
    NotPending,
    OrderGone,
    OutcomeUnknown,
    Unavailable,
)

_WRONG_PATH = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG})
_NO_PERMISSION = frozenset({errno.EACCES, errno.EPERM})

Document = OrdersDocument | OrdersTable
"""The content of the file: JSON, or a table."""

LOCK_TIMEOUT = 10.0
"""Seconds that a write waits for another process."""


def _now() -> datetime:
    return datetime.now(UTC)


@define
class _Cache:
    """The last content of the file. One attribute holds both parts, because threads read it without a lock."""

    content: tuple[bytes, Document] | None = None


@frozen
class OrdersFile:
    """A ``FulfillmentClient`` for a JSON file, or for a CSV file whose name ends in ``.csv``.

    Several threads and processes may use the file at once.

    Fulfilling an order sets its fields ``status``, ``fulfillment_key``, ``fulfilled_at`` and ``receipt``, and
    ``artwork`` in each of its items. Writes are atomic and change nothing else in the file.

    Args:
        path: The file, in UTF-8. It may be a symbolic link.
        call_limit: The longest time that a call may take.
        clock: Returns the time for ``fulfilled_at``.

    Raises:
        InvalidOrdersFile: By every method that reads: the file is missing or malformed. Names line and field.
        Unavailable: By every method: the file could not be read or written. Nothing was changed.
    """

    path: Path = field(converter=Path)
    clock: Callable[[], datetime] = field(default=_now, kw_only=True, repr=False)
    _cache: _Cache = field(factory=_Cache, init=False, eq=False, repr=False)

    recovery = Recovery.IDEMPOTENT
    attaching = Attaching.SEPARATE
    concurrent_calls = 1
    """Every change locks the file and writes the whole of it, so several at once would only wait for each other."""
    call_limit: timedelta = field(default=timedelta(seconds=30), kw_only=True)

    def pending_orders(self) -> Iterable[Order]:
        """Returns the orders with the status ``pending_approval`` or ``pending``, in the order of the file."""
        return [order for order in self._read(self.path).orders if order.state is OrderState.PENDING]

    def get_order(self, order_id: str) -> Order:
        """Reads one order.

        Raises:
            OrderGone: The order is not in the file.
        """
        document = self._read(self.path)
        return document.orders[_index_of(document, order_id)]

    def attach_artwork(
        self,
        order: Order,
        item: OrderItem,
        artworks: Sequence[Artwork],
        *,
        idempotency_key: str,  # noqa: ARG002 - setting the same artwork again changes nothing
    ) -> None:
        """Sets ``artwork`` of the item.

        Raises:
            NotPending, OrderGone, ItemNotFound: The order or item changed since it was read.
        """

        def change(document: Document) -> Document:
            index = _index_of(document, order.id)
            _require_pending(document.orders[index])
            return document.with_item(index, item.number, {"artwork": _entries(artworks)})

        self._rewrite(change)

    def fulfill(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str | None:
        """Marks the order as fulfilled. A second call with the same key changes nothing and returns the same receipt.

        Raises:
            AlreadyFulfilled: The order was fulfilled with another key, or by hand.
            NotPending, OrderGone, ItemNotFound: The order or item changed since it was read.
        """
        receipt = f"file-{idempotency_key[:16]}"

        def change(document: Document) -> Document:
            index = _index_of(document, order.id)
            current = document.orders[index]
            if current.state is OrderState.FULFILLED:
                if current.fulfillment_key == idempotency_key:
                    return document
                raise AlreadyFulfilled(f"order {current.number!r} is already fulfilled")
            _require_pending(current)
            for number, files in artworks.items():
                document = document.with_item(index, number, {"artwork": _entries(files)})
            fulfilled = evolve(current, state=OrderState.FULFILLED, fulfillment_key=idempotency_key)
            written = {
                "status": "fulfilled",
                "fulfillment_key": idempotency_key,
                "fulfilled_at": self.clock().isoformat(),
                "receipt": receipt,
            }
            return document.with_order(index, fulfilled, written)

        self._rewrite(change)
        return receipt

    def require_writable(self) -> None:
        """Requires that this process may replace the file. A missing file is not an error here.

        Raises:
            ConfigurationError: The file or its folder is read-only.
        """
        target = self.path.resolve()
        effective = os.access in os.supports_effective_ids
        for path, mode in ((target, os.W_OK), (target.parent, os.W_OK | os.X_OK)):
            if path.exists() and not os.access(path, mode, effective_ids=effective):
                raise ConfigurationError(
                    f"{self.path} cannot be written, but a scan records in it what is done; "
                    f"give the user of this program write permission for {path}"
                )

    def orders(self) -> Sequence[Order]:
        """Returns all orders of the file, in its order."""
        return self._read(self.path).orders

    def add(self, number: str, items: Sequence[OrderItem]) -> None:
        """Adds a pending order, or adds items to the pending order with this number.

        Raises:
            InvalidOrder: No item is given, or the order already has one of them.
            NotPending: The order does not wait for approval.
        """
        if not items:
            raise InvalidOrder(f"order {number!r} needs at least one item")
        self._read(self.path)  # a malformed file is the caller's to correct

        def change(document: Document) -> Document:
            for order in document.orders:
                if order.number == number:
                    _require_pending(order)
                    for item in items:
                        if any(each.number == item.number for each in order.items):
                            raise InvalidOrder(
                                f"order {number!r} already has an item {item.number!r}; choose another number"
                            )
            Order(number, items)  # validates the values and refuses an item that is given twice
            return document.with_new_items(number, items)

        self._rewrite(change)

    def _read(self, source: Path) -> Document:
        try:
            data = source.read_bytes()
        except OSError as error:
            if error.errno in _WRONG_PATH:
                hint = "give the path of a file with the orders"
                raise InvalidOrdersFile(f"{self.path} cannot be read ({error.strerror}); {hint}") from error
            if error.errno in _NO_PERMISSION:
                hint = "give the user of this program the permission to read it"
                raise InvalidOrdersFile(f"{self.path} cannot be read ({error.strerror}); {hint}") from error
            raise Unavailable(f"{self.path} could not be read: {error.strerror}") from error
        cached = self._cache.content
        if cached and cached[0] == data:  # parsing thousands of orders takes far longer than this comparison
            return cached[1]
        kind: type[OrdersDocument | OrdersTable] = OrdersTable if is_csv(self.path) else OrdersDocument
        document = kind.parse(data, name=str(self.path))
        self._cache.content = data, document
        return document

    def _rewrite(self, change: Callable[[Document], Document]) -> None:
        try:
            with lock_file(self.path, timeout=LOCK_TIMEOUT) as target:
                before = self._read(target)
                after = change(before)
                if after.text != before.text:
                    data = after.data
                    replace_content(target, data)
                    self._cache.content = data, after
        except ClientError:
            raise
        except InvalidOrdersFile as error:
            # A person is editing the file. An error that is not a ``ClientError`` would mean an unknown outcome.
            raise Unavailable(f"nothing was changed: {error}") from error
        except OSError as error:
            raise Unavailable(f"{self.path} could not be written, nothing was changed: {error.strerror}") from error


def is_csv(path: Path) -> bool:
    """Whether a file is a table, by its name."""
    return path.suffix.lower() == ".csv"


def _index_of(document: Document, order_id: str) -> int:
    for index, order in enumerate(document.orders):
        if order.id == order_id:
            return index
    raise OrderGone(f"no order has the id {order_id!r}")


def _require_pending(order: Order) -> None:
    if order.state is not OrderState.PENDING:
        raise NotPending(f"order {order.number!r} no longer waits for approval; its state is {order.state}")


def _entries(artworks: Sequence[Artwork]) -> list[dict[str, Any]]:
    return [_entry(artwork) for artwork in artworks]


def _entry(artwork: Artwork) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "placement": artwork.placement,
        "name": artwork.name,
        "url": artwork.url,
        "expires_at": artwork.expires_at.isoformat() if artwork.expires_at else None,
        "media_type": artwork.media_type,
        "size": artwork.size,
        "version": artwork.version,
    }
    if artwork.last_modified:
        entry["last_modified"] = artwork.last_modified.isoformat()
    if artwork.sha256:
        entry["sha256"] = artwork.sha256
    return entry


# --- Locking and atomic writes ---

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # without it, only threads of this process are kept apart
    fcntl = None

_THREAD_LOCK = threading.Lock()
_NO_DIRECTORY_SYNC = (errno.EINVAL, errno.ENOTSUP)
_FIRST_WAIT, _LONGEST_WAIT = 0.001, 0.05  # seconds between two attempts to lock


@contextlib.contextmanager
def lock_file(path: Path, *, timeout: float) -> Iterator[Path]:
    """Locks the file against other writers; readers are not blocked.

    The lock is on the file itself, so there is no lock file. A symbolic link is followed.

    Args:
        path: The file.
        timeout: Seconds to wait for the lock.

    Yields:
        The path of the file itself, for ``replace_content``.

    Raises:
        Unavailable: Another process held the lock for longer.
        OSError: The file cannot be opened for writing.
    """
    deadline = time.monotonic() + timeout
    if fcntl is None:
        if not _THREAD_LOCK.acquire(timeout=timeout):
            raise _locked_by_other(path, timeout)
        try:
            yield path.resolve()
        finally:
            _THREAD_LOCK.release()
        return
    while True:
        target = path.resolve()
        descriptor = os.open(target, os.O_RDWR)
        try:
            wait = _FIRST_WAIT
            while not _try_lock(fcntl, descriptor):
                if time.monotonic() > deadline:
                    raise _locked_by_other(path, timeout)
                time.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)
            # The previous holder of the lock may have replaced the file that was opened.
            if os.path.samestat(os.fstat(descriptor), target.stat()):
                yield target
                return
        finally:
            os.close(descriptor)


def replace_content(target: Path, data: bytes) -> None:
    """Replaces the content of a file atomically; call it while ``lock_file`` holds the lock.

    Mode, owner and extended attributes are kept. A crash leaves either the old or the new content.

    Raises:
        OSError: Nothing was changed.
        OutcomeUnknown: The content was replaced, but a loss of power may undo that.
    """
    # All writers use the same name, one at a time, so the next one removes what a crash left.
    temporary = target.with_name(f".{target.name}.new")
    temporary.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
            before = target.stat()
            with contextlib.suppress(PermissionError):  # only root may change the owner
                os.chown(temporary, before.st_uid, before.st_gid)
            shutil.copystat(target, temporary)
            new.write(data)
            new.flush()
            os.fsync(new.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    try:
        _sync_directory(target.parent)
    except OSError as error:
        raise OutcomeUnknown(f"{target} was written, but may not be on disk yet: {error.strerror}") from error


def _try_lock(module: ModuleType, descriptor: int) -> bool:
    try:
        module.flock(descriptor, module.LOCK_EX | module.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _locked_by_other(path: Path, timeout: float) -> Unavailable:
    return Unavailable(f"another process locked {path} for more than {timeout:g} s; nothing was changed")


def _sync_directory(directory: Path) -> None:
    if fcntl is None:  # such a platform cannot open directories
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:
            raise
    finally:
        os.close(descriptor)
