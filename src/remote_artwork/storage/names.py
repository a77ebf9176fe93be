"""Which listed names can be the name of a file: the others, joined to a path, would lead out of the folder."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Control characters, lone surrogates, line and paragraph separators: nobody means them, and logs break on them.
_UNPRINTABLE = r"\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029"

UNPRINTABLE = re.compile(f"[{_UNPRINTABLE}]")
"""What neither the name of a file may hold, nor the URL of its folder."""

_IMPOSSIBLE = re.compile(
    rf"""
      ^ (?: / | $ )                  # outside of the folder, or the folder itself
    | / $                            # a marker for a folder
    | (?: ^ | / ) \.\.? (?: / | $ )  # would lead elsewhere when joined to a path
    | [\\{_UNPRINTABLE}]
    """,
    re.VERBOSE,
)

LONGEST_NAME = 1024
"""Characters of a file's name; no provider takes a longer one."""

_SUSPICIOUS = ("\n/", "/\n", "\n\n", "\n.", "/.", "\\")


def is_impossible(name: str) -> bool:
    """Whether a name leads out of its folder, is the folder itself, is too long, or holds what no name may."""
    return len(name) > LONGEST_NAME or _IMPOSSIBLE.search(name) is not None


def all_plain(names: Sequence[str]) -> bool:
    """Whether not one of a page's names can be impossible. Quick, because it looks at all of them together."""
    if max(map(len, names), default=0) > LONGEST_NAME:
        return False
    lines = "\n".join(("", *names, ""))
    return "".join(names).isprintable() and not any(text in lines for text in _SUSPICIOUS)
