"""File systems for several storages: a client of an SDK, with its connections, serves all that may share it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable
from weakref import WeakValueDictionary

from fsspec import AbstractFileSystem

from remote_artwork.storage.credentials import Ambient, Credentials
from remote_artwork.storage.location import Location
from remote_artwork.storage.network import NetworkPolicy

_in_use: WeakValueDictionary[Hashable, AbstractFileSystem] = WeakValueDictionary()
"""One is kept as long as a storage uses it: nothing is decided by it but how much memory a process needs."""

_lock = threading.Lock()


def shared(
    connect: Callable[[Location, Credentials, NetworkPolicy], AbstractFileSystem],
    location: Location,
    credentials: Credentials,
    network: NetworkPolicy,
) -> AbstractFileSystem:
    """The file system of whoever is at the same place with the same credentials and network policy, or a new one.

    After a fork everything is made anew, because a child cannot use its parent's connections. What the machine's own
    credentials are may change at any time, so nobody shares them.
    """
    if isinstance(credentials, Ambient):
        return connect(location, credentials, network)
    # Where a URL of S3 leaves the region to be found out, it is the bucket's own.
    bucket = location.bucket if location.protocol == "s3" and location.region is None else ""
    place = (location.provider, location.protocol, location.endpoint, location.region, location.style, location.account)
    key = (os.getpid(), *place, bucket, type(credentials), credentials, network)
    with _lock:
        fs = _in_use.get(key)
    if fs is not None:
        return fs
    # Takes seconds where an SDK is imported first, and nobody else shall wait for it.
    made = connect(location, credentials, network)
    with _lock:
        return _in_use.setdefault(key, made)
