"""The listing that a web folder may answer with: S3's, which public buckets of many storages give. XML from outside."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode, urlsplit
from xml.etree import ElementTree as ET  # no document with a DOCTYPE gets through, so no entity is ever expanded

from attrs import frozen

from remote_artwork.errors import StorageMisbehaved
from remote_artwork.storage.pagers import Entries
from remote_artwork.storage.pagers.web_transport import WHOLE_NUMBER, exchange, read_slice

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
    try:
        root = ET.fromstring(document, parser=ET.XMLParser(target=_NoDoctype()))  # noqa: S314 - see _NoDoctype
    except ET.ParseError as error:
        raise StorageMisbehaved("the folder's listing is no XML that can be read") from error
    space = root.tag.removesuffix("ListBucketResult")
    if space == root.tag:
        raise StorageMisbehaved("the folder's listing is none of S3")

    def text(element: ET.Element, name: str) -> str:
        return element.findtext(f"{space}{name}") or ""

    prefix = text(root, "Prefix")
    if prefix and not folder.endswith(f"/{prefix}"):
        raise StorageMisbehaved("the server lists another folder than it was asked for")
    objects = root.findall(f"{space}Contents")
    keys = [text(each, "Key") for each in objects]
    entries = [
        (key[len(prefix) :] if key.startswith(prefix) else "", _entry(text(each, "Size"), each, space))
        for key, each in zip(keys, objects, strict=True)
    ]
    following = ""
    if text(root, "IsTruncated") == "true":
        token, marker = text(root, "NextContinuationToken"), text(root, "NextMarker") or (keys[-1] if keys else "")
        if not token and not marker:
            raise StorageMisbehaved("the server cuts its listing short without saying how to go on")
        following = urlencode({"list-type": "2", "continuation-token": token} if token else {"marker": marker})
    return Listing(entries=entries, following=following)


def _entry(size: str, element: ET.Element, space: str) -> Mapping[str, Any]:
    if not WHOLE_NUMBER.fullmatch(size):
        raise StorageMisbehaved("the server lists a file without its size")
    told = {name: element.findtext(f"{space}{name}") for name in ("ETag", "LastModified")}
    return {"Size": int(size), **{name: value for name, value in told.items() if value}}


class _NoDoctype(ET.TreeBuilder):
    """Refuses a document type, in which entities would be defined, before its first line is read."""

    def doctype(self, name: str, pubid: str, system: str) -> None:
        """Called where a document type begins."""
        del name, pubid, system
        raise StorageMisbehaved("the folder's listing has a document type, which no listing needs")
