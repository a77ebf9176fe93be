"""Near misses: a name that would be right but for a rule it broke, and the name it should have.

Every rule is a *fold*: a function that forgets one thing (capitals, zeros in front, the kind of separator). Two names
are near when they are equal with all folds applied; the rules broken are the fewest folds that already make them
equal. So nothing is measured and nothing is guessed, and each look-up is one dictionary access.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from attrs import frozen

from remote_artwork.core.awaited import Slot, canonical, split_extension
from remote_artwork.core.model import MEDIA_TYPES

_UPLOADING = re.compile(r"\.(?:part|tmp|crdownload|filepart)$", re.IGNORECASE)
_TWICE = re.compile(rf"\.(?:{'|'.join(MEDIA_TYPES)})$", re.IGNORECASE)
_COPY = re.compile(
    r"(?:[ _.-]*\([0-9]{1,3}\)|(?:[ _.-]+|(?<=[0-9]))(?:copy(?: [0-9]{1,3})?|v[0-9]{1,3}|final))$", re.IGNORECASE
)
_HASH = re.compile(r"(?<![^/])#+")
_SPACES = re.compile(r"^ +| +$| +(?=[/_.-])|(?<=[#/_.-]) +")
_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")
_SEPARATORS = re.compile(r"[ _.\u2010-\u2015-]+")
_LONGEST = 255

Fold = Callable[[str], str]

_SLIPS: Mapping[str, Fold] = {
    "it has two extensions": lambda stem: _TWICE.sub("", stem),
    "it is marked as a copy or a version": lambda stem: _COPY.sub("", stem),
}
"""What people and programs add to a file's name; folded on the file's side alone, and only where nothing else helps."""

_FOLDS: Mapping[str, Fold] = {
    "it has full-width or other compatibility characters": lambda stem: unicodedata.normalize("NFKC", stem),
    "it has spaces too many": lambda stem: _SPACES.sub("", stem),
    "it begins with '#', or should": lambda stem: _HASH.sub("", stem),
    "capitals and small letters differ": str.casefold,
    "its zeros in front differ": lambda stem: _ZEROS.sub("", stem),
    "it has another separator": lambda stem: _SEPARATORS.sub("_", stem),
}
"""What two spellings of one name differ by; folded on both sides."""

_SLIPS_BY_NEED: tuple[Mapping[str, Fold], ...] = ({}, dict(list(_SLIPS.items())[:1]), _SLIPS)


class NearMiss(NamedTuple):
    """The one awaited file a name nearly is, the rule it broke, and the name it should have."""

    slot: Slot
    why: str
    suggestion: str


@frozen
class NearMisses:
    """The awaited names, folded."""

    _slots: Mapping[str, Slot | None]

    @classmethod
    def among(cls, slots: Iterable[Slot]) -> NearMisses:
        """Folds every awaited name once. A folded name that two items share is kept as None: nothing is suggested."""
        folded: dict[str, Slot | None] = {}
        for slot in slots:
            key = spelling(slot.stem)
            folded[key] = None if key in folded else slot
        return cls(folded)

    def of(self, name: str) -> NearMiss | None:
        """The near miss that ``name`` is, or None where there is none, or more than one."""
        if len(name) > _LONGEST:
            return None
        whole = _UPLOADING.sub("", name)
        stem, extension = split_extension(whole)
        if extension.lower() not in MEDIA_TYPES:
            return None
        stem = canonical(stem)
        for slips in _SLIPS_BY_NEED:
            key = spelling(_fold(stem, slips))
            if key in self._slots:
                slot = self._slots[key]
                break
        else:
            return None
        if slot is None:
            return None
        broken = ["its upload has not ended"] if whole != name else []
        broken += _broken(stem, canonical(slot.stem), slips)
        return NearMiss(slot, " and ".join(broken), f"{slot.stem}.{extension.lower()}")


def spelling(text: str) -> str:
    """``text`` with all folds applied: equal for two spellings of one name."""
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
