"""Storages: where the files are."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from remote_artwork._lazy import lazy_exports

if TYPE_CHECKING:
    from remote_artwork.core.orders import StoredFile
    from remote_artwork.storage.doctor import CheckReport, CheckStep, Verdict, check_location
    from remote_artwork.storage.location import Location
    from remote_artwork.storage.storage import ArtworkStorage, open_storage

__all__ = [
    "ArtworkStorage",
    "CheckReport",
    "CheckStep",
    "Location",
    "StoredFile",
    "Verdict",
    "check_location",
    "open_storage",
]

__getattr__: Callable[[str], Any]
__dir__: Callable[[], list[str]]
__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "core.orders": ["StoredFile"],
        "storage.doctor": ["CheckReport", "CheckStep", "Verdict", "check_location"],
        "storage.location": ["Location"],
        "storage.storage": ["ArtworkStorage", "open_storage"],
    },
)
