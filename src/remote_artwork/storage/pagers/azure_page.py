"""Reading a page of an Azure listing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen

from remote_artwork.errors import StorageMisbehaved
from remote_artwork.storage.pagers.listing_xml import no_listing, number_in, read_xml

FOLDER_MARK = "hdi_isfolder"
"""The metadata by which a hierarchical namespace tells its folders from empty files."""


@frozen
class AzurePage:
    """One page.

    Args:
        names: Whole names of blobs, in the storage's order.
        describe: What the page tells of ``names[i]``, as ``stored_file`` reads it.
        following: The marker of the next page; None where the listing ends.
    """

    names: Sequence[str]
    describe: Callable[[int], Mapping[str, Any]]
    following: str | None


def read_page(body: bytes) -> AzurePage:
    """Reads the answer to a List Blobs; folders of a hierarchical namespace are left out.

    Args:
        body: XML in UTF-8.

    Raises:
        StorageMisbehaved: It is no such answer, or not all of it, or one with a document type.
    """
    page = read_xml(body, file="Blob", name="Name", size="Content-Length")
    if page.root.tag != "EnumerationResults":
        raise no_listing()
    places: Sequence[int] = range(len(page.names))
    if FOLDER_MARK.encode() in body:
        places = [place for place in places if page.fields(place).get(FOLDER_MARK, "").lower() != "true"]

    def describe(place: int) -> Mapping[str, Any]:
        told = page.fields(places[place])
        if not told.get("Etag"):
            raise StorageMisbehaved("the storage names a file without its ETag; check host and container in the URL")
        return {
            "size": number_in(told.get("Content-Length", "")),
            "etag": told["Etag"],
            "last_modified": told.get("Last-Modified"),
            "version_id": told.get("VersionId"),
        }

    return AzurePage([page.names[place] for place in places], describe, page.root.findtext("NextMarker") or None)
