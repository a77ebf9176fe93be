"""The bench a storage is tested on: how a test opens it, and how it puts files there and takes them away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Protocol, TypeVar

import pytest

from remote_artwork.core.model import StoredFile
from remote_artwork.storage.provider_row import Capability
from remote_artwork.storage.storage import ArtworkStorage

Caller = Literal["owner", "stranger", "anonymous"]
"""``owner`` has the credentials, ``stranger`` has wrong ones, ``anonymous`` has none."""

Test = TypeVar("Test", bound=Callable[..., Any])


class StorageBench(Protocol):
    """One storage on the bench. Names are keys relative to the place that the bench works in.

    Attributes:
        lacks: What this storage cannot do, and why. Such a test shows that it cannot, or is skipped with the reason
            where that cannot be shown. So is one whose reason begins with ``not tried``.
        lost_names: The names of ``ODD_NAMES`` that it does not keep as they are. Empty unless ``odd_names`` is lacked.
        page: Files in a full page of its listings.
    """

    lacks: Mapping[Capability, str]
    lost_names: frozenset[str]
    page: int

    def open(self, folder: str, *, who: Caller = "owner") -> ArtworkStorage:
        """A storage of its own, of one folder; for ``anonymous`` the folder on the public side, where there is one."""

    def open_nowhere(self) -> ArtworkStorage:
        """The owner's storage of a bucket, or of a top folder, that does not exist."""

    def put(self, files: Mapping[str, bytes], *, public: bool = False) -> None:
        """Stores files, each whole, and returns when all are there.

        Raises:
            OSError: The storage does not take such a name.
        """

    def delete(self, names: Iterable[str]) -> None:
        """Removes files; where the storage keeps versions, hides them."""


def shows(capability: Capability) -> Callable[[Test], Test]:
    """Says of a test what it shows about a storage; read by whoever makes a table of it."""

    def mark(test: Test) -> Test:
        test.__dict__["shows"] = capability
        return test

    return mark


def skip_if_not_tried(lacks: Mapping[Capability, str], capability: Capability) -> None:
    """Skips the test where nobody knows: the reason begins with ``not tried``."""
    if lacks.get(capability, "").startswith("not tried"):
        pytest.skip(lacks[capability])


def listed(storage: ArtworkStorage) -> dict[str, StoredFile]:
    """Every file of a storage by its name, as the listing describes it."""
    return {page.names[index]: page.file(index) for page in storage.pages() for index in range(len(page.names))}
