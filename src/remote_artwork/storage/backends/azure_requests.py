"""Lookups, reads and listings of a container that are signed here and sent over ``Connections``.

The SDK's pipeline needs several times as much time for a request. It still makes all other requests, and those with
credentials that are not a key, a SAS or none, and with file systems that the host made.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from attrs import frozen

from remote_artwork.connections import Connections
from remote_artwork.http import Response, check_complexity
from remote_artwork.storage.errors import HttpStatusError

_SIGNED_HEADERS = (
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-MD5",
    "Content-Type",
    "Date",
    "If-Modified-Since",
    "If-Match",
    "If-None-Match",
    "If-Unmodified-Since",
    "Range",
)
"""The headers of a Shared Key signature, in its order."""

_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>")
_DETAIL = re.compile(rb"<AuthenticationErrorDetail>([^<]{1,2000})")


@frozen
class ContainerRequests:
    """The requests to one container. Thread-safe.

    Args:
        client: The SDK's client of the container. It knows the address and the credentials.
        connections: Sends the requests.
        timeout: Seconds that one request may take.
    """

    client: Any
    connections: Connections
    timeout: float

    def is_supported(self) -> bool:
        """Whether requests are signed with a key or a SAS, or not at all. Otherwise, use the SDK's client."""
        credential = self.client.credential
        return credential is None or hasattr(credential, "signature") or bool(getattr(credential, "account_key", None))

    def head(self, key: str) -> Mapping[str, str]:
        """The headers of one HEAD."""
        return self._send("HEAD", key, {}, {}).headers

    def get(self, key: str, start: int, end: int, *, etag: str, version_id: str | None) -> Response:
        """One GET of bytes ``start`` to ``end`` (exclusive) of a version, or of the current one with this ETag."""
        query = {"versionid": version_id} if version_id else {}
        return self._send("GET", key, query, {"x-ms-range": f"bytes={start}-{end - 1}", "If-Match": f'"{etag}"'})

    def list_page(self, prefix: str, marker: str | None, size: int) -> bytes:
        """One List Blobs with metadata, of up to ``size`` blobs, unparsed.

        Raises:
            StorageMisbehaved: It holds more elements than any listing may.
        """
        query = {"restype": "container", "comp": "list", "include": "metadata", "maxresults": str(size)}
        query |= {"prefix": prefix} if prefix else {}
        query |= {"marker": marker} if marker else {}
        body = self._send("GET", None, query, {}).body
        check_complexity(body)
        return body

    def _send(self, method: str, key: str | None, query: Mapping[str, str], headers: Mapping[str, str]) -> Response:
        """Send one request.

        Raises:
            HttpStatusError: The response has another status than 200 or 206.
        """
        url, _, own_sas = str(self.client.url).partition("?")
        if key is not None:
            url = f"{url}/{quote(key, safe='/~')}"
        encoded = urlencode(query, quote_via=quote, safe="-_.~")
        sent = {
            "Accept-Encoding": "identity",
            "User-Agent": "remote_artwork",
            "x-ms-date": formatdate(usegmt=True),
            "x-ms-version": str(self.client.api_version),
            **headers,
        }
        credential = self.client.credential
        if getattr(credential, "account_key", None):
            sent["Authorization"] = _shared_key(
                credential.account_name, credential.account_key, method, url, query, sent
            )
        sas = str(getattr(credential, "signature", own_sas)).removeprefix("?")
        whole = "&".join(part for part in (encoded, sas) if part)
        response = self.connections.request(
            method, f"{url}?{whole}" if whole else url, headers=sent, timeout=self.timeout
        )
        if response.status not in (200, 206):
            raise _error(response)
        return response


def _shared_key(
    account: str, key: str, method: str, url: str, query: Mapping[str, str], headers: Mapping[str, str]
) -> str:
    """The value of ``Authorization`` for a request without a body."""
    of_azure = sorted((name, value) for name, value in headers.items() if name.startswith("x-ms-"))
    text = "\n".join(
        [
            method,
            *(headers.get(name, "") for name in _SIGNED_HEADERS),
            *(f"{name}:{value}" for name, value in of_azure),
            f"/{account}{urlsplit(url).path}",
            *(f"{name}:{value}" for name, value in sorted(query.items())),
        ]
    )
    digest = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    return f"SharedKey {account}:{base64.b64encode(digest).decode()}"


def _error(response: Response) -> HttpStatusError:
    start = response.body[:4096]
    found, detail = _CODE.search(start), _DETAIL.search(start)
    code = response.headers.get("x-ms-error-code") or (found[1].decode() if found else "")
    return HttpStatusError(
        response.status, code, response.headers, details=detail[1].decode(errors="replace") if detail else ""
    )
