"""Text as a terminal may show it: nothing in it moves the cursor, hides, or turns the order of what follows."""

from __future__ import annotations


def visible(text: str) -> str:
    """The text with what is not printable written as an escape, as Python's own literals do it."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
