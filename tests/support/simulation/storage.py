"""A bucket in memory, and the real ``ArtworkStorage`` in front of it with a backend of a few lines."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from attrs import define, field, frozen
from fsspec.implementations.memory import MemoryFileSystem

import remote_artwork as ra
from history import PERSON, Checked, FileChanged, History, ListedBeside, Looked
from remote_artwork.client import ArtworkReader
from remote_artwork.core.expected import split_extension
from remote_artwork.core.matching import Page
from remote_artwork.core.orders import StoredFile
from remote_artwork.core.report import Finding, Severity
from remote_artwork.errors import FileGone, StorageError, StorageMisbehaved, StorageUnreachable
from remote_artwork.storage.reader import FilePart
from simulation.faults import Faults
from simulation.scheduler import Process, Scheduler

T = TypeVar("T")
EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
REQUEST_FAULTS = ("die", "refuse", "lose", "stall")


@frozen
class Upload:
    """One version of a file. Its content is text that no other upload has."""

    name: str
    number: int
    content: str
    at: float

    def described(self, *, versioned: bool, listed: bool) -> StoredFile:
        """The version as the storage describes it."""
        return StoredFile(
            name=self.name,
            size=len(self.content),
            etag=f'"{self.number}"',
            version_id=f"v{self.number}" if versioned and not listed else None,
            last_modified=EPOCH + timedelta(seconds=self.at),
            listed=listed,
        )


@define(eq=False)
class Bucket:
    """The files, as everyone sees them: strongly consistent, with versions or without."""

    scheduler: Scheduler
    history: History
    versioned: bool
    current: dict[str, Upload] = field(factory=dict)
    uploads: list[Upload] = field(factory=list)

    def put(self, name: str, *, good: bool = True) -> None:
        """A person uploads a file, or replaces it."""
        number = len(self.uploads) + 1
        upload = Upload(name, number, f"{'good' if good else 'bad'} {number}", self.scheduler.now)
        self.uploads.append(upload)
        self.current[name] = upload
        self.history.add(FileChanged(self.scheduler.now, PERSON, name, upload.content))

    def delete(self, name: str) -> None:
        """A person deletes a file."""
        if self.current.pop(name, None) is not None:
            self.history.add(FileChanged(self.scheduler.now, PERSON, name, None))

    def download(self, url: str) -> Upload:
        """What the shop gets for a URL.

        Raises:
            ArtworkUnreachable: The file is gone.
        """
        name, _, number = url.removeprefix("sim://").partition("?version=v")
        upload = self.uploads[int(number) - 1] if number else self.current.get(name)
        if upload is None:
            raise ra.ArtworkUnreachable(f"{name} is gone")
        return upload


@define(eq=False)
class BucketBackend:
    """The ``Backend`` of one process."""

    bucket: Bucket
    process: Process
    faults: Faults
    lists_tell_all: bool

    def pages(self, send: Callable) -> Iterator[Page]:
        """See ``Backend``."""
        yield send("list", lambda: self._request("list", lambda: self._page(list(self.bucket.current))))

    def siblings(self, basenames: Sequence[str], send: Callable) -> Iterator[Page]:
        """See ``Backend``."""
        yield send("list", lambda: self._request(f"list {', '.join(basenames)}", lambda: self._beside(basenames)))

    def _beside(self, basenames: Sequence[str]) -> Page:
        names = [name for name in self.bucket.current if split_extension(name)[0] in basenames]
        for name in names if self.lists_tell_all else ():
            self._show(self.bucket.current[name])
        self.bucket.history.add(
            ListedBeside(self.bucket.scheduler.now, self.process.name, tuple(basenames), tuple(names))
        )
        return self._page(names)

    def _page(self, names: list[str]) -> Page:
        listed = not self.lists_tell_all
        files = [self.bucket.current[name].described(versioned=self.bucket.versioned, listed=listed) for name in names]
        return Page(names, files.__getitem__, strategy="listing")

    def head(self, name: str) -> StoredFile:
        """See ``Backend``."""
        return self._request(f"head {name}", lambda: self._current(name))

    def _current(self, name: str) -> StoredFile:
        upload = self.bucket.current.get(name)
        if upload is None:
            raise FileGone(f"{name} is gone")
        self._show(upload)
        return upload.described(versioned=self.bucket.versioned, listed=False)

    def _show(self, upload: Upload) -> None:
        self.bucket.history.add(Looked(self.bucket.scheduler.now, self.process.name, upload.name, upload.content))

    def get(self, file: StoredFile, start: int, end: int) -> FilePart:
        """See ``Backend``."""
        return self._request(f"get {file.name}", lambda: self._bytes(file, start, end))

    def _bytes(self, file: StoredFile, start: int, end: int) -> FilePart:
        if file.version_id:
            upload = self.bucket.uploads[int(file.version_id[1:]) - 1]
        else:
            upload = self.bucket.current.get(file.name)
            if upload is None or (not file.listed and f'"{upload.number}"' != file.etag):
                raise FileGone(f"{file.name} was replaced")
            self._show(upload)
        described = upload.described(versioned=self.bucket.versioned, listed=False)
        return FilePart(content=upload.content.encode()[start:end], file=described)

    def url(self, file: StoredFile, _expires_in: timedelta) -> tuple[str, datetime | None]:
        """See ``Backend``."""
        version = f"?version={file.version_id}" if file.version_id else ""
        return f"sim://{file.name}{version}", None

    def _request(self, what: str, effect: Callable[[], T]) -> T:
        """One request: its way to the storage, its effect, and the way of its answer."""
        faults, process = self.faults, self.process
        fault = faults.strike(process, "storage", what, REQUEST_FAULTS)
        early = fault is not None and faults.coin()
        if fault == "stall" and early:
            faults.stall()
        faults.travel()
        if fault == "die" and early:
            faults.die(process)
        if fault == "refuse":
            raise StorageUnreachable("503") if early else StorageMisbehaved("garbage")
        try:
            answer = effect()
        except StorageError as error:
            faults.note(process, f"storage  {what}: {error}")
            raise
        if fault == "stall" and not early:
            faults.stall()
        faults.answer()
        if fault == "die":
            faults.die(process)
        if fault == "lose":
            raise StorageUnreachable("the answer was lost")
        return answer


class SimulatedStorage(ra.ArtworkStorage):
    """The real storage of one process, in front of the bucket."""

    def __init__(
        self,
        backend: BucketBackend,
        retry: ra.RetryPolicy,
        *,
        concurrent_reads: bool,
    ) -> None:
        self._bucket_backend = backend
        super().__init__(_NO_FILES, "/", location="sim://bucket", retry=retry)
        self.appear_whole = True
        self.concurrent_reads = concurrent_reads

    def _connect(self) -> None:
        super()._connect()
        self._connected = self._bucket_backend


_NO_FILES = MemoryFileSystem()


@define(eq=False)
class ContentCheck:
    """A preflight check that reads the whole file, and rejects what is not good."""

    history: History
    scheduler: Scheduler
    process: Process

    def __repr__(self) -> str:
        return "ContentCheck()"

    def check(self, artwork: ArtworkReader, _item: ra.OrderItem) -> list[Finding]:
        """See ``PreflightCheck``."""
        content = artwork.read(0, artwork.file.size).decode()
        good = content.startswith("good")
        self.history.add(Checked(self.scheduler.now, self.process.name, artwork.file.name, content, good))
        return [] if good else [Finding(Severity.REJECT, "not_good", message="it is not good; upload another file")]
