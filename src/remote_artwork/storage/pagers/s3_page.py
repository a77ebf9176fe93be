"""Reading a page of an S3 listing: its keys at once, and what else it tells of an object when that is asked for.

The SDK makes a record of every object, which takes many times as long as all the rest. A page is as hostile as whoever
serves it: a document type, and with it every entity, is refused before an XML parser sees it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from html import unescape
from typing import Any
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET

from attrs import frozen

from remote_artwork.errors import StorageMisbehaved

_FIELD = re.compile(r"<([A-Za-z]+)>([^<]*)</")
_LONGEST_NUMBER = 20


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
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise _no_listing() from error
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise StorageMisbehaved("the storage's listing has a document type, which no listing needs; it was not read")
    head, *objects = text.split("<Contents>")
    keys = [xml.partition("<Key>")[2].partition("</Key>")[0] for xml in objects]
    if not _are_plain(keys) or text.count("</Contents>") != len(keys):
        return _read_all(_parsed(text))
    # As every server sends them. What stands around the objects is little, and is parsed as it would be with them.
    around = _parsed(head + objects[-1].partition("</Contents>")[2] if objects else text)
    if around.find("{*}Contents") is not None:
        return _read_all(_parsed(text))

    def describe(place: int) -> Mapping[str, Any]:
        xml = objects[place].partition("</Contents>")[0].replace("&quot;", '"')  # around every ETag
        fields = dict(_FIELD.findall(xml))
        if "&" in xml:
            fields = {name: unescape(text) for name, text in fields.items()}
        return _typed(fields) if "Size" in fields else _fields(_parsed(f"<Contents>{xml}</Contents>"))

    return _page(around, keys, describe)


def _are_plain(keys: Sequence[str]) -> bool:
    """Whether each object has a key, and all stand there as they are."""
    joined = "".join(keys)
    return all(keys) and "&" not in joined and "<" not in joined


def _read_all(root: ET.Element) -> S3Page:
    """Reads a listing that is written in another way than usual, for example with a prefix for its name space."""
    records = [_fields(element) for element in root.iterfind("{*}Contents")]
    keys = [record.get("Key", "") for record in records]
    if not all(keys):
        raise StorageMisbehaved("the storage lists an object without a key")
    return _page(root, keys, records.__getitem__)


def _page(root: ET.Element, keys: Sequence[str], describe: Callable[[int], Mapping[str, Any]]) -> S3Page:
    fields = _fields(root)
    if root.tag.rpartition("}")[2] != "ListBucketResult" or "IsTruncated" not in fields:
        raise _no_listing()
    truncated = fields["IsTruncated"].lower() == "true"
    following = fields.get("NextContinuationToken", "") if truncated else None
    return S3Page(_decoded(keys) if fields.get("EncodingType") == "url" else keys, describe, following)


def _decoded(keys: Sequence[str]) -> Sequence[str]:
    """Keys that were percent-encoded, because XML cannot hold all of them."""
    joined = "".join(keys)
    return [unquote_plus(key) for key in keys] if "%" in joined or "+" in joined else keys


def _parsed(xml: str) -> ET.Element:
    try:
        return ET.fromstring(xml)  # noqa: S314 - it has no document type, so there is nothing to expand
    except ET.ParseError as error:
        raise _no_listing() from error


def _fields(element: ET.Element) -> dict[str, Any]:
    return _typed({child.tag.rpartition("}")[2]: (child.text or "").strip() for child in element})


def _typed(fields: dict[str, Any]) -> dict[str, Any]:
    size = fields.get("Size")
    if size is not None:
        fields["Size"] = int(size) if size.isdecimal() and len(size) < _LONGEST_NUMBER else None
    return fields


def _no_listing() -> StorageMisbehaved:
    return StorageMisbehaved("the answer is no listing of a bucket; check host and bucket in the URL")
