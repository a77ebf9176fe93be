"""Characters of file names that look like others, or that are invisible."""

from __future__ import annotations

import re
import unicodedata

from remote_artwork.core.text import INVISIBLE, nfc

_LOOK_ALIKE_LETTERS = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеѕіјорсухΑΒΕΖΗΙΚΜΝΟΡΤΥΧο",
    "ABESIJKMHOPCTYXaesijopcyxABEZHIKMNOPTYXo",
)
"""Cyrillic and Greek letters → the Latin letters that look the same."""
_OTHER_DIGIT = re.compile(r"(?![0-9])\d")
IN_NUMBER = re.compile(r"(?<=[0-9])[oOlI]+(?![^\W\d_])|(?<![^\W\d_])[oOlI]+(?=[0-9])")
"""Letters in a number that look like digits."""
_DIGIT_OF_LETTER = str.maketrans("oOlI", "0011")


def fold(text: str) -> str:
    """The text without differences that a reader does not see, or does not mean: case, width, alphabet of digits."""
    if text.isascii():
        return text.lower()
    return "/".join(map(_fold_segment, text.split("/")))


def _fold_segment(text: str) -> str:
    text = unicodedata.normalize("NFKC", INVISIBLE.sub("", text)).translate(_LOOK_ALIKE_LETTERS)
    return unicodedata.normalize("NFC", ascii_digits(text).casefold()).replace("/", "_")


def ascii_digits(text: str) -> str:
    """Write the digits of other alphabets, such as Arabic, as ASCII digits."""
    return _OTHER_DIGIT.sub(lambda found: str(unicodedata.decimal(found[0])), text)


def digits_for_letters(text: str) -> str:
    """Replace the letters O, l and I in a number by the digits that they look like."""
    return IN_NUMBER.sub(lambda found: found[0].translate(_DIGIT_OF_LETTER), text)


def latin_letters(text: str) -> str:
    """Replace Cyrillic and Greek letters by the Latin letters that look the same."""
    return text if text.isascii() else text.translate(_LOOK_ALIKE_LETTERS)


def character_rules(basename: str) -> list[str]:
    """The rules that single characters of a name break."""
    if basename.isascii():
        letters = "".join(IN_NUMBER.findall(basename))
        return _letter_rules(letters)
    rules = ["invisible_characters"] if INVISIBLE.search(basename) else []
    visible = nfc(INVISIBLE.sub("", basename))
    wide = unicodedata.normalize("NFKC", visible) != visible or ascii_digits(visible) != visible
    latin = latin_letters(visible)
    return [
        *rules,
        *(["compatibility_characters"] if wide else []),
        *(["look_alike_letters"] if latin != visible else _letter_rules("".join(IN_NUMBER.findall(visible)))),
    ]


def _letter_rules(letters: str) -> list[str]:
    if not letters:
        return []
    return ["letter_o"] if letters.strip("oO") == "" else ["look_alike_letters"]
