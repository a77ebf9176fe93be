"""Checking a location: what was recognised, and whether it can be listed, read and handed on. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from attrs import frozen

from remote_artwork.core.model import StoredFile
from remote_artwork.errors import RemoteArtworkError
from remote_artwork.storage.storage import ArtworkStorage

_A_FEW_BYTES = 16


@frozen(kw_only=True)
class CheckStep:
    """One thing that was tried on a location.

    Args:
        name: ``list``, ``read`` or ``hand on``.
        message: What came of it, with the remedy where it failed.
        error: Why it failed; None where it went well.
    """

    name: str
    message: str
    error: RemoteArtworkError | None = None


def check_storage(storage: ArtworkStorage, *, url_lifetime: timedelta = timedelta(hours=24)) -> Iterator[CheckStep]:
    """Tries a location, with at most one page listed and a few bytes read, and stops at the first failure.

    Args:
        storage: The location.
        url_lifetime: How long a URL has to work that is handed on.
    """
    first: list[StoredFile] = []

    def list_one_page() -> str:
        if (outlook := storage.outlook()) is not None:
            return outlook
        page = next((page for page in storage.pages() if page.names), None)
        if page is not None:
            first.append(page.file(0))
            return f"it can be listed; its first page holds {len(page.names):,} files, the first is {page.names[0]}"
        return "it can be listed, and is empty; upload a file to see whether it can be read"

    def read_a_file() -> str:
        file = storage.stat(first[0].name)
        read = storage.reader(file).read(0, _A_FEW_BYTES)
        kept = "keeps versions" if file.version_id else "keeps no versions, as far as it tells"
        return f"{file.name} can be read ({len(read)} of {file.size:,} bytes); the storage {kept}"

    def hand_on() -> str:
        _, expires_at = storage.url(first[0], expires_in=url_lifetime)
        if expires_at is None:
            return "a shop gets an unsigned URL, which works only while the file may be read without credentials"
        return f"a shop gets a signed URL, which works until {expires_at:%Y-%m-%d %H:%M} UTC"

    steps: dict[str, Callable[[], str]] = {"list": list_one_page, "read": read_a_file, "hand on": hand_on}
    for name, attempt in steps.items():
        if name != "list" and not first:
            return
        try:
            yield CheckStep(name=name, message=attempt())
        except RemoteArtworkError as error:
            yield CheckStep(name=name, message=str(error), error=error)
            return
