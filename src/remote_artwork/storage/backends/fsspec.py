"""The backend for local folders, memory, and any fsspec file system without a backend of its own.

A page is a folder. Only plain files count: a symbolic link could lead out of the folder that the merchant may use.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import fsspec
from attrs import define, evolve, field
from fsspec import AbstractFileSystem
from fsspec.implementations.cached import CachingFileSystem
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from remote_artwork.core.expected import split_extension
from remote_artwork.core.matching import Page
from remote_artwork.core.orders import MEDIA_TYPES, StoredFile
from remote_artwork.core.text import spellings
from remote_artwork.errors import ConfigurationError, LocationNotFound, StorageMisbehaved, StorageUnreachable
from remote_artwork.http import NetworkPolicy
from remote_artwork.storage.backends.base import Requester, isolated_fs, protocols_of
from remote_artwork.storage.credentials import Anonymous, Credentials
from remote_artwork.storage.location import Location
from remote_artwork.storage.metadata import change_token, stored_file
from remote_artwork.storage.reader import FilePart

T = TypeVar("T")

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
        self._fs = fs
        self._root = root
        self._prefix = root.rstrip("/") + "/" if root else ""
        self._protocols = protocols_of(fs)
        self._is_local = "file" in self._protocols or "local" in self._protocols
        self._on_this_machine = self._is_local or "memory" in self._protocols
        # This machine's file systems respond at once. A thread for each call would only cost time.
        self._call: Call = _call_directly if self._on_this_machine else TimeLimit(call_timeout).call

    def check_urls(self) -> None:
        """Raise ``ConfigurationError`` if no URL can ever be made. Signs a URL, and sends nothing else."""
        if self._on_this_machine:
            return
        if not can_sign(self._fs):
            raise ConfigurationError(_cannot_sign(self._fs))
        try:
            self._call(partial(self._fs.sign, f"{self._prefix}remote-artwork-check.pdf", expiration=1))
        except NotImplementedError as error:
            raise ConfigurationError(_cannot_sign(self._fs)) from error
        except Exception:  # noqa: BLE001 - it may sign only for files that exist
            return

    def pages(self, send: Requester) -> Iterator[Page]:
        """One page per folder, from the root down."""
        folders, seen = [self._root], {self._root}
        parents: dict[str, str] = {}
        while folders:
            folder = folders.pop()
            try:
                listed = send("list", partial(self._ls, folder))
            except LocationNotFound as error:
                if folder == self._root:
                    raise
                self._check_removed(folder, parents[folder], send, error)
                continue
            subfolders = _subfolders(listed) - seen
            folders += sorted(subfolders)
            parents |= dict.fromkeys(subfolders, folder)
            seen |= subfolders
            page = self._page([(name, info) for name, info in listed if _is_plain_file(info)])
            yield evolve(
                page, unknown={name: _NOT_PLAIN for name, info in listed if name and _replaces_file(name, info)}
            )

    def _check_removed(self, folder: str, parent: str, send: Requester, error: LocationNotFound) -> None:
        """Raise ``StorageMisbehaved`` unless a folder was removed since its parent was listed.

        FTP servers also report a folder as missing if the account may not open it.
        """
        try:
            listed = send("list", partial(self._ls, parent))
        except LocationNotFound:
            if parent == self._root:
                raise
            return
        if folder in _subfolders(listed):
            raise StorageMisbehaved(
                f"the file system lists the folder {folder!r} and reports it as missing when it is opened, so it is "
                "not known which files are in it; allow the account to open this folder"
            ) from error

    def _page(self, infos: Sequence[tuple[str, Info]]) -> Page:
        def file(i: int) -> StoredFile:
            name, info = infos[i]
            return self._file(name, info, listed=True)

        return Page([name for name, _ in infos], file, strategy="listing")

    def _file(self, name: str, info: Info, *, listed: bool = False) -> StoredFile:
        changed_at = ""
        if self._is_local:
            with suppress(OSError):  # deleted since the listing; a lookup says so
                changed_at = str(Path(self._prefix + name).lstat().st_ctime_ns)
        elif isinstance(self._fs, MemoryFileSystem):
            info = {**info, "modified": info.get("created")}  # each write makes a new file
        return file_from_info(name, info, changed_at=changed_at, listed=listed)

    def siblings(self, basenames: Sequence[str], send: Requester) -> Iterator[Page]:
        """One page for each folder that holds one of these basenames. Subfolders are left out.

        Only the names are listed, which takes a fraction of the time. A file is looked up when ``Page.file`` is called.
        """
        paths_without_extension = [
            self._prefix + spelling for basename in basenames for spelling in spellings(basename)
        ]
        folders = {path.rpartition("/")[0] for path in paths_without_extension}
        # Of a large folder, only few names are looked at closely. A name in an unusual spelling might be one of them.
        beginnings = tuple(path.rpartition("/")[2] for path in paths_without_extension)
        for folder in sorted(folders):
            try:
                paths = send("list", partial(self._ls_names, folder or self._root))
            except LocationNotFound:
                continue  # removed since the file was found in it
            near = [path for path in paths if not path.isascii() or _last_part(path).startswith(beginnings)]
            names = [name for path in near if (name := self._name({"name": path}))]
            yield Page(names, lambda i, names=names: self.head(names[i]), strategy="listing")  # type: ignore[misc]

    def _ls_names(self, folder: str) -> Sequence[str]:
        if not self._on_this_machine:  # others list without details in forms of their own: FTP without the folder
            return [_path(info) for _, info in self._ls(folder)]
        return self._call(lambda: self._fs.ls(folder, detail=False))

    def _ls(self, folder: str) -> Sequence[tuple[str, Info]]:
        forget_listings(self._fs)
        infos: Sequence[Info] = self._call(lambda: self._fs.ls(folder, detail=True))
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
        """One ``info``, never from a listing that the file system kept. A link or a folder is not a file."""
        forget_listings(self._fs)
        info: Info = self._call(lambda: self._fs.info(self._prefix + name))
        if not _is_plain_file(info):
            raise FileNotFoundError(f"{name!r} is not a plain file")
        return self._file(name, info)

    def get(self, file: StoredFile, start: int, end: int) -> FilePart:
        """A range of the current file. These storages cannot pin a version, and describe no file that they read."""
        path = self._prefix + file.name
        return FilePart(content=self._call(lambda: bytes(self._fs.cat_file(path, start=start, end=end))))

    def url(self, file: StoredFile, expires_in: timedelta) -> tuple[str, datetime | None]:
        """A ``file://`` or ``memory://`` URL, or one that the file system signs."""
        path = self._prefix + file.name
        if self._is_local:
            return Path(path).as_uri(), None
        if "memory" in self._protocols:
            return f"memory://{quote(_without_slash(path))}", None
        expires_at = datetime.now(UTC) + expires_in
        try:
            sign = partial(self._fs.sign, path, expiration=int(expires_in.total_seconds()))
            return str(self._call(sign)), expires_at
        except NotImplementedError as error:
            raise ConfigurationError(_cannot_sign(self._fs)) from error

    def write(self, name: str, content: bytes) -> None:
        """Write a small file, for ``check``."""
        self._fs.pipe_file(self._prefix + name, content)

    def delete(self, name: str) -> None:
        """Delete a file, for ``check``."""
        self._fs.rm_file(self._prefix + name)


# File systems that the user made


def _last_part(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def bypass_wrappers(fs: AbstractFileSystem, root: str) -> tuple[AbstractFileSystem, str]:
    """The file system and the folder behind fsspec's own wrappers.

    A wrapper that keeps copies of files would show a replaced file as it was. A ``DirFileSystem`` hides which protocol
    it uses. Makes no request.

    Raises:
        ConfigurationError: A wrapper that is not fsspec's own keeps copies of files.
    """
    while True:
        kind = type(fs)
        is_known = kind.__module__.startswith("fsspec.")
        if issubclass(kind, CachingFileSystem) and is_known:
            fs, root = fs.fs, fs._strip_protocol(root)  # noqa: SLF001 - fsspec has no public way to do either
        elif kind is DirFileSystem:
            fs, root = fs.fs, str(fs._join(fs._strip_protocol(root)))  # noqa: SLF001
        else:
            break
    if any(issubclass(type(layer), CachingFileSystem) for layer in _layers(fs)):
        raise ConfigurationError(
            f"{type(fs).__name__} keeps copies of files, so a replaced file could be printed as it was; "
            "use the file system that it wraps"
        )
    return fs, root


def _layers(fs: AbstractFileSystem) -> Iterator[AbstractFileSystem]:
    """The file system, and those that it wraps, as fsspec's wrappers name them."""
    seen: set[int] = set()
    while isinstance(fs, AbstractFileSystem) and id(fs) not in seen:
        seen.add(id(fs))
        yield fs
        fs = getattr(fs, "fs", None) or getattr(fs, "sync_fs", None)


def forget_listings(fs: AbstractFileSystem) -> None:
    """Clear the listings that a file system has cached. Some file systems answer ``info`` from them."""
    for layer in _layers(fs):
        layer.invalidate_cache()
        clear = getattr(getattr(layer, "dircache", None), "clear", None)
        if clear is not None:
            clear()


def can_sign(fs: AbstractFileSystem) -> bool:
    """Whether a file system has its own ``sign``. Makes no request."""
    for layer in _layers(fs):
        method = getattr(layer.sign, "__func__", None)
        if method is AbstractFileSystem.sign:
            return False
        if method is not DirFileSystem.sign:
            return True
    return False


def _cannot_sign(fs: AbstractFileSystem) -> str:
    return (
        f"{type(fs).__name__} cannot make URLs from which a shop could download; "
        "keep the files in a storage that can, or give the file system a method sign(path, expiration)"
    )


class Call(Protocol):
    """Calls a file system."""

    def __call__(self, function: Callable[[], T], /) -> T:
        """Return what ``function`` returns."""


def _call_directly(function: Callable[[], T], /) -> T:
    return function()


@define
class TimeLimit:
    """Calls a file system that may never respond, in a thread, one call at a time.

    Nothing can end a thread. A call that takes too long keeps running, and no other call starts before it ends.

    Args:
        seconds: How long one call may take.
    """

    seconds: float
    _lock: threading.Lock = field(factory=threading.Lock, init=False)
    _is_overdue: bool = field(default=False, init=False)

    def call(self, function: Callable[[], T], /) -> T:
        """Return what ``function`` returns.

        Raises:
            StorageUnreachable: It did not return in time.
        """
        until = monotonic() + self.seconds
        if not self._lock.acquire(timeout=0 if self._is_overdue else self.seconds):
            raise self._no_response()
        self._is_overdue = False
        outcome: Future[T] = Future()
        context = copy_context()

        def run() -> None:
            try:
                result = context.run(function)
            except BaseException as error:  # noqa: BLE001 - raised again in the calling thread
                self._lock.release()
                outcome.set_exception(error)
            else:
                self._lock.release()
                outcome.set_result(result)

        threading.Thread(target=run, daemon=True, name="remote-artwork-file-system").start()
        if not wait([outcome], timeout=max(0.0, until - monotonic())).done:
            self._is_overdue = True
            raise self._no_response()
        return outcome.result()

    def _no_response(self) -> StorageUnreachable:
        return StorageUnreachable(
            f"the file system did not respond within {self.seconds:g} seconds; try again later, "
            "or allow more time with ArtworkStorage(call_timeout=…)"
        )


# What a file system says about one file

_SIZES = ("size", "Size", "ContentLength", "length")
_ETAGS = ("ETag", "etag", "eTag", "md5", "md5Checksum", "content_hash", "checksum", "sha", "hex", "blob_id", "CRC")
_VERSIONS = ("VersionId", "generation", "version_id")
_UNIQUE_IDS = ("ino", "unique")
_TIMES = (
    "LastModified",
    "last_modified",
    "updated",
    "Last-Modified",
    "mtime",
    "modify",
    "modified",
    "last_write_time",
    "modifiedTime",
    "modificationTime",
    "server_modified",
)
"""How file systems call the time of the last change: those of S3, Google, Azure and web servers, local folders, SFTP,
FTP, WebDAV, SMB and others."""


def file_from_info(name: str, info: Info, *, changed_at: str = "", listed: bool = False) -> StoredFile:
    """Make a ``StoredFile`` from a file system's own description. File systems have different names for its fields.

    Reads and URLs of these file systems cannot be pinned to a version, so a version id is at most a change token.

    Args:
        name: The key relative to the location's folder.
        info: The description.
        changed_at: As ``StoredFile.changed_at``.
        listed: As ``StoredFile.listed``.

    Raises:
        StorageMisbehaved: The size is missing, or nothing shows whether the file was replaced.
    """
    size, modified = _first(info, _SIZES), _first(info, _TIMES)
    token = change_token(
        etag=_first(info, _ETAGS) or _first(info, _VERSIONS),
        modified=modified,
        size=size,
        unique=_first(info, _UNIQUE_IDS) or 0,
        changed_at=changed_at,
    )
    if token is None and size is not None:
        raise StorageMisbehaved(
            f"{name!r}: the file system reports neither an ETag nor a time of the last change, so a replaced file "
            "would not be noticed; use one that does"
        )
    return stored_file(name, size=size, etag=token, last_modified=modified, changed_at=changed_at, listed=listed)


_NOT_PLAIN = "it is a symbolic link or not a plain file, so it is never opened; replace it by the file itself"


def _replaces_file(name: str, info: Info) -> bool:
    """Whether a link, a pipe or the like has the name of a print file. Such a file is not missing."""
    is_named_like_one = split_extension(name)[1].lower() in MEDIA_TYPES
    return is_named_like_one and info.get("type") != "directory" and not _is_plain_file(info)


def _first(info: Info, keys: Sequence[str]) -> Any:
    return next((value for key in keys if (value := info.get(key)) is not None), None)


def _subfolders(listed: Sequence[tuple[str, Info]]) -> set[str]:
    return {_path(info) for name, info in listed if name and info.get("type") == "directory"}


def _path(info: Info) -> str:
    return str(info["name"]).rstrip("/")


def _without_slash(path: str) -> str:
    """File systems differ in whether a path starts with a slash; some differ between their root and their listings."""
    return path.removeprefix("/")


def _is_plain_file(info: Info) -> bool:
    return info.get("type") == "file" and not info.get("islink")
