"""Reading a page of an S3 listing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote_plus

from attrs import frozen

from remote_artwork.storage.pagers.listing_xml import no_listing, number_in, read_xml, texts_in


@frozen
class S3Page:
    """One page.

    Args:
        keys: Whole keys, in the storage's order.
        describe: What the page tells of ``keys[i]``, by S3's own names, as ``stored_file`` reads it.
        following: The token of the next page, empty where none is named; None where the listing ends.
    """

    keys: Sequence[str]
    describe: Callable[[int], Mapping[str, Any]]
    following: str | None


def read_page(body: bytes) -> S3Page:
    """Reads the answer to a ListObjectsV2.

    Args:
        body: XML in UTF-8.

    Raises:
        StorageMisbehaved: It is no such answer, or not all of it, or one with a document type.
    """
    page = read_xml(body, file="Contents", name="Key", size="Size")
    told = texts_in(page.root)
    if page.root.tag.rpartition("}")[2] != "ListBucketResult" or "IsTruncated" not in told:
        raise no_listing()

    fields_of = page.fields  # without the page, whose names would be kept as long as this is

    def describe(place: int) -> Mapping[str, Any]:
        fields = fields_of(place)
        return {**fields, "Size": number_in(fields.get("Size", ""))}

    truncated = told["IsTruncated"].lower() == "true"
    following = told.get("NextContinuationToken", "") if truncated else None
    return S3Page(_decoded(page.names) if told.get("EncodingType") == "url" else page.names, describe, following)


def _decoded(keys: Sequence[str]) -> Sequence[str]:
    """Keys that were percent-encoded, because XML cannot hold all of them."""
    joined = "".join(keys)
    return [unquote_plus(key) for key in keys] if "%" in joined or "+" in joined else keys
