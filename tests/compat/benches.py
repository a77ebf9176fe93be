"""Benches for the storage contract: one for each kind of local server."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import remote_artwork as ra
from azure_server import AzureServer
from gcs_server import GoogleServer
from remote_artwork.credentials import Credentials
from remote_artwork.storage.provider_table import PROVIDERS
from servers import S3Server

A_FEW = 10
"""Up to this many files are written one by one. It is also the page size for Azure, where writing 5,000 takes long."""


def fresh(name: str = "prints") -> str:
    """Make a new, unique bucket name."""
    return f"{name}-{uuid4().hex[:12]}"


class S3Bench:
    """A bucket on an S3-compatible server, opened as one provider."""

    def __init__(
        self,
        server: S3Server,
        provider: str,
        network: ra.NetworkPolicy,
        *,
        lacks: Mapping[str, str],
        altered_names: frozenset[str],
        page_size: int,
        unanswered: re.Pattern[str] | None = None,
    ) -> None:
        self.server = server
        self.lacks = lacks
        self.unanswered = unanswered
        self.altered_names = altered_names
        self.page_size = page_size
        row = PROVIDERS.get(provider)
        # Amazon's row accepts only Amazon's hosts. The tests of whole scans use those names, resolved to this server.
        self._provider = provider if row and row.custom_hosts else "s3"
        self._network = network
        self._private = server.create_bucket(fresh(), versioned="versions" not in self.lacks)
        self._public = self._private if "public" in self.lacks else server.create_bucket(fresh("public"))
        if self._public != self._private:
            server.call("put_bucket_acl", Bucket=self._public, ACL="public-read")

    def open(self, folder: str, *, caller: str = "owner") -> ra.ArtworkStorage:
        bucket = self._public if caller == "anonymous" else self._private
        wrong = ra.Keys(self.server.keys.access_key, "a-wrong-secret")
        credentials = {"owner": self.server.keys, "wrong_credentials": wrong, "anonymous": ra.Anonymous()}[caller]
        return self._open(bucket, folder, credentials)

    def open_missing(self) -> ra.ArtworkStorage:
        return self._open(fresh("nowhere"), "in", self.server.keys)

    def _open(self, bucket: str, folder: str, credentials: Credentials) -> ra.ArtworkStorage:
        url = f"s3+{self.server.endpoint}/{bucket}/{quote(folder)}/?provider={self._provider}"
        return ra.open_storage(url, credentials=credentials, network=self._network)

    def put(self, files: Mapping[str, bytes], *, public: bool = False) -> None:
        if self.unanswered and any(self.unanswered.search(name) for name in files):
            raise OSError("this server never responds to a request for such a name")
        if public:
            for name, content in files.items():
                self.server.call("put_object", Bucket=self._public, Key=name, Body=content, ACL="public-read")
        elif len(files) > A_FEW:
            self.server.put_many(self._private, list(files), next(iter(files.values())))
        else:
            for name, content in files.items():
                self.server.put(self._private, name, content)

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            self.server.delete(self._private, name)


class GoogleBench:
    """A bucket on the Google Cloud Storage emulator."""

    page_size = 1000
    altered_names: frozenset[str] = frozenset()

    def __init__(
        self, server: GoogleServer, account: ra.ServiceAccount, network: ra.NetworkPolicy, lacks: Mapping[str, str]
    ) -> None:
        self.server = server
        self.lacks = lacks
        self._account = account
        self._network = network
        self._bucket = server.create_bucket(fresh())

    def open(self, folder: str, *, caller: str = "owner") -> ra.ArtworkStorage:
        return self._open(f"{self._bucket}/{folder}", self._account if caller == "owner" else ra.Anonymous())

    def open_missing(self) -> ra.ArtworkStorage:
        return self._open(f"{fresh('nowhere')}/in", self._account)

    def _open(self, root: str, credentials: Any) -> ra.ArtworkStorage:
        from remote_artwork.storage.backends.gcs_client import guarded_gcsfs

        fs = guarded_gcsfs(credentials, self._network, endpoint=self.server.endpoint)
        signing = fs.credentials.credentials
        if signing is not None:
            # These tests do not contact Google's token host. The tests of whole scans use a local token server.
            signing.token = "an-access-token-of-tests"
            signing.expiry = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)
        return ra.ArtworkStorage(fs, root)

    def put(self, files: Mapping[str, bytes], *, public: bool = False) -> None:
        del public  # the emulator does not check access
        for name, content in files.items():
            self.server.put(self._bucket, name, content)

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            self.server.delete(self._bucket, name)


class AzureBench:
    """Two containers of Azurite, one of them public."""

    page_size = A_FEW
    altered_names: frozenset[str] = frozenset()

    def __init__(self, server: AzureServer, network: ra.NetworkPolicy, lacks: Mapping[str, str]) -> None:
        self.server = server
        self.lacks = lacks
        self._network = network
        self._private = server.create_container(fresh())
        self._public = server.create_container(fresh("public"), public="container")

    def open(self, folder: str, *, caller: str = "owner") -> ra.ArtworkStorage:
        container = self._public if caller == "anonymous" else self._private
        credentials = {
            "owner": self.server.key,
            "wrong_credentials": ra.AccountKey("d3Jvbmc="),
            "anonymous": ra.Anonymous(),
        }
        return self.server.open(f"{container}/{folder}", credentials[caller], self._network)

    def open_missing(self) -> ra.ArtworkStorage:
        return self.server.open(f"{fresh('nowhere')}/in", self.server.key, self._network)

    def put(self, files: Mapping[str, bytes], *, public: bool = False) -> None:
        from azure.core.exceptions import HttpResponseError

        for name, content in files.items():
            try:
                self.server.put(self._public if public else self._private, name, content)
            except HttpResponseError as error:
                raise OSError(f"Azure does not accept the name {name!r}") from error

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            self.server.delete(self._private, name)


class TokenHandler(BaseHTTPRequestHandler):
    """Responds like Google's token host."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = b'{"access_token": "a-token-of-tests", "expires_in": 3600, "token_type": "Bearer"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Keeps the test's output quiet."""
