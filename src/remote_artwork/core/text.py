"""Pure functions on text: Unicode forms of file names, redacted signatures, and text that a terminal may print."""

from __future__ import annotations

import re
import traceback
import unicodedata
from collections.abc import Collection

_INVISIBLE_CHARACTERS = (
    "\\x7f-\\x9f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e"
    "\\u2060-\\u206f\\u2800\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff9-\\ufffb\\U0001bca0-\\U0001bca3"
    "\\U0001d173-\\U0001d17a\\U000e0000-\\U000e0fff"
)
INVISIBLE = re.compile(f"[{_INVISIBLE_CHARACTERS}]+")
"""Characters that take no visible space, or change the direction of text. Python calls some of them printable."""

_HINT = re.compile(r"sig|token|credential|access.{0,3}(?:key)?.{0,3}id|authorization|hmac|:[^/\s@]*@", re.IGNORECASE)
"""What every text with a signature contains. Most texts do not, so they are checked only once."""
_EQUALS = r"(?:=|%(?:25)*3d|\\+u003d|&#(?:x3d|61);)"
_SEGMENT = re.compile(r"[^\s\"'<>]+")
_QUERY_START = re.compile(r"\?|%(?:25)*3f|\\+u003f", re.IGNORECASE)
_SIGNED_PARAMETER = re.compile(rf"(?:signature|sig|token|credential){_EQUALS}", re.IGNORECASE)
_HYPHEN = r"(?:[-_.]|%(?:25)*2d)?"
_SIGNED_NAME = (
    rf"(?:x{_HYPHEN}(?:amz|goog|oss|cos|obs|ms){_HYPHEN}(?:security{_HYPHEN})?(?:signature|credential|token)"
    rf"|(?:aws|oss|google)?access{_HYPHEN}(?:key{_HYPHEN})?id)"
)
_NAME = rf"(?:signature(?:provided)?|sig|hmac|(?:[a-z]{{1,20}}{_HYPHEN})?token|credential)"
_QUOTE = r"\\*[\"'`]"
_ASSIGNED = (
    rf"(?:{_QUOTE})?(?:\s*(?:{_EQUALS}>?|:|%(?:25)*3a|</[\w:]+>\s*<[\w:]+>|>)"
    rf"|\s*,\s*(?:{_QUOTE}value{_QUOTE}\s*:)?(?=\s*{_QUOTE}))\s*\[?\s*(?:{_QUOTE})?"
)
_VALUE = r"[^\s\"'`<>&,;{}\[\]()\\]"
_SIGNED_VALUE = re.compile(
    rf"(?P<name>(?<![a-z0-9])(?:{_SIGNED_NAME}{_ASSIGNED}(?={_VALUE})|{_NAME}{_ASSIGNED}(?={_VALUE}{{16}})))"
    rf"{_VALUE}+",
    re.IGNORECASE,
)
"""A signature or a credential outside a query, for example in JSON, a header or XML. Other values are kept if they are
shorter than a signature."""


_USER = re.compile(r"(?<=://)[^\s\"'<>/?#@:]*:[^\s\"'<>/@]*@")
"""A user name and a password in a URL."""
_AUTHORIZATION = re.compile(
    rf"(?P<name>(?<![a-z0-9])authorization{_ASSIGNED}(?:(?:bearer|basic|token|digest)\s+)?(?={_VALUE}{{8}})){_VALUE}+",
    re.IGNORECASE,
)
"""The key in a header, or in a query."""


def nfc(text: str) -> str:
    """The text in Unicode's composed form (NFC). File names are compared in this form."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def spellings(text: str) -> Collection[str]:
    """The forms in which a storage may keep a name: as given, composed (NFC) and decomposed (NFD)."""
    if text.isascii():
        return (text,)
    return {text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)}


def redact_signatures(text: str) -> str:
    """Replace each query that contains a signature or a credential: ``…/1001_1.pdf?…``, and such values elsewhere.

    The query may be percent-encoded. A password in a URL and a key in an ``Authorization`` header are replaced, too.
    """
    if not _HINT.search(text):
        return text
    text = _AUTHORIZATION.sub(_keep_name, _USER.sub("…@", text))
    return _SIGNED_VALUE.sub(_keep_name, _SEGMENT.sub(_redact_query, text))


def _keep_name(found: re.Match[str]) -> str:
    return f"{found['name']}…"


class RedactedError(Exception):
    """Stands in a log for an error whose text contained a signature or a credential. Has its traceback."""


def redact_error(error: BaseException) -> BaseException:
    """The error as it may be logged: itself, unless its text or that of a cause contains a signature."""
    said = "".join(traceback.format_exception(error))
    if redact_signatures(said) == said:
        return error
    copy = RedactedError(redact_signatures(f"{type(error).__name__}: {error}"))
    if (cause := error.__cause__ or error.__context__) is not None:
        copy.__cause__ = redact_error(cause)
    return copy.with_traceback(error.__traceback__)


def _redact_query(segment: re.Match[str]) -> str:
    parameter = _SIGNED_PARAMETER.search(segment[0])
    start = parameter and _QUERY_START.search(segment[0], 0, parameter.start())
    return f"{segment[0][: start.start()]}?…" if start else segment[0]


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


_CSV_SEPARATORS = ",;\t"


def csv_separator(text: str) -> str:
    """What separates the cells of a CSV file: the comma, semicolon or tab that its first line has most often."""
    return max(_CSV_SEPARATORS, key=text.partition("\n")[0].count)


def counted(count: int, noun: str) -> str:
    """A number and a noun in the singular or plural: ``1 item``, ``2,000 items``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
