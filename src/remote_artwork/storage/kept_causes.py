"""What is kept of another library's error: what it was and where it came about, without a word or a value of it.

Its words may be the storage's, which can repeat the secrets it was sent, at any length. Its frames hold signed
requests, and tools that collect errors show the values in them.
"""

from __future__ import annotations

import traceback

from remote_artwork.storage.foreign import causes


class ForeignError(Exception):
    """Stands as ``__cause__`` for an error of another library. Its notes tell the lines that the error came through."""


def stand_in(error: Exception) -> ForeignError:
    """The error's classes, outermost first, with the numbers of what the system or the storage said."""
    kept = ForeignError(" from ".join(_described(link) for link in causes(error)))
    kept.add_note("".join(traceback.format_tb(error.__traceback__)).rstrip())
    return kept


def _described(link: BaseException) -> str:
    kind = type(link)
    numbers = (getattr(link, name, None) for name in ("errno", "status", "status_code"))
    told = next((f" {number}" for number in numbers if isinstance(number, int)), "")
    return f"{kind.__module__}.{kind.__qualname__}{told}"
