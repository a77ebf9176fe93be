"""Mentions: the numbers and ids of pending orders in the names of unmatched files.

If a name mentions a pending order, the file may be the one that the order waits for, even with other text in its name.
The order's number counts as a whole, at any position: ``Order 1001 Item 2`` and ``1001/2`` mention ``1001``, ``11001``
and ``1001A`` do not. One print is suggested only if nothing else is possible:

- The name mentions one pending order.
- Each of its folders contains that order's number and nothing else but a label such as ``order``. What any other
  folder means is unknown: it may be for files that are finished or deleted.
- All other text is known: a label, a copy mark, or what identifies one print of that order.

A label is a word of a short list that does not change which print is meant. All other words may change it (``proof``,
``back``, ``cancelled``), so they prevent a suggestion. Each lookup is one dictionary access, so the cost of a name does
not depend on the number of orders.
"""

from __future__ import annotations

import enum
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import unquote

from attrs import define, field, frozen

from remote_artwork.core.characters import IN_NUMBER, character_rules, digits_for_letters, fold, latin_letters
from remote_artwork.core.expected import ExpectedFile, ExpectedFiles
from remote_artwork.core.labels import (
    AFTER_ORDER,
    BEFORE_ITEM,
    BEFORE_ORDER,
    BRACKETED,
    COPY_MARKS,
    FILE_LABEL_AT_END,
    LABEL_AFTER_NUMBER,
    LABEL_BEFORE_NUMBER,
    ONLY_LABELS,
    ONLY_ORDER_LABELS,
    ORDER_LABEL_AT_END,
    SEPARATORS,
)
from remote_artwork.core.orders import DEFAULT_PLACEMENTS, Order, OrderItem
from remote_artwork.core.pattern import ORDER_ITEM_NUMBER, ORDER_ITEM_POSITION, PLACEMENT, SKU, FilenamePattern
from remote_artwork.core.text import INVISIBLE, nfc

_DATE = re.compile(r"(?:19|20)[0-9]{2}(?:(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))?")
_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}(?:[ .,'][0-9]{3})+")
_PERCENT = re.compile(r"%[0-9a-f]{2}", re.IGNORECASE)
_PIECE = re.compile(r"[0-9]+|[^\W\d_]+")
_WORD = re.compile(r"[^\W_]+")
_SHAPES = str.maketrans("oil", "011")
"""Letters → the digits that they look like."""

_MIN_ANYWHERE = 3
"""A shorter number is a mention only at the beginning of a name, because it may be anything elsewhere."""
_MIN_ATTACHED = 4
_MIN_PREFIX, _MIN_SUFFIX = 2, 3
"""A number of 4 digits or more is mentioned with a longer word attached to it. Shorter ones make another number, as in
``1001A``."""
_MIN_ALONE = 4
"""A shorter number identifies a print only together with an item or a label."""
_MIN_ID = 8
"""A shorter id may be the number of an order that is not pending, so nothing is suggested for it."""
_MAX_LENGTH = 1000
"""No storage has longer names."""
_MAX_GROUPS = 6
_MAX_SAME = 5
"""Orders kept for one spelling. From two on, nothing is suggested."""
_MIN_JOINED = 6
"""A number without its separators must have this many digits, and a print this many letters and digits. ``1001`` is
never read as order ``10-01``."""
_MIN_UUID = 16
"""A number with that many letters and digits is the same without its separators, wherever they are."""
_MAX_ITEM_DIGITS = 3
"""If the last part of an order number has more digits, it is not taken for an item number."""
MIN_LENGTH_DIFFERENCE = 2
"""A swap of order and item number is recognized only if the order number is at least this many characters longer."""
MIN_LONG_ITEM = 6
"""A swap is also recognized if the item number is this long, because another order is unlikely to have that number."""


class Spelling(enum.Enum):
    """How a name spells an order."""

    NUMBER = "number"
    JOINED = "joined"
    """The number without a separator that it has."""
    ID = "id"
    PART = "part"
    """Only similar: the digits of a number that also has letters, or the number with more letters or separators."""


class Mention(NamedTuple):
    """A place in a text that mentions orders.

    Attributes:
        orders: The orders that have this number.
        spelling: How it is spelled.
        start: Its position in the text.
        end: The position behind it.
    """

    orders: tuple[Order, ...]
    spelling: Spelling
    start: int
    end: int


class Reading(NamedTuple):
    """What a name says about the pending orders.

    Attributes:
        orders: The orders that it mentions, at least one.
        expected: The one print that it can be; None if several or none are possible.
        rules: The codes of the rules that the name breaks, if ``expected`` is known.
        in_other_folder: Whether it is in a folder whose meaning is unknown.
    """

    orders: tuple[Order, ...]
    expected: ExpectedFile | None = None
    rules: tuple[str, ...] = ()
    in_other_folder: bool = False


def folders_name_only(basename: str, order: Order) -> bool:
    """Whether each folder of a name contains the order's number and nothing else but a label."""
    wanted = _key(fold(order.number))
    return all(
        _is_plain(folder) and (_key(folder) == wanted or _key(ONLY_ORDER_LABELS.sub("", folder, count=1)) == wanted)
        for folder in fold(basename).split("/")[:-1]
    )


@define
class MentionIndex:
    """The pending orders by the spellings of their numbers and ids.

    Args:
        orders: The pending orders.
        expected: The expected files.
        pattern: The pattern of the file names.
    """

    orders: Iterable[Order]
    expected: ExpectedFiles
    pattern: FilenamePattern
    _by_key: dict[str, dict[Spelling, tuple[Order, ...]]] = field(factory=dict, init=False)
    _longest: dict[str, int] = field(factory=dict, init=False)
    _by_item: dict[str, Order | None] = field(factory=dict, init=False)
    """The order with this long number or id of an item; None if there are several."""
    _by_shape: defaultdict[str, list[Order]] = field(factory=lambda: defaultdict(list), init=False)
    """The orders whose number has letters that look like digits, by what the number looks like."""
    _by_joined_print: defaultdict[str, list[Order]] = field(factory=lambda: defaultdict(list), init=False)
    """The orders by the names of their prints without separators."""
    _prints: dict[str, Mapping[str, Sequence[ExpectedFile]]] = field(factory=dict, init=False)
    _lengths: set[int] = field(factory=set, init=False)
    """The lengths of the numbers that are only digits."""

    def __attrs_post_init__(self) -> None:
        for order in self.orders:
            number = fold(order.number)
            if number.isdecimal():
                self._lengths.add(len(number))
            for key in {_strip_zeros(text) for item in order.items for text in (item.number, item.id or item.number)}:
                if len(key) >= _MIN_ID and key.isdecimal():
                    self._by_item[key] = None if key in self._by_item else order
            self._add_loose_keys(order, number)
            for key, spelling in _keys_of_order(order):
                spellings = self._by_key.setdefault(key, {})
                known = spellings.get(spelling, ())
                if len(known) < _MAX_SAME and order not in known:
                    spellings[spelling] = (*known, order)
                first = key.partition(" ")[0]
                self._longest[first] = max(self._longest.get(first, 0), key.count(" ") + 1)

    def _add_loose_keys(self, order: Order, number: str) -> None:
        shape = number.translate(_SHAPES)
        if shape != number and len(number) >= _MIN_JOINED and _WORD.fullmatch(number):
            _append(self._by_shape[shape], order)
        for item in order.items:
            for basename in self.expected.basenames.get((order.id, item.number), {}).values():
                joined = "".join(_PIECE.findall(fold(basename)))
                if "/" not in basename and len(joined) >= _MIN_JOINED:
                    _append(self._by_joined_print[joined], order)

    @cached_property
    def _has_only_labels(self) -> bool:
        """Whether the pattern's constants are labels. Any other word of a pattern must not be left out of a name."""
        return ONLY_LABELS.fullmatch(fold(" ".join(self.pattern.leaf_constants))) is not None

    @cached_property
    def _identifies_items(self) -> bool:
        """Whether a name of the pattern contains more than the order's number."""
        return any(map(self.pattern.uses, (ORDER_ITEM_NUMBER, ORDER_ITEM_POSITION, PLACEMENT, SKU)))

    def read(self, basename: str) -> Reading | None:
        """What a name says about the pending orders; None if it mentions none.

        Args:
            basename: The name without its extension.
        """
        for form, other_form in _forms(nfc(basename)) if len(basename) <= _MAX_LENGTH else ():
            parts = self._read(form)
            if parts is None:
                continue
            other = self._read(other_form) if other_form is not None else None
            orders = (
                (*parts.orders, *(order for order in other.orders if order not in parts.orders))
                if other
                else parts.orders
            )
            return self._reading(basename, parts, orders)
        text = fold(basename)
        reading = self._read_items(text) if self._by_item else None
        return reading or (self._read_loosely(text) if len(text) <= _MAX_LENGTH else None)

    def _read_items(self, text: str) -> Reading | None:
        """What a name says that contains no order number, but the long number or id of an item."""
        found = [self._by_item.get(_strip_zeros(piece)) for piece in _PIECE.findall(text)]
        orders = {order.id: order for order in found if order is not None}
        return Reading(tuple(orders.values()), in_other_folder="/" in text) if orders else None

    def _read_loosely(self, text: str) -> Reading | None:
        """What a name says that can also be a number of its own. So nothing is suggested for it.

        It can be a print without separators (``SW10023`` and ``1`` in ``SW100231``), a number with digits for letters,
        or a number whose last separator is that of a folder (``2024-0042`` in ``2024/0042_1``).
        """
        _, slash, leaf = text.rpartition("/")
        found = list(self._by_joined_print.get(leaf, ()))
        if self._by_shape:
            found += (
                order for word in _WORD.findall(text) for order in self._by_shape.get(word.translate(_SHAPES), ())
            )
        if slash:
            joined = self._find(text.replace("/", "_"))
            across = [each for each in joined if "/" in text[each.start : each.end]]
            found += (order for each in across if _is_named(text, each) for order in each.orders)
        orders = {order.id: order for order in found}
        return Reading(tuple(orders.values()), in_other_folder=bool(slash)) if orders else None

    @staticmethod
    def can_be_part(number: str, order: Order) -> bool:
        """Whether a name that contains this number can be meant for the order.

        It cannot if the number has only digits and is neither the order's number nor its id: another order may have it.
        """
        folded = fold(number)
        label = BEFORE_ORDER.match(folded)
        key = _key(folded[label.end() :] if label else folded)
        return not key.replace(" ", "").isdecimal() or any(key == known for known, _ in _keys_of_order(order))

    @staticmethod
    def has_more(reading: Reading, number: str) -> bool:
        """Whether a name mentions a pending order outside of this number, which is the number of another order."""
        whole = f" {_key(fold(number))} "
        return any(
            all(f" {_key(fold(text))} " not in whole for text in {order.number, order.id}) for order in reading.orders
        )

    def _reading(self, basename: str, parts: _Parts, orders: tuple[Order, ...]) -> Reading:
        others = parts.other_folders
        found = self._find_print(orders[0], parts) if len(orders) == 1 and self._has_only_labels else None
        if found is not None:
            expected, rules = found
            own = self._read(fold(expected.basename))
            if own and others == own.other_folders:
                moved = ["in_a_folder"] if len(parts.folders) > len(own.folders) else []
                broken = (*character_rules(basename), *moved, *rules)
                return Reading(orders, expected, broken or (_separator_rule(parts.leaf, own.leaf),))
        return Reading(orders, in_other_folder=bool(others))

    def _read(self, text: str) -> _Parts | None:
        *folders, leaf = text.split("/")
        parts = _Parts(folders, leaf, [self._find(part) for part in (*folders, leaf)])
        return parts if parts.orders else None

    def _find(self, text: str) -> list[Mention]:
        """The mentions in the name of a folder, or in the last part of a name."""
        keys = [_strip_zeros(piece) for piece in _PIECE.findall(text)]
        digits = [key for key in keys if key.isdecimal()]
        if self._longest.keys().isdisjoint(keys) and len(digits) < 2:
            return []  # most names in most shops
        pieces = _split(text)
        found: list[Mention] = []
        for at, piece in enumerate(pieces):
            for count in range(min(self._longest.get(piece.key, 0), len(pieces) - at), 0, -1):
                spellings = self._by_key.get(" ".join(each.key for each in pieces[at : at + count]))
                boundary = _boundary(text, pieces, at, at + count) if spellings else None
                start, end = piece.start, pieces[at + count - 1].end
                if not spellings or boundary is None or not _is_distinct(text, start, end):
                    continue
                spelling = next(each for each in Spelling if each in spellings)
                orders = _exact(spellings[spelling], text[start:end])
                if boundary is _Boundary.WORD or (
                    spelling is Spelling.NUMBER and _separators_in(text[start:end]) > _separators_in(orders[0].number)
                ):
                    spelling = Spelling.PART
                found.append(Mention(orders, spelling, start, end))
        return _without_nested(found) or self._find_split(text, pieces)

    def _find_split(self, text: str, pieces: Sequence[_Piece]) -> list[Mention]:
        """A number that the name splits by separators, such as an id in groups of digits."""
        for at, first in enumerate(pieces):
            digits, end = "", first.end
            for piece in pieces[at : at + _MAX_GROUPS]:
                if not piece.key.isdecimal() or (digits and not _is_separator(text[end : piece.start])):
                    break
                digits, end = digits + text[piece.start : piece.end], piece.end
                spellings = self._by_key.get(digits.lstrip("0"))
                if spellings and (len(digits) >= _MIN_JOINED or _THOUSANDS.fullmatch(text, first.start, end)):
                    orders = next(spellings[each] for each in Spelling if each in spellings)
                    return [Mention(orders, Spelling.PART, first.start, end)]
        return []

    def _find_print(self, order: Order, parts: _Parts) -> tuple[ExpectedFile, list[str]] | None:
        """The one print of the order that the last part of a name can be, and the broken rules."""
        mentions, leaf = parts.mentions[-1], parts.leaf
        if len(mentions) > 1 or any(not self._may_suggest(mention) for each in parts.mentions for mention in each):
            return None
        if not mentions:
            folder, [mention] = next(
                (name, each) for name, each in zip(parts.folders, parts.mentions, strict=False) if each
            )
            return self._find_after(order, leaf, [], alone=_identifies(folder, mention, in_folder=True))
        [mention] = mentions
        before, after = leaf[: mention.start], leaf[mention.end :]
        rules = list(_RULES_OF_SPELLING.get(mention.spelling, ()))
        if BEFORE_ORDER.fullmatch(before):
            rules += ["extra_words"] if _has_words(before) else []
            return self._find_after(order, after, rules, alone=_identifies(leaf, mention))
        return self._find_before(order, before, after, mention, rules)

    def _find_after(
        self, order: Order, text: str, rules: list[str], *, alone: bool
    ) -> tuple[ExpectedFile, list[str]] | None:
        """The print that is named by the text after the order's number.

        Args:
            order: The order.
            text: The text.
            rules: The rules that are broken before this text.
            alone: Whether the number identifies the print of an order that needs only one file.
        """
        prints = self._prints_of(order)
        # "(2)" can be the number of a copy or of the item, so it counts only if it is the number of the only item.
        if BRACKETED.fullmatch(text):
            [print_] = prints.get(_key(text), [None])[:1] if len(prints.get("", ())) == 1 else [None]
            return (print_, [*rules, "item_left_out"]) if print_ and alone else None
        for rest, marks in ((text, []), (COPY_MARKS.sub("", text), ["marked_as_copy"])):
            label = AFTER_ORDER.match(rest)
            tail = rest[label.end() :] if label else rest
            if not _is_plain(tail):
                continue
            labels = rest[: len(rest) - len(tail)]
            if tail and len(prints.get("", ())) > 1 and FILE_LABEL_AT_END.search(labels):
                return None  # "final 2" can be the second version of another print
            words = ["extra_words"] if _has_words(labels) and "extra_words" not in rules else []
            found = prints.get(_key(tail), ())
            if len(found) == 1 and (alone or _key(tail)):
                left_out = ["item_left_out"] if self._identifies_items and not _key(tail) else []
                return found[0], [*rules, *words, *marks, *left_out]
        return None

    def _find_before(
        self, order: Order, before: str, after: str, mention: Mention, rules: list[str]
    ) -> tuple[ExpectedFile, list[str]] | None:
        """The print that is named by the text before the order's number."""
        labels = BEFORE_ITEM.match(before)
        item = before[labels.end() :] if labels else before
        labelled = ORDER_LABEL_AT_END.search(item)
        if (labelled or "#" in before) and not (labels and _has_words(labels[0])):
            return None  # "2 order 1001" can be the second order of a list, and "#2 1001" order 2
        item = item[: labelled.start()] if labelled else item
        tail = _key(item)
        found = self._prints_of(order).get(tail, ())
        if not tail or not _is_plain(item) or len(found) != 1 or not _is_separator(COPY_MARKS.sub("", after)):
            return None
        length = mention.end - mention.start
        if not labelled and len(tail) < MIN_LONG_ITEM and length < len(tail) + MIN_LENGTH_DIFFERENCE:
            return None
        words = ["extra_words"] if labelled or (labels and _has_words(labels[0])) else []
        return found[0], [*rules, *words, "swapped_numbers"]

    def _may_suggest(self, mention: Mention) -> bool:
        """Whether the spelling of an order is exact enough for a suggestion."""
        if mention.spelling is Spelling.ID:
            return mention.end - mention.start >= _MIN_ID
        if mention.spelling is Spelling.JOINED:
            return mention.end - mention.start not in self._lengths
        return mention.spelling is Spelling.NUMBER

    def _prints_of(self, order: Order) -> Mapping[str, Sequence[ExpectedFile]]:
        """What identifies prints of the order in a name → the prints that it identifies."""
        if order.id not in self._prints:
            self._prints[order.id] = dict(self._identify_prints(order))
        return self._prints[order.id]

    def _identify_prints(self, order: Order) -> Mapping[str, Sequence[ExpectedFile]]:
        prints: defaultdict[str, list[ExpectedFile]] = defaultdict(list)
        for item in order.items:
            basenames = self.expected.basenames.get((order.id, item.number), {})
            for placement, basename in basenames.items():
                expected = ExpectedFile(order, item, placement, basename)
                for key in {"", *self._keys_of_print(item, placement)}:
                    prints[key].append(expected)
        return prints

    def _keys_of_print(self, item: OrderItem, placement: str) -> Iterator[str]:
        side = placement if self.pattern.uses(PLACEMENT) and item.placements != DEFAULT_PLACEMENTS else ""
        numbers = [item.number] if self.pattern.uses(ORDER_ITEM_NUMBER) else []
        numbers += [str(item.position)] if self.pattern.uses(ORDER_ITEM_POSITION) else []
        numbers += [item.sku] if self.pattern.uses(SKU) and item.sku else []
        numbers += [item.id] if item.id and len(item.id) >= _MIN_ID and numbers else []
        for number in numbers:
            yield _key(fold(number))
            yield _key(fold(f"{number} {side}"))
        yield _key(fold(side))


def _is_named(text: str, mention: Mention) -> bool:
    """Whether a number across folders ends in the last part of the name, or is long enough to be no date."""
    digits = sum(map(str.isdecimal, text[mention.start : mention.end]))
    return digits >= _MIN_JOINED or "/" not in text[mention.end :]


def _append(orders: list[Order], order: Order) -> None:
    if len(orders) < _MAX_SAME and order not in orders:
        orders.append(order)


class _Piece(NamedTuple):
    """A run of letters or of digits. Leading zeros do not count."""

    key: str
    start: int
    end: int


@frozen
class _Parts:
    """A name with the mentions in each of its folders and in its last part."""

    folders: Sequence[str]
    leaf: str
    mentions: Sequence[Sequence[Mention]]

    @property
    def orders(self) -> tuple[Order, ...]:
        """All orders that the name mentions, once each."""
        return tuple({order.id: order for part in self.mentions for each in part for order in each.orders}.values())

    @property
    def other_folders(self) -> list[str]:
        """The folders that contain something other than the number of an order."""
        return [
            name for name, mentions in zip(self.folders, self.mentions, strict=False) if not _names_only(name, mentions)
        ]


_RULES_OF_SPELLING = {Spelling.ID: ["order_id_in_name"], Spelling.JOINED: ["missing_separator"]}


def _split(text: str) -> list[_Piece]:
    return [_Piece(_strip_zeros(found[0]), *found.span()) for found in _PIECE.finditer(text)]


def _strip_zeros(text: str) -> str:
    return text.lstrip("0") or "0" if text[0] == "0" else text


def _key(text: str) -> str:
    """The runs of letters and digits of a text. Separators, and leading zeros, do not count."""
    return " ".join(piece.key for piece in _split(text))


def _keys_of_order(order: Order) -> Iterator[tuple[str, Spelling]]:
    number = fold(order.number)
    pieces = _split(number)
    yield " ".join(piece.key for piece in pieces), Spelling.NUMBER
    joined = _joined(number)
    digits = [piece for piece in pieces if piece.key.isdecimal()]
    if (
        joined != _key(number)
        and sum(map(str.isdecimal, joined)) >= _MIN_JOINED
        and (all(piece.end - piece.start > 1 for piece in digits) or len(joined.replace(" ", "")) >= _MIN_UUID)
    ):
        yield joined, Spelling.JOINED
    if len(digits) < len(pieces) and pieces[-1].key.isdecimal() and len(pieces[-1].key) > _MAX_ITEM_DIGITS:
        yield pieces[-1].key, Spelling.PART
    if order.id != order.number:
        order_id = fold(order.id).rpartition("/")[2]
        if len(order_id) >= _MIN_ANYWHERE:
            yield _key(order_id), Spelling.ID
            yield _joined(order_id), Spelling.ID


def _joined(text: str) -> str:
    """The key of a text without its separators."""
    return _key("".join(found[0] for found in _PIECE.finditer(text)))


def _forms(basename: str) -> Iterator[tuple[str, str | None]]:
    """The forms in which a name is read: as it is, then with other characters taken for separators or digits.

    The second text of a form, if there is one, must not mention another order: ``100l`` is ``1001`` unless there is an
    order 100.
    """
    if _PERCENT.search(basename):
        yield fold(unquote(basename)), None  # as browsers write spaces
    invisible = not basename.isascii() and INVISIBLE.search(basename)
    separated = fold(INVISIBLE.sub("_", basename)) if invisible else None
    yield fold(basename), separated
    if separated is not None:
        yield separated, None
    latin = latin_letters(basename)
    digits = digits_for_letters(latin)
    if digits != latin:
        yield fold(digits), fold(IN_NUMBER.sub("", latin))


class _Boundary(enum.Enum):
    """What is before and after a number in a text."""

    CLEAR = "clear"
    """Separators, or labels."""
    WORD = "word"
    """A word that is attached to the number."""


def _boundary(text: str, pieces: Sequence[_Piece], first: int, end: int) -> _Boundary | None:
    """What is before and after the pieces; None if they are not a number as a whole."""
    for one, following in pairwise(pieces[first:end]):
        if not _is_separator(text[one.end : following.start]):
            return None
    boundary = _Boundary.CLEAR
    neighbors = []
    if first and pieces[first - 1].end == pieces[first].start:
        neighbors.append((pieces[first - 1], LABEL_BEFORE_NUMBER, _MIN_PREFIX))
    if end < len(pieces) and pieces[end].start == pieces[end - 1].end:
        neighbors.append((pieces[end], LABEL_AFTER_NUMBER, _MIN_SUFFIX))
    for word, labels, shortest in neighbors:
        if labels.fullmatch(word.key):
            continue
        if (
            word.key.isdecimal()
            or len(word.key) < shortest
            or pieces[end - 1].end - pieces[first].start < _MIN_ATTACHED
        ):
            return None
        boundary = _Boundary.WORD
    return boundary


def _gaps(text: str) -> list[bool]:
    """Between which letters and digits of a text there are separators."""
    return [one.end < following.start for one, following in pairwise(_split(text))]


def _separators_in(text: str) -> int:
    """How often separators follow digits in a text: ``1001-A`` is item A of an order 1001, or order ``1001A``."""
    return sum(one.end < following.start and one.key.isdecimal() for one, following in pairwise(_split(text)))


def _is_distinct(text: str, start: int, end: int) -> bool:
    """Whether a number is long enough to count anywhere, or begins the name."""
    return end - start >= _MIN_ANYWHERE or bool(BEFORE_ORDER.fullmatch(text[:start]))


def _identifies(text: str, mention: Mention, *, in_folder: bool = False) -> bool:
    """Whether a number without an item can stand for the one print of its order.

    ``10-1`` is not enough, because it can be item 1 of an order 10.
    """
    number = text[mention.start : mention.end]
    if mention.spelling is Spelling.NUMBER and _gaps(number) != _gaps(fold(mention.orders[0].number)):
        return False
    if ORDER_LABEL_AT_END.search(text[: mention.start]):
        return True
    digits = [piece for piece in _split(number) if piece.key.isdecimal()]
    if not digits or mention.spelling is Spelling.JOINED or len(number) < _MIN_ALONE or _DATE.fullmatch(number):
        return False
    return in_folder or len(digits) == 1 or digits[-1].end - digits[-1].start > _MAX_ITEM_DIGITS


def _exact(orders: tuple[Order, ...], text: str) -> tuple[Order, ...]:
    """The orders with exactly this number, if there are any: ``007`` is not order 7 where an order 007 exists."""
    return tuple(order for order in orders if fold(order.number) == text) or orders


def _without_nested(mentions: Sequence[Mention]) -> list[Mention]:
    """The mentions without those that lie within another one of the same order."""
    return [
        each
        for each in mentions
        if not any(
            other is not each and other.start <= each.start and each.end <= other.end and other.orders == each.orders
            for other in mentions
        )
    ]


def _names_only(folder: str, mentions: Iterable[Mention]) -> bool:
    """Whether a folder contains the number of an order and nothing else but labels."""
    return any(
        ONLY_ORDER_LABELS.fullmatch(folder[: each.start]) and _is_separator(folder[each.end :]) for each in mentions
    )


def _is_separator(text: str) -> bool:
    return SEPARATORS.fullmatch(text) is not None


def _is_plain(text: str) -> bool:
    """Whether a text has only letters, digits and separators."""
    return _is_separator(_PIECE.sub("", text))


def _has_words(text: str) -> bool:
    return any(map(str.isalpha, text))


def _separator_rule(leaf: str, expected: str) -> str:
    """The rule that a name breaks which differs from the expected one only in its separators."""
    fewer = sum(map(str.isalnum, leaf)) == sum(map(str.isalnum, expected)) and len(leaf) < len(expected)
    return "missing_separator" if fewer else "other_separator"
