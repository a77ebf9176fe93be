"""The scans of the desk: one at a time, each in its own thread, because a scan can take minutes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import sqlalchemy as sa
from attrs import define, field
from sqlalchemy.orm import Session

import remote_artwork as ra
from print_desk.client import DeskClient
from print_desk.database import LineRow
from print_desk.progress import Progress
from remote_artwork.reports import FileOutcome

_CRASHED = "The scan ended with an internal error; the log contains the details. You can safely scan again."
_SHOWN_FILES = (ra.FileStatus.NEAR_MISS, ra.FileStatus.UNSUPPORTED, ra.FileStatus.EARLY)


@define
class Scans:
    """Starts scans and keeps the result of the last one. Any thread can call it.

    Args:
        engine: The database of the desk.
        ledger: Records what was sent, so that a crash does not send an order twice.
        open_storage: Opens the merchant's current storage.
        sheet: The file for the contact sheet of the last scan.
        kept_report: The file for the report of the last scan.
        review: Whether an order waits until a person accepts its files.
        report: The report of the last scan, also of one before a restart.
        changes: How many problems are new, resolved and still open since the scan before it.
        failure: Why the last scan has no report, for the merchant.
    """

    engine: sa.Engine
    ledger: ra.Ledger
    open_storage: Callable[[], ra.ArtworkStorage]
    sheet: Path
    kept_report: Path
    review: bool = field(kw_only=True)
    report: ra.ScanReport | None = field(init=False)
    changes: Mapping[str, int] = field(factory=dict, init=False)
    failure: str | None = field(default=None, init=False)
    progress: Progress = field(factory=Progress, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _starting: threading.Lock = field(factory=threading.Lock, init=False)
    _stopping: threading.Event = field(factory=threading.Event, init=False)

    @report.default
    def _read_kept_report(self) -> ra.ScanReport | None:
        try:
            return ra.ScanReport.from_dict(json.loads(self.kept_report.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError):  # there was no scan yet, or the library was updated
            return None

    @property
    def errors(self) -> Sequence[str]:
        """Why the last scan could not finish, for the merchant."""
        if self.failure is not None:
            return [self.failure]
        faults = self.report.faults if self.report else ()
        return [f"{fault.title}: {fault.message}" for fault in faults]

    @property
    def unmatched_files(self) -> Sequence[FileOutcome]:
        """Files of the last scan that may belong to an order but do not have an expected name."""
        return [file for file in self.report.files if file.status in _SHOWN_FILES] if self.report else []

    @property
    def reviews(self) -> Mapping[str, str]:
        """Id of each order that waits for a review → the digest of its files."""
        items = self.report.items if self.report else ()
        waiting = [item for item in items if item.code == "awaiting_review"]
        return {item.order_id: str(item.details["digest"]) for item in waiting}

    def accept(self, order_id: str, *, files: str, by: str) -> None:
        """Accept the files of an order. The next scan sends it.

        Raises:
            RemoteArtworkError: It was not recorded, for example because a file was replaced since.
        """
        self._scanner(self.open_storage()).accept(order_id, files=files, by=by)

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self, orders: Collection[str] | None = None) -> bool:
        """Start a scan, unless one is running.

        Args:
            orders: The numbers of the orders to scan; None: all.

        Returns:
            Whether it was started.
        """
        with self._starting:
            if self.running or self._stopping.is_set():
                return False
            self.progress, self.failure = Progress(), _CRASHED  # removed when the scan ends without a crash
            self._thread = threading.Thread(target=self._run, args=(self.progress, orders), name="scan")
            self._thread.start()
            return True

    def stop(self) -> None:
        """Stop the scan after its orders in progress, and start no other scan."""
        self._stopping.set()
        with self._starting:
            if self._thread is not None:
                self._thread.join()

    def _run(self, progress: Progress, orders: Collection[str] | None) -> None:
        try:
            storage = self.open_storage()
            scanner = self._scanner(storage, progress)
            report = scanner.scan(stop=self._stopping, orders=orders)
            self._save_outcomes(report)
            self._keep(report)
            report.to_html(self.sheet, storage=storage)
            self.failure = None
        except ra.RemoteArtworkError as error:
            self.failure = str(error)

    def _scanner(self, storage: ra.ArtworkStorage, progress: Progress | None = None) -> ra.Scanner:
        return ra.Scanner(
            storage,
            DeskClient(self.engine),
            ledger=self.ledger,
            tenant="desk",
            policy=ra.Policy(review=self.review),
            observer=progress,
        )

    def _keep(self, report: ra.ScanReport) -> None:
        """Compare the report with the one before it, and keep it, also for the time after a restart."""
        before = self.report
        if before is not None and before.location == report.location:  # the merchant may have changed the storage
            changes = report.changes_since(before)
            self.changes = {
                "new": len(changes.new),
                "resolved": len(changes.resolved),
                "still open": len(changes.still_open) + len(changes.unknown),
            }
            if report.orders is not None:  # only some orders were scanned
                report = before.merged_with(report)
        else:
            self.changes = {}
        self.report = report
        self.kept_report.write_text(report.to_json(), encoding="utf-8")

    def _save_outcomes(self, report: ra.ScanReport) -> None:
        """Save the outcome of each item with its line."""
        with Session(self.engine) as session, session.begin():
            for item in report.items:
                session.execute(
                    sa.update(LineRow)
                    .where(LineRow.order_id == int(item.order_id), LineRow.position == int(item.item_number))
                    .values(status=item.status.value, reason=item.reason, needs_person=item.needs_person)
                )
