"""The end of a JPEG. A search for its marker FFD9 is not enough: thumbnails within the header have one of their own.

So the segments are walked from the start of the picture, through all bytes that are known. Where the walk is lost,
because a segment begins in the part that was not read, the end has to follow the picture's own coded data.

Source: ITU-T T.81, annex B.
"""

from __future__ import annotations

import re

from attrs import evolve, frozen

_END = 0xD9
_LONE = frozenset((0x01, *range(0xD0, 0xD9)))  # markers without a length: TEM, RST0 to RST7, SOI
_SCAN = 0xDA
# In coded data FF is followed by 00 or a restart marker; anything else ends the data.
_AFTER_DATA = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
# What stands behind a thumbnail's end: the next segment of the header, or Photoshop's next resource.
_HEADER_GOES_ON = re.compile(rb"\0?(?:\xff[\xc0-\xcf\xdb\xdd\xe0-\xef\xfe]|8BIM)", re.DOTALL)
_START_OF_SCAN = re.compile(rb"\xff\xda\x00[\x06-\x0c][\x01-\x04]", re.DOTALL)

_PROOF = 4_096  # bytes without a stray marker are coded data; a colour profile has one every 256 bytes or so


@frozen(kw_only=True)
class _Walk:
    """Where the walk stands: at a segment's marker, or within coded data."""

    at: int
    in_data: bool = False
    ended: bool = False
    lost: bool = False


def jpeg_is_whole(head: bytes, tail: bytes, size: int) -> bool:
    """Whether the end marker of the picture itself is there.

    Args:
        head: The first bytes, from the start of the picture on.
        tail: The last bytes; may overlap ``head``.
        size: Of the whole file, in bytes.
    """
    tail_at = size - len(tail)
    walk = _walk(head, 0, _Walk(at=2))
    if not walk.ended and walk.at < tail_at and (walk.lost or not walk.in_data):
        return _follows_coded_data(tail)
    if not walk.ended:
        walk = _walk(tail, tail_at, evolve(walk, at=max(walk.at, tail_at)))
    if walk.lost:
        return _follows_coded_data(tail[max(walk.at - tail_at, 0) :])
    return walk.ended


def _walk(piece: bytes, offset: int, walk: _Walk) -> _Walk:
    """Goes on through one known piece of the file, which begins at ``offset``."""
    at, in_data = walk.at - offset, walk.in_data
    while True:
        if in_data:
            found = _AFTER_DATA.search(piece, at)
            if found is None:
                return _Walk(at=offset + max(at, len(piece)), in_data=True)
            at, in_data = found.start(), False
        if at + 1 >= len(piece):
            return _Walk(at=offset + at)
        if piece[at] != 0xFF:
            return _Walk(at=offset + at, lost=True)
        marker = piece[at + 1]
        if marker == _END:
            return _Walk(at=offset + at + 2, ended=True)
        if marker == 0xFF:
            at += 1
        elif marker in _LONE:
            at += 2
        elif at + 4 > len(piece):
            return _Walk(at=offset + at)
        else:
            at += 2 + int.from_bytes(piece[at + 2 : at + 4])
            in_data = marker == _SCAN


def _follows_coded_data(tail: bytes) -> bool:
    """Whether an end marker stands behind coded data that cannot be a thumbnail's."""
    last_scan = max((found.start() for found in _START_OF_SCAN.finditer(tail)), default=None)
    end = _AFTER_DATA.search(tail, 0 if last_scan is None else last_scan + 4)
    if end is None or end.group(1) != b"\xd9" or _HEADER_GOES_ON.match(tail, end.end()):
        return False
    return last_scan is not None or end.start() >= _PROOF
