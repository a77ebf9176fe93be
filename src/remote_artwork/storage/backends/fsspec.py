"""The backend for local folders, memory, and any fsspec file system without a backend of its own.

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

from remote_artwork.core.matching import Page
from remote_artwork.core.orders import StoredFile
from remote_artwork.errors import ConfigurationError, LocationNotFound, StorageMisbehaved
from remote_artwork.http import NetworkPolicy
from remote_artwork.storage.backends.base import Requester, isolated_fs, protocols_of
from remote_artwork.storage.credentials import Anonymous, Credentials
from remote_artwork.storage.location import Location
from remote_artwork.storage.metadata import bare_etag, file_change_token, stored_file

Info = Mapping[str, Any]
"""What a file system says about one file or folder."""


def connect(location: Location, credentials: Credentials, _network: NetworkPolicy) -> AbstractFileSystem:
    """A file system of this machine, without credentials or network."""
    if not isinstance(credentials, Anonymous):
        raise ConfigurationError(f"{location}: a folder of this machine takes no credentials; leave them out")
    return isolated_fs(fsspec.get_filesystem_class(location.protocol), use_listings_cache=False)


class Backend:
    """Lists folder by folder, with the file system's own ``ls``, ``info``, ``cat_file`` and ``sign``."""

    def __init__(self, fs: AbstractFileSystem, root: str, *, call_timeout: float) -> None:
        del call_timeout  # this machine's file systems do not hang, and others have timeouts of their own
        self._fs = fs
        self._root = root
        self._prefix = root.rstrip("/") + "/" if root else ""

    def pages(self, send: Requester) -> Iterator[Page]:
        """One page per folder, from the root down."""
        self._fs.invalidate_cache()
        folders, seen = [self._root], {self._root}
        while folders:
            folder = folders.pop()
            try:
                listed = send("list", partial(self._ls, folder))
            except LocationNotFound:
                if folder == self._root:
                    raise
                continue  # removed since its parent was listed
            subfolders = {_path(info) for name, info in listed if name and info.get("type") == "directory"} - seen
            folders += sorted(subfolders)
            seen |= subfolders
            yield _page([(name, info) for name, info in listed if _is_plain_file(info)])

    def _ls(self, folder: str) -> Sequence[tuple[str, Info]]:
        infos: Sequence[Info] = self._fs.ls(folder, detail=True)
        if [(_without_slash(_path(info)), info.get("type")) for info in infos] == [(_without_slash(folder), "file")]:
            raise LocationNotFound("this is a file, not a folder; use the folder that contains it")
        return [(self._name(info), info) for info in infos]

    def _name(self, info: Info) -> str:
        """The name below the root; empty for the root and its parents, which some file systems list, too."""
        path, prefix = _without_slash(str(info["name"])), _without_slash(self._prefix)
        if path.startswith(prefix):
            return path.removeprefix(prefix)
        if f"/{prefix}".startswith(f"/{path}".rstrip("/") + "/"):
            return ""
        raise StorageMisbehaved(f"the file system lists {path!r}, which is outside the folder; check its root")

    def head(self, name: str) -> StoredFile:
        """One ``info``. A link or a folder is not a file."""
        info: Info = self._fs.info(self._prefix + name)
        if not _is_plain_file(info):
            raise FileNotFoundError(f"{name!r} is not a plain file")
        return file_from_info(name, info)

    def get(self, file: StoredFile, start: int, end: int) -> bytes:
        """A range of the current file. These storages cannot pin a version."""
        return bytes(self._fs.cat_file(self._prefix + file.name, start=start, end=end))

    def url(self, file: StoredFile, expires_in: timedelta) -> tuple[str, datetime | None]:
        """A ``file://`` or ``memory://`` URL, or one that the file system signs."""
        path = self._prefix + file.name
        protocols = protocols_of(self._fs)
        if "file" in protocols or "local" in protocols:
            return Path(path).as_uri(), None
        if "memory" in protocols:
            return f"memory://{quote(_without_slash(path))}", None
        expires_at = datetime.now(UTC) + expires_in
        try:
            return str(self._fs.sign(path, expiration=int(expires_in.total_seconds()))), expires_at
        except NotImplementedError as error:
            raise ConfigurationError(
                f"{type(self._fs).__name__} cannot make URLs from which a shop could download; "
                "keep the files in a storage that can"
            ) from error

    def write(self, name: str, content: bytes) -> None:
        """Write a small file, for ``check``."""
        self._fs.pipe_file(self._prefix + name, content)

    def delete(self, name: str) -> None:
        """Delete a file, for ``check``."""
        self._fs.rm_file(self._prefix + name)


_SIZES = ("size", "Size", "ContentLength")
_ETAGS = ("ETag", "etag")
_VERSIONS = ("VersionId", "generation", "version_id")
_TIMES = ("LastModified", "last_modified", "updated", "Last-Modified", "mtime", "created")


def file_from_info(name: str, info: Info) -> StoredFile:
    """Make a ``StoredFile`` from a file system's own description, whatever words it uses.

    Raises:
        StorageMisbehaved: The size is missing.
    """
    size = _first(info, _SIZES)
    etag = bare_etag(_first(info, _ETAGS)) or file_change_token(
        info.get("ino", 0), _first(info, ("mtime", *_TIMES)), size
    )
    return stored_file(
        name, size=size, etag=etag, version_id=_first(info, _VERSIONS), last_modified=_first(info, _TIMES)
    )


def _first(info: Info, keys: Sequence[str]) -> Any:
    return next((value for key in keys if (value := info.get(key)) is not None), None)


def _page(infos: Sequence[tuple[str, Info]]) -> Page:
    return Page([name for name, _ in infos], lambda i: file_from_info(*infos[i]), strategy="listing")


def _path(info: Info) -> str:
    return str(info["name"]).rstrip("/")


def _without_slash(path: str) -> str:
    """File systems differ in whether a path starts with a slash; some differ between their root and their listings."""
    return path.removeprefix("/")


def _is_plain_file(info: Info) -> bool:
    return info.get("type") == "file" and not info.get("islink")
