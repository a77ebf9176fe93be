"""Reading a page of an S3 listing: its keys at once, and what else it tells of an object when that is asked for.

The SDK makes a record of every object, which takes many times as long as all the rest. A page is as hostile as whoever
serves it: a document type, and with it every entity, is refused before an XML parser sees it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET

from attrs import frozen

from remote_artwork.errors import StorageMisbehaved

_LONGEST_NUMBER = 20


class Record(Mapping[str, Any]):
    """What a page tells of one object, by S3's own names. Read when it is asked for."""

    __slots__ = ("_xml",)

    def __init__(self, xml: str) -> None:
        self._xml = xml

    def _fields(self) -> Mapping[str, Any]:
        return _fields(_parsed(f"<Contents>{self._xml.partition('</Contents>')[0]}</Contents>"))

    def __getitem__(self, name: str) -> Any:
        return self._fields()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields())

    def __len__(self) -> int:
        return len(self._fields())


@frozen
class S3Page:
    """One page.

    Args:
        keys: Whole keys, in the storage's order.
        records: What the page tells of each, as ``stored_file`` reads it.
        following: The token of the next page, empty where none is named; None where the listing ends.
    """

    keys: Sequence[str]
    records: Sequence[Mapping[str, Any]]
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
    # What all servers send: objects one after the other, with keys that hold no entities.
    head, *objects = text.split("<Contents>")
    keys = [xml.partition("<Key>")[2].partition("</Key>")[0] for xml in objects]
    joined = "".join(keys)
    records: Sequence[Mapping[str, Any]] = [Record(xml) for xml in objects]
    frame = text
    if all(keys) and "&" not in joined and "<" not in joined and text.count("</Contents>") == len(keys):
        frame = head + (objects[-1].partition("</Contents>")[2] if objects else "")
    root = _parsed(frame)
    described = _fields(root)
    if root.tag.rpartition("}")[2] != "ListBucketResult" or "IsTruncated" not in described:
        raise _no_listing()
    if frame is text:
        records = [_fields(element) for element in root.iterfind("{*}Contents")]
        keys = [record.get("Key", "") for record in records]
        if not all(keys):
            raise StorageMisbehaved("the storage lists an object without a key")
    if described.get("EncodingType") == "url":
        keys = _decoded(keys)
    truncated = described["IsTruncated"].lower() == "true"
    return S3Page(keys, records, described.get("NextContinuationToken", "") if truncated else None)


def _decoded(keys: list[str]) -> list[str]:
    """Keys that were percent-encoded, because XML cannot hold all of them."""
    joined = "".join(keys)
    return [unquote_plus(key) for key in keys] if "%" in joined or "+" in joined else keys


def _parsed(xml: str) -> ET.Element:
    try:
        return ET.fromstring(xml)  # noqa: S314 - it has no document type, so there is nothing to expand
    except ET.ParseError as error:
        raise _no_listing() from error


def _fields(element: ET.Element) -> dict[str, Any]:
    fields: dict[str, Any] = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in element}
    if "Size" in fields:
        size = fields["Size"]
        fields["Size"] = int(size) if size.isdecimal() and len(size) < _LONGEST_NUMBER else None
    return fields


def _no_listing() -> StorageMisbehaved:
    return StorageMisbehaved("the answer is no listing of a bucket; check host and bucket in the URL")
