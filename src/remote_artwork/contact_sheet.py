"""Draws a report as a contact sheet: gathers small pictures of the artworks from the storage, and writes the page."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from attrs import frozen

from remote_artwork.core.report import PathLike, ScanReport
from remote_artwork.errors import ConfigurationError, MissingExtra, StorageError
from remote_artwork.preflight.thumbnails import thumbnail
from remote_artwork.reporting.html import contact_sheet
from remote_artwork.storage.storage import ArtworkStorage

MOST_THUMBNAILS = 500
"""Artworks that are drawn; the page shows the rest by name."""
LARGEST_DRAWN = 100 * 1024**2
"""Bytes; a larger file is shown by name."""
_AT_ONCE = 4


def require_writable(path: Path) -> None:
    """Says before a long pass what would keep its page from being written after it.

    Raises:
        MissingExtra: Jinja2 is not installed.
        ConfigurationError: There is no such folder.
    """
    if find_spec("jinja2") is None:
        raise MissingExtra("a report as a page needs Jinja2: pip install 'remote_artwork[report]'")
    if not path.absolute().parent.is_dir():
        raise ConfigurationError(f"the report cannot be written to {path}: there is no such folder")


@frozen
class ContactSheets:
    """Writes contact sheets of one storage's reports; the pictures are of the files as they are at that moment."""

    storage: ArtworkStorage

    def write(self, report: ScanReport, path: str | PathLike) -> None:
        """Writes the page in place of whatever was there, at once and whole.

        Raises:
            MissingExtra: Jinja2 is not installed.
            ConfigurationError: The file cannot be written.
        """
        page, target = contact_sheet(report, self._thumbnails(report)), Path(path)
        new = target.with_name(f"{target.name}.{os.getpid()}.new")
        try:
            new.write_text(page, encoding="utf-8")
            new.replace(target)
        except OSError as error:
            new.unlink(missing_ok=True)
            raise ConfigurationError(f"the report cannot be written to {target}: {error.strerror}") from error

    def _thumbnails(self, report: ScanReport) -> Mapping[str, bytes]:
        names = list(dict.fromkeys(name for item in report.items for name in item.files))[:MOST_THUMBNAILS]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            drawn = zip(names, pool.map(self._thumbnail, names), strict=True)
            return {name: picture for name, picture in drawn if picture is not None}

    def _thumbnail(self, name: str) -> bytes | None:
        try:
            file = self.storage.stat(name)
            return thumbnail(self.storage.reader(file)) if file.size <= LARGEST_DRAWN else None
        except StorageError:  # the report says what it says; a picture is an extra
            return None
