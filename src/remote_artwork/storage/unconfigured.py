"""File systems that fsspec's own configuration (``FSSPEC_…``, ``~/.config/fsspec``) has no part in."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from fsspec import AbstractFileSystem
from fsspec.asyn import mirror_sync_methods


def unconfigured(kind: type[AbstractFileSystem], **options: Any) -> AbstractFileSystem:
    """A new file system of this kind, made with these options and no others.

    Calling the kind would mix in what this machine's configuration says of its protocol: also options that another
    release of its package adds, and such as no constructor names. Nor is it kept among fsspec's instances.
    """
    fs = type.__call__(kind, **options)
    # What fsspec's own way of calling does besides. Its token stands for options, here for this one file system.
    fs._fs_token_ = uuid4().hex
    fs.storage_args = ()
    fs.storage_options = {}
    if fs.async_impl and fs.mirror_sync_methods:
        mirror_sync_methods(fs)
    return fs
