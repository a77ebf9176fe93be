"""Reading a page of a listing in XML: its names at once, and what else it tells of a file when that is asked for.

The SDKs make a record of every file, which takes many times as long as all the rest. A page is as hostile as whoever
serves it: a document type, and with it every entity, is refused before an XML parser sees it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from html import unescape
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from attrs import frozen

from remote_artwork.errors import StorageMisbehaved

_FIELD = re.compile(r"<([A-Za-z0-9_-]+)>([^<]*)</")
_LONGEST_NUMBER = 20


@frozen
class ListedXml:
    """One page.

    Args:
        root: Its root element; the files in it may have been left out.
        names: The name of each file, in the storage's order.
        fields: What the page tells of ``names[i]``: the texts of its elements, at whatever depth, by their tags; of
            two with one tag, the first.
    """

    root: ET.Element
    names: Sequence[str]
    fields: Callable[[int], dict[str, str]]


def read_xml(body: bytes, *, file: str, name: str, size: str) -> ListedXml:
    """Reads a page.

    Args:
        body: XML in UTF-8.
        file: The tag of the element that is a file.
        name: The tag of the element in it that is its name.
        size: The tag of the element in it that is its size, which every file has.

    Raises:
        StorageMisbehaved: It is no XML, or not all of it, or it has a document type, or a file without a name.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise no_listing() from error
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise StorageMisbehaved("the storage's listing has a document type, which no listing needs; it was not read")
    head, *files = text.split(f"<{file}>")
    names = [xml.partition(f"<{name}>")[2].partition(f"</{name}>")[0] for xml in files]
    if not _are_plain(names) or text.count(f"</{file}>") != len(names):
        return _read_all(_parsed(text), file, name)
    # As every server sends them. What stands around the files is little, and is parsed as it would be with them.
    around = _parsed(head + files[-1].partition(f"</{file}>")[2] if files else text)
    if next(_elements(around, file), None) is not None:
        return _read_all(_parsed(text), file, name)

    def fields(place: int) -> dict[str, str]:
        xml = files[place].partition(f"</{file}>")[0].replace("&quot;", '"')  # around every ETag of S3
        told = dict(reversed(_FIELD.findall(xml)))
        if "&" in xml:
            told = {tag: unescape(text) for tag, text in told.items()}
        return told if size in told else texts_in(_parsed(f"<{file}>{xml}</{file}>"))

    return ListedXml(around, names, fields)


def texts_in(element: ET.Element) -> dict[str, str]:
    """The texts below an element, at whatever depth, by their tags without name space; of two alike, the first."""
    below = [(each.tag.rpartition("}")[2], (each.text or "").strip()) for each in element.iter()][1:]
    return dict(reversed(below))


def number_in(text: str) -> int | None:
    """A whole number as a listing writes it; None for anything else, and for one that no file's size can be."""
    return int(text) if text.isdecimal() and len(text) < _LONGEST_NUMBER else None


def no_listing() -> StorageMisbehaved:
    """What to say of an answer that is none."""
    return StorageMisbehaved("the answer is no listing of a bucket; check host and bucket in the URL")


def _are_plain(names: Sequence[str]) -> bool:
    """Whether each file has a name, and all stand there as they are."""
    joined = "".join(names)
    return all(names) and "&" not in joined and "<" not in joined


def _read_all(root: ET.Element, file: str, name: str) -> ListedXml:
    """Reads a page that is written in another way than usual, for example with a prefix for its name space."""
    files = list(_elements(root, file))
    names = [_name_in(next(_elements(each, name), None)) for each in files]
    if not all(names):
        raise StorageMisbehaved("the storage lists a file without a name")
    return ListedXml(root, names, lambda place: texts_in(files[place]))


def _elements(root: ET.Element, tag: str) -> Iterator[ET.Element]:
    return root.iterfind(f".//{{*}}{tag}")


def _name_in(element: ET.Element | None) -> str:
    """Azure percent-encodes a name that XML cannot hold, and says so there."""
    text = "" if element is None else element.text or ""
    return unquote(text) if element is not None and element.get("Encoded") == "true" else text


def _parsed(xml: str) -> ET.Element:
    try:
        return ET.fromstring(xml)  # noqa: S314 - it has no document type, so there is nothing to expand
    except ET.ParseError as error:
        raise no_listing() from error
