"""FilenamePattern: which file name each item of an order is expected to have.

Names are *rendered* from orders and looked up; a file name is never parsed to decide what it belongs to.
``readings`` reads a name backwards, for reports alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import islice

from attrs import field, frozen

from remote_artwork.core.orders import DEFAULT_PLACEMENTS, MEDIA_TYPES, Order, OrderItem
from remote_artwork.errors import InvalidPattern

ORDER_NUMBER = "order_number"
PLACEMENT = "placement"
ORDER_ITEM_NUMBER = "order_item_number"
ORDER_ITEM_POSITION = "order_item_position"
VARIABLES = (ORDER_NUMBER, ORDER_ITEM_NUMBER, ORDER_ITEM_POSITION, PLACEMENT)

DEFAULT_PATTERN = "{order_number}_{order_item_number}"

_TOKEN = re.compile(r"\{(?P<variable>[^{}\[\]]*)\}|(?P<stray>[{}])|(?P<constant>[^{}\[\]]+)")
_EXTENSIONS = (*MEDIA_TYPES, "<file-extension>", "*")
_LONGEST_READ = 255
_MOST_READINGS = 16
_MOST_STEPS = 600


@frozen
class _Part:
    """One constant or one variable, where it stands in the pattern, and whether it is in the optional group."""

    text: str
    at: int
    is_variable: bool
    optional: bool


_Shape = tuple[_Part, ...]
"""What a name is built of, with or without the optional group."""


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


@frozen
class FilenamePattern:
    """A pattern such as ``{order_number}_{order_item_number}[_{placement}]``.

    Variables are ``order_number``, ``order_item_number``, ``order_item_position`` and ``placement``; the rest is
    constant, ``/`` makes folders. The group in square brackets is left out exactly when an item's placements are
    ``("default",)``. The extension is never part of it.

    Args:
        text: The pattern.

    Raises:
        InvalidPattern: With the position of what cannot be used.
    """

    text: str = field(default=DEFAULT_PATTERN, converter=_nfc)
    _plain: _Shape = field(init=False, repr=False, eq=False)
    _whole: _Shape = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        whole = _parse(self.text)
        object.__setattr__(self, "_whole", whole)
        object.__setattr__(self, "_plain", tuple(part for part in whole if not part.optional))
        for shape in (self._plain, self._whole):
            _refuse_bad_name(self.text, shape)

    def __str__(self) -> str:
        return self.text

    def uses(self, variable: str) -> bool:
        """Whether the pattern holds this variable, in the optional group or outside."""
        return any(part.is_variable and part.text == variable for part in self._whole)

    def render(self, order: Order, item: OrderItem, placement: str) -> str:
        """The expected name of one file, without its extension.

        Raises:
            ValueError: The order's numbers cannot stand in a file name; says why.
        """
        values = {
            ORDER_NUMBER: order.number,
            "order_item_number": item.number,
            ORDER_ITEM_POSITION: str(item.position),
            PLACEMENT: placement,
        }
        shape = self._plain if item.placements == DEFAULT_PLACEMENTS else self._whole
        stem = "".join(values[part.text] if part.is_variable else part.text for part in shape)
        flaw = flaw_of_stem(stem)
        if flaw:
            raise ValueError(f"no file can be named {stem!r}: {flaw}")
        return stem

    def readings(self, stem: str) -> list[dict[str, str]]:
        """Every way, up to a bound, in which ``stem`` could have come from this pattern, for explanations only."""
        if len(stem) > _LONGEST_READ:
            return []
        shapes = (self._whole,) if self._whole == self._plain else (self._plain, self._whole)
        found = (islice(_read(shape, stem, 0, {}, iter(range(_MOST_STEPS))), _MOST_READINGS) for shape in shapes)
        return [dict(reading) for readings in found for reading in readings]

    def order_numbers(self, stem: str) -> set[str]:
        """The orders that ``stem`` may speak of, up to a bound, for look-ups in the ledger."""
        return {reading[ORDER_NUMBER] for reading in self.readings(_nfc(stem))}

    def fits(self, stem: str) -> bool:
        """Whether some order and item would render to ``stem``."""
        return bool(self.readings(stem))


def flaw_of_stem(stem: str) -> str | None:
    """Why no file of a storage location can have this name, or None."""
    if any(ord(c) < 32 or ord(c) == 127 for c in stem) or "\\" in stem:
        return "it holds a control character or a backslash"
    segments = stem.split("/")
    if any(segment in ("", ".", "..") for segment in segments[:-1]) or not segments[-1]:
        return "a folder in it is empty, '.' or '..'"
    if len(stem.encode()) > 1000:
        return "it is longer than 1,000 bytes"
    return None


def _parse(text: str) -> _Shape:
    opened, closed = _group(text)
    parts = tuple(_part(text, token, optional=opened < token.start() < closed) for token in _TOKEN.finditer(text))
    if opened < closed and not any(part.text == PLACEMENT and part.is_variable and part.optional for part in parts):
        raise _refuse(text, opened, "the optional group must hold {placement}: it is left out without one")
    if not any(part.text == ORDER_NUMBER and part.is_variable and not part.optional for part in parts):
        raise _refuse(text, len(text), "{order_number} is missing: every name must tell the order it belongs to")
    return parts


def _group(text: str) -> tuple[int, int]:
    """Where the optional group opens and closes; twice the same place where there is none."""
    opened, closed = text.find("["), text.find("]")
    if closed >= 0 and not 0 <= opened < closed:
        raise _refuse(text, closed, "a ']' without its '['")
    if text.count("[") > 1:
        raise _refuse(text, text.index("[", opened + 1), "a second '[': one optional group is allowed")
    if opened >= 0 and closed < 0:
        raise _refuse(text, opened, "a '[' without its ']'")
    if text.count("]") > 1:
        raise _refuse(text, text.index("]", closed + 1), "a ']' without its '['")
    return opened, closed


def _part(text: str, token: re.Match[str], *, optional: bool) -> _Part:
    if token["stray"]:
        raise _refuse(text, token.start(), "a brace without its partner")
    if token["constant"] is not None:
        return _Part(token["constant"], token.start(), is_variable=False, optional=optional)
    if token["variable"] not in VARIABLES:
        known = ", ".join(f"{{{name}}}" for name in VARIABLES)
        raise _refuse(text, token.start(), f"unknown variable {{{token['variable']}}}; the variables are {known}")
    return _Part(token["variable"], token.start(), is_variable=True, optional=optional)


def _refuse_bad_name(text: str, shape: _Shape) -> None:
    """Refuses constants that no file name can hold, with an ``x`` standing for each variable."""
    drawn = [(c, part.at + i) for part in shape for i, c in enumerate("x" if part.is_variable else part.text)]
    name = "".join(character for character, _ in drawn)
    places = [place for _, place in drawn] + [len(text)]
    for character, place in drawn:
        if character == "\\" or unicodedata.category(character) in ("Cc", "Cs"):
            raise _refuse(text, place, f"{character!r} cannot stand in a file name")
    stem, dot, extension = name.rpartition(".")
    if dot and extension.lower() in _EXTENSIONS:
        raise _refuse(text, places[len(stem)], f"leave out '.{extension}': the extension is never part of it")
    at = 0
    for segment in name.split("/"):
        if segment in ("", ".", ".."):
            raise _refuse(text, places[at], f"the folder name {segment!r} is not allowed")
        at += len(segment) + 1


def _refuse(text: str, at: int, why: str) -> InvalidPattern:
    return InvalidPattern(f"pattern {text!r}, position {at + 1}: {why}")


def _read(
    shape: _Shape, stem: str, at: int, known: Mapping[str, str], steps: Iterator[int]
) -> Iterator[Mapping[str, str]]:
    """Splits ``stem`` from ``at`` on along the constants of ``shape``, until ``steps`` are used up."""
    if next(steps, None) is None:
        return
    if not shape:
        if at == len(stem):
            yield known
        return
    part, rest = shape[0], shape[1:]
    settled = known.get(part.text) if part.is_variable else part.text
    if settled is None:
        for end in _ends(rest, stem, at):
            yield from _read(rest, stem, end, {**known, part.text: stem[at:end]}, steps)
    elif stem.startswith(settled, at):
        yield from _read(rest, stem, at + len(settled), known, steps)


def _ends(rest: _Shape, stem: str, at: int) -> Iterator[int]:
    """Where the value of a variable that starts at ``at`` may end; values are not empty and hold no '/'."""
    slash = stem.find("/", at)
    furthest = len(stem) if slash < 0 else slash
    if not rest:
        if at < furthest == len(stem):
            yield furthest
        return
    following = "" if rest[0].is_variable else rest[0].text
    end = stem.find(following, at + 1)
    while at < end <= furthest:
        yield end
        end = stem.find(following, end + 1)
