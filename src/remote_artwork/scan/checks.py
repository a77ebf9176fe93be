"""Reads and checks the files of an item. Changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from attrs import field, frozen

from remote_artwork.client import PreflightCheck
from remote_artwork.core.orders import OrderItem, StoredFile
from remote_artwork.core.reasons import Reason, reason
from remote_artwork.core.report import Finding, Severity
from remote_artwork.errors import FileReplaced, StorageMisbehaved
from remote_artwork.preflight.checks import run_checks
from remote_artwork.preflight.contract import check_contract, file_sha256
from remote_artwork.scan.stopwatch import Stopwatch
from remote_artwork.storage.reader import RangeReader
from remote_artwork.storage.storage import ArtworkStorage

FilesByPlacement = Mapping[str, StoredFile]
"""Placement → file."""


@frozen(kw_only=True)
class CheckResult:
    """The result of all checks on all files of one item.

    Args:
        files: Placement → the version of the file that was checked.
        findings: What the checks found.
        rejection: Why files were rejected: every finding that rejects one. None if no file was.
        sha256: Placement → the SHA-256 of its file in hex, for files that were read whole.
    """

    files: FilesByPlacement
    findings: tuple[Finding, ...]
    rejection: Reason | None = None
    sha256: Mapping[str, str] = field(factory=dict)


@frozen
class Inspector:
    """Reads and checks files."""

    storage: ArtworkStorage
    checks: Sequence[PreflightCheck]

    def digest(self, item: OrderItem) -> str:
        """A digest of the checks, their settings and the item's contract. A stored result is valid for one digest.

        The settings of a check are its ``repr``. A check without its own ``repr`` is identified by its class only.
        """
        settings = [
            type(check).__qualname__ if type(check).__repr__ is object.__repr__ else repr(check)
            for check in self.checks
        ]
        return hashlib.sha256(repr((settings, item.contract)).encode()).hexdigest()

    def check_files(
        self,
        item: OrderItem,
        files: FilesByPlacement,
        *,
        stopwatch: Stopwatch,
        stop_reading: Callable[[], None] = lambda: None,
    ) -> CheckResult:
        """Run all checks on all files, so that the merchant learns at once what is wrong with each.

        Args:
            item: The item.
            files: Its files.
            stopwatch: Measures reading and checking.
            stop_reading: Called before each read; raises to end it.

        Raises:
            FileGone, StorageError: A file could not be read.
        """
        findings: list[Finding] = []
        checked: dict[str, StoredFile] = {}
        digests: dict[str, str] = {}
        rejections: list[tuple[str, Finding]] = []
        watch = _Watch(stopwatch, stop_reading)
        for placement, listed in files.items():
            try:
                checked[placement], found, sha256 = self._check_file(item, listed, watch)
            except (FileReplaced, StorageMisbehaved):
                if not listed.listed:
                    raise
                with stopwatch.measure("storage"):  # its listing was old, or has other sizes
                    current = self.storage.stat(listed.name)
                checked[placement], found, sha256 = self._check_file(item, current, watch)
            if sha256 is not None:
                digests[placement] = sha256
            findings += found
            rejections += [(listed.name, finding) for finding in found if finding.severity is Severity.REJECT]
        return CheckResult(files=checked, findings=tuple(findings), rejection=_rejection(rejections), sha256=digests)

    def _check_file(
        self, item: OrderItem, file: StoredFile, watch: _Watch
    ) -> tuple[StoredFile, tuple[Finding, ...], str | None]:
        """The version of the file that was read, what the checks found in it, and its SHA-256 if all of it was read."""
        reader = self.storage.reader(file)
        measured = _MeasuredReader(reader, watch)
        sha256: str | None = None
        with watch.stopwatch.measure("checks"):
            found = run_checks(self.checks, measured, item)
            if not any(finding.severity is Severity.REJECT for finding in found):
                if item.sha256 is not None or reader.is_read_whole:
                    sha256 = file_sha256(measured)
                found = (*found, *check_contract(item, file.extension, found, sha256))
        with watch.stopwatch.measure("storage"):
            return reader.pinned(), found, sha256


def _rejection(found: Sequence[tuple[str, Finding]]) -> Reason | None:
    """One reason for all findings that reject a file."""
    if len(found) > 1:
        return reason("files_rejected", rejections=[{"file": name, "finding": each.to_dict()} for name, each in found])
    return reason("file_rejected", file=found[0][0], finding=found[0][1].to_dict()) if found else None


@frozen
class _Watch:
    """Measures the reading of a check, and can end it."""

    stopwatch: Stopwatch
    stop_reading: Callable[[], None]


@frozen
class _MeasuredReader:
    """An ``ArtworkReader`` of a check. Its time is not the time of the check, and a scan can end it."""

    reader: RangeReader
    watch: _Watch

    @property
    def file(self) -> StoredFile:
        """See ``ArtworkReader``."""
        return self.reader.file

    def read(self, start: int, length: int) -> bytes:
        """See ``ArtworkReader``."""
        self.watch.stop_reading()
        stopwatch = self.watch.stopwatch
        started = stopwatch.monotonic()
        try:
            return self.reader.read(start, length)
        finally:
            seconds = stopwatch.monotonic() - started
            stopwatch.add("storage", seconds)
            stopwatch.add("checks", -seconds)
