"""Checks that a file is what its item demands: its number of pages, its pixels and its SHA-256.

Pages and pixels are taken from the findings of the checks before. If an item demands what no check measured, the file
is rejected.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from remote_artwork.client import ArtworkReader
from remote_artwork.core.orders import OrderItem
from remote_artwork.core.report import Finding
from remote_artwork.preflight.base import passed, rejection

_BLOCK = 1024**2


def file_sha256(artwork: ArtworkReader) -> str:
    """The SHA-256 of the whole file, in hex.

    Raises:
        StorageError: The file could not be read.
    """
    digest = hashlib.sha256()
    for start in range(0, artwork.file.size, _BLOCK):
        digest.update(artwork.read(start, _BLOCK))
    return digest.hexdigest()


def check_contract(
    item: OrderItem, extension: str, findings: Iterable[Finding], sha256: str | None
) -> Iterator[Finding]:
    """Compare a file with what its item demands.

    Args:
        item: The item.
        extension: The extension of the file, in lower case.
        findings: What the checks found in the file.
        sha256: Of the whole file. It must be given if the item demands one.
    """
    measured = {finding.code: finding.details for finding in findings}
    is_pdf = extension == "pdf"
    if item.pages is not None:
        pages = measured.get("pages", {}).get("pages") if is_pdf else 1
        yield from _pages(pages, item.pages)
    if item.min_pixels is not None and not is_pdf:
        pixels = measured.get("pixels", {})
        yield from _pixels((pixels.get("width"), pixels.get("height")), item.min_pixels)
    if item.sha256 is not None:
        if sha256 == item.sha256:
            yield passed("sha256", sha256, item.sha256, sha256=sha256)
        else:
            yield rejection("other_sha256", sha256, item.sha256, sha256=sha256, demanded=item.sha256)


def _pages(pages: int | None, demanded: int) -> Iterator[Finding]:
    if pages is None:
        yield rejection("not_measured", field="pages")
    elif pages != demanded:
        yield rejection("other_pages", str(pages), str(demanded), pages=pages, demanded=demanded)


def _pixels(size: tuple[int | None, int | None], least: tuple[int, int]) -> Iterator[Finding]:
    """Compare the long sides and the short sides: a picture is rotated to fit."""
    width, height = size
    if width is None or height is None:
        yield rejection("not_measured", field="min_pixels")
    elif any(side < limit for side, limit in zip(sorted((width, height)), sorted(least), strict=True)):
        measured, required = f"{width:,} × {height:,} pixels", f"at least {least[0]:,} × {least[1]:,} pixels"
        details = {"width": width, "height": height, "min_width": least[0], "min_height": least[1]}
        yield rejection("too_few_pixels", measured, required, **details)
