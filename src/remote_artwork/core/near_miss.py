"""Near misses: a name that would be right but for a rule it broke, and the name it should have.

Every rule is a *fold*: a function that forgets one thing (capitals, zeros in front, the kind of separator). Two names
are near when they are equal with all folds applied; the rules broken are the fewest folds that already make them
equal. So nothing is measured and nothing is guessed, and each look-up is one dictionary access.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import NamedTuple

from attrs import evolve, frozen

from remote_artwork.core.expected import ExpectedFile, canonical, split_extension
from remote_artwork.core.orders import MEDIA_TYPES
from remote_artwork.core.pattern import ORDER_ITEM_NUMBER, FilenamePattern

_UPLOADING = re.compile(r"\.(?:part|tmp|crdownload|filepart)$", re.IGNORECASE)
_TWICE = re.compile(rf"\.(?:{'|'.join(MEDIA_TYPES)})$", re.IGNORECASE)
_COPY = re.compile(
    r"(?:[ _.-]*\([0-9]{1,3}\)"
    r"|(?:[ _.-]+|(?<=[0-9]))(?:(?:copy|kopie|copie|copia)(?: [0-9]{1,3})?|(?:v|rev)[0-9]{1,3}|final))+$",
    re.IGNORECASE,
)
_COPY_OF = r"(?:copy of|kopie von|copie de|copia de) "
_ORDER = r"(?:order|bestellung|auftrag|commande|pedido|ordine)[ _.#:-]*"
_FRONT = re.compile(rf"(?<![^/])(?:{_COPY_OF}|{_ORDER})", re.IGNORECASE)
_LAID_AWAY = (
    r"archived?|archiv|alt|old|backups?|done|erledigt|printed|gedruckt|rejected|cancell?ed|trash|deleted|te?mp"
    r"|samples?|proofs?|drafts?|previews?|thumb(?:nail)?s?|templates?"
)
_FOLDERS = re.compile(rf"^(?:(?![._]|(?:[^/]*[\W\d_])?(?:{_LAID_AWAY})(?![^\W\d_]))[^/]+/)+(?!.*/)", re.IGNORECASE)
"""Folders in front of a name, unless one of them is hidden or is named for files that nobody wants printed."""
_HASH = re.compile(r"(?<![^/])#+")
_SPACES = re.compile(r"^ +| +$| +(?=[/_.-])|(?<=[#/_.-]) +")
_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")
_LETTER_O = re.compile(r"(?<=[0-9])[oO]+(?![^\W\d_])|(?<![^\W\d_])[oO]+(?=[0-9])")
_SEPARATORS = re.compile(r"[ _.\u2010-\u2015-]+")
_DIGITS = re.compile(r"[0-9]+(?:_[0-9]+)*")
"""Most names, in most shops. Nothing of them can be forgotten but zeros in front, and nothing was added to them."""
_LONGEST = 255

Fold = Callable[[str], str]


def without_front(text: str) -> str:
    """``text`` without such a word in front as ``order`` or ``copy of``."""
    return _FRONT.sub("", text)


_SLIPS: Mapping[str, Fold] = {
    "two_extensions": lambda stem: _TWICE.sub("", stem),
    "marked_as_copy": lambda stem: _COPY.sub("", stem),
    "in_a_folder": lambda stem: _FOLDERS.sub("", stem),
    "word_in_front": without_front,
}
"""What people and programs add to a file's name; folded on the file's side alone, and only where nothing else helps."""

_FOLDS: Mapping[str, Fold] = {
    "compatibility_characters": lambda stem: unicodedata.normalize("NFKC", stem),
    "extra_spaces": lambda stem: _SPACES.sub("", stem),
    "number_sign": lambda stem: _HASH.sub("", stem),
    "letter_o": lambda stem: _LETTER_O.sub(lambda found: "0" * len(found[0]), stem),
    "letter_case": str.casefold,
    "leading_zeros": lambda stem: _ZEROS.sub("", stem),
    "other_separator": lambda stem: _SEPARATORS.sub("_", stem),
}
"""What two spellings of one name differ by; folded on both sides."""

_SLIPS_BY_NEED = [dict(islice(_SLIPS.items(), count)) for count in range(len(_SLIPS) + 1)]
_SWAPPED = "swapped_numbers"
_MUCH_LONGER = 2
"""By so many characters an order's number is longer than an item's, where a swap can be told from another order."""


class NearMiss(NamedTuple):
    """The one expected file a name nearly is, the codes of the rules it broke, and the name it should have.

    ``swapped`` tells that the name, read as it stands, speaks of another order.
    """

    slot: ExpectedFile
    rules: tuple[str, ...]
    suggestion: str
    swapped: bool = False


@frozen
class NearMisses:
    """The awaited names, folded."""

    _slots: Mapping[str, ExpectedFile | None]
    _swapped: Mapping[str, ExpectedFile | None]

    @classmethod
    def among(cls, slots: Iterable[ExpectedFile], pattern: FilenamePattern) -> NearMisses:
        """Folds every awaited name once. A folded name that two items share is kept as None: nothing is suggested."""
        slots = tuple(slots)
        return cls(
            _distinct((spelling(slot.stem), slot) for slot in slots),
            _distinct((spelling(stem), slot) for slot in slots if (stem := _with_numbers_swapped(slot, pattern))),
        )

    def of(self, name: str) -> NearMiss | None:
        """The near miss that ``name`` is, or None where there is none, or more than one."""
        if len(name) > _LONGEST:
            return None
        whole = _UPLOADING.sub("", name)
        stem, extension = split_extension(whole)
        if extension.lower() not in MEDIA_TYPES:
            return None
        stem = canonical(stem)
        tried = None
        for slips in _SLIPS_BY_NEED[:1] if _DIGITS.fullmatch(stem) else _SLIPS_BY_NEED:
            plain = _fold(stem, slips)
            if plain == tried:
                continue
            tried, key = plain, spelling(plain)
            if key in self._slots:
                break
        else:
            return self._swap_of(stem, extension)
        slot = self._slots[key]
        if slot is None:
            return None
        broken = ["upload_not_finished"] if whole != name else []
        broken += _broken(stem, canonical(slot.stem), slips)
        return NearMiss(slot, tuple(broken), f"{slot.stem}.{extension.lower()}")

    def _swap_of(self, stem: str, extension: str) -> NearMiss | None:
        slot = self._swapped.get(spelling(stem))
        return NearMiss(slot, (_SWAPPED,), f"{slot.stem}.{extension.lower()}", swapped=True) if slot else None


def _distinct(keyed: Iterable[tuple[str, ExpectedFile]]) -> Mapping[str, ExpectedFile | None]:
    folded: dict[str, ExpectedFile | None] = {}
    for key, slot in keyed:
        folded[key] = None if key in folded else slot
    return folded


def _with_numbers_swapped(slot: ExpectedFile, pattern: FilenamePattern) -> str | None:
    """The slot's name with the numbers of order and item in each other's place, where nobody could mean that."""
    order, item = slot.order, slot.item
    if len(order.number) < len(item.number) + _MUCH_LONGER or not pattern.uses(ORDER_ITEM_NUMBER):
        return None
    try:
        return pattern.render(evolve(order, number=item.number), evolve(item, number=order.number), slot.placement)
    except ValueError:
        return None


def spelling(text: str) -> str:
    """``text`` with all folds applied: equal for two spellings of one name."""
    if _DIGITS.fullmatch(text):
        return _ZEROS.sub("", text)
    return _fold(canonical(text), _FOLDS)


def _fold(stem: str, rules: Mapping[str, Fold]) -> str:
    for fold in rules.values():
        stem = fold(stem)
    return stem


def _broken(stem: str, awaited: str, slips: Mapping[str, Fold]) -> list[str]:
    """The fewest rules whose folds make the two names equal; the last listed are spared first."""
    needed = {**slips, **_FOLDS}
    for rule in reversed(tuple(needed)):
        spared = {other: fold for other, fold in needed.items() if other != rule}
        folds = {other: fold for other, fold in spared.items() if other in _FOLDS}
        if _fold(stem, spared) == _fold(awaited, folds):
            needed = spared
    return list(needed)
