"""Real servers for tests, on loopback, each started here and ended by its own process id.

Fixtures: ``s3_server`` (moto: versions, paging, no access control), ``rclone_server`` (checks keys),
``faulty_server`` (answers wrongly, on demand). ``local_network`` lets a storage connect to them.
"""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import sysconfig
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import remote_artwork as ra

PATIENCE = 30.0
"""Seconds a server may take to start or to end."""


def free_port() -> int:
    """A port of loopback on which nobody listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def missing(program: str) -> None:
    """Skips the test visibly where a server program is not installed; fails it where all of them have to be."""
    reason = f"{program} is not installed"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def program(name: str) -> str:
    """The path of a server program of this environment."""
    scripts = sysconfig.get_path("scripts")
    found = shutil.which(name, path=os.pathsep.join([scripts, os.environ.get("PATH", "")]))
    if found is None:
        missing(name)
    return str(found)


@contextmanager
def running(command: list[str], *, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server process, from its first accepted connection to the end of the block."""
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            deadline = time.monotonic() + PATIENCE
            while not _accepts(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"{command[0]} did not start:\n{log.read_text(errors='replace')[-2000:]}")
                time.sleep(0.02)
            yield process
        finally:
            process.terminate()
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
                },
                skip_instance_cache=True,
                use_listings_cache=False,
            )
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
        self._client.pipe({f"{bucket}/{key}": content for key in keys})

    def delete(self, bucket: str, key: str) -> None:
        """Removes one object; in a versioned bucket, hides it."""
        self.call("delete_object", Bucket=bucket, Key=key)


def _contents(*keys: str) -> bytes:
    """Objects of a listing, with keys that are percent-encoded already."""
    entry = "<Contents><Key>{}</Key><Size>1</Size><ETag>&quot;e&quot;</ETag></Contents>"
    return "".join(["<EncodingType>url</EncodingType>", *map(entry.format, keys)]).encode()


class FaultyServer:
    """A web server that misbehaves as told, and counts what it was asked.

    ``answer("503", "ok")`` sets what the next requests get; the last one is repeated for ever.
    """

    EMPTY_LISTING = (
        b'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>'
        b"<IsTruncated>%s</IsTruncated><KeyCount>0</KeyCount>%s</ListBucketResult>"
    )
    IMPOSSIBLE = ("in/../secret.png", "in/./x.png", "in//x.png", "in/a%5Cb.png", "in/a%0Ab.png", "in/", "elsewhere/x.png", "in/..")
    POSSIBLE = ("in/good.png", "in/two..dots.png")
    ERROR = b'<?xml version="1.0"?><Error><Code>%s</Code><Message>secret words</Message></Error>'
    BODIES: Mapping[str, tuple[int, bytes]] = {
        "400 throttled": (400, ERROR % b"RequestRateLimitExceeded"),
        "403": (403, ERROR % b"AccessDenied"),
        "429": (429, b"slow down"),
        "500": (500, ERROR % b"InternalError"),
        "501": (501, ERROR % b"NotImplemented"),
        "503": (503, ERROR % b"SlowDown"),
        "circle": (200, EMPTY_LISTING % (b"true", b"<NextContinuationToken>again</NextContinuationToken>")),
        "empty 200": (200, b""),
        "html 200": (200, b"<html><head><title>Welcome</title></head><body><p>Hello<br></body></html>"),
        "impossible names": (200, EMPTY_LISTING % (b"false", _contents(*IMPOSSIBLE, *POSSIBLE))),
        "ok": (200, EMPTY_LISTING % (b"false", b"")),
        "truncated without token": (200, EMPTY_LISTING % (b"true", b"")),
        "xhtml 200": (200, b"<html><body>Welcome</body></html>"),
    }

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.redirect_to = ""
        self._script = ["ok"]
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, *faults: str) -> None:
        """What the next requests get; forgets the requests so far."""
        self._script = list(faults)
        self.requests.clear()

    def url(self, bucket: str = "b", prefix: str = "in") -> str:
        """A location on this server."""
        return f"s3+{self.endpoint}/{bucket}/{prefix}/?provider=minio"

    def close(self) -> None:
        """Lets go of every connection and ends."""
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE)

    def _respond(self, request: BaseHTTPRequestHandler) -> None:
        self.requests.append(f"{request.command} {request.path}")
        fault = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        request.close_connection = True
        if fault == "hang":
            self._over.wait(PATIENCE)
        elif fault == "drip":
            request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not self._over.wait(0.05):
                request.wfile.write(b" ")
        elif fault == "reset":
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.connection.close()
        elif fault == "cut short":
            request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n<?xml version='1.0'?><ListBu")
        elif fault == "redirect":
            request.wfile.write(f"HTTP/1.1 302 Found\r\nLocation: {self.redirect_to}\r\n\r\n".encode())
        elif fault == "redirect nowhere":
            request.wfile.write(b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n")
        elif fault == "other region":
            request.wfile.write(b"HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-west-1\r\nContent-Length: 0\r\n\r\n")
        else:
            status, body = self.BODIES[fault]
            request.send_response(status)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            if request.command != "HEAD":
                request.wfile.write(body)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        respond = self._respond

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                try:
                    respond(self)
                except OSError:
                    self.close_connection = True  # the client has gone

            do_HEAD = do_GET  # noqa: N815 - the base class's names

            def finish(self) -> None:
                try:
                    super().finish()
                except (OSError, ValueError):
                    self.close_connection = True  # reset on purpose

            def log_message(self, *_: object) -> None:
                """Keeps the test's output quiet."""

        return Handler


@pytest.fixture(scope="session")
def local_network() -> ra.NetworkPolicy:
    """What an operator has to allow for servers on loopback; impatient, as every test is."""
    return ra.NetworkPolicy(
        allow_private=True, allow_http=True, connect_timeout=2.0, read_timeout=5.0, call_timeout=20.0
    )


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """moto: S3 with versions and paging. Lets everybody in."""
    pytest.importorskip("s3fs")
    port = free_port()
    command = [program("moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with running(command, port=port, log=tmp_path_factory.mktemp("moto") / "log"):
        yield S3Server(f"http://127.0.0.1:{port}", ra.Keys("AKTESTKEY", "a-secret-of-tests"))


@pytest.fixture(scope="session")
def rclone_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """rclone: a folder as S3, which refuses wrong keys. No versions."""
    pytest.importorskip("s3fs")
    port = free_port()
    folder = tmp_path_factory.mktemp("rclone")
    (folder / "buckets").mkdir()
    keys = ra.Keys("AKTESTKEY", "a-secret-of-tests")
    command = [program("rclone"), "serve", "s3", "--addr", f"127.0.0.1:{port}"]
    command += ["--auth-key", f"{keys.access_key},{keys.secret_key}", "--config", os.devnull, str(folder / "buckets")]
    with running(command, port=port, log=folder / "log"):
        yield S3Server(f"http://127.0.0.1:{port}", keys)


@pytest.fixture
def faulty_server() -> Iterator[FaultyServer]:
    """A server of the test's own that answers wrongly, on demand."""
    server = FaultyServer()
    yield server
    server.close()


