"""Near misses: a name that would be right but for a rule it broke, and the name it should have.

Every rule is a *fold*: a function that forgets one thing (capitals, zeros in front, the kind of separator). Two names
are near when they are equal with all folds applied; a rule was broken when they differ as soon as its fold is left
out. So nothing is measured and nothing is guessed, and each look-up is one dictionary access.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from attrs import frozen

from remote_artwork.core.awaited import Slot, canonical
from remote_artwork.core.model import MEDIA_TYPES

_COPY = re.compile(r"[ _.-]*(?:\(\d{1,3}\)|copy(?: \d{1,3})?|v\d{1,3}|final)$", re.IGNORECASE)
_UPLOADING = re.compile(r"\.(?:part|tmp|crdownload|filepart)$", re.IGNORECASE)
_TWICE = re.compile(rf"\.(?:{'|'.join(MEDIA_TYPES)})$", re.IGNORECASE)
_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")
_SEPARATORS = re.compile(r"[ _.\u2010-\u2015-]+")
_LONGEST = 255

Fold = Callable[[str], str]

_SLIPS: Mapping[str, Fold] = {
    "it has two extensions": lambda stem: _TWICE.sub("", stem),
    "it is marked as a copy or a version": lambda stem: _COPY.sub("", stem),
}
"""What people and programs add to a file's name; folded on the file's side alone."""

_FOLDS: Mapping[str, Fold] = {
    "it has full-width or other compatibility characters": lambda stem: unicodedata.normalize("NFKC", stem),
    "it begins with '#', or should": lambda stem: stem.lstrip("#"),
    "it has spaces too many": lambda stem: re.sub(r" *([_.-]) *", r"\1", stem.strip()),
    "capitals and small letters differ": str.casefold,
    "it has another separator": lambda stem: _SEPARATORS.sub("_", stem),
    "its zeros in front differ": lambda stem: _ZEROS.sub("", stem),
}
"""What two spellings of one name differ by; folded on both sides."""


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
            key = _fold(canonical(slot.stem), _FOLDS)
            folded[key] = None if key in folded else slot
        return cls(folded)

    def of(self, name: str) -> NearMiss | None:
        """The near miss that ``name`` is, or None where there is none, or more than one."""
        if len(name) > _LONGEST:
            return None
        whole = _UPLOADING.sub("", name)
        stem, _, extension = whole.rpartition(".")
        if extension.lower() not in MEDIA_TYPES:
            return None
        slot = self._slots.get(_fold(stem, {**_SLIPS, **_FOLDS}))
        if slot is None:
            return None
        broken = ["its upload has not ended"] if whole != name else []
        broken += [rule for rule in (*_SLIPS, *_FOLDS) if _differ(stem, canonical(slot.stem), without=rule)]
        return NearMiss(slot, " and ".join(broken) or "it is spelled differently", f"{slot.stem}.{extension.lower()}")


def _fold(stem: str, rules: Mapping[str, Fold]) -> str:
    for fold in rules.values():
        stem = fold(stem)
    return stem


def _differ(stem: str, awaited: str, *, without: str) -> bool:
    folds = {rule: fold for rule, fold in _FOLDS.items() if rule != without}
    slips = {rule: fold for rule, fold in _SLIPS.items() if rule != without}
    return _fold(stem, {**slips, **folds}) != _fold(awaited, folds)
