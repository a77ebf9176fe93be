"""How a listing in XML encodes its keys. XML cannot contain every key, so the storage is asked to encode them.

Servers differ: some encode a space as ``+``, others as ``%20`` and leave ``+`` alone, some encode without saying so,
some do not encode. A key that is decoded in the wrong way is the name of another file. ``possible_encodings`` keeps
the encodings that a page does not contradict. If several remain, the backend looks a file up to decide.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from urllib.parse import unquote, unquote_plus


class KeyEncoding(enum.Enum):
    """An encoding of keys."""

    NONE = "none"
    FORM = "form"
    """As in web forms: ``+`` is a space."""
    PERCENT = "percent"
    """``+`` is a plus sign."""

    def decode(self, keys: Sequence[str]) -> Sequence[str]:
        """The keys as they are."""
        if self is KeyEncoding.NONE:
            return keys
        joined = "".join(keys)
        if "%" not in joined and (self is KeyEncoding.PERCENT or "+" not in joined):
            return keys
        return list(map(unquote_plus if self is KeyEncoding.FORM else unquote, keys))


_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")


def possible_encodings(keys: Sequence[str], folder: str, *, declared: bool) -> Sequence[KeyEncoding]:
    """The encodings under which a page makes sense, the most likely one first. There is always one.

    Args:
        keys: The keys of one page, as the response has them.
        folder: The prefix with which every key starts, once it is decoded.
        declared: Whether the response says that its keys are encoded.
    """
    joined = "\n".join(keys)
    usual = KeyEncoding.FORM if declared else KeyEncoding.NONE
    has_plus, escapes = "+" in joined, {escape.upper() for escape in _ESCAPE.findall(joined)} if "%" in joined else ()
    if not has_plus and not escapes:
        return [usual]
    possible = [KeyEncoding.FORM, KeyEncoding.PERCENT]
    if not has_plus:
        possible.remove(KeyEncoding.PERCENT)  # the same without a plus sign
    elif "%2B" in escapes:
        possible.remove(KeyEncoding.PERCENT)
    elif "%20" in escapes:
        possible.remove(KeyEncoding.FORM)
    if not declared:
        # An encoder would have encoded a space or a letter outside ASCII.
        is_plain = " " in joined or not joined.isascii()
        possible = [KeyEncoding.NONE] if is_plain else [KeyEncoding.NONE, *possible]
    in_folder = [each for each in possible if all(key.startswith(folder) for key in each.decode(keys))]
    return in_folder or [usual]
