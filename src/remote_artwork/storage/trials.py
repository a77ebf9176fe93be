"""What only a check asks of a storage. A pager may have these abilities or not; scans do without them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol, runtime_checkable

from attrs import frozen

from remote_artwork.storage.fetching import WebAnswer, ask_once
from remote_artwork.storage.inside import Attempt
from remote_artwork.storage.network import NetworkPolicy
from remote_artwork.storage.storage import ArtworkStorage


@runtime_checkable
class Resumes(Protocol):
    """A pager that can begin a listing after a name."""

    def names_after(self, name: str) -> Sequence[str]:
        """One page of the names after ``name``, by one request; ``""`` for a key that is not below the folder."""


@runtime_checkable
class Writes(Protocol):
    """A pager that can write, where the credentials may."""

    def write(self, name: str, content: bytes) -> None:
        """Writes a small file, over one that is there."""

    def delete(self, name: str) -> None:
        """Deletes a file."""


def names_after(storage: ArtworkStorage, name: str) -> Sequence[str] | None:
    """As ``Resumes.names_after``; None where the storage cannot be asked to.

    Raises:
        StorageError: The page could not be had.
    """
    inside = storage.inside
    if not isinstance(inside.pager, Resumes):
        return None
    return inside.ask("list", partial(inside.pager.names_after, name))


def fetch(storage: ArtworkStorage, url: str, network: NetworkPolicy, length: int) -> WebAnswer:
    """The first bytes that a URL of the storage gives to somebody without its credentials.

    Raises:
        StorageError: Nothing was answered.
    """
    headers = {"Range": f"bytes=0-{length - 1}"}
    return storage.inside.attempt(partial(ask_once, "GET", url, network, headers=headers), name=None)


def writer_of(storage: ArtworkStorage) -> Writes | None:
    """Writes to the storage; None where it is opened for reading only.

    Its errors are the storage's own, as those of ``ArtworkStorage`` are.
    """
    inside = storage.inside
    return _Translated(inside.pager, inside.attempt) if isinstance(inside.pager, Writes) else None


@frozen
class _Translated:
    pager: Writes
    attempt: Attempt

    def write(self, name: str, content: bytes) -> None:
        self.attempt(partial(self.pager.write, name, content), name=name)

    def delete(self, name: str) -> None:
        self.attempt(partial(self.pager.delete, name), name=name)
