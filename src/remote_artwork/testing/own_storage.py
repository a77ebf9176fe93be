"""A ``StorageBench`` for an operator's own storage, made from a URL and credentials."""

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
    "pages": "not tried: it would write more than a thousand files",
    "public": "not tried: the tests never make a file public",
}
_WRITABLE = ("s3", "file", "memory")


def declared_gaps(location: Location, credentials: Credentials) -> dict[Capability, str]:
    """What this storage cannot do, by the provider's row and by the type of the credentials."""
    row = PROVIDERS.get(location.provider)
    lacks = dict(row.lacks) if row else {}
    if isinstance(credentials, Anonymous):
        lacks.setdefault("signed_url", "anonymous access cannot sign a URL")
    if not isinstance(credentials, Keys):
        lacks.setdefault("access", "not tried: there are no keys to make wrong ones from")
    return lacks


def parse_target(
    url: str, *, credentials: str, provider: str | None = None, private: bool = False
) -> tuple[Location, Credentials, NetworkPolicy]:
    """Parse the options of ``pytest --pyargs remote_artwork.testing``, by the rules of the command line.

    Args:
        url: The folder. A SAS in it becomes the credentials.
        credentials: ``anonymous``, ``ambient``, or the path of a file.
        provider: The provider, when the host name does not show it.
        private: Whether private addresses and plain http are allowed.

    Raises:
        ConfigurationError: The URL is refused, or the credentials cannot be used.
    """
    from remote_artwork.cli.options import read_credentials

    location, resolved = resolve_location(url, read_credentials(credentials), provider)
    return location, resolved, NetworkPolicy(allow_private=private, allow_http=private, allow_local=True)


def unused_bucket_name(bucket: str) -> str:
    """Make the name of a bucket that does not exist. A dot in ``bucket`` decides the addressing style, so it stays."""
    return f"nowhere{'.' if '.' in bucket else '-'}{uuid.uuid4().hex}"


class OwnStorage:
    """A ``StorageBench`` that writes below one folder and can delete everything it wrote.

    Args:
        location: The folder.
        credentials: They must permit writing and deleting below it.
        network: The operator's network policy.

    Raises:
        ConfigurationError: This protocol is read only.
        OSError: The storage refused the first write.
    """

    page_size = 1000

    def __init__(self, location: Location, credentials: Credentials, network: NetworkPolicy) -> None:
        if location.protocol not in _WRITABLE:
            raise ConfigurationError(
                f"{location}: --storage-write works with S3 and local folders only; remove the option"
            )
        self._location = location
        self._credentials = credentials
        self._network = network
        self._fs: AbstractFileSystem = connect(location, credentials, network)
        self._written: set[str] = set()
        self.altered_names: frozenset[str] = frozenset() if location.bucket else frozenset({"a//b.png"})
        self.lacks: Mapping[Capability, str] = {
            **_NOT_TRIED,
            **declared_gaps(location, credentials),
            **self._version_gap(),
        }

    def _version_gap(self) -> Mapping[Capability, str]:
        folder = f"contract-{uuid.uuid4().hex}"
        self.put({f"{folder}/a.png": b"first"})
        has_versions = self.open(folder).stat("a.png").version_id
        return {} if has_versions else {"versions": "versioning is off"}

    def open(self, folder: str, *, caller: Caller = "owner") -> ArtworkStorage:
        """Open a folder below the given one."""
        credentials = self._credentials
        if caller == "anonymous":
            credentials = Anonymous()
        elif caller == "wrong_credentials" and isinstance(self._credentials, Keys):
            credentials = Keys("WRONGACCESSKEY", "a-wrong-secret")
        location = evolve(self._location, prefix=f"{self._location.prefix}{folder}/")
        return open_storage(location, credentials=credentials, network=self._network)

    def open_missing(self) -> ArtworkStorage:
        """Open a bucket, or a top-level folder, that does not exist."""
        name = unused_bucket_name(self._location.bucket)
        if self._location.bucket:
            location = evolve(self._location, bucket=name)
        else:
            location = evolve(self._location, prefix=f"{self._location.prefix}{name}/")
        return open_storage(location, credentials=self._credentials, network=self._network)

    def put(self, files: Mapping[str, bytes], *, public: bool = False) -> None:
        """Write the files one after the other. Ignores ``public``."""
        del public
        for name, content in files.items():
            if self._location.protocol == "s3":
                self._fs.call_s3("put_object", **self._object(name), Body=content)
            else:
                self._fs.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)
                self._fs.pipe_file(self._path(name), content)
            self._written.add(name)

    def delete(self, names: Iterable[str]) -> None:
        """Delete files. A bucket with versioning keeps their older versions."""
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
        """Delete every file that was written and still exists."""
        self.delete(sorted(self._written))
