"""The review of an order's files by a person, before any of them is attached or sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from remote_artwork.core.lifecycle import FileRecord, OrderKey, accept_command, digest_of
from remote_artwork.core.orders import StoredFile
from remote_artwork.core.reasons import Reason, reason

RELEASED: Final = "Policy.release_after"
"""Who accepted the files of an order that was released automatically."""


def files_digest(items: Mapping[str, Iterable[FileRecord]]) -> str:
    """The digest of the very files of an order, by item number. A person who accepts files accepts this digest.

    It depends on the name and the content of the file of each placement. The content is known by its SHA-256, or by its
    change token if the file was not read whole.
    """
    parts: list[str] = []
    for number in sorted(items):
        for file in sorted(items[number], key=lambda file: file.placement):
            content = ("sha256", file.sha256) if file.sha256 else ("version", file.version)
            parts += [number, file.placement, file.name, *content]
    return digest_of("files", *parts)


def review_reasons(key: OrderKey, number: str, files: str) -> tuple[Reason, Reason]:
    """Why an order with good files is not sent, and how to accept these files.

    Args:
        key: The order.
        number: The number that people use for the order.
        files: The ``files_digest``.
    """
    return reason("awaiting_review", digest=files), reason("accept", command=accept_command(key, number, files))


def is_released(
    records: Mapping[str, Sequence[FileRecord]],
    files: Mapping[str, Mapping[str, StoredFile]],
    *,
    after: timedelta | None,
    now: datetime,
) -> bool:
    """Whether the files of an order have been there so long that they are sent although nobody accepted them.

    Args:
        records: Item number → its checked files.
        files: Item number → placement → the file, as the storage shows it in this scan.
        after: How old the newest file must be; None: never.
        now: The time of the scan.
    """
    if after is None:
        return False
    return all(
        _is_old(record, files.get(number, {}).get(record.placement), before=now - after)
        for number, of_item in records.items()
        for record in of_item
    )


def are_older(items: Iterable[Mapping[str, StoredFile]], after: timedelta, *, now: datetime) -> bool:
    """Whether all files of the items, by placement, were last changed at least this long ago."""
    files = [file for of_item in items for file in of_item.values()]
    return all(file.last_modified is not None and file.last_modified <= now - after for file in files)


def _is_old(record: FileRecord, file: StoredFile | None, *, before: datetime) -> bool:
    identified = bool(record.sha256 or record.version_id)
    if file is None or file.last_modified is None or not identified or not record.describes(file):
        return False
    return file.last_modified <= before
