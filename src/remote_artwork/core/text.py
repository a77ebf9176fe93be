"""Pure functions on text: Unicode forms of file names, redacted signatures, and text that a terminal may print."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

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
    """Write unprintable characters as escapes, as Python literals do.

    The result cannot move a terminal's cursor, hide text or reverse its direction.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
