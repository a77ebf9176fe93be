"""A shop in one JSON file: the client that needs no host.

    {"orders": [{"number": "1001", "status": "pending_approval", "items": [{"number": "1"}]}]}

Every field of ``Order`` and ``OrderItem`` may stand there too. Whatever else stands there is kept as it is.
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

from remote_artwork.clients.orders_json import OrdersDocument
from remote_artwork.core.orders import Artwork, ArtworkByItem, Attaching, Order, OrderItem, OrderState, Recovery
from remote_artwork.errors import (
    AlreadyFulfilled,
    ClientError,
    InvalidOrdersFile,
    NotPending,
    OutcomeUnknown,
    Unavailable,
)

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # a platform without it gets the lock between threads only
    fcntl = None

_BETWEEN_THREADS = threading.Lock()
_NO_DIRECTORY_SYNC = (errno.EINVAL, errno.ENOTSUP)
_FIRST_WAIT, _LONGEST_WAIT = 0.001, 0.05  # seconds between two looks at a lock


@contextlib.contextmanager
def exclusive(path: Path, *, patience: float) -> Iterator[Path]:
    """Holds the file for this process alone; readers are not kept out.

    The lock is on the file itself, so nothing is left beside it. A symbolic link is followed.

    Args:
        path: The file.
        patience: Seconds to wait for another process.

    Yields:
        The path of the file itself, which ``replace`` takes.

    Raises:
        Unavailable: Another process kept it for longer.
        OSError: It cannot be opened for writing.
    """
    deadline = time.monotonic() + patience
    if fcntl is None:
        if not _BETWEEN_THREADS.acquire(timeout=patience):
            raise _kept(path, patience)
        try:
            yield path.resolve()
        finally:
            _BETWEEN_THREADS.release()
        return
    while True:
        target = path.resolve()
        descriptor = os.open(target, os.O_RDWR)
        try:
            wait = _FIRST_WAIT
            while not _locked(fcntl, descriptor):
                if time.monotonic() > deadline:
                    raise _kept(path, patience)
                time.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)
            # Whoever held the lock before has put a new file in the place of the one that was opened.
            if os.path.samestat(os.fstat(descriptor), target.stat()):
                yield target
                return
        finally:
            os.close(descriptor)


def replace(target: Path, data: bytes) -> None:
    """Puts ``data`` in the place of the file's content; to be called while ``exclusive`` holds the file.

    Mode, owner and extended attributes are kept. A crash leaves the old content or the new one.

    Raises:
        OSError: Nothing was changed.
        OutcomeUnknown: The new content is there, and may be lost by a loss of power.
    """
    # One name for all writers: they come one by one, so what a crash left is taken away by the next.
    beside = target.with_name(f".{target.name}.new")
    beside.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
            before = target.stat()
            with contextlib.suppress(PermissionError):  # only root may give files away
                os.chown(beside, before.st_uid, before.st_gid)
            shutil.copystat(target, beside)
            new.write(data)
            new.flush()
            os.fsync(new.fileno())
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    try:
        _sync_directory(target.parent)
    except OSError as error:
        raise OutcomeUnknown(f"{target} was written, but perhaps not for good: {error.strerror}") from error


def _locked(module: ModuleType, descriptor: int) -> bool:
    try:
        module.flock(descriptor, module.LOCK_EX | module.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _kept(path: Path, patience: float) -> Unavailable:
    return Unavailable(f"another process has kept {path} locked for {patience:g} s; nothing was changed")


def _sync_directory(directory: Path) -> None:
    if fcntl is None:  # such a platform does not open directories either
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:
            raise
    finally:
        os.close(descriptor)


PATIENCE = 10.0
"""Seconds a write waits for another process's write."""


def _now() -> datetime:
    return datetime.now(UTC)


@define
class _LastRead:
    """The file's content as it was known last. Both are set at once, as several threads look at them."""

    known: tuple[bytes, OrdersDocument] | None = None


@frozen
class OrdersFile:
    """The orders of a JSON file; a ``FulfillmentClient``. May be used by several threads and processes at once.

    A fulfilled order gets ``status``, ``fulfillment_key``, ``fulfilled_at`` and ``receipt``, and each of its items
    its ``artwork``. A write changes these fields and not a character else, and happens whole or not at all.

    Args:
        path: The file; UTF-8. A symbolic link stays one.
        clock: Tells ``fulfilled_at``.

    Raises:
        InvalidOrdersFile: By every reading call: the file is not there or malformed; names line and field.
        Unavailable: By every call: the file could not be read or written; nothing was changed.
    """

    path: Path = field(converter=Path)
    clock: Callable[[], datetime] = field(default=_now, kw_only=True, repr=False)
    _last: _LastRead = field(factory=_LastRead, init=False, eq=False, repr=False)

    recovery = Recovery.IDEMPOTENT
    attaching = Attaching.SEPARATE
    call_limit: timedelta = timedelta(seconds=30)

    def pending_orders(self) -> Iterable[Order]:
        """The orders whose status is ``pending_approval`` or ``pending``, in the order of the file."""
        return [order for order in self._read(self.path).orders if order.state is OrderState.PENDING]

    def get_order(self, order_id: str) -> Order:
        """One order as the file has it now.

        Raises:
            OrderGone: It is not in the file.
        """
        document = self._read(self.path)
        return document.orders[document.place_of(order_id)]

    def attach_artwork(
        self,
        order: Order,
        item: OrderItem,
        artworks: Sequence[Artwork],
        *,
        idempotency_key: str,  # noqa: ARG002 - setting the same artwork again changes nothing
    ) -> None:
        """Sets the item's ``artwork``.

        Raises:
            NotPending, OrderGone, ItemNotFound: The order is not as it was listed.
        """

        def change(document: OrdersDocument) -> OrdersDocument:
            place = document.place_of(order.id)
            _insist_on_pending(document.orders[place])
            return document.with_item(place, item.number, {"artwork": _entries(artworks)})

        self._rewrite(change)

    def fulfill(self, order: Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str | None:
        """Marks the order fulfilled. A repeat with the same key changes nothing and returns the same receipt.

        Raises:
            AlreadyFulfilled: By hand, or with another key.
            NotPending, OrderGone, ItemNotFound: The order is not as it was read.
        """
        receipt = f"file-{idempotency_key[:16]}"

        def change(document: OrdersDocument) -> OrdersDocument:
            place = document.place_of(order.id)
            now = document.orders[place]
            if now.state is OrderState.FULFILLED:
                if now.fulfillment_key == idempotency_key:
                    return document
                raise AlreadyFulfilled(f"order {now.number!r} is fulfilled already")
            _insist_on_pending(now)
            for number, pieces in artworks.items():
                document = document.with_item(place, number, {"artwork": _entries(pieces)})
            fulfilled = evolve(now, state=OrderState.FULFILLED, fulfillment_key=idempotency_key)
            done = {
                "status": "fulfilled",
                "fulfillment_key": idempotency_key,
                "fulfilled_at": self.clock().isoformat(),
                "receipt": receipt,
            }
            return document.with_order(place, fulfilled, done)

        self._rewrite(change)
        return receipt

    def _read(self, source: Path) -> OrdersDocument:
        try:
            data = source.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            hint = 'give the path of a JSON file such as {"orders": []}'
            raise InvalidOrdersFile(f"{self.path} is not a file ({error.strerror}); {hint}") from error
        except OSError as error:
            raise Unavailable(f"{self.path} could not be read: {error.strerror}") from error
        known = self._last.known
        if known and known[0] == data:  # checking thousands of orders takes far longer than this comparison
            return known[1]
        document = OrdersDocument.parse(data, name=str(self.path))
        self._last.known = data, document
        return document

    def _rewrite(self, change: Callable[[OrdersDocument], OrdersDocument]) -> None:
        try:
            with exclusive(self.path, patience=PATIENCE) as target:
                before = self._read(target)
                after = change(before)
                if after.text != before.text:
                    data = after.data
                    replace(target, data)
                    self._last.known = data, after
        except ClientError:
            raise
        except InvalidOrdersFile as error:  # somebody edits it just now; as it is, it would mean "outcome unknown"
            raise Unavailable(f"nothing was changed: {error}") from error
        except OSError as error:
            raise Unavailable(f"{self.path} could not be written, nothing was changed: {error.strerror}") from error


def _insist_on_pending(order: Order) -> None:
    if order.state is not OrderState.PENDING:
        raise NotPending(f"order {order.number!r} no longer waits for approval: it is {order.state}")


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
