"""Pure functions on text: Unicode forms of file names, redacted signatures, and text that a terminal may print."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

_INVISIBLE_CHARACTERS = (
    "\\x7f-\\x9f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e"
    "\\u2060-\\u206f\\u2800\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff9-\\ufffb\\U0001bca0-\\U0001bca3"
    "\\U0001d173-\\U0001d17a\\U000e0000-\\U000e0fff"
)
INVISIBLE = re.compile(f"[{_INVISIBLE_CHARACTERS}]+")
"""Characters that take no visible space, or change the direction of text. Python calls some of them printable."""

_SIGNED_QUERY = re.compile(r"\?[^\s?]*(?:signature|sig|token|credential)(?:=|%3d)[^\s\"'<>]*", re.IGNORECASE)
"""The query of a URL, or of a path, that contains a signature or a credential."""


def nfc(text: str) -> str:
    """The text in Unicode's composed form (NFC). File names are compared in this form."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def spellings(text: str) -> Collection[str]:
    """The forms in which a storage may keep a name: as given, composed (NFC) and decomposed (NFD)."""
    if text.isascii():
        return (text,)
    return {text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)}


def redact_signatures(text: str) -> str:
    """Replace each query that contains a signature or a credential: ``…/1001_1.pdf?…``."""
    return _SIGNED_QUERY.sub("?…", text) if "?" in text else text


def escape_unprintable(text: str) -> str:
    """Write unprintable and invisible characters as escapes, as Python literals do.

    The result cannot move a terminal's cursor, hide text or reverse its direction.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if is_visible(each) else each.encode("unicode_escape").decode() for each in text)


def is_visible(character: str) -> bool:
    """Whether a reader can see the character, or it is a plain space."""
    return character.isprintable() and not INVISIBLE.match(character)
