"""Checking ahead: the files of the next orders are read and checked while the order in hand is worked on.

Nothing is decided ahead. Under its lease an order's files are looked at as they are then, and a verdict of other bytes
counts for nothing.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from attrs import define, field, frozen

from remote_artwork.client import ArtworkReader, PreflightCheck
from remote_artwork.core.lifecycle import VERIFIED_STATES, FileRecord
from remote_artwork.core.orders import OrderItem, StoredFile
from remote_artwork.core.planner import OrderPlan
from remote_artwork.core.reasons import Reason, reason
from remote_artwork.core.report import Finding, ItemStatus, Severity
from remote_artwork.errors import StorageError
from remote_artwork.preflight.checks import run_checks
from remote_artwork.preflight.signature import SignatureCheck
from remote_artwork.retry import share_budget
from remote_artwork.storage.storage import ArtworkStorage


@frozen(kw_only=True)
class Verdict:
    """What the checks say of all files of one item."""

    findings: tuple[Finding, ...]
    rejection: Reason | None = None


@frozen
class Inspector:
    """Looks at files without changing anything anywhere."""

    storage: ArtworkStorage
    checks: Sequence[PreflightCheck]

    def digest(self, item: OrderItem) -> str:
        """Tells verdicts of these checks from those of others: it changes with a check, its settings, or the print.

        A check's settings are what its ``repr`` tells; one without a ``repr`` of its own is known by its class alone.
        """
        told = [
            type(check).__qualname__ if type(check).__repr__ is object.__repr__ else repr(check)
            for check in self.checks
        ]
        return hashlib.sha256(repr((told, item.print_size_mm)).encode()).hexdigest()

    def pin(self, files: Mapping[str, StoredFile]) -> dict[str, StoredFile]:
        """The files as they are now, by placement, with their version ids where the storage keeps versions.

        Raises:
            FileGone: One of them was deleted.
            StorageError: One of them could not be looked at.
        """
        return {placement: self.storage.stat(file.name) for placement, file in files.items()}

    def verdict(
        self,
        item: OrderItem,
        files: Mapping[str, StoredFile],
        *,
        reader: Callable[[StoredFile], ArtworkReader] | None = None,
    ) -> Verdict:
        """Runs all checks on all files, up to the first rejection.

        Args:
            item: Whose files they are.
            files: The files, by placement.
            reader: Opens a file; the storage's own unless told.

        Raises:
            FileGone, StorageError: A file could not be read.
        """
        findings: list[Finding] = []
        for file in files.values():
            found = run_checks(self.checks, (reader or self.storage.reader)(file), item)
            findings += found
            rejection = next((finding for finding in found if finding.severity is Severity.REJECT), None)
            if rejection is not None:
                because = reason("file_rejected", file=file.name, finding=rejection.to_dict())
                return Verdict(findings=tuple(findings), rejection=because)
        return Verdict(findings=tuple(findings))


_MOST_AT_ONCE = 8
"""More would save little: what is done under a lease is done one order at a time."""

Files = Mapping[str, StoredFile]
"""Placement → file."""


@define
class CancellableReader:
    """An ``ArtworkReader`` that reads on only as long as somebody waits for the verdict."""

    file: StoredFile
    reader: ArtworkReader
    over: threading.Event

    def read(self, start: int, length: int) -> bytes:
        """The bytes from ``start`` on; raises ``StorageError`` when the scan is over."""
        if self.over.is_set():
            raise StorageError(f"{self.file.name!r}: the pass is over, so it is not read to its end")
        return self.reader.read(start, length)


@define
class CheckPrefetcher:
    """Verdicts of one pass, had ahead where that is possible. Used as a context, by one thread.

    Args:
        inspector: Runs the checks; from several threads.
        at_once: How many items are checked at once; 1: none ahead.
    """

    inspector: Inspector
    at_once: int
    _pool: ThreadPoolExecutor = field(init=False)
    _over: threading.Event = field(factory=threading.Event, init=False)
    _begun: dict[tuple[str, ...], tuple[Files, Future[Verdict]]] = field(factory=dict, init=False)

    @classmethod
    def of(cls, inspector: Inspector, at_once: int | None) -> Self:
        """As many at once as are wanted; unless told, as many as these checks can use. Reading waits for the storage,
        measuring takes a processor each.
        """
        only_read = all(isinstance(check, SignatureCheck) for check in inspector.checks)
        usual = _MOST_AT_ONCE if only_read else min(os.cpu_count() or 1, _MOST_AT_ONCE)
        return cls(inspector, (at_once or usual) if inspector.storage.concurrent_reads else 1)

    def __attrs_post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.at_once, thread_name_prefix="remote-artwork-check")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._pool.shutdown(cancel_futures=True)

    def begin(self, plans: Iterable[OrderPlan]) -> None:
        """Begins to check what is to be checked of these orders, as far as that has not begun."""
        for plan in plans if self.at_once > 1 else ():
            for item in plan.items:
                names = _names(item.files)
                if item.status is ItemStatus.MATCHED and item.state not in VERIFIED_STATES and names not in self._begun:
                    check = share_budget(self.inspector.verdict)
                    verdict = self._pool.submit(check, item.item, item.files, reader=self._reader)
                    self._begun[names] = (item.files, verdict)

    def _reader(self, file: StoredFile) -> ArtworkReader:
        return CancellableReader(file, self.inspector.storage.reader(file), self._over)

    def verdict(self, item: OrderItem, files: Files) -> Verdict:
        """What the checks say of an item's files, up to the first rejection.

        Args:
            item: Whose files they are.
            files: The files as they are now.

        Raises:
            FileGone, StorageError: A file could not be read.
        """
        begun = self._begun.get(_names(files))
        if begun is None or not _same(begun[0], files):
            return self.inspector.verdict(item, files)
        return begun[1].result()


def _names(files: Files) -> tuple[str, ...]:
    return tuple(sorted(file.name for file in files.values()))


def _same(before: Files, now: Files) -> bool:
    return all(FileRecord.of(placement, before[placement]).describes(file) for placement, file in now.items())
