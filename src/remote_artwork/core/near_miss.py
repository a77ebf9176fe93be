"""Near misses: a name that breaks a rule, and the name it should have.

A *normalizer* removes one difference between two spellings of a name, such as letter case or leading zeros. Two names
are near if they are equal once all normalizers are applied to both. An *affix* is something that people and programs
add to a name, such as ``copy`` or a second extension. Affixes are removed from the file's name only, and only if the
name matches nothing with them. The broken rules are the fewest normalizers and affixes that make the names equal.
Nothing is measured or guessed, and each lookup is one dictionary access.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from attrs import evolve, frozen

from remote_artwork.core.characters import ascii_digits
from remote_artwork.core.expected import ExpectedFile, split_extension
from remote_artwork.core.labels import COPY_MARKS
from remote_artwork.core.mentions import MIN_LENGTH_DIFFERENCE, MIN_LONG_ITEM, folders_name_only
from remote_artwork.core.orders import MEDIA_TYPES
from remote_artwork.core.pattern import ORDER_ITEM_NUMBER, FilenamePattern
from remote_artwork.core.text import INVISIBLE, nfc

_UPLOADING = re.compile(
    r"\.(?:part|partial|tmp|temp|crdownload|opdownload|download|filepart|dltmp|upload|uploading|incomplete)$",
    re.IGNORECASE,
)
_UPLOADING_PREFIX = re.compile(r"(?<![^/])~syncthing~", re.IGNORECASE)
_RANDOM_PART = re.compile(r"\.[0-9a-z]{4,12}$", re.IGNORECASE)
"""What some browsers insert before the suffix of an unfinished download."""
_AFTER_EXTENSION = re.compile(r"(?:[\s.]|%20)+$")
_OTHER_EXTENSIONS: Mapping[str, str] = dict.fromkeys(("jfif", "jpe", "jif", "jfi", "pjpeg", "pjp"), "jpg")
"""Further extensions of the printed formats → the extension to use."""
_SECOND_EXTENSION = re.compile(rf"\.(?:{'|'.join(MEDIA_TYPES)})$", re.IGNORECASE)
_COPY_OF = r"(?:copy of|kopie von|copie de|copia de) "
_ORDER = r"(?:order|bestellung|auftrag|commande|pedido|ordine)[ _.#:-]*"
_LEADING_WORD = re.compile(rf"(?<![^/])(?:{_COPY_OF}|{_ORDER})", re.IGNORECASE)
_FOLDERS = re.compile(r"^(?:[^/]+/)+(?!.*/)")
_HASH = re.compile(r"(?<![^/])#+")
_SPACES = re.compile(r"^ +| +$| +(?=[/_.-])|(?<=[#/_.-]) +")
_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")
_SEPARATORS = re.compile(r"[ _.\u2010-\u2015\u2212-]+")
_DIGITS = re.compile(r"[0-9]+(?:_[0-9]+)*")
"""Most names in most shops. They have no affixes, and only leading zeros can differ."""
_MAX_LENGTH = 255

Normalizer = Callable[[str], str]


def strip_leading_word(text: str) -> str:
    """Remove a leading word such as ``order`` or ``copy of``."""
    return _LEADING_WORD.sub("", text)


_AFFIXES: Mapping[str, Normalizer] = {
    "two_extensions": lambda text: _SECOND_EXTENSION.sub("", text),
    "marked_as_copy": lambda text: COPY_MARKS.sub("", text),
    "in_a_folder": lambda text: _FOLDERS.sub("", text),
    "word_in_front": strip_leading_word,
}
"""Rule → removes what people and programs add to a file's name."""

_NORMALIZERS: Mapping[str, Normalizer] = {
    "invisible_characters": lambda text: INVISIBLE.sub("", text),
    "compatibility_characters": lambda text: ascii_digits(unicodedata.normalize("NFKC", text)),
    "extra_spaces": lambda text: _SPACES.sub("", text),
    "number_sign": lambda text: _HASH.sub("", text),
    "letter_case": str.casefold,
    "leading_zeros": lambda text: _ZEROS.sub("", text),
    "other_separator": lambda text: _SEPARATORS.sub("_", text),
}
"""Rule → removes one difference between two spellings of a name."""

_ASCII_NORMALIZERS = {
    rule: normalizer
    for rule, normalizer in _NORMALIZERS.items()
    if rule not in ("invisible_characters", "compatibility_characters")
}
_SWAPPED = "swapped_numbers"


class CleanName(NamedTuple):
    """A file's name without what programs add behind it, and with the usual extension of its format.

    Attributes:
        basename: The name without its extension.
        extension: The extension.
        rules: The codes of the rules that the name breaks.
    """

    basename: str
    extension: str
    rules: tuple[str, ...] = ()

    @property
    def is_printed(self) -> bool:
        """Whether files with this extension are printed."""
        return self.extension.lower() in MEDIA_TYPES


def is_unfinished(name: str) -> bool:
    """Whether the name has the suffix of an unfinished upload."""
    return _UPLOADING.search(name) is not None


def clean_name(name: str) -> CleanName:
    """Remove what programs add behind a name, if an extension of a printed format is before it."""
    basename, extension = split_extension(name)
    if extension.lower() in MEDIA_TYPES and not _UPLOADING_PREFIX.search(name):
        return CleanName(basename, extension)
    rules = []
    bare = name
    if not bare.isascii():
        head, dot, end = bare.rpartition(".")
        bare = head + dot + INVISIBLE.sub("", end)
        rules += ["invisible_characters"] if bare != name else []
    trimmed = _AFTER_EXTENSION.sub("", bare)
    rules += ["text_after_extension"] if trimmed != bare else []
    begun = _UPLOADING_PREFIX.sub("", _UPLOADING.sub("", trimmed))
    if begun != trimmed:
        rules.append("upload_not_finished")
        if split_extension(_RANDOM_PART.sub("", begun))[1].lower() in MEDIA_TYPES:
            begun = _RANDOM_PART.sub("", begun)
    basename, extension = split_extension(begun)
    if usual := _OTHER_EXTENSIONS.get(extension.lower()):
        return CleanName(basename, usual, (*rules, "other_extension"))
    if extension.lower() in MEDIA_TYPES:
        return CleanName(basename, extension, tuple(rules))
    return CleanName(*split_extension(name))


class NearMiss(NamedTuple):
    """The one expected file that a name nearly matches.

    Attributes:
        expected: The expected file.
        rules: The codes of the broken rules.
        ignores_pattern: Whether the order numbers that the pattern reads from the name do not count, because the name
            was understood in another way.
    """

    expected: ExpectedFile
    rules: tuple[str, ...]
    ignores_pattern: bool = False


@frozen
class NearMissIndex:
    """The expected files by their normalized names. A name that two items share has None: nothing is suggested."""

    _by_basename: Mapping[str, ExpectedFile | None]
    _by_name: Mapping[str, ExpectedFile | None]
    _by_swapped_name: Mapping[str, ExpectedFile | None]

    @classmethod
    def build(cls, expected: Iterable[ExpectedFile], pattern: FilenamePattern) -> NearMissIndex:
        """Normalize the name of each expected file once."""
        expected = tuple(expected)
        swapped = ((name, file) for file in expected if (name := _with_numbers_swapped(file, pattern)))
        return cls(
            _unique((nfc(file.basename), file) for file in expected),
            _unique((normalize(file.basename), file) for file in expected),
            _unique((normalize(name), file) for name, file in swapped),
        )

    def find(self, basename: str) -> NearMiss | None:
        """The near miss of a name without its extension; None if there is none, or more than one.

        The name of an expected file itself breaks no rules.
        """
        if len(basename) > _MAX_LENGTH:
            return None
        basename = nfc(basename)
        if expected := self._by_basename.get(basename):
            return NearMiss(expected, ())
        bare, key, affixes = basename, normalize(basename), dict[str, Normalizer]()
        for rule, remove_affix in () if _DIGITS.fullmatch(basename) else _AFFIXES.items():
            if key in self._by_name:  # as few affixes as possible are removed
                break
            affixes[rule] = remove_affix
            if (shorter := remove_affix(bare)) != bare:
                bare, key = shorter, normalize(shorter)
        if key not in self._by_name:
            return self._find_swapped(basename)
        expected = self._by_name[key]
        if expected is None:
            return None
        rules = tuple(_broken_rules(basename, nfc(expected.basename), affixes))
        if "in_a_folder" in rules and not folders_name_only(basename, expected.order):
            return None
        return NearMiss(expected, rules)

    def _find_swapped(self, basename: str) -> NearMiss | None:
        expected = self._by_swapped_name.get(normalize(basename)) if not basename.startswith("#") else None
        return NearMiss(expected, (_SWAPPED,), ignores_pattern=True) if expected else None


def _unique(pairs: Iterable[tuple[str, ExpectedFile]]) -> Mapping[str, ExpectedFile | None]:
    by_name: dict[str, ExpectedFile | None] = {}
    for name, file in pairs:
        by_name[name] = None if name in by_name else file
    return by_name


def _with_numbers_swapped(file: ExpectedFile, pattern: FilenamePattern) -> str | None:
    """The basename with the numbers of order and item swapped; None if that could be a correct name."""
    order, item = file.order, file.item
    is_long = len(order.number) >= len(item.number) + MIN_LENGTH_DIFFERENCE or len(item.number) >= MIN_LONG_ITEM
    if not is_long or not pattern.uses(ORDER_ITEM_NUMBER):
        return None
    try:
        return pattern.render(evolve(order, number=item.number), evolve(item, number=order.number), file.placement)
    except ValueError:
        return None


def normalize(text: str) -> str:
    """Apply all normalizers. Two spellings of one name give the same result."""
    if _DIGITS.fullmatch(text):
        return _ZEROS.sub("", text)
    return _apply(_ASCII_NORMALIZERS, text) if text.isascii() else _apply(_NORMALIZERS, nfc(text))


def _apply(rules: Mapping[str, Normalizer], text: str) -> str:
    for apply_rule in rules.values():
        text = apply_rule(text)
    return text


def _broken_rules(basename: str, expected: str, affixes: Mapping[str, Normalizer]) -> list[str]:
    """The fewest rules that make the two names equal. Rules at the end of the tables are dropped first."""
    needed = {**affixes, **_NORMALIZERS}
    for rule in reversed(tuple(needed)):
        fewer = {name: normalizer for name, normalizer in needed.items() if name != rule}
        normalizers = {name: normalizer for name, normalizer in fewer.items() if name in _NORMALIZERS}
        if _apply(fewer, basename) == _apply(normalizers, expected):
            needed = fewer
    return list(needed)
