"""Is the file what its name says, and is all of it there? Needs two short reads and no package."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen

from remote_artwork.core.findings import Finding, Severity
from remote_artwork.core.model import OrderItem
from remote_artwork.interfaces import ArtworkReader
from remote_artwork.preflight.endings import Ends, is_whole, promised_length
from remote_artwork.preflight.kinds import ERROR_MESSAGE, PROMISED, WEB_PAGE, breaks_off_at_once, kind_of

HEAD = 1_024
"""Bytes read from the beginning."""
TAIL = 64_000
"""Bytes read from the end; together below 64 KiB. A file no larger than both is read in one go."""


@frozen(kw_only=True)
class SignatureCheck:
    """The check that every file passes through before it goes to print.

    Rejects with the codes ``empty``, ``too_large``, ``wrong_type`` and ``truncated``.

    Args:
        max_file_size: In bytes; a larger file is rejected unread.
    """

    max_file_size: int = 1024**3

    def check(self, artwork: ArtworkReader, item: OrderItem) -> Iterable[Finding]:  # noqa: ARG002 - of the interface
        """At most one finding. Makes at most two reads, of less than 64 KiB together.

        Raises:
            StorageError: The file could not be read.
        """
        size = artwork.file.size
        if size == 0:
            return [_reject("empty", "the file is empty; upload it again", _bytes(0))]
        if size > self.max_file_size:
            message = "the file is larger than this shop accepts; save it with less resolution or more compression"
            return [_reject("too_large", message, _bytes(size), f"at most {_bytes(self.max_file_size)}")]
        return list(_content(artwork))


def _content(artwork: ArtworkReader) -> Iterator[Finding]:
    extension, size = artwork.file.extension, artwork.file.size
    promised = PROMISED.get(extension)
    if promised is None:
        yield _reject("wrong_type", f"a .{extension} file cannot be printed; save it as JPEG, PNG or PDF")
        return
    wanted = size if size <= HEAD + TAIL else HEAD
    head = artwork.read(0, wanted)
    kind = kind_of(head[:HEAD])
    if kind != promised and not (len(head) < HEAD and breaks_off_at_once(head, promised)):
        yield _wrong_type(extension, promised, kind)
        return
    tail = head if wanted == size else artwork.read(size - TAIL, TAIL)
    received = len(head) if wanted == size else size - TAIL + len(tail)
    ends = Ends(head=head, tail=tail, size=size)
    if received < size:
        yield _truncated("the storage delivers less of the file than it lists; upload it again", received, size)
    elif kind != promised or not is_whole(promised, ends):
        message = f"the file begins as {promised} but its end is missing: the upload broke off; upload it again"
        yield _truncated(message, size, promised_length(ends))


def _wrong_type(extension: str, promised: str, kind: str | None) -> Finding:
    wanted = promised.split()[1]
    if kind in (WEB_PAGE, ERROR_MESSAGE):
        cure = f"it was saved in place of the file; upload the {wanted} itself"
    elif kind is not None and kind in PROMISED.values():
        cure = f"let its name end in .{kind.split()[1].lower()}, or save it as {wanted}"
    else:
        cure = f"open it in the program it was made with and save it as {wanted}"
    what = f"is {kind}" if kind else f"is not {promised}"
    return _reject("wrong_type", f"the name ends in .{extension} but the file {what}; {cure}", kind, promised)


def _truncated(message: str, size: int, required: int | None) -> Finding:
    return _reject("truncated", message, _bytes(size), None if required is None else _bytes(required))


def _reject(code: str, message: str, measured: str | None = None, required: str | None = None) -> Finding:
    return Finding(severity=Severity.REJECT, code=code, message=message, measured=measured, required=required)


def _bytes(count: int) -> str:
    return f"{count:,} bytes"
