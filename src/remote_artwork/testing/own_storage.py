"""A bench made of a URL and credentials: somebody's own storage, perhaps a real provider's."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping

from attrs import evolve
from fsspec import AbstractFileSystem

from remote_artwork.errors import ConfigurationError
from remote_artwork.http import NetworkPolicy
from remote_artwork.storage.backends.base import connect
from remote_artwork.storage.credentials import Anonymous, Credentials, Keys
from remote_artwork.storage.location import Location
from remote_artwork.storage.provider_table import PROVIDERS
from remote_artwork.storage.providers import Capability
from remote_artwork.storage.storage import ArtworkStorage, open_storage, resolve_location
from remote_artwork.testing.storage import Caller

_NOT_TRIED: Mapping[Capability, str] = {
    "pages": "not tried: it would take over a thousand new files",
    "public": "not tried: nothing is made public",
}
_WRITABLE = ("s3", "file", "memory")


def declared(location: Location, credentials: Credentials) -> dict[Capability, str]:
    """What the provider's row says that this storage lacks, and what lies in these credentials."""
    row = PROVIDERS.get(location.provider)
    lacks = dict(row.lacks) if row else {}
    if isinstance(credentials, Anonymous):
        lacks.setdefault("signed_url", "there is nothing to sign with")
    if not isinstance(credentials, Keys):
        lacks.setdefault("access", "not tried: there are no keys to change into wrong ones")
    return lacks


def place_named(
    url: str, *, credentials: str, provider: str | None = None, private: bool = False
) -> tuple[Location, Credentials, NetworkPolicy]:
    """What the options of ``pytest --pyargs remote_artwork.testing`` name, read as the command line reads its own.

    Args:
        url: The folder; a SAS in it is what it is opened with.
        credentials: ``anonymous``, ``ambient``, or the path of a file.
        provider: Who runs it, where the URL does not tell.
        private: Whether it may be on this machine or a private network.

    Raises:
        ConfigurationError: The URL is refused, or the credentials cannot be used.
    """
    from remote_artwork.cli.options import read_credentials

    location, opened_with = resolve_location(url, read_credentials(credentials), provider)
    return location, opened_with, NetworkPolicy(allow_private=private, allow_http=private, allow_local=True)


def unused_like(bucket: str) -> str:
    """A name that nobody uses, with a dot where this one has any: that decides how a server is told the bucket."""
    return f"nowhere{'.' if '.' in bucket else '-'}{uuid.uuid4().hex}"


class OwnStorage:
    """A ``StorageBench`` that writes below a folder, and can take away all that it wrote.

    Args:
        location: The folder.
        credentials: They must be allowed to write and delete below it.
        network: What the operator allows.

    Raises:
        ConfigurationError: Nothing can be written there by this way.
        OSError: The storage refuses to be written to.
    """

    page = 1000

    def __init__(self, location: Location, credentials: Credentials, network: NetworkPolicy) -> None:
        if location.protocol not in _WRITABLE:
            raise ConfigurationError(
                f"{location}: --storage-write is there for S3 and for folders of this machine; leave it out"
            )
        self._location = location
        self._credentials = credentials
        self._network = network
        self._fs: AbstractFileSystem = connect(location, credentials, network)
        self._written: set[str] = set()
        self.lost_names: frozenset[str] = frozenset() if location.bucket else frozenset({"a//b.png"})
        self.lacks: Mapping[Capability, str] = {
            **_NOT_TRIED,
            **declared(location, credentials),
            **self._versions_lacked(),
        }

    def _versions_lacked(self) -> Mapping[Capability, str]:
        folder = f"contract-{uuid.uuid4().hex}"
        self.put({f"{folder}/a.png": b"first"})
        kept = self.open(folder).stat("a.png").version_id
        return {} if kept else {"versions": "they are not switched on there"}

    def open(self, folder: str, *, who: Caller = "owner") -> ArtworkStorage:
        """The folder below the one that was given."""
        stranger = Keys("WRONGACCESSKEY", "a-wrong-secret")
        credentials = {"owner": self._credentials, "stranger": stranger, "anonymous": Anonymous()}[who]
        if who == "stranger" and not isinstance(self._credentials, Keys):
            credentials = self._credentials
        place = evolve(self._location, prefix=f"{self._location.prefix}{folder}/")
        return open_storage(place, credentials=credentials, network=self._network)

    def open_nowhere(self) -> ArtworkStorage:
        """A bucket, or a top folder, with a name that nobody uses."""
        name = unused_like(self._location.bucket)
        if self._location.bucket:
            place = evolve(self._location, bucket=name)
        else:
            place = evolve(self._location, prefix=f"{self._location.prefix}{name}/")
        return open_storage(place, credentials=self._credentials, network=self._network)

    def put(self, files: Mapping[str, bytes], *, public: bool = False) -> None:
        """Writes one after the other; nothing is ever made public."""
        del public
        for name, content in files.items():
            if self._location.protocol == "s3":
                self._fs.call_s3("put_object", **self._object(name), Body=content)
            else:
                self._fs.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)
                self._fs.pipe_file(self._path(name), content)
            self._written.add(name)

    def delete(self, names: Iterable[str]) -> None:
        """Removes files; in a bucket that keeps versions, their older versions stay."""
        for name in names:
            if self._location.protocol == "s3":
                self._fs.call_s3("delete_object", **self._object(name))
            else:
                self._fs.rm_file(self._path(name))
            self._written.discard(name)

    def _object(self, name: str) -> Mapping[str, str]:
        return {"Bucket": self._location.bucket, "Key": self._location.prefix + name}

    def _path(self, name: str) -> str:
        return f"{self._location.root}/{name}"

    def clean_up(self) -> None:
        """Removes all that was written and is still there."""
        self.delete(sorted(self._written))
