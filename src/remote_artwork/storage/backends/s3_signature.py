"""AWS Signature Version 4 of S3 requests without a body, and of URLs. Equal to the SDK's, in a tenth of its time."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from attrs import define, field

ALGORITHM = "AWS4-HMAC-SHA256"

_HASH_OF_NOTHING = sha256(b"").hexdigest()
_UNSIGNED_BODY = "UNSIGNED-PAYLOAD"
_NOT_SIGNED = "user-agent"
"""A header that proxies change."""


@define(eq=False)
class Signer:
    """Signs for one service in one region. Thread-safe.

    The key of a signature depends on the day and the secret key only, so the last one is kept.

    Args:
        region: The region.
        service: The service, such as ``s3``.
    """

    region: str
    service: str
    _last_key: tuple[tuple[str, str], bytes] | None = field(default=None, init=False, repr=False)

    def headers(
        self, keys: Any, method: str, host: str, target: str, headers: Mapping[str, str], now: datetime
    ) -> dict[str, str]:
        """The headers of a request with their signature.

        Args:
            keys: Credentials of the SDK.
            method: The HTTP method.
            host: The header ``Host``, which is signed and not returned.
            target: Path and query, percent-encoded.
            headers: The headers to sign; of these, ``User-Agent`` is not signed.
            now: The time in UTC.
        """
        time = _time(now)
        named = {**headers, "X-Amz-Content-SHA256": _HASH_OF_NOTHING, "X-Amz-Date": time}
        if keys.token:
            named["X-Amz-Security-Token"] = keys.token
        signed = {name.lower(): " ".join(value.split()) for name, value in named.items()}
        signed.pop(_NOT_SIGNED, None)
        signed["host"] = host
        names = ";".join(sorted(signed))
        lines = "".join([f"{name}:{signed[name]}\n" for name in sorted(signed)])
        path, _, query = target.partition("?")
        request = f"{method}\n{path}\n{_sorted(query)}\n{lines}\n{names}\n{_HASH_OF_NOTHING}"
        credential = f"{keys.access_key}/{self._scope(time)}"
        signature = self._signature(keys.secret_key, time, request)
        named["Authorization"] = f"{ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
        return named

    def query(self, keys: Any, host: str, target: str, seconds: int, now: datetime) -> str:
        """The query of a signed URL for a GET.

        Args:
            keys: As for ``headers``.
            host: As for ``headers``.
            target: Path and query of the URL, percent-encoded.
            seconds: How long the URL works.
            now: The time in UTC.
        """
        time = _time(now)
        path, _, query = target.partition("?")
        credential = quote(f"{keys.access_key}/{self._scope(time)}", safe="-_.~")
        signed_by = (
            f"X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={credential}&X-Amz-Date={time}&X-Amz-Expires={seconds}"
            "&X-Amz-SignedHeaders=host"
        )
        if keys.token is not None:
            signed_by += f"&X-Amz-Security-Token={quote(keys.token, safe='-_.~')}"
        query = f"{query}&{signed_by}" if query else signed_by
        request = f"GET\n{path}\n{_sorted(query)}\nhost:{host}\n\nhost\n{_UNSIGNED_BODY}"
        return f"{query}&X-Amz-Signature={self._signature(keys.secret_key, time, request)}"

    def _scope(self, time: str) -> str:
        return f"{time[:8]}/{self.region}/{self.service}/aws4_request"

    def _signature(self, secret_key: str, time: str, request: str) -> str:
        text = f"{ALGORITHM}\n{time}\n{self._scope(time)}\n{sha256(request.encode()).hexdigest()}"
        return hmac.digest(self._key(secret_key, time[:8]), text.encode(), "sha256").hex()

    def _key(self, secret_key: str, day: str) -> bytes:
        last = self._last_key
        if last is not None and last[0] == (day, secret_key):
            return last[1]
        key = f"AWS4{secret_key}".encode()
        for part in (day, self.region, self.service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        self._last_key = ((day, secret_key), key)
        return key


def _time(now: datetime) -> str:
    return now.strftime("%Y%m%dT%H%M%SZ")


def _sorted(query: str) -> str:
    """The parameters of a query, sorted by name and value."""
    return "&".join(sorted(query.split("&"), key=lambda pair: pair.partition("=")[::2])) if "&" in query else query
