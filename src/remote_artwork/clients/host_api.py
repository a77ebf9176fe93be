"""A host's API over HTTP: one request, and what its answer means in this library's errors.

Requests that change nothing may be repeated, so their failures are ``Unavailable``. A request that changes something
and is cut off, or answered by a server error, may have had its effect: ``OutcomeUnknown``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from attrs import frozen

from remote_artwork.errors import (
    AuthenticationFailed,
    ClientError,
    ConfigurationError,
    MissingExtra,
    NotPending,
    OrderGone,
    OutcomeUnknown,
    PaymentRequired,
    RateLimited,
    Unavailable,
)
from remote_artwork.retry import RetryPolicy

try:
    import httpx
except ImportError as error:
    raise MissingExtra("a shop's API needs httpx: pip install 'remote_artwork[gelato,woocommerce]'") from error

_LONGEST_QUOTE = 300
"""Characters of a host's own words that go into an error."""


@frozen
class Answer:
    """What a host answers that takes a request.

    Args:
        document: Its JSON.
        headers: By name, in any case.
    """

    document: Any
    headers: Mapping[str, str]


class HostApi:
    """One host. Follows no redirect, and takes nothing from this machine's environment, proxies included.

    Args:
        base_url: The origin, and the path that every request begins with.
        headers: Sent with every request; may hold a key, which no error or repr shows.
        auth: User and password, where the host wants them.
        timeout: Seconds until a connection stands, and between two pieces of an answer.
        retry: How often a request without effect is repeated; a long list is not read from its start for one refusal.

    Raises:
        ConfigurationError: The URL is none, or not https. Plain http is for this machine alone.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
    ) -> None:
        try:
            url = httpx.URL(base_url)
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"{base_url!r} is no URL of a shop's API: {error}") from None
        if url.userinfo:
            raise ConfigurationError("the URL of a shop's API holds no user or password; pass them by name")
        local = url.scheme == "http" and url.host in ("127.0.0.1", "::1", "localhost")
        if not url.host or not (url.scheme == "https" or local):
            raise ConfigurationError(f"{base_url!r}: a shop's API is reached by https://")
        self._host = url.host
        self._retry = retry or RetryPolicy()
        self._client = httpx.Client(
            base_url=url, headers=headers, auth=auth, timeout=timeout, follow_redirects=False, trust_env=False
        )

    def __repr__(self) -> str:
        return f"HostApi({self._host!r})"

    def read(self, method: str, path: str, **options: Any) -> Answer:
        """A request without effect. ``options`` are httpx's: ``params``, ``json``.

        Raises:
            Unavailable, RateLimited, AuthenticationFailed, OrderGone, ClientError: as the answer says.
        """

        def once() -> Answer:
            try:
                response = self._client.request(method, path, **options)
            except httpx.TransportError as error:
                raise Unavailable(f"{self._host} cannot be reached ({type(error).__name__})") from error
            return self._understood(response, otherwise=Unavailable)

        return self._retry.call(once, on=ClientError)

    def change(self, method: str, path: str, **options: Any) -> Answer:
        """A request with an effect, sent once.

        Raises:
            OutcomeUnknown: It was cut off, or the answer does not tell what became of it.
            Unavailable: It was never sent.
            RateLimited, AuthenticationFailed, OrderGone, NotPending, PaymentRequired, ClientError: refused.
        """
        try:
            response = self._client.request(method, path, **options)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Unavailable(f"{self._host} cannot be reached ({type(error).__name__})") from error
        except httpx.TransportError as error:
            raise OutcomeUnknown(f"{self._host} did not answer ({type(error).__name__})") from error
        return self._understood(response, otherwise=OutcomeUnknown)

    def _understood(self, response: httpx.Response, *, otherwise: type[ClientError]) -> Answer:
        """The answer, where it is one; ``otherwise`` where the server broke, or something before it answers."""
        said = self._said(response)
        match response.status_code:
            case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise otherwise(said)
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                raise AuthenticationFailed(f"{said}; check the key and what it may do")
            case HTTPStatus.PAYMENT_REQUIRED:
                raise PaymentRequired(said)
            case HTTPStatus.NOT_FOUND | HTTPStatus.GONE:
                raise OrderGone(said)
            case HTTPStatus.CONFLICT:
                raise NotPending(said)
            case HTTPStatus.TOO_MANY_REQUESTS:
                raise RateLimited(said, retry_after=_seconds(response.headers.get("Retry-After")))
            case status if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                raise ClientError(said)
        try:
            return Answer(response.json(), response.headers)
        except ValueError as error:
            raise otherwise(f"{self._host} answers something that is not JSON") from error

    def _said(self, response: httpx.Response) -> str:
        words = _words(response)
        status = f"{self._host} answers HTTP {response.status_code}"
        return f"{status}: {words}" if words else status


def _words(response: httpx.Response) -> str:
    """What the host says of a failure, in the one line that most APIs have for it."""
    try:
        body = response.json()
    except ValueError:
        return ""
    message = body.get("message") if isinstance(body, dict) else None
    text = " ".join(str(message or "").split())
    return "".join(c for c in text if c.isprintable())[:_LONGEST_QUOTE]


def _seconds(retry_after: str | None) -> float | None:
    """Seconds or a date, as HTTP allows; anything else is no advice."""
    if retry_after is None:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
