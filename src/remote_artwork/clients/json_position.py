"""Where a value stands in a JSON text. The standard parser tells positions for syntax errors only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from attrs import frozen

Path = tuple[str | int, ...]
"""The way to a value from the root: names of fields and places in lists, from 0."""

_ANY_NUMBER = json.JSONDecoder(parse_int=str, parse_float=str)  # skips numbers of any length without judging them
_BLANK = re.compile(r"[ \t\r\n]*")
_WORD = re.compile(r"[^\W\d]\w*")


@frozen
class Member:
    """One member of an object or a list.

    Args:
        key: Its name, or its place from 0.
        at: Where the member begins: at the quote of its name, or at its value in a list.
        start: Where its value begins.
        end: Just behind its value.
    """

    key: str | int
    at: int
    start: int
    end: int


def root(text: str) -> Member:
    """The one value of the text."""
    start = _past_blanks(text, 0)
    return Member("", start, start, len(text.rstrip()))


def members(text: str, start: int) -> Iterator[Member]:
    """The members of the object or list that begins at ``start``; none for any other value.

    The text must be well-formed, as ``json.loads`` finds it.
    """
    if text[start] not in "{[":
        return
    at, place = _past_blanks(text, start + 1), 0
    while text[at] not in "}]":
        key: str | int = place
        value = at
        if text[start] == "{":
            key, behind = _ANY_NUMBER.raw_decode(text, at)
            value = _past_blanks(text, _past_blanks(text, behind) + len(":"))
        _, end = _ANY_NUMBER.raw_decode(text, value)
        yield Member(key, at, value, end)
        at, place = _past_blanks(text, end), place + 1
        if text[at] == ",":
            at = _past_blanks(text, at + 1)


def locate(text: str, path: Path) -> Member:
    """The member at ``path``, or the nearest one above it that exists."""
    member = root(text)
    for step in path:
        below = next((each for each in members(text, member.start) if each.key == step), None)
        if below is None:
            break
        member = below
    return member


def walk(text: str) -> Iterator[tuple[Path, Member]]:
    """Every member below the root with its path, each before what it holds."""
    above: list[tuple[Path, Iterator[Member]]] = [((), members(text, root(text).start))]
    while above:
        path, siblings = above[-1]
        member = next(siblings, None)
        if member is None:
            above.pop()
            continue
        here = (*path, member.key)
        yield here, member
        above.append((here, members(text, member.start)))


def line_at(text: str, offset: int) -> int:
    """The line, from 1, on which ``offset`` stands."""
    return text.count("\n", 0, offset) + 1


def show(path: Path) -> str:
    """The path as people write it: ``orders[1].items[0].number``."""
    shown = ""
    for step in path:
        if isinstance(step, str) and _WORD.fullmatch(step):
            shown += f".{step}"
        else:
            shown += f"[{json.dumps(step, ensure_ascii=False)}]"
    return shown.removeprefix(".")


def _past_blanks(text: str, offset: int) -> int:
    blank = _BLANK.match(text, offset)
    return blank.end() if blank else offset
