"""Real servers for tests, on loopback, each started here and ended by its own process id.

Fixtures: ``s3_server`` (moto: versions, paging, no access control), ``rclone_server`` (checks keys),
``ftp_server`` (rclone: a folder by FTP),
``faulty_server`` (answers wrongly, on demand). ``local_network`` lets a storage connect to them.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from attrs import frozen

import remote_artwork as ra
from faulty_web_server import FaultyServer
from parts import package, program

PATIENCE = 60.0
"""Seconds a server may take to start or to end."""


def free_port() -> int:
    """A port of loopback on which no process listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: list[str],
    *,
    port: int | None,
    log: Path,
    environment: Mapping[str, str] | None = None,
    ending: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """A server process, from its first accepted connection, where it has a port, to the end of the block."""
    variables = {**os.environ, **(environment or {})}
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output, env=variables) as process:
        try:
            deadline = time.monotonic() + PATIENCE
            while port is not None and not _accepts(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"{command[0]} did not start:\n{log.read_text(errors='replace')[-2000:]}")
                time.sleep(0.02)
            yield process
        finally:
            process.send_signal(ending)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


class S3Server:
    """A running S3 server, and what a test needs to furnish it: buckets and objects, without any SDK of Amazon's."""

    def __init__(self, endpoint: str, keys: ra.Keys) -> None:
        self.endpoint = endpoint
        self.keys = keys
        self._client: Any = None

    def url(self, bucket: str, prefix: str = "") -> str:
        """The location of a folder, as ``open_storage`` takes it."""
        folder = f"{quote(prefix.strip('/'))}/" if prefix.strip("/") else ""
        return f"s3+{self.endpoint}/{bucket}/{folder}?provider=minio"

    def call(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """One operation of S3 by its name, for example ``put_object``."""
        if self._client is None:
            import s3fs

            self._client = s3fs.S3FileSystem(
                key=self.keys.access_key,
                secret=self.keys.secret_key,
                endpoint_url=self.endpoint,
                client_kwargs={"region_name": "us-east-1"},
                config_kwargs={
                    "s3": {"addressing_style": "path"},
                    "request_checksum_calculation": "when_required",
                    "response_checksum_validation": "when_required",
                    "connect_timeout": 60,  # counts the wait for one of the few connections, too
                    "retries": {"max_attempts": 0},
                },
                skip_instance_cache=True,
                use_listings_cache=False,
            )
            self._client.retries = 1  # a server on loopback that refuses something has meant it
        answer: Mapping[str, Any] = self._client.call_s3(operation, **parameters)
        return answer

    def create_bucket(self, bucket: str, *, versioned: bool = False) -> str:
        """A new, empty bucket; returns its name."""
        self.call("create_bucket", Bucket=bucket)
        if versioned:
            self.call("put_bucket_versioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        return bucket

    def put(self, bucket: str, key: str, content: bytes = b"x") -> str | None:
        """Stores one object; returns its version id where the bucket keeps versions."""
        version: str | None = self.call("put_object", Bucket=bucket, Key=key, Body=content).get("VersionId")
        return version

    def put_many(self, bucket: str, keys: list[str], content: bytes = b"x") -> None:
        """Stores the same content under many plain keys at once."""
        self.call("list_buckets")
        for tries_left in (2, 1, 0):
            try:
                self._client.pipe({f"{bucket}/{key}": content for key in keys})
            except OSError:  # rclone now and then answers 500 to one of many files that come into a new folder at once
                if not tries_left:
                    raise
            else:
                return

    def delete(self, bucket: str, key: str) -> None:
        """Removes one object; in a versioned bucket, hides it."""
        self.call("delete_object", Bucket=bucket, Key=key)


@pytest.fixture(scope="session")
def local_network() -> ra.NetworkPolicy:
    """What an operator has to allow for servers on loopback; impatient, as every test is."""
    return ra.NetworkPolicy(
        allow_private=True, allow_http=True, connect_timeout=2.0, read_timeout=5.0, call_timeout=20.0
    )


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """moto: S3 with versions and paging. Lets everybody in."""
    package("s3fs")
    port = free_port()
    command = [program("moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with running(command, port=port, log=tmp_path_factory.mktemp("moto") / "log"):
        yield S3Server(f"http://127.0.0.1:{port}", ra.Keys("AKTESTKEY", "a-secret-of-tests"))


@contextmanager
def running_rclone(folder: Path) -> Iterator[S3Server]:
    """rclone: a folder as S3, which refuses wrong keys. No versions."""
    port = free_port()
    (folder / "buckets").mkdir()
    keys = ra.Keys("AKTESTKEY", "a-secret-of-tests")
    command = [program("rclone"), "serve", "s3", "--addr", f"127.0.0.1:{port}"]
    command += ["--auth-key", f"{keys.access_key},{keys.secret_key}", "--config", os.devnull, str(folder / "buckets")]
    with running(command, port=port, log=folder / "log"):
        yield S3Server(f"http://127.0.0.1:{port}", keys)


@pytest.fixture(scope="session")
def rclone_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """rclone: a folder as S3, which refuses wrong keys. No versions."""
    package("s3fs")
    with running_rclone(tmp_path_factory.mktemp("rclone")) as server:
        yield server


@frozen(kw_only=True)
class FtpServer:
    """A running FTP server, and the folder that it shows."""

    port: int
    user: str
    password: str
    folder: Path


@pytest.fixture
def ftp_server(tmp_path: Path) -> Iterator[FtpServer]:
    """rclone: a folder by FTP, with the times of its files. It keeps no listings."""
    server = FtpServer(port=free_port(), user="shop", password="a-secret-of-tests", folder=tmp_path / "uploads")
    server.folder.mkdir()
    command = [program("rclone"), "serve", "ftp", "--addr", f"127.0.0.1:{server.port}", "--dir-cache-time", "0s"]
    command += ["--user", server.user, "--pass", server.password, "--config", os.devnull, str(server.folder)]
    with running(command, port=server.port, log=tmp_path / "ftp-log"):
        yield server


@pytest.fixture
def faulty_server() -> Iterator[FaultyServer]:
    """A server of the test's own that answers wrongly, on demand."""
    server = FaultyServer()
    yield server
    server.close()
