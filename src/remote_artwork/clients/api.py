"""Helpers for a fulfillment client that talks to the JSON API of a shop over HTTP.

``ShopApi`` sends requests and translates every response into an error of this library or a ``Response``. The functions
around it build orders from JSON. ``clients/gelato.py`` and ``clients/woocommerce.py`` show how they fit together.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from typing import Any, NoReturn
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from attrs import evolve

from remote_artwork.core.orders import DEFAULT_PLACEMENTS, Order, OrderItem, OrderState, UnreadableOrder
from remote_artwork.errors import (
    AlreadyFulfilled,
    AuthenticationFailed,
    ClientError,
    ConfigurationError,
    InvalidOrder,
    MissingExtra,
    NotPending,
    OrderGone,
    OutcomeUnknown,
    PaymentRequired,
    RateLimited,
    Unavailable,
)
from remote_artwork.http import NetworkPolicy, RequestFailed, Response, encode_url, request, request_errors
from remote_artwork.retry import RetryPolicy

__all__ = [
    "Placements",
    "Response",
    "ShopApi",
    "iter_orders",
    "parse_item",
    "parse_text",
    "parsing",
    "require_pending",
]

# --- Requests ---

_MAX_QUOTED = 300
"""Characters of a shop's error message that an error of this library repeats."""

_CALL_TIMEOUTS = 4
"""A whole request may take this many times ``timeout``, so that a slow but steady response succeeds."""


class ShopApi:
    """The JSON API of one shop. Thread-safe.

    It follows no redirect and uses nothing from the environment, including proxies. Responses are limited in size and
    time.

    Args:
        base_url: The origin and the start of every path.
        headers: Sent with every request. May hold a key: no error, log or repr shows it.
        auth: User name and password for HTTP basic authentication. Not shown either.
        timeout: Seconds to connect, and to wait for each part of a response.
        retry: Retries requests that have no effect. A long list then continues at the page that failed.
        network: Which addresses may be contacted. By default any, because the operator chose the URL. Pass
            ``NetworkPolicy()`` where merchants enter it. Its timeouts are not used.

    Raises:
        ConfigurationError: The URL is invalid or not https (plain http is accepted for this machine only), or a key
            contains characters that no key has.
        MissingExtra: aiohttp is not installed.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        network: NetworkPolicy | None = None,
    ) -> None:
        try:
            url = _valid_url(base_url)
            self._host = str(url.hostname)
            _check_keys([*(headers or {}).values()], self._host, may_have_scheme=True)
            _check_keys(auth or (), self._host)
        except ConfigurationError as error:
            del base_url, headers, auth  # error reporters show the variables of each frame
            raise error.with_traceback(None) from None
        token = b64encode(":".join(auth).encode()).decode() if auth else ""
        self._secrets = _secrets([*(headers or {}).values(), token, *(auth or ())])
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": "remote_artwork",
            **({"Authorization": f"Basic {token}"} if auth else {}),
            **(headers or {}),
        }
        self._base_url = url.geturl().rstrip("/")
        self._retry = retry or RetryPolicy()
        self._network = evolve(
            network or NetworkPolicy(allow_private=True, allow_http=url.scheme == "http"),
            connect_timeout=timeout,
            read_timeout=timeout,
            call_timeout=_CALL_TIMEOUTS * timeout,
        )

    def __repr__(self) -> str:
        return f"ShopApi({getattr(self, '_host', '…')!r})"  # without a host if the URL was refused

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} contains a key and cannot be pickled; create it where it is used")

    def read(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: object = None,
        wait_if_limited: bool = True,
    ) -> Response:
        """Sends a request that has no effect. Retries it as the policy says.

        Args:
            method: The HTTP method.
            path: Begins with ``/``; already percent-encoded.
            params: The query.
            json: The body, for APIs that search by POST.
            wait_if_limited: False: ``RateLimited`` is raised at once. Pass it in ``get_order``, ``attach_artwork`` and
                ``fulfill``: the scan then lets all its workers wait, and calls the shop less often.

        Raises:
            Unavailable: The shop gave no usable response.
            RateLimited, AuthenticationFailed, OrderGone, ClientError: The shop refused.
        """
        target = f"{path}?{urlencode(params)}" if params else path
        retried = ClientError if wait_if_limited else Unavailable
        return self._retry.call(partial(self._send, method, target, json, unclear=Unavailable), on=retried)

    def change(self, method: str, path: str, *, json: object) -> Response:
        """Sends a request that has an effect, once.

        Raises:
            OutcomeUnknown: The request was sent, and no usable response arrived: it may have had its effect.
            Unavailable: The request was never sent.
            RateLimited, AuthenticationFailed, OrderGone, NotPending, PaymentRequired, ClientError: The shop refused,
                so there was no effect.
        """
        return self._send(method, path, json, unclear=OutcomeUnknown)

    def _send(self, method: str, target: str, document: object, *, unclear: type[ClientError]) -> Response:
        """Sends one request; raises ``unclear`` if no response says whether it had its effect."""
        headers, body = self._headers, None
        if document is not None:
            headers = {**headers, "Content-Type": "application/json"}
            body = json.dumps(document, ensure_ascii=False).encode()
        try:
            with request_errors():
                response = request(method, self._base_url + target, self._network, headers=headers, body=body)
                content = response.json()
        except RequestFailed as error:
            kind = unclear if error.sent else Unavailable
            raise kind(f"{self._host}: {error}; check the URL of the shop, or try again later") from error
        self._check(response, content, unclear=unclear)
        return response

    def _check(self, response: Response, content: Any, *, unclear: type[ClientError]) -> None:
        """Raises the error that a response stands for. ``unclear``: the server failed, or the API did not answer."""
        said = self._describe(response.status, content)
        match response.status:
            case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
                raise unclear(said)
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                raise AuthenticationFailed(f"{said}; check the key and its permissions")
            case HTTPStatus.PAYMENT_REQUIRED:
                raise PaymentRequired(said)
            case HTTPStatus.NOT_FOUND | HTTPStatus.GONE:
                if not _is_from_api(content):
                    raise unclear(f"{said}, but not from the shop's API; check the URL of the shop")
                raise OrderGone(said)
            case HTTPStatus.CONFLICT:
                raise NotPending(said)
            case HTTPStatus.TOO_MANY_REQUESTS:
                raise RateLimited(said, retry_after=response.headers.get("retry-after"))
            case status if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                raise ClientError(said)
        if content is None:
            raise unclear(f"{self._host} sent a response that is not JSON; check the URL of the shop")

    def _describe(self, status: int, content: Any) -> str:
        """The status and the shop's own message, with every key in it replaced."""
        message = content.get("message") if isinstance(content, dict) else None
        text = "".join(c for c in " ".join(str(message or "").split()) if c.isprintable())
        if self._secrets:
            text = self._secrets.sub("***", text)
        said = f"{self._host} responded with HTTP {status}"
        return f"{said}: {text[:_MAX_QUOTED]}" if text else said


def _valid_url(base_url: str) -> SplitResult:
    try:
        url = urlsplit(encode_url(base_url))
    except ImportError as error:
        raise MissingExtra("a shop's API needs aiohttp: pip install 'remote_artwork[gelato,woocommerce]'") from error
    except ValueError as error:
        raise ConfigurationError(f"the URL of the shop's API is invalid ({error}); write https://HOST") from None
    if url.query or url.fragment:
        raise ConfigurationError("the URL of the shop's API contains a '?' or a '#'; remove what follows")
    if "@" in url.netloc:
        raise ConfigurationError("the URL of the shop's API contains a user name or password; pass them as arguments")
    is_local = url.scheme == "http" and url.hostname in ("127.0.0.1", "::1", "localhost")
    if not url.hostname or not (url.scheme == "https" or is_local):
        raise ConfigurationError(f"{base_url!r} is not encrypted; the URL of a shop's API begins with https://")
    return url


_SHORTEST_SECRET = 4


def _secrets(values: Iterable[str]) -> re.Pattern[str] | None:
    """What finds the keys in a text, in every form in which a shop may quote them. None if there are none."""
    forms: set[str] = set()
    for value in values:
        for secret in {value, value.rpartition(" ")[2]}:
            forms |= {secret, quote(secret), quote(secret, safe=""), b64encode(secret.encode()).decode()}
    # The longest first: a user name may be the beginning of the password.
    found = sorted((form for form in forms if len(form) >= _SHORTEST_SECRET), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, found)), re.IGNORECASE) if found else None


def _check_keys(secrets: Iterable[str], host: str, *, may_have_scheme: bool = False) -> None:
    """Refuses a key with a line end or a typographic character, which an HTTP library would quote in its error.

    Args:
        secrets: The keys.
        host: The host, for the message.
        may_have_scheme: Whether a word may be in front of each key, such as ``Bearer``.
    """
    word = r"[!-~]+"
    form = re.compile(rf"(?:{word} )?{word}" if may_have_scheme else word)
    if not all(form.fullmatch(secret) for secret in secrets):
        raise ConfigurationError(
            f"a key for {host} is empty, or contains a space, a line end or a special character; copy it again"
        )


def _is_from_api(content: Any) -> bool:
    """Whether the API itself answered: not another server, nor WordPress without the plug-in that adds the API."""
    return isinstance(content, dict) and content.get("code") != "rest_no_route"


# --- From JSON to orders ---

Placements = Callable[[Mapping[str, Any]], Sequence[str]]
"""Receives an item as the API sends it, and returns the placements that need a file; none if it needs no artwork."""


def iter_orders(
    orders: Iterable[tuple[str, str | None, Callable[[], Order]]],
) -> Iterator[Order | UnreadableOrder]:
    """Yields the orders; one that is invalid does not stop the others.

    Args:
        orders: The id and the number of each order, as for ``UnreadableOrder``, and a function that reads the order.
            Orders that are gone by then are left out.
    """
    for order_id, number, read in orders:
        try:
            order = read()
        except OrderGone:
            continue
        except InvalidOrder as error:
            yield UnreadableOrder(id=order_id, number=number, error=str(error))
        else:
            yield order


@contextmanager
def parsing() -> Iterator[None]:
    """Turns errors of the block into ``InvalidOrder``, so that an unexpected format affects one order, not the list.

    Raises:
        InvalidOrder: The JSON is not an order, or the caller's own code cannot read it.
    """
    try:
        yield
    except InvalidOrder:
        raise
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise InvalidOrder(f"the shop sent it in an unexpected format ({type(error).__name__}: {error})") from error


def parse_text(value: object) -> str:
    """Returns a number or an id as text.

    Raises:
        InvalidOrder: It is neither text nor a whole number.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidOrder(f"a number or an id must be text or a whole number, not {value!r}")
    return str(value)


def parse_item(content: Mapping[str, Any], *, number: str, placements: Placements) -> OrderItem:
    """Builds an item from its JSON, with the fields ``id`` and ``quantity``.

    Args:
        content: The item as the API sends it.
        number: The field that holds the item number used in file names.
        placements: Returns the placements that need a file.

    Raises:
        InvalidOrder: It is not an item.
    """
    needed = tuple(placements(content))
    return OrderItem(
        parse_text(content.get(number)),
        id=parse_text(content.get("id")),
        requires_artwork=bool(needed),
        placements=needed or DEFAULT_PLACEMENTS,
        quantity=content.get("quantity") or 1,
    )


def require_pending(state: OrderState, message: str, cause: Exception | None = None) -> None:
    """Does nothing for a pending order.

    Raises:
        AlreadyFulfilled, NotPending: The order is not pending.
    """
    if state is OrderState.FULFILLED:
        raise AlreadyFulfilled(message) from cause
    if state is not OrderState.PENDING:
        raise NotPending(message) from cause
