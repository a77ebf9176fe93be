"""``FilenamePattern``: the file name that each item of an order is expected to have.

Names are rendered from orders and looked up. A file name is never parsed to decide which order it belongs to.
``readings`` parses a name, but only for reports and for lookups in the ledger.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import islice

from attrs import field, frozen

from remote_artwork.core.orders import DEFAULT_PLACEMENTS, MEDIA_TYPES, Order, OrderItem
from remote_artwork.core.text import nfc
from remote_artwork.errors import InvalidPattern

ORDER_NUMBER = "order_number"
PLACEMENT = "placement"
ORDER_ITEM_NUMBER = "order_item_number"
ORDER_ITEM_POSITION = "order_item_position"
VARIABLES = (ORDER_NUMBER, ORDER_ITEM_NUMBER, ORDER_ITEM_POSITION, PLACEMENT)

DEFAULT_PATTERN = "{order_number}_{order_item_number}"

_TOKEN = re.compile(r"\{(?P<variable>[^{}\[\]]*)\}|(?P<stray>[{}])|(?P<constant>[^{}\[\]]+)")
_EXTENSIONS = (*MEDIA_TYPES, "<file-extension>", "*")
_MAX_LENGTH = 255
_MAX_READINGS = 16
_MAX_STEPS = 600


@frozen
class _Part:
    """One constant or variable of a pattern.

    Args:
        text: The constant text, or the name of the variable.
        at: Its position in the pattern.
        is_variable: Whether it is a variable.
        optional: Whether it is in the optional group.
    """

    text: str
    at: int
    is_variable: bool
    optional: bool


_Shape = tuple[_Part, ...]
"""The parts of a name, with or without the optional group."""


@frozen
class FilenamePattern:
    """A pattern such as ``{order_number}_{order_item_number}[_{placement}]``.

    The variables are ``order_number``, ``order_item_number``, ``order_item_position`` and ``placement``. All other text
    is constant; ``/`` separates folders. The group in square brackets is left out exactly when an item's placements are
    ``("default",)``. The extension is never part of the pattern.

    Args:
        text: The pattern.

    Raises:
        InvalidPattern: The pattern is invalid. The message shows the position.
    """

    text: str = field(default=DEFAULT_PATTERN, converter=nfc)
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
        """Whether the pattern contains this variable."""
        return any(part.is_variable and part.text == variable for part in self._whole)

    @property
    def leaf_constants(self) -> list[str]:
        """The constant texts after the last ``/``."""
        constants = ["" if part.is_variable else part.text for part in self._whole]
        return "\0".join(constants).rpartition("/")[2].split("\0")

    def render(self, order: Order, item: OrderItem, placement: str) -> str:
        """The expected name of one file, without its extension.

        Raises:
            ValueError: The order's numbers cannot be part of a file name.
        """
        values = {
            ORDER_NUMBER: order.number,
            ORDER_ITEM_NUMBER: item.number,
            ORDER_ITEM_POSITION: str(item.position),
            PLACEMENT: placement,
        }
        shape = self._plain if item.placements == DEFAULT_PLACEMENTS else self._whole
        basename = "".join(values[part.text] if part.is_variable else part.text for part in shape)
        problem = basename_problem(basename)
        if problem:
            raise ValueError(f"no file can have the name {basename!r}: {problem}")
        return basename

    def readings(self, basename: str) -> list[dict[str, str]]:
        """The values of the variables with which the pattern renders this basename; at most 16 ways per shape."""
        if len(basename) > _MAX_LENGTH:
            return []
        shapes = (self._whole,) if self._whole == self._plain else (self._plain, self._whole)
        found = (islice(_read(shape, basename, 0, {}, iter(range(_MAX_STEPS))), _MAX_READINGS) for shape in shapes)
        return [dict(reading) for readings in found for reading in readings]

    def order_numbers(self, basename: str) -> set[str]:
        """The order numbers that the basename may contain, for lookups in the ledger."""
        return {reading[ORDER_NUMBER] for reading in self.readings(nfc(basename))}

    def fits(self, basename: str) -> bool:
        """Whether the pattern renders this basename for some order and item."""
        return bool(self.readings(basename))


def basename_problem(basename: str) -> str | None:
    """Why no file can have this name; None if it can."""
    if any(ord(c) < 32 or ord(c) == 127 for c in basename) or "\\" in basename:
        return "it contains a control character or a backslash"
    segments = basename.split("/")
    if any(segment in ("", ".", "..") for segment in segments[:-1]) or not segments[-1]:
        return "a folder in it is empty, '.' or '..'"
    if len(basename.encode()) > 1000:
        return "it is longer than 1,000 bytes"
    return None


def _parse(text: str) -> _Shape:
    opened, closed = _optional_group(text)
    parts = tuple(_part(text, token, optional=opened < token.start() < closed) for token in _TOKEN.finditer(text))
    if opened < closed and not any(part.text == PLACEMENT and part.is_variable and part.optional for part in parts):
        raise _refuse(
            text, opened, "the optional group must contain {placement}, because only items with placements use it"
        )
    if not any(part.text == ORDER_NUMBER and part.is_variable and not part.optional for part in parts):
        raise _refuse(text, len(text), "{order_number} is missing; every name must contain the number of its order")
    return parts


def _optional_group(text: str) -> tuple[int, int]:
    """The positions at which the optional group opens and closes; equal if there is none."""
    opened, closed = text.find("["), text.find("]")
    if closed >= 0 and not 0 <= opened < closed:
        raise _refuse(text, closed, "a ']' without its '['")
    if text.count("[") > 1:
        raise _refuse(text, text.index("[", opened + 1), "a second '['; only one optional group is allowed")
    if opened >= 0 and closed < 0:
        raise _refuse(text, opened, "a '[' without its ']'")
    if text.count("]") > 1:
        raise _refuse(text, text.index("]", closed + 1), "a ']' without its '['")
    return opened, closed


def _part(text: str, token: re.Match[str], *, optional: bool) -> _Part:
    if token["stray"]:
        raise _refuse(text, token.start(), "a brace without its counterpart")
    if token["constant"] is not None:
        return _Part(token["constant"], token.start(), is_variable=False, optional=optional)
    if token["variable"] not in VARIABLES:
        known = ", ".join(f"{{{name}}}" for name in VARIABLES)
        raise _refuse(text, token.start(), f"unknown variable {{{token['variable']}}}; the variables are {known}")
    return _Part(token["variable"], token.start(), is_variable=True, optional=optional)


def _refuse_bad_name(text: str, shape: _Shape) -> None:
    """Refuse constants that cannot be part of a file name. Each variable is replaced by ``x``."""
    sample = [(c, part.at + i) for part in shape for i, c in enumerate("x" if part.is_variable else part.text)]
    name = "".join(character for character, _ in sample)
    places = [place for _, place in sample] + [len(text)]
    for character, place in sample:
        if character == "\\" or unicodedata.category(character) in ("Cc", "Cs"):
            raise _refuse(text, place, f"{character!r} cannot be part of a file name")
    basename, dot, extension = name.rpartition(".")
    if dot and extension.lower() in _EXTENSIONS:
        raise _refuse(text, places[len(basename)], f"leave out '.{extension}': the pattern has no extension")
    at = 0
    for segment in name.split("/"):
        if segment in ("", ".", ".."):
            raise _refuse(text, places[at], f"the folder name {segment!r} is not allowed")
        at += len(segment) + 1


def _refuse(text: str, at: int, why: str) -> InvalidPattern:
    return InvalidPattern(f"pattern {text!r}, position {at + 1}: {why}")


def _read(
    shape: _Shape, basename: str, at: int, known: Mapping[str, str], steps: Iterator[int]
) -> Iterator[Mapping[str, str]]:
    """Split ``basename`` from ``at`` on at the constants of ``shape``, in at most as many steps as ``steps`` yields."""
    if next(steps, None) is None:
        return
    if not shape:
        if at == len(basename):
            yield known
        return
    part, rest = shape[0], shape[1:]
    value = known.get(part.text) if part.is_variable else part.text
    if value is None:
        for end in _ends(rest, basename, at):
            yield from _read(rest, basename, end, {**known, part.text: basename[at:end]}, steps)
    elif basename.startswith(value, at):
        yield from _read(rest, basename, at + len(value), known, steps)


def _ends(rest: _Shape, basename: str, at: int) -> Iterator[int]:
    """Where the value of a variable that starts at ``at`` may end. Values are not empty and contain no '/'."""
    slash = basename.find("/", at)
    furthest = len(basename) if slash < 0 else slash
    if not rest:
        if at < furthest == len(basename):
            yield furthest
        return
    next_text = "" if rest[0].is_variable else rest[0].text
    end = basename.find(next_text, at + 1)
    while at < end <= furthest:
        yield end
        end = basename.find(next_text, end + 1)
