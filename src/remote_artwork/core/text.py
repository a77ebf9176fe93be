"""Text as a terminal may show it: nothing in it moves the cursor, hides, or turns the order of what follows."""

from __future__ import annotations

import re

_SIGNED = re.compile(r"\?[^\s?]*(?:signature|sig|token|credential)(?:=|%3d)[^\s\"'<>]*", re.IGNORECASE)
"""The query of a URL, or of its path alone, that signs or lets in."""


def redact_signatures(text: str) -> str:
    """The text, with every such query cut off: ``…/1001_1.pdf?…``."""
    return _SIGNED.sub("?…", text) if "?" in text else text


def escape_unprintable(text: str) -> str:
    """The text with what is not printable written as an escape, as Python's own literals do it."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
