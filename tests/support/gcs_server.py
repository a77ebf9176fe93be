"""Google Cloud Storage for tests: ``gcs_server`` is a real emulator, ``faulty_google`` answers wrongly, on demand."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import remote_artwork as ra
from faulty_web_server import FaultyServer
from parts import missing, package
from servers import free_port, running


class GoogleServer:
    """A running server, and what a test needs to furnish it: buckets and objects, without any SDK of Google's."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def create_bucket(self, bucket: str) -> str:
        """A new, empty bucket; returns its name."""
        self._send("POST", "/storage/v1/b?project=tests", json.dumps({"name": bucket}).encode(), "application/json")
        return bucket

    def put(self, bucket: str, key: str, content: bytes = b"x") -> str:
        """Stores one object; returns its generation."""
        query = f"uploadType=media&name={quote(key, safe='')}"
        path = f"/upload/storage/v1/b/{bucket}/o?{query}"
        return str(self._send("POST", path, content, "application/octet-stream")["generation"])

    def delete(self, bucket: str, key: str) -> None:
        """Removes one object."""
        self._send("DELETE", f"/storage/v1/b/{bucket}/o/{quote(key, safe='')}", None, "text/plain")

    def _send(self, method: str, path: str, content: bytes | None, media_type: str) -> Mapping[str, Any]:
        request = urllib.request.Request(
            self.endpoint + path, method=method, data=content, headers={"Content-Type": media_type}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"{}")


class FaultyGoogle(FaultyServer):
    """A ``FaultyServer`` whose answers look like Google's."""

    @staticmethod
    def _error(status: int, reason: str, message: str = "secret words") -> tuple[int, bytes]:
        error = {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}
        return status, json.dumps({"error": error}).encode()

    @staticmethod
    def _listing(**parts: object) -> tuple[int, bytes]:
        return 200, json.dumps({"kind": "storage#objects", **parts}).encode()

    def __init__(self) -> None:
        impossible = (*(key.replace("%5C", "\\").replace("%0A", "\n") for key in self.IMPOSSIBLE), *self.POSSIBLE)
        items = [{"name": key, "size": "1", "generation": "1"} for key in (*impossible, "elsewhere/x.png")]
        self.BODIES = FaultyServer.BODIES | {
            "400 invalid grant": (400, b'{"error": "invalid_grant", "error_description": "secret words"}'),
            "401": self._error(401, "required"),
            "403": self._error(403, "forbidden"),
            "403 throttled": self._error(403, "userRateLimitExceeded"),
            "404": self._error(404, "notFound"),
            "404 bucket": self._error(404, "notFound", "The specified bucket does not exist."),
            "408": self._error(408, "timeout"),
            "412": self._error(412, "conditionNotMet"),
            "429": self._error(429, "rateLimitExceeded"),
            "500": self._error(500, "backendError"),
            "503": self._error(503, "backendError"),
            "circle": self._listing(nextPageToken="again"),
            "impossible names": self._listing(items=items[:-1]),
            "nameless": self._listing(items=[{"size": "1"}]),
            "no token": self._listing(nextPageToken=["again"]),
            "no generation": self._listing(items=[{"name": "in/a.png", "size": "1"}]),
            "other folder": self._listing(items=items[-3:]),
            "ok": self._listing(),
            "other json": (200, b'{"kind": "storage#buckets"}'),
            "json list": (200, b"[]"),
        }
        super().__init__()


def open_gcs(
    server: GoogleServer | FaultyGoogle,
    bucket: str,
    network: ra.NetworkPolicy,
    *,
    prefix: str = "in/",
    credentials: ra.Anonymous | ra.ServiceAccount | None = None,
    retry: ra.RetryPolicy | None = None,
) -> ra.ArtworkStorage:
    """What ``open_storage`` makes of a URL of Google's, at this server; no URL leads to one that is not Google's."""
    from remote_artwork.storage.backends.gcs_client import guarded_gcsfs

    fs = guarded_gcsfs(credentials or ra.Anonymous(), network, endpoint=server.endpoint)
    return ra.ArtworkStorage(fs, f"{bucket}/{prefix}", retry=retry, call_timeout=network.call_timeout)


@pytest.fixture(scope="session")
def gcs_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoogleServer]:
    """gcp-storage-emulator with pages and generations. Lets everybody in."""
    for name in ("gcsfs", "gcp_storage_emulator"):
        package(name)
    port = free_port()
    command = [sys.executable, str(Path(__file__).with_name("gcs_emulator.py")), str(port)]
    with running(command, port=port, log=tmp_path_factory.mktemp("gcs") / "log"):
        yield GoogleServer(f"http://127.0.0.1:{port}")


@pytest.fixture
def faulty_google() -> Iterator[FaultyGoogle]:
    """A server of the test's own that answers wrongly in Google's manner, on demand."""
    if find_spec("gcsfs") is None:
        missing("gcsfs")
    server = FaultyGoogle()
    yield server
    server.close()


@pytest.fixture(scope="session")
def service_account_key() -> Mapping[str, str]:
    """A JSON key as Google makes it, of an account that does not exist."""
    rsa = package("cryptography.hazmat.primitives.asymmetric.rsa")
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return {
        "type": "service_account",
        "project_id": "prints",
        "private_key_id": "a-key-id-of-tests",
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "client_email": "shop@prints.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": "https://oauth2.googleapis.com/token",
        "universe_domain": "googleapis.com",
    }
