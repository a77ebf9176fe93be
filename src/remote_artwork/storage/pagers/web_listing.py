"""The listing that a web folder may answer with: S3's, which public buckets of many storages give. XML from outside."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode, urlsplit

from attrs import frozen

from remote_artwork.errors import StorageMisbehaved
from remote_artwork.storage.pagers import Entries
from remote_artwork.storage.pagers.listing_xml import number_in, read_xml, texts_in
from remote_artwork.storage.pagers.web_transport import exchange, read_slice

if TYPE_CHECKING:
    from aiohttp import ClientResponse

_BEGIN = 1024
"""Bytes in which the root element stands, if it is a listing."""


@frozen(kw_only=True)
class Listing:
    """One page of a listing.

    Args:
        entries: By their names below the folder; a name is empty where the key is not below it.
        following: The query of the next page; empty after the last one.
    """

    entries: Entries
    following: str


async def fetch_listing(fs: Any, folder: str, query: str) -> Listing | None:
    """One page of a folder's listing, by one GET.

    Args:
        fs: An HTTP file system.
        folder: The folder's URL, ending in ``/``.
        query: As the page before said; empty for the first page.

    Returns:
        The page; None where the server answers with anything else, or with a first page that cannot be read: then
        the folder's files can still be asked for by name.

    Raises:
        StorageMisbehaved: A further page cannot be read.
    """
    try:
        answer = await exchange(fs, "GET", f"{folder}?{query}" if query else folder, read=_listing_only)
        return read_listing(answer.content, folder=unquote(urlsplit(folder).path)) if answer.content else None
    except StorageMisbehaved:
        if query:
            raise
        return None


async def _listing_only(response: ClientResponse) -> bytes:
    """The body if it may be a listing; of any other page no more than its begin is read, and nothing kept."""
    from remote_artwork.storage.pagers.bounded_answers import LARGEST_ANSWER

    begin = await read_slice(response, length=_BEGIN) if response.status == HTTPStatus.OK else b""
    if b"<ListBucketResult" not in begin:
        return b""
    rest = await read_slice(response, length=LARGEST_ANSWER)
    if len(rest) == LARGEST_ANSWER:
        raise StorageMisbehaved(f"the folder's listing is larger than {LARGEST_ANSWER // 1024**2} MiB a page")
    return begin + rest


def read_listing(document: bytes, *, folder: str) -> Listing:
    """One page of a listing.

    Args:
        document: As it came.
        folder: The decoded path of the folder that was asked for, ending in ``/``.

    Raises:
        StorageMisbehaved: It is none, or none of this folder.
    """
    from remote_artwork.storage.pagers.bounded_answers import refuse_undergrowth

    refuse_undergrowth(document)
    page = read_xml(document, file="Contents", name="Key", size="Size")
    if page.root.tag.rpartition("}")[2] != "ListBucketResult":
        raise StorageMisbehaved("the folder's listing is none of S3")
    told = texts_in(page.root)
    prefix = told.get("Prefix", "")
    if prefix and not folder.endswith(f"/{prefix}"):
        raise StorageMisbehaved("the server lists another folder than it was asked for")
    entries = [
        (key[len(prefix) :] if key.startswith(prefix) else "", _entry(page.fields(place)))
        for place, key in enumerate(page.names)
    ]
    following = ""
    if told.get("IsTruncated") == "true":
        token = told.get("NextContinuationToken")
        marker = told.get("NextMarker") or (page.names[-1] if page.names else "")
        if not token and not marker:
            raise StorageMisbehaved("the server cuts its listing short without saying how to go on")
        following = urlencode({"list-type": "2", "continuation-token": token} if token else {"marker": marker})
    return Listing(entries=entries, following=following)


def _entry(told: Mapping[str, str]) -> Mapping[str, Any]:
    size = number_in(told.get("Size", ""))
    if size is None:
        raise StorageMisbehaved("the server lists a file without its size")
    return {"Size": size, **{name: told[name] for name in ("ETag", "LastModified") if told.get(name)}}
