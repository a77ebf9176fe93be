"""The pager for any fsspec file system, and the one for local folders and memory.

A page is a folder. Only plain files count: a symbolic link could lead out of the folder that the merchant may use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import fsspec
from fsspec import AbstractFileSystem

from remote_artwork.core.orders import StoredFile
from remote_artwork.errors import ConfigurationError, LocationNotFound, StorageMisbehaved
from remote_artwork.http import NetworkPolicy
from remote_artwork.storage.backends.base import Requester, isolated_fs, protocols_of
from remote_artwork.storage.credentials import Anonymous, Credentials
from remote_artwork.storage.location import Location

Entry = Mapping[str, Any]


def connect(location: Location, credentials: Credentials, _network: NetworkPolicy) -> AbstractFileSystem:
    """A file system of this machine; needs no credentials and no network."""
    if not isinstance(credentials, Anonymous):
        raise ConfigurationError(f"{location}: a location on this machine takes no credentials; leave them out")
    return isolated_fs(fsspec.get_filesystem_class(location.protocol), use_listings_cache=False)


class Backend:
    """Lists folder by folder, with whatever ``ls``, ``info``, ``cat_file`` and ``sign`` the file system has."""

    def __init__(self, fs: AbstractFileSystem, root: str, *, call_timeout: float) -> None:
        del call_timeout  # the clients of this machine cannot hang, and the others have time-outs of their own
        self._fs = fs
        self._root = root
        self._below = root.rstrip("/") + "/" if root else ""

    def pages(self, ask: Requester) -> Iterator[Sequence[tuple[str, Entry]]]:
        """One page a folder, from the root down."""
        self._fs.invalidate_cache()
        folders, seen = [self._root], {self._root}
        while folders:
            folder = folders.pop()
            try:
                listed = ask("list", partial(self._ls, folder))
            except LocationNotFound:
                if folder == self._root:
                    raise
                continue  # removed since its parent was listed
            inner = {_path(entry) for name, entry in listed if name and entry.get("type") == "directory"} - seen
            folders += sorted(inner)
            seen |= inner
            yield [(name, entry) for name, entry in listed if _is_plain_file(entry)]

    def _ls(self, folder: str) -> Sequence[tuple[str, Entry]]:
        entries: Sequence[Entry] = self._fs.ls(folder, detail=True)
        if [(_rootless(_path(entry)), entry.get("type")) for entry in entries] == [(_rootless(folder), "file")]:
            raise LocationNotFound("this is a file, not a folder; name the folder it lies in")
        return [(self._name(entry), entry) for entry in entries]

    def _name(self, entry: Entry) -> str:
        """The name below the root; empty for the root and the folders above it, which some file systems list too."""
        path, below = _rootless(str(entry["name"])), _rootless(self._below)
        if path.startswith(below):
            return path.removeprefix(below)
        if f"/{below}".startswith(f"/{path}".rstrip("/") + "/"):
            return ""
        raise StorageMisbehaved(f"the file system lists {path!r}, which is not below the folder; check its root")

    def write(self, name: str, content: bytes) -> None:
        """Writes a small file, for a check."""
        self._fs.pipe_file(self._below + name, content)

    def delete(self, name: str) -> None:
        """Deletes a file, for a check."""
        self._fs.rm_file(self._below + name)

    def head(self, name: str) -> Entry:
        """One ``info``; a link or a folder is no file."""
        entry: Entry = self._fs.info(self._below + name)
        if not _is_plain_file(entry):
            raise FileNotFoundError(f"{name!r} is no plain file")
        return entry

    def get(self, file: StoredFile, start: int, end: int) -> bytes:
        """A range of the file as it is now; such storages pin no versions."""
        return bytes(self._fs.cat_file(self._below + file.name, start=start, end=end))

    def url(self, file: StoredFile, expires_in: timedelta) -> tuple[str, datetime | None]:
        """A URL of this machine, or one that the file system signs."""
        path = self._below + file.name
        protocols = protocols_of(self._fs)
        if "file" in protocols or "local" in protocols:
            return Path(path).as_uri(), None
        if "memory" in protocols:
            return f"memory://{quote(_rootless(path))}", None
        expires_at = datetime.now(UTC) + expires_in
        try:
            return str(self._fs.sign(path, expiration=int(expires_in.total_seconds()))), expires_at
        except NotImplementedError as error:
            raise ConfigurationError(
                f"{type(self._fs).__name__} cannot make URLs that a host could download from; "
                "keep the files in a storage that can"
            ) from error


def _path(entry: Entry) -> str:
    return str(entry["name"]).rstrip("/")


def _rootless(path: str) -> str:
    """File systems differ in whether a path begins with a slash, and some in their root and their listings."""
    return path.removeprefix("/")


def _is_plain_file(entry: Entry) -> bool:
    return entry.get("type") == "file" and not entry.get("islink")
