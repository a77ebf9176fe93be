"""FilenamePattern: which file name each item of an order is expected to have.

Names are *rendered* from orders and looked up; a file name is never parsed to decide what it belongs to.
``readings`` reads a name backwards, for reports alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

from attrs import field, frozen

from remote_artwork.core.model import DEFAULT_PLACEMENTS, MEDIA_TYPES, Order, OrderItem
from remote_artwork.errors import InvalidPattern

ORDER_NUMBER = "order_number"
PLACEMENT = "placement"
VARIABLES = (ORDER_NUMBER, "order_item_number", "order_item_position", PLACEMENT)

DEFAULT_PATTERN = "{order_number}_{order_item_number}"

_TOKEN = re.compile(r"\{(?P<variable>[^{}\[\]]*)\}|(?P<bracket>[\[\]])|(?P<stray>[{}])|(?P<constant>[^{}\[\]]+)")
_MOST_READINGS = 16
_LONGEST_READ = 255


@frozen
class _Part:
    """One constant or one variable, and whether it stands in the optional group."""

    text: str
    is_variable: bool
    optional: bool


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

    text: str = field(default=DEFAULT_PATTERN)
    _parts: tuple[_Part, ...] = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_parts", _parse(self.text))

    def __str__(self) -> str:
        return self.text

    def uses(self, variable: str) -> bool:
        """Whether the pattern holds this variable, in the optional group or outside."""
        return any(part.is_variable and part.text == variable for part in self._parts)

    def render(self, order: Order, item: OrderItem, placement: str) -> str:
        """The expected name of one file, without its extension.

        Raises:
            ValueError: The order's numbers cannot stand in a file name; says why.
        """
        values = {
            ORDER_NUMBER: order.number,
            "order_item_number": item.number,
            "order_item_position": str(item.position),
            PLACEMENT: placement,
        }
        plain = item.placements == DEFAULT_PLACEMENTS
        stem = "".join(
            values[part.text] if part.is_variable else part.text
            for part in self._parts
            if not (part.optional and plain)
        )
        flaw = flaw_of_stem(stem)
        if flaw:
            raise ValueError(f"no file can be named {stem!r}: {flaw}")
        return stem

    def readings(self, stem: str) -> list[dict[str, str]]:
        """Every way, up to a bound, in which ``stem`` could have come from this pattern, for explanations only."""
        if len(stem) > _LONGEST_READ:
            return []
        return [reading for shape in self._shapes for reading in _read(shape, stem, _MOST_READINGS)][:_MOST_READINGS]

    def fits(self, stem: str) -> bool:
        """Whether some order and item would render to ``stem``."""
        return len(stem) <= _LONGEST_READ and any(expression.fullmatch(stem) for expression in self._expressions)

    @cached_property
    def _shapes(self) -> tuple[tuple[_Part, ...], ...]:
        with_group, without = self._parts, tuple(part for part in self._parts if not part.optional)
        return (without,) if with_group == without else (without, with_group)

    @cached_property
    def _expressions(self) -> tuple[re.Pattern[str], ...]:
        return tuple(
            re.compile("".join("[^/]+?" if part.is_variable else re.escape(part.text) for part in shape), re.DOTALL)
            for shape in self._shapes
        )


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


def _parse(text: str) -> tuple[_Part, ...]:
    parts: list[_Part] = []
    group_at: int | None = None
    groups = 0
    for match in _TOKEN.finditer(text):
        at = match.start()
        if match["stray"]:
            raise _refuse(text, at, "a brace without its partner")
        if match["bracket"] == "[":
            if group_at is not None or groups:
                raise _refuse(text, at, "a second '[': one optional group is allowed")
            group_at, groups = at, 1
        elif match["bracket"] == "]":
            if group_at is None:
                raise _refuse(text, at, "a ']' without its '['")
            if not any(part.optional and part.is_variable and part.text == PLACEMENT for part in parts):
                raise _refuse(text, group_at, "the optional group must hold {placement}: it is left out without one")
            group_at = None
        elif match["variable"] is not None:
            if match["variable"] not in VARIABLES:
                known = ", ".join(f"{{{name}}}" for name in VARIABLES)
                raise _refuse(text, at, f"unknown variable {{{match['variable']}}}; the variables are {known}")
            parts.append(_Part(match["variable"], True, group_at is not None))
        else:
            parts.append(_Part(match["constant"], False, group_at is not None))
    if group_at is not None:
        raise _refuse(text, group_at, "a '[' without its ']'")
    if not any(part.text == ORDER_NUMBER and part.is_variable for part in parts):
        raise _refuse(text, len(text), "{order_number} is missing: a name must tell the order it belongs to")
    _refuse_bad_constants(text)
    return tuple(parts)


def _refuse_bad_constants(text: str) -> None:
    extension = text.rpartition(".")[2].lower()
    if "." in text and (extension in MEDIA_TYPES or extension in ("<file-extension>", "*")):
        raise _refuse(
            text, text.rfind("."), f"leave out {text[text.rfind('.') :]!r}: the extension is never part of it"
        )
    for at, character in enumerate(text):
        if ord(character) < 32 or ord(character) == 127 or character == "\\":
            raise _refuse(text, at, f"{character!r} cannot stand in a file name")
    at = 0
    for segment in text.split("/"):
        if segment in ("", ".", ".."):
            raise _refuse(text, at, f"the folder name {segment!r} is not allowed")
        at += len(segment) + 1


def _refuse(text: str, at: int, why: str) -> InvalidPattern:
    return InvalidPattern(f"pattern {text!r}, position {at + 1}: {why}")


def _read(shape: tuple[_Part, ...], stem: str, most: int) -> Iterator[dict[str, str]]:
    """Splits ``stem`` along the constants of ``shape``; values are not empty and hold no '/'."""

    def descend(part: int, at: int, values: dict[str, str]) -> Iterator[dict[str, str]]:
        if part == len(shape):
            if at == len(stem):
                yield values
            return
        text = shape[part].text
        if not shape[part].is_variable:
            if stem.startswith(text, at):
                yield from descend(part + 1, at + len(text), values)
        elif text in values:
            if stem.startswith(values[text], at):
                yield from descend(part + 1, at + len(values[text]), values)
        else:
            for end in _ends(shape, part, stem, at):
                yield from descend(part + 1, end, {**values, text: stem[at:end]})

    for count, reading in enumerate(descend(0, 0, {}), start=1):
        yield reading
        if count == most:
            return


def _ends(shape: tuple[_Part, ...], part: int, stem: str, at: int) -> Iterator[int]:
    """Where the value of a variable that starts at ``at`` may end."""
    if part + 1 == len(shape):
        if at < len(stem) and "/" not in stem[at:]:
            yield len(stem)
        return
    following = shape[part + 1]
    for end in range(at + 1, len(stem) + 1):
        if stem[end - 1] == "/":
            return
        if following.is_variable or stem.startswith(following.text, end):
            yield end
