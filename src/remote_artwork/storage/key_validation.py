"""Object keys: which names a file of a location may have.

A storage may list any key. No request is made for a key that could lead out of its folder, or that breaks logs and
URLs. ``Page.unusable`` contains such keys with the reason, so that a person can upload the file again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from remote_artwork.core.reasons import Reason, reason

_UNPRINTABLE = r"\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029"

UNPRINTABLE = re.compile(f"[{_UNPRINTABLE}]")
"""Control characters, lone surrogates, line and paragraph separators. Not allowed in keys, nor in a location's URL."""

MAX_KEY_LENGTH = 1024
"""The longest key, in characters. No provider allows a longer one."""

_INVALID = re.compile(
    rf"""
      ^ (?: / | $ )                  # outside the folder, or the folder itself
    | / $                            # a folder marker
    | (?: ^ | / ) \.\.? (?: / | $ )  # "." or ".." as a path segment
    | [\\{_UNPRINTABLE}]
    """,
    re.VERBOSE,
)

_SUSPICIOUS = ("\n/", "/\n", "\n\n", "\n.", "/.", "\\")
"""What an invalid key contains, once the keys of a page are joined by line breaks. Valid keys may contain it, too."""


def is_invalid_key(key: str) -> bool:
    """Whether a key leaves its folder, is the folder itself, is too long, or has characters that no key may have."""
    return len(key) > MAX_KEY_LENGTH or _INVALID.search(key) is not None


def why_unusable(key: str) -> Reason | None:
    """Why the file with this key cannot be used; None for a valid key, and for a folder and its marker."""
    if not is_invalid_key(key) or not key or key.endswith("/"):
        return None
    if len(key) > MAX_KEY_LENGTH:
        return reason("key_too_long", most=MAX_KEY_LENGTH)
    if UNPRINTABLE.search(key):
        return reason("key_unprintable")
    if "\\" in key:
        return reason("key_with_backslash")
    return reason("key_in_nameless_folder" if key.startswith("/") else "key_with_dot_folder")


def all_valid_keys(keys: Sequence[str]) -> bool:
    """Whether all keys of a page are certainly valid. Fast: it checks them together. False: check each of them."""
    if max(map(len, keys), default=0) > MAX_KEY_LENGTH:
        return False
    lines = "\n".join(("", *keys, ""))
    return "".join(keys).isprintable() and not any(text in lines for text in _SUSPICIOUS)
