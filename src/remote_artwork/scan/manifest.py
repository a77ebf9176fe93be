"""Read the manifest of a location, and notice when it changes."""

from __future__ import annotations

from attrs import define, field

from remote_artwork.core.lifecycle import FileRecord
from remote_artwork.core.manifest import MAX_MANIFEST_SIZE, Manifest, manifest_too_large, parse_manifest
from remote_artwork.core.orders import StoredFile
from remote_artwork.errors import FileGone, StorageMisbehaved
from remote_artwork.storage.storage import ArtworkStorage

_ATTEMPTS = 3
"""How often a manifest that changes while it is read is read."""


@define(eq=False)
class ManifestReader:
    """Reads one manifest for all scans of a scanner. If it did not change since the last scan, that costs one request.

    Args:
        storage: The location.
        name: The name of the manifest.
        file: The version that was read last; None: there was no manifest.
        is_used: Whether the scan found the files by it. False until it was read without a problem.
    """

    storage: ArtworkStorage
    name: str
    file: StoredFile | None = field(default=None, init=False)
    is_used: bool = field(default=False, init=False)
    _manifest: Manifest = field(factory=Manifest, init=False)

    def read(self) -> Manifest:
        """The manifest as it is now; without rows if there is none.

        Raises:
            StorageError: It could not be read, or it changed each time that it was read.
        """
        known, self.file, self.is_used = self.file, None, False
        for _ in range(_ATTEMPTS):
            file = self._look_up()
            if file is None:
                return Manifest()
            if known is None or not _is_same(known, file):
                try:
                    manifest = self._parse(file)
                except FileGone:
                    continue
                if not self._is_still(file):
                    continue
                self._manifest = manifest
            self.file = file
            return self._manifest
        raise StorageMisbehaved(f"{self.name!r} was changed each time that it was read; scan again")

    def is_unchanged(self) -> bool:
        """Whether the manifest is still the one that was read last. Costs one request.

        Raises:
            StorageError: It could not be looked up, or the scan could not use it.
        """
        if not self.is_used:
            raise StorageMisbehaved(f"the manifest {self.name!r} could not be used; correct it, and scan again")
        return self._is_still(self.file)

    def _is_still(self, file: StoredFile | None) -> bool:
        now = self._look_up()
        return now is file is None or (now is not None and file is not None and _is_same(file, now))

    def _look_up(self) -> StoredFile | None:
        try:
            return self.storage.stat(self.name)
        except FileGone:
            return None

    def _parse(self, file: StoredFile) -> Manifest:
        if file.size > MAX_MANIFEST_SIZE:
            return Manifest(problems=(manifest_too_large(self.name),))
        return parse_manifest(self.storage.reader(file).read(0, file.size), self.name)


def _is_same(file: StoredFile, now: StoredFile) -> bool:
    return FileRecord.of("", file).describes(now)
