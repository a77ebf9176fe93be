"""Scans of the desk, one at a time, each in a thread of its own: the library waits where a web server must not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from attrs import define, field
from sqlalchemy.orm import Session

import remote_artwork as ra
from print_desk.client import DeskClient
from print_desk.database import LineRow
from print_desk.progress import Progress
from remote_artwork.reports import FileOutcome

_BROKE_OFF = "The scan broke off; the operator finds the reason in the log. It is safe to scan again."
_ODD = (ra.FileStatus.NEAR_MISS, ra.FileStatus.UNSUPPORTED, ra.FileStatus.EARLY)


@define
class Scans:
    """Begins scans and knows how the one in hand goes on. May be called from any thread.

    Args:
        engine: The desk's database.
        ledger: Remembers what was sent, also across a crash.
        open_storage: Gives the merchant's storage as it is set up at that moment.
        sheet: Where the contact sheet of the last scan is written.
        files: Those of the last scan that some order may be meant by, under a name that no order waits for.
        trouble: What kept the last scan from going through, in words.
    """

    engine: sa.Engine
    ledger: ra.Ledger
    open_storage: Callable[[], ra.ArtworkStorage]
    sheet: Path
    trouble: tuple[str, ...] = field(default=(), init=False)
    files: tuple[FileOutcome, ...] = field(default=(), init=False)
    progress: Progress = field(factory=Progress, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _starting: threading.Lock = field(factory=threading.Lock, init=False)
    _stop: threading.Event = field(factory=threading.Event, init=False)

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def begin(self) -> None:
        """Begins a scan, unless one is running."""
        with self._starting:
            if self.running or self._stop.is_set():
                return
            self.progress, self.trouble = Progress(), (_BROKE_OFF,)  # until it ends in any other way
            self._thread = threading.Thread(target=self._run, args=(self.progress,), name="scan")
            self._thread.start()

    def end(self) -> None:
        """Lets the order in hand be finished, and begins no other."""
        self._stop.set()
        with self._starting:
            if self._thread is not None:
                self._thread.join()

    def _run(self, progress: Progress) -> None:
        try:
            scanner = ra.Scanner(
                storage := self.open_storage(),
                DeskClient(self.engine),
                ledger=self.ledger,
                tenant="desk",
                observer=progress,
            )
            report = scanner.scan(stop=self._stop)
            self._keep(report)
            self.files = tuple(file for file in report.files if file.status in _ODD)
            report.to_html(self.sheet, storage=storage)
            self.trouble = tuple(f"The {fault.part} could not be used: {fault.message}" for fault in report.faults)
        except ra.RemoteArtworkError as error:
            self.trouble = (str(error),)

    def _keep(self, report: ra.ScanReport) -> None:
        """Writes what the scan said of each line beside the line."""
        with Session(self.engine) as session, session.begin():
            for item in report.items:
                session.execute(
                    sa.update(LineRow)
                    .where(LineRow.order_id == int(item.order_id), LineRow.position == int(item.item_number))
                    .values(status=item.status.value, reason=item.reason)
                )
