"""Inspection: pins the bytes of an item's files and runs the preflight checks on them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from attrs import frozen

from remote_artwork.core.findings import Finding, Severity
from remote_artwork.core.model import OrderItem, StoredFile
from remote_artwork.interfaces import ArtworkReader, PreflightCheck
from remote_artwork.preflight.run import run_checks
from remote_artwork.storage.storage import ArtworkStorage


@frozen(kw_only=True)
class Verdict:
    """What the checks say of all files of one item."""

    findings: tuple[Finding, ...]
    rejection: str = ""


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
                return Verdict(findings=tuple(findings), rejection=f"{file.name}: {rejection.message}")
        return Verdict(findings=tuple(findings))
