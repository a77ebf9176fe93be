"""Run the preflight checks of a scan before the orders are leased, and start them early for the next orders.

A check may take longer than a lease, so it runs before the order is leased. It decides nothing: under the lease, the
metadata of the files is read again, and a result for other content is ignored.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from types import TracebackType
from typing import Self

from attrs import define, field, frozen

from remote_artwork.client import ArtworkReader, PreflightCheck
from remote_artwork.core.lifecycle import VERIFIED_STATES, FileRecord
from remote_artwork.core.orders import OrderItem, StoredFile
from remote_artwork.core.planner import ItemPlan, OrderPlan
from remote_artwork.core.reasons import Reason, reason
from remote_artwork.core.report import Finding, ItemStatus, Severity
from remote_artwork.errors import StorageError
from remote_artwork.preflight.checks import run_checks
from remote_artwork.preflight.signature import SignatureCheck
from remote_artwork.retry import share_budget
from remote_artwork.storage.storage import ArtworkStorage

FilesByPlacement = Mapping[str, StoredFile]
"""Placement → file."""

_MAX_PARALLEL = 8
"""More threads save little time, because the steps under a lease run for one order at a time."""


@frozen(kw_only=True)
class CheckResult:
    """The findings of all checks on all files of one item. ``rejection`` is None if no check rejected a file."""

    findings: tuple[Finding, ...]
    rejection: Reason | None = None


@frozen
class Inspector:
    """Reads and checks files. Changes nothing."""

    storage: ArtworkStorage
    checks: Sequence[PreflightCheck]

    def digest(self, item: OrderItem) -> str:
        """A digest of the checks, their settings and the item's print size. A stored result is valid for one digest.

        The settings of a check are its ``repr``. A check without its own ``repr`` is identified by its class only.
        """
        settings = [
            type(check).__qualname__ if type(check).__repr__ is object.__repr__ else repr(check)
            for check in self.checks
        ]
        return hashlib.sha256(repr((settings, item.print_size_mm)).encode()).hexdigest()

    def pin(self, files: FilesByPlacement) -> dict[str, StoredFile]:
        """Read the current metadata of the files. On a versioned storage, it includes their version ids.

        Raises:
            FileGone: A file was deleted.
            StorageError: The metadata of a file could not be read.
        """
        return {placement: self.storage.stat(file.name) for placement, file in files.items()}

    def check_files(
        self,
        item: OrderItem,
        files: FilesByPlacement,
        *,
        reader: Callable[[StoredFile], ArtworkReader] | None = None,
    ) -> CheckResult:
        """Run all checks on all files, until the first file that is rejected.

        Args:
            item: The item.
            files: Its files.
            reader: Opens a file; the default is the storage's reader.

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
                return CheckResult(findings=tuple(findings), rejection=because)
        return CheckResult(findings=tuple(findings))


@define
class CancellableReader:
    """An ``ArtworkReader`` that stops when the scan has ended."""

    file: StoredFile
    reader: ArtworkReader
    cancelled: threading.Event

    def read(self, start: int, length: int) -> bytes:
        """Read ``length`` bytes from ``start``. Raises ``StorageError`` if the scan has ended."""
        if self.cancelled.is_set():
            raise StorageError(f"{self.file.name!r} was not read to its end, because the scan has ended; scan again")
        return self.reader.read(start, length)


@define
class CheckPrefetcher:
    """Checks the files of the next orders in threads. Use it as a context manager, from one thread.

    Args:
        inspector: Runs the checks, in several threads.
        max_parallel: How many items are checked at the same time. 1 starts no check early.
    """

    inspector: Inspector
    max_parallel: int
    _pool: ThreadPoolExecutor = field(init=False)
    _cancelled: threading.Event = field(factory=threading.Event, init=False)
    _started: dict[tuple[str, ...], tuple[FilesByPlacement, Future[CheckResult]]] = field(factory=dict, init=False)

    @classmethod
    def of(cls, inspector: Inspector, max_parallel: int | None) -> Self:
        """Create a prefetcher. If ``max_parallel`` is None, choose a number that suits the checks.

        The signature check waits for the storage; other checks use a processor each. A storage without concurrent
        reads gets 1.
        """
        only_signatures = all(isinstance(check, SignatureCheck) for check in inspector.checks)
        default = _MAX_PARALLEL if only_signatures else min(os.cpu_count() or 1, _MAX_PARALLEL)
        return cls(inspector, (max_parallel or default) if inspector.storage.concurrent_reads else 1)

    def __attrs_post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.max_parallel, thread_name_prefix="remote-artwork-check")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cancelled.set()
        self._pool.shutdown(cancel_futures=True)

    def start(self, plans: Iterable[OrderPlan]) -> None:
        """Start the checks that these orders need and that have not started yet."""
        for plan in plans if self.max_parallel > 1 else ():
            for item in _unchecked_items(plan):
                names = _file_names(item.files)
                if names not in self._started:
                    check_files = share_budget(self.inspector.check_files)
                    result = self._pool.submit(check_files, item.item, item.files, reader=self._open_reader)
                    self._started[names] = (item.files, result)

    def finish(self, plan: OrderPlan) -> None:
        """Complete the checks that this order needs. Call it before the order is leased.

        An error of the storage is kept for ``check_files``.
        """
        for item in _unchecked_items(plan):
            names = _file_names(item.files)
            if names not in self._started:
                self._started[names] = (
                    item.files,
                    _run_now(partial(self.inspector.check_files, item.item, item.files)),
                )
            wait([self._started[names][1]])

    def check_files(self, item: OrderItem, files: FilesByPlacement) -> CheckResult:
        """The result for an item's files. The checks run now if they did not start early for this content.

        Args:
            item: The item.
            files: Its files, with their current metadata.

        Raises:
            FileGone, StorageError: A file could not be read.
        """
        started = self._started.get(_file_names(files))
        if started is None or not _have_same_content(started[0], files):
            return self.inspector.check_files(item, files)
        return started[1].result()

    def _open_reader(self, file: StoredFile) -> ArtworkReader:
        return CancellableReader(file, self.inspector.storage.reader(file), self._cancelled)


def _unchecked_items(plan: OrderPlan) -> list[ItemPlan]:
    return [item for item in plan.items if item.status is ItemStatus.MATCHED and item.state not in VERIFIED_STATES]


def _run_now(check: Callable[[], CheckResult]) -> Future[CheckResult]:
    """The result of a check that runs in this thread, or its error."""
    future: Future[CheckResult] = Future()
    try:
        future.set_result(check())
    except Exception as error:  # noqa: BLE001 - raised by ``Future.result``, as for a check in another thread
        future.set_exception(error)
    return future


def _file_names(files: FilesByPlacement) -> tuple[str, ...]:
    return tuple(sorted(file.name for file in files.values()))


def _have_same_content(before: FilesByPlacement, now: FilesByPlacement) -> bool:
    return all(FileRecord.of(placement, before[placement]).describes(file) for placement, file in now.items())
