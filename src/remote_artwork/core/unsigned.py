"""Words of others without what a URL was signed with: hosts and their libraries quote the URLs they were given."""

from __future__ import annotations

import re

_SIGNED = re.compile(r"\?[^\s?]*(?:signature|sig|token|credential)(?:=|%3d)[^\s\"'<>]*", re.IGNORECASE)
"""The query of a URL, or of its path alone, that signs or lets in."""


def unsigned(text: str) -> str:
    """The text, with every such query cut off: ``…/1001_1.pdf?…``."""
    return _SIGNED.sub("?…", text) if "?" in text else text
