"""The listing of a web folder in S3's form, as many public buckets have it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, unquote_plus, urlencode, urlsplit

from attrs import frozen

from remote_artwork.core.matching import Page
from remote_artwork.core.orders import StoredFile
from remote_artwork.errors import StorageMisbehaved
from remote_artwork.http import MAX_RESPONSE_BYTES, check_complexity
from remote_artwork.storage.backends.listing import is_full_page
from remote_artwork.storage.backends.web_requests import (
    CachedResponse,
    cache_age,
    describe_age,
    exchange,
    past_caches,
    read_slice,
)
from remote_artwork.storage.backends.xml import fields_in, parse_listing, parse_size
from remote_artwork.storage.metadata import change_token, stored_file

if TYPE_CHECKING:
    from aiohttp import ClientResponse

_PERCENT_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")

_START = 1024
"""Bytes of a body that contain the root element, if it is a listing."""


@frozen
class ListedPage:
    """One page of a folder's listing.

    Args:
        page: Its files; its ``next_token`` is the query of the next page.
        last_key: The last key, as the server spells it.
        page_size: The most keys of a page, if the server says so.
    """

    page: Page
    last_key: str = ""
    page_size: int | None = None

    def query_after(self, known_size: int | None) -> str | None:
        """The query of the next page; None if this is certainly the last one.

        Args:
            known_size: The number of keys on each page before.
        """
        if self.page.next_token is not None:
            return self.page.next_token
        # Some servers say that a full page is the last one, although more keys follow.
        if is_full_page(len(self.page.names), known_size, self.page_size):
            return urlencode({"marker": self.last_key})
        return None


async def fetch_listing(fs: Any, folder: str, query: str) -> ListedPage | None:
    """Fetch one page of a folder's listing, with one GET. If the response comes from a cache, request it past caches.

    Args:
        fs: An HTTP file system.
        folder: The folder's URL, ending in ``/``.
        query: The previous page's ``next_token``; empty for the first page.

    Returns:
        The page, whose ``next_token`` is the query of the next one. None if the response is not a listing, or is a
        first page that cannot be read: the backend can still request the folder's files by name.

    Raises:
        CachedResponse: The listing comes from a cache, so it may lack new files.
        StorageMisbehaved: A further page cannot be read.
    """
    url = f"{folder}?{query}" if query else folder
    try:
        response = await exchange(fs, "GET", url, read=_read_listing_only)
        if response.body and cache_age(response):
            response = await exchange(fs, "GET", past_caches(url), read=_read_listing_only)
        if response.body and (age := cache_age(response)):
            raise CachedResponse(
                f"the folder's listing comes from a cache ({describe_age(age)}), so it may lack new files; "
                "exclude the folder from the cache"
            )
        return read_listing(response.body, folder=unquote(urlsplit(folder).path)) if response.body else None
    except CachedResponse:
        raise
    except StorageMisbehaved:
        if query:
            raise
        return None


async def _read_listing_only(response: ClientResponse) -> bytes:
    """The body if it may be a listing; otherwise only its start is read, and nothing returned."""
    start = await read_slice(response, length=_START) if response.status == HTTPStatus.OK else b""
    if b"<ListBucketResult" not in start:
        return b""
    rest = await read_slice(response, length=MAX_RESPONSE_BYTES)
    if len(rest) == MAX_RESPONSE_BYTES:
        raise StorageMisbehaved(
            f"a page of the folder's listing is larger than {MAX_RESPONSE_BYTES // 1024**2} MiB; check the URL"
        )
    return start + rest


def read_listing(document: bytes, *, folder: str) -> ListedPage:
    """Read one page of a listing.

    Args:
        document: The body.
        folder: The decoded path of the folder that was requested, ending in ``/``.

    Returns:
        Names below the folder.

    Raises:
        StorageMisbehaved: The document is not a listing, or not of this folder, or its names may be encoded.
    """
    check_complexity(document)
    root, keys, fields_of = parse_listing(document, file="Contents", name="Key", size="Size")
    if root.tag.rpartition("}")[2] != "ListBucketResult":
        raise StorageMisbehaved("the folder's listing is not in the form of S3; check the URL")
    described = fields_in(root)
    prefix = described.get("Prefix", "")
    if prefix and not folder.endswith(f"/{prefix}"):
        raise StorageMisbehaved("the server lists another folder than the one requested; check the URL")
    if described.get("EncodingType") == "url":
        keys = [unquote_plus(key) for key in keys]
    elif any(map(_PERCENT_ENCODED.search, keys)):
        raise StorageMisbehaved("the server may list encoded names without saying so; check the URL")
    if not all(key.startswith(prefix) for key in keys):
        raise StorageMisbehaved("the server lists files outside the folder that it names; check the URL")
    names = [key[len(prefix) :] for key in keys]
    files = [_listed_file(name, fields_of(i)) for i, name in enumerate(names)]
    next_query = None
    if described.get("IsTruncated", "").strip().lower() == "true":
        token = described.get("NextContinuationToken")
        marker = described.get("NextMarker") or (keys[-1] if keys else "")
        if not token and not marker:
            raise StorageMisbehaved(
                "the server cuts its listing short without a token for the next page; check the URL"
            )
        next_query = urlencode({"list-type": "2", "continuation-token": token} if token else {"marker": marker})
    page = Page(names, files.__getitem__, next_query, strategy="listing")
    return ListedPage(page, keys[-1] if keys else "", parse_size(described.get("MaxKeys", "")))


def _listed_file(name: str, fields: Mapping[str, str]) -> StoredFile:
    size = parse_size(fields.get("Size", ""))
    if size is None:
        raise StorageMisbehaved("the server lists a file without its size; check the URL")
    modified = fields.get("LastModified")
    # A listing may do without a token. Before anything is compared or sent, the file is looked up.
    token = change_token(etag=fields.get("ETag"), modified=modified, size=size) or f"listed-{size}"
    return stored_file(name, size=size, etag=token, last_modified=modified, listed=True)
