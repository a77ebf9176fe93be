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
SKU = "sku"
VARIABLES = (ORDER_NUMBER, ORDER_ITEM_NUMBER, ORDER_ITEM_POSITION, PLACEMENT, SKU)
_OF_ORDER = (ORDER_NUMBER, ORDER_ITEM_NUMBER, ORDER_ITEM_POSITION)
"""The variables whose values belong to one order."""

DEFAULT_PATTERN = "{order_number}_{order_item_number}"

_TOKEN = re.compile(r"\{(?P<variable>[^{}\[\]]*)\}|(?P<stray>[{}])|(?P<constant>[^{}\[\]]+)")
_EXTENSIONS = (*MEDIA_TYPES, "<file-extension>", "*")
_MAX_LENGTH = 255
_MAX_SKU_BYTES = 255
_SKU_SHOWN = 40
"""Characters of a SKU that is too long which a message shows."""
_MAX_READINGS = 16
_MAX_STEPS = 600
_MAX_STEPS_TO_READ_ALL = 10_000


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


def _as_text(text: object) -> str:
    if not isinstance(text, str):
        raise InvalidPattern(f"a pattern must be text, not {type(text).__name__}")
    return nfc(text)


@frozen
class FilenamePattern:
    """A pattern such as ``{order_number}_{order_item_number}[_{placement}]``.

    The variables are ``order_number``, ``order_item_number``, ``order_item_position``, ``placement`` and ``sku``. All
    other text is constant; ``/`` separates folders. The group in square brackets is left out exactly when an item's
    placements are ``("default",)``. The extension is never part of the pattern.

    A pattern without ``order_number`` must have ``sku``. Then one file serves every order of that product, and the
    policy must have ``reuse=True``.

    Args:
        text: The pattern.

    Raises:
        InvalidPattern: The pattern is invalid. The message shows the position.
    """

    text: str = field(default=DEFAULT_PATTERN, converter=_as_text)
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
    def is_reusable(self) -> bool:
        """Whether one file serves every order of a product: the pattern has ``sku`` and no ``order_number``."""
        return not self.uses(ORDER_NUMBER)

    @property
    def leaf_constants(self) -> list[str]:
        """The constant texts after the last ``/``."""
        constants = ["" if part.is_variable else part.text for part in self._whole]
        return "\0".join(constants).rpartition("/")[2].split("\0")

    def render(self, order: Order, item: OrderItem, placement: str) -> str:
        """The expected name of one file, without its extension.

        Raises:
            ValueError: The order's numbers cannot be part of a file name, or the item has no SKU that can.
        """
        values = {
            ORDER_NUMBER: order.number,
            ORDER_ITEM_NUMBER: item.number,
            ORDER_ITEM_POSITION: str(item.position),
            PLACEMENT: placement,
            SKU: item.sku or "",
        }
        shape = self._plain if item.placements == DEFAULT_PLACEMENTS else self._whole
        if any(part.is_variable and part.text == SKU for part in shape) and (problem := sku_problem(item.sku)):
            raise ValueError(problem)
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
        return set() if self.is_reusable else {reading[ORDER_NUMBER] for reading in self.readings(nfc(basename))}

    def all_order_numbers(self, basename: str) -> set[str] | None:
        """Every order number with which some order could expect this basename. None if that cannot be said.

        It cannot be said of a name that can be read in very many ways, or if a number in it contains a ``/``.
        """
        if self.is_reusable:
            return set()
        name, steps = nfc(basename), iter(range(_MAX_STEPS_TO_READ_ALL))
        if name.count("/") > sum(part.text.count("/") for part in self._plain if not part.is_variable):
            return None  # one of the values may contain it
        found = {
            reading[ORDER_NUMBER]
            for shape in {self._plain, self._whole}
            for reading in _read(shape, name, 0, {}, steps)
        }
        return None if next(steps, None) is None else found

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


def sku_problem(sku: str | None) -> str | None:
    """Why no file name can contain this SKU; None if one can."""
    if sku is None:
        return "the item has no SKU"
    if any(unicodedata.category(character) in ("Cc", "Cs") or character in "/\\" for character in sku):
        return f"the SKU {sku!r} contains a slash, a backslash or a control character"
    if sku.startswith("."):
        return f"the SKU {sku!r} begins with a dot, so its file would be hidden"
    if sku.rpartition(".")[2].lower() in MEDIA_TYPES and "." in sku:
        return f"the SKU {sku!r} ends like the name of a file"
    if len(sku.encode()) > _MAX_SKU_BYTES:
        return f"the SKU {sku[:_SKU_SHOWN]!r}… is longer than {_MAX_SKU_BYTES} bytes"
    return None


def _parse(text: str) -> _Shape:
    opened, closed = _optional_group(text)
    parts = tuple(_part(text, token, optional=opened < token.start() < closed) for token in _TOKEN.finditer(text))
    if opened < closed and not any(part.text == PLACEMENT and part.is_variable and part.optional for part in parts):
        raise _refuse(
            text, opened, "the optional group must contain {placement}, because only items with placements use it"
        )
    required = {part.text for part in parts if part.is_variable and not part.optional}
    if ORDER_NUMBER not in required:
        _refuse_mixed_names(text, parts, has_sku=SKU in required)
        _refuse_shared_folder(text, parts)
    return parts


def _refuse_mixed_names(text: str, parts: _Shape, *, has_sku: bool) -> None:
    """Refuse a pattern without the order number that names anything but a product."""
    of_order = {part.text: part.at for part in parts if part.is_variable and part.text in _OF_ORDER}
    if not has_sku or ORDER_NUMBER in of_order:
        raise _refuse(
            text,
            len(text),
            "{order_number} is missing; every name must contain the number of its order, or {sku} if one file serves "
            "every order of a product",
        )
    for variable, at in of_order.items():
        raise _refuse(
            text,
            at,
            f"{{{variable}}} means nothing without {{order_number}}; remove it, or add {{order_number}}",
        )


def _refuse_shared_folder(text: str, parts: _Shape) -> None:
    """Refuse a SKU and a placement in one folder: ``MUG_front`` may be the front of ``MUG``, or a SKU of its own."""
    together: set[str] = set()
    for part in parts:
        if part.is_variable:
            together.add(part.text)
        elif "/" in part.text:
            together.clear()
        if together >= {SKU, PLACEMENT}:
            raise _refuse(
                text,
                part.at,
                "{sku} and {placement} must be in different folders, because a SKU may end like the name of a side; "
                "write {sku}[/{placement}]",
            )


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


def as_pattern(pattern: str | FilenamePattern) -> FilenamePattern:
    """The pattern, also if it is given as text.

    Raises:
        ConfigurationError: It is not a pattern.
    """
    return pattern if isinstance(pattern, FilenamePattern) else FilenamePattern(pattern)
