"""SeaweedFS for tests, on loopback: an S3 server with a webhook."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import remote_artwork as ra
from async_fastapi.local_s3 import LocalS3
from parts import program
from servers import S3Server, free_port, running


@contextmanager
def running_seaweedfs(folder: Path, webhook: str, token: str) -> Iterator[S3Server]:
    """An S3 server that reports each change of a file to the URL of a webhook."""
    program("weed")
    server = LocalS3(
        folder=folder,
        port=free_port(),
        access_key="SEAWEEDKEY",
        secret_key="a-secret-of-tests",
        webhook=webhook,
        webhook_secret=token,
    )
    with running(server.command(), port=server.port, log=folder / "log", ending=signal.SIGKILL):  # it ends slowly
        yield S3Server(server.endpoint, ra.Keys(server.access_key, server.secret_key))
