"""Sets fields of a JSON text and leaves every other character as it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from remote_artwork.clients.json_position import Path, locate, members

_INDENTED = re.compile(r"\n([ \t]+)\S")
_NEW_LINE = re.compile(r"\r?\n[ \t]*\Z")


def with_fields(text: str, path: Path, fields: Mapping[str, Any]) -> str:
    """The text in which the object at ``path`` holds ``fields``.

    A field that is there keeps its place; a new one becomes the last, laid out like the object's first.

    Args:
        text: Well-formed JSON.
        path: Leads to an object that is not empty.
        fields: Name → a value that ``json.dumps`` writes.
    """
    start = locate(text, path).start  # what changes lies behind it, so it stays true
    for name, value in fields.items():
        text = _with_field(text, start, name, value)
    return text


def _with_field(text: str, start: int, name: str, value: Any) -> str:
    there = list(members(text, start))
    first, last = there[0], there[-1]
    break_before = _NEW_LINE.search(text, start, first.at)
    new_line = break_before.group() if break_before else ""
    spaced = text[first.start - 1] != ":"
    written = _written(value, new_line=new_line, unit=_unit(text), spaced=spaced)
    for member in there:
        if member.key == name:
            return text[: member.start] + written + text[member.end :]
    separator = new_line or (" " if spaced else "")
    colon = ": " if spaced else ":"
    return f"{text[: last.end]},{separator}{json.dumps(name)}{colon}{written}{text[last.end :]}"


def _written(value: Any, *, new_line: str, unit: str, spaced: bool) -> str:
    if new_line:
        lines = json.dumps(value, ensure_ascii=False, indent=unit)
        return lines.replace("\n", new_line)
    separators = (", ", ": ") if spaced else (",", ":")
    return json.dumps(value, ensure_ascii=False, separators=separators)


def _unit(text: str) -> str:
    indented = _INDENTED.search(text)
    return indented.group(1) if indented else "  "
