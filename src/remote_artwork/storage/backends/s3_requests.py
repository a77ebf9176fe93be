"""Lookups, reads and listings of a bucket that are signed as the SDK does and sent over ``Connections``.

Through the SDK's own client, a request takes several times as long to prepare. The SDK still decides the bucket's
address, holds and renews the credentials, and reads error responses. Other operations, and file systems that the host
made, use its client.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from time import monotonic
from typing import Any, cast
from urllib.parse import parse_qs, quote, urlsplit

from attrs import define, field, frozen
from botocore.exceptions import ClientError
from botocore.parsers import create_parser

from remote_artwork.connections import Connections, host_of
from remote_artwork.http import Response, check_complexity, run_sync
from remote_artwork.storage.backends.s3_client import check_answer, check_listing, check_redirect
from remote_artwork.storage.backends.s3_signature import ALGORITHM, Signer

_SAMPLE_KEY = "remote-artwork"

_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "remote_artwork"}

_LIST = {
    "list_objects": {"encoding-type": "url"},
    "list_objects_v2": {"list-type": "2", "encoding-type": "url"},
}
"""Operation → its fixed parameters."""

_NAMES = {
    "ContinuationToken": "continuation-token",
    "Marker": "marker",
    "Prefix": "prefix",
    "StartAfter": "start-after",
}
"""Parameter of the SDK → that of the protocol."""


@frozen(kw_only=True)
class _Address:
    """Where a bucket is, and how requests to it are signed.

    Args:
        origin: Scheme and host of its URL.
        host: The host as requests name it.
        keys: The path of its keys, with a slash at its end.
        client_region: The region of the SDK's client.
        signer: Signs requests.
        credentials: The SDK's; None: requests are not signed.
    """

    origin: str
    host: str
    keys: str
    client_region: str
    signer: Signer
    credentials: Any = field(default=None, repr=False)

    def target(self, key: str | None, query: Mapping[str, str]) -> str:
        """Path and query of a request for a key; for the bucket itself if there is none."""
        path = self.keys.rstrip("/") or "/" if key is None else self.keys + quote(key, safe="/~")
        pairs = [f"{name}={quote(value, safe='-_.~')}" for name, value in query.items()]
        return f"{path}?{'&'.join(pairs)}" if pairs else path


@define
class BucketRequests:
    """The requests to one bucket. Thread-safe.

    Args:
        fs: The s3fs that this library made.
        connections: Sends the requests.
        bucket: The bucket.
        timeout: Seconds that one request may take.
    """

    fs: Any
    connections: Connections
    bucket: str
    timeout: float
    _lock: threading.Lock = field(factory=threading.Lock, init=False, repr=False)
    _address: _Address | None = field(default=None, init=False, repr=False)
    _is_resolved: bool = field(default=False, init=False)

    def is_supported(self) -> bool:
        """Whether requests to this bucket are signed in the usual way. Otherwise, use the SDK's client.

        Makes no request, unless credentials must be requested first.
        """
        return self._resolve() is not None

    def head(self, key: str) -> Mapping[str, str]:
        """The headers of one HEAD."""
        return self._send("HEAD", "HeadObject", key).headers

    def get(self, key: str, start: int, end: int, version_id: str | None) -> Response:
        """One GET of bytes ``start`` to ``end`` (exclusive) of a version, or of the current one."""
        query = {"versionId": version_id} if version_id else {}
        return self._send("GET", "GetObject", key, query, {"Range": f"bytes={start}-{end - 1}"})

    def list_page(self, operation: str, parameters: Mapping[str, str]) -> bytes:
        """One ``list_objects_v2`` or ``list_objects``, unparsed. Requests percent-encoded keys.

        Raises:
            StorageMisbehaved: The response does not have the root element of a listing.
        """
        query = {**_LIST[operation], **{_NAMES[name]: value for name, value in parameters.items()}}
        body = self._send("GET", "ListObjectsV2" if "list-type" in query else "ListObjects", None, query).body
        check_listing(body)
        return body

    def signed_url(self, key: str, version_id: str | None, expires_in: timedelta) -> tuple[str, datetime] | None:
        """A signed URL of a version, or of the current one, and when it expires. Makes no request.

        Returns:
            None if the keys expire: the SDK makes sure that they work as long as the URL.
        """
        address = cast("_Address", self._resolve())
        if address.credentials is None or hasattr(address.credentials, "refresh_needed"):
            return None
        target = address.target(key, {"versionId": version_id} if version_id else {})
        seconds, now = int(expires_in.total_seconds()), datetime.now(UTC).replace(microsecond=0)
        query = address.signer.query(address.credentials, address.host, target, seconds, now)
        return f"{address.origin}{target.partition('?')[0]}?{query}", now + timedelta(seconds=seconds)

    def _send(
        self,
        method: str,
        operation: str,
        key: str | None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request.

        Raises:
            InvalidLocation: The bucket is in another region.
            StorageMisbehaved: The storage redirects.
            ClientError: The response has an error status.
        """
        until = monotonic() + self.timeout
        address = cast("_Address", self._resolve())  # the caller asked is_supported
        target = address.target(key, query or {})
        signed = self._signed(address, method, target, {**_HEADERS, **(headers or {})})
        left = max(until - monotonic(), 0.0)
        response = self.connections.request(method, address.origin + target, headers=signed, timeout=left)
        check_redirect(response.status, response.headers)
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise _error(response, response.status, address, operation)
        if key is None and b"<Error" in response.body[:1024]:
            raise _error(response, HTTPStatus.INTERNAL_SERVER_ERROR, address, operation)  # as the SDK reads it
        return response

    def _signed(self, address: _Address, method: str, target: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        if address.credentials is None:
            return headers
        keys = self._current(address.credentials)
        return address.signer.headers(keys, method, address.host, target, headers, datetime.now(UTC))

    def _current(self, credentials: Any) -> Any:
        """The keys to sign with. Keys of a session are renewed on the loop that also renews them for the SDK."""
        needs_renewal = getattr(credentials, "refresh_needed", None)
        if needs_renewal is None:
            return credentials
        frozen_keys = credentials._frozen_credentials  # noqa: SLF001 - the public way is a coroutine
        if frozen_keys is None or needs_renewal(credentials._advisory_refresh_timeout):  # noqa: SLF001
            return run_sync(self.fs.loop, credentials.get_frozen_credentials, timeout=self.timeout)
        return frozen_keys

    def _resolve(self) -> _Address | None:
        if not self._is_resolved:
            with self._lock:
                if not self._is_resolved:
                    self._address = run_sync(self.fs.loop, _address_of, self.fs, self.bucket, timeout=self.timeout)
                    self._is_resolved = True
        return self._address


async def _address_of(fs: Any, bucket: str) -> _Address | None:
    """The address of a bucket, as the SDK signs it into a URL; None if requests to it are signed in another way."""
    await fs.set_session()
    client = await fs.get_s3(bucket)
    url = str(await client.generate_presigned_url("head_object", {"Bucket": bucket, "Key": _SAMPLE_KEY}))
    parts = urlsplit(url)
    origin, host = f"{parts.scheme}://{parts.netloc}", host_of(parts)
    keys, client_region = parts.path.removesuffix(_SAMPLE_KEY), str(client.meta.region_name)
    parameters = parse_qs(parts.query)
    if fs.anon:
        return _Address(origin=origin, host=host, keys=keys, client_region=client_region, signer=Signer("", ""))
    if parameters.get("X-Amz-Algorithm") != [ALGORITHM]:
        return None
    _, _, region, service, _ = parameters["X-Amz-Credential"][0].rsplit("/", 4)
    return _Address(
        origin=origin,
        host=host,
        keys=keys,
        client_region=client_region,
        signer=Signer(region, service),
        credentials=client._request_signer._credentials,  # noqa: SLF001 - the only place with them, whatever their kind
    )


_parser = create_parser("rest-xml")


def _error(response: Response, status: int, address: _Address, operation: str) -> ClientError:
    """The SDK's error for an error response.

    Raises:
        InvalidLocation: The bucket is in another region, which the response names.
        StorageDenied: The storage takes no unsigned requests.
    """
    check_complexity(response.body)
    answer = _parser.parse({"status_code": status, "headers": response.headers, "body": response.body}, None)
    check_answer(answer, client_region=address.client_region, unsigned=address.credentials is None)
    return ClientError(answer, operation)
