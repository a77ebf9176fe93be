"""Read a page of a listing in XML: the keys at once, the other fields of a file only when they are needed.

The SDKs build a record for every file, which takes most of the time. A page is hostile input: a document type, and
with it every entity, is refused before an XML parser reads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from html import unescape
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from remote_artwork.errors import StorageMisbehaved

_FIELD = re.compile(r"<([A-Za-z0-9_-]+)>([^<]*)</")
_MAX_DIGITS = 19

Fields = Callable[[int], dict[str, str]]
"""Returns the fields of the file at a position: tag → text, at any depth. The first of two equal tags counts."""


def parse_listing(body: bytes, *, file: str, name: str, size: str) -> tuple[ET.Element, Sequence[str], Fields]:
    """Parse one page.

    Args:
        body: XML in UTF-8.
        file: The tag of a file's element.
        name: The tag of its key.
        size: The tag of its size, which every file has.

    Returns:
        The root element, possibly without the files in it; the keys, in the storage's order; the fields of each file.

    Raises:
        StorageMisbehaved: The page is not complete XML, has a document type, or has a file without a key.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise not_a_listing() from error
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise StorageMisbehaved(
            "the storage's listing has a document type, which is not allowed, so it was not read; check the URL"
        )
    head, *files = text.split(f"<{file}>")
    names = [xml.partition(f"<{name}>")[2].partition(f"</{name}>")[0] for xml in files]
    if not _are_plain(names) or text.count(f"</{file}>") != len(names):
        return _parse_completely(text, file, name)
    # The form that every known server sends. The XML around the files is short, so a parser checks it.
    root = _parse(head + files[-1].partition(f"</{file}>")[2] if files else text)
    if next(_elements(root, file), None) is not None:
        return _parse_completely(text, file, name)

    def fields(position: int) -> dict[str, str]:
        xml = files[position].partition(f"</{file}>")[0].replace("&quot;", '"')  # around every ETag of S3
        found = dict(reversed(_FIELD.findall(xml)))
        if "&" in xml:
            found = {tag: unescape(text) for tag, text in found.items()}
        return found if size in found else fields_in(_parse(f"<{file}>{xml}</{file}>"))

    return root, names, fields


def fields_in(element: ET.Element) -> dict[str, str]:
    """The texts below an element, at any depth: tag without namespace → text. The first of two equal tags counts."""
    found = [(each.tag.rpartition("}")[2], (each.text or "").strip()) for each in element.iter()][1:]
    return dict(reversed(found))


def parse_size(text: str) -> int | None:
    """A file size; None for anything that cannot be one."""
    return int(text) if text.isdecimal() and len(text) <= _MAX_DIGITS else None


def not_a_listing() -> StorageMisbehaved:
    """The error for a response that is not a listing."""
    return StorageMisbehaved("the storage's response is not a listing of a bucket; check host and bucket in the URL")


def _are_plain(names: Sequence[str]) -> bool:
    """Whether every file has a key, and no key contains markup."""
    joined = "".join(names)
    return all(names) and "&" not in joined and "<" not in joined


def _parse_completely(text: str, file: str, name: str) -> tuple[ET.Element, Sequence[str], Fields]:
    """Parse a page in an unusual form, for example with a namespace prefix."""
    root = _parse(text)
    files = list(_elements(root, file))
    names = [_name_in(next(_elements(each, name), None)) for each in files]
    if not all(names):
        raise StorageMisbehaved("the storage lists a file without a name; check host and bucket in the URL")
    return root, names, lambda position: fields_in(files[position])


def _elements(root: ET.Element, tag: str) -> Iterator[ET.Element]:
    return root.iterfind(f".//{{*}}{tag}")


def _name_in(element: ET.Element | None) -> str:
    """Azure percent-encodes a name that XML cannot contain, and marks it."""
    text = "" if element is None else element.text or ""
    return unquote(text) if element is not None and element.get("Encoded") == "true" else text


def _parse(xml: str) -> ET.Element:
    try:
        return ET.fromstring(xml)  # noqa: S314 - without a document type there are no entities to expand
    except ET.ParseError as error:
        raise not_a_listing() from error
