"""A host's API over HTTP: one request, and what its answer means in this library's errors.

Requests that change nothing may be repeated, so their failures are ``Unavailable``. A request that changes something
and is cut off, or answered by a server error, may have had its effect: ``OutcomeUnknown``.
"""

from __future__ import annotations

import json as json_text
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from typing import Any

from attrs import frozen

from remote_artwork.core.orders import DEFAULT_PLACEMENTS, Order, OrderItem, OrderState
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
from remote_artwork.retry import RetryPolicy


def readable(shop: str, orders: Iterable[tuple[str, Callable[[], Order]]]) -> Iterator[Order]:
    """Those that can be read; one that cannot does not stop the others.

    Args:
        shop: Whose they are, for the error.
        orders: The id of each, and what reads it; one that has gone in the meantime is left out.

    Raises:
        ClientError: At the end, where orders contradict themselves. Names them.
    """
    unreadable: list[str] = []
    for order_id, read in orders:
        try:
            order = read()
        except OrderGone:
            continue
        except InvalidOrder as error:
            unreadable.append(f"{order_id}: {error}")
            continue
        yield order
    if unreadable:
        raise ClientError(f"{shop} holds orders that contradict themselves: {'; '.join(unreadable)}")


Placements = Callable[[Mapping[str, Any]], Sequence[str]]
"""Which sides of an item, as the API describes it, need a file; none: the item needs no artwork."""


@contextmanager
def as_an_order() -> Iterator[None]:
    """Around what makes an order of an API's answer: one of another form is that order's own fault, not the list's.

    Raises:
        InvalidOrder: The answer, or what the host's own code makes of it, is no order.
    """
    try:
        yield
    except InvalidOrder:
        raise
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise InvalidOrder(f"it is told in a form that cannot be read ({type(error).__name__}: {error})") from error


def text(value: object) -> str:
    """A number or a name as text.

    Raises:
        InvalidOrder: It is neither.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidOrder(f"a number or an id must be text or a whole number, not {value!r}")
    return str(value)


def item_of(told: Mapping[str, Any], *, number: str, placements: Placements) -> OrderItem:
    """An item with the ``id`` and the ``quantity`` that the API tells.

    Args:
        told: The item as the API describes it.
        number: The field that holds what file names call it.
        placements: Says which sides need a file.

    Raises:
        InvalidOrder: It is no item.
    """
    sides = tuple(placements(told))
    return OrderItem(
        text(told.get(number)),
        id=text(told.get("id")),
        requires_artwork=bool(sides),
        placements=sides or DEFAULT_PLACEMENTS,
        quantity=told.get("quantity") or 1,
    )


def refuse_unless_pending(state: OrderState, why: str, cause: Exception | None = None) -> None:
    """Says of an order that does not wait why nothing may be done to it.

    Raises:
        AlreadyFulfilled, NotPending: As its state is.
    """
    if state is OrderState.FULFILLED:
        raise AlreadyFulfilled(why) from cause
    if state is not OrderState.PENDING:
        raise NotPending(why) from cause


try:
    import httpx
except ImportError as error:
    raise MissingExtra("a shop's API needs httpx: pip install 'remote_artwork[gelato,woocommerce]'") from error

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_LONGEST_QUOTE = 300
"""Characters of a host's own words that go into an error."""
_LONGEST_ANSWER = 64 * 2**20
"""Bytes; a page of a hundred orders has a few million at most."""
_PATIENCE = 4
"""Times the time-out: so long may an answer arrive in small pieces."""


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
        headers: Sent with every request; may hold a key, which no error, log or repr shows.
        auth: User and password, where the host wants them; shown as little.
        timeout: Seconds until a connection stands, and between two pieces of an answer, which has four times as long.
        retry: How often a request without effect is repeated; a long list is not read from its start for one refusal.

    Raises:
        ConfigurationError: The URL is none, or not https (plain http is for this machine alone); or a key is none.
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
        self._secrets = (*(headers or {}).values(), *(auth or ()))
        for secret in self._secrets:
            _refuse_what_is_no_key(secret, url.host)
        self._host = url.host
        self._retry = retry or RetryPolicy()
        self._patience = _PATIENCE * timeout
        self._client = httpx.Client(
            base_url=url, headers=headers, auth=auth, timeout=timeout, follow_redirects=False, trust_env=False
        )

    def __repr__(self) -> str:
        return f"HostApi({self._host!r})"

    def read(
        self, method: str, path: str, *, params: Mapping[str, str | int] | None = None, json: object = None
    ) -> Answer:
        """A request without effect; repeated as the policy says.

        Raises:
            Unavailable, RateLimited, AuthenticationFailed, OrderGone, ClientError: as the answer says.
        """
        once = partial(self._ask, method, path, otherwise=Unavailable, params=params, json=json)
        return self._retry.call(once, on=ClientError)

    def change(self, method: str, path: str, *, json: object) -> Answer:
        """A request with an effect, sent once.

        Raises:
            OutcomeUnknown: It was cut off, or the answer does not tell what became of it.
            Unavailable: It was never sent.
            RateLimited, AuthenticationFailed, OrderGone, NotPending, PaymentRequired, ClientError: refused.
        """
        return self._ask(method, path, otherwise=OutcomeUnknown, json=json)

    def _ask(self, method: str, path: str, *, otherwise: type[ClientError], **content: Any) -> Answer:
        """One request; ``otherwise`` where nobody knows what became of it."""
        try:
            with self._client.stream(method, path, **content) as response:
                body = self._body(response, otherwise=otherwise)
        except _NEVER_SENT as error:
            raise Unavailable(f"{self._host} cannot be reached ({type(error).__name__})") from error
        except httpx.RequestError as error:
            raise otherwise(f"{self._host} gave no answer that can be read ({type(error).__name__})") from error
        return self._understood(response, _document(body), otherwise=otherwise)

    def _body(self, response: httpx.Response, *, otherwise: type[ClientError]) -> bytes:
        """The whole answer; ``otherwise`` where it never comes to its end."""
        body, until = bytearray(), time.monotonic() + self._patience
        for piece in response.iter_bytes():
            body += piece
            if len(body) > _LONGEST_ANSWER or time.monotonic() > until:
                raise otherwise(f"{self._host} gave an answer that does not end")
        return bytes(body)

    def _understood(self, response: httpx.Response, document: Any, *, otherwise: type[ClientError]) -> Answer:
        """The answer, where it is one; ``otherwise`` where the server broke, or something before it answers."""
        said = self._said(response, document)
        match response.status_code:
            case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
                raise otherwise(said)
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                raise AuthenticationFailed(f"{said}; check the key and what it may do")
            case HTTPStatus.PAYMENT_REQUIRED:
                raise PaymentRequired(said)
            case HTTPStatus.NOT_FOUND | HTTPStatus.GONE:
                if not _is_of_the_api(document):
                    raise otherwise(f"{said}, not in its API's own words; is the address right?")
                raise OrderGone(said)
            case HTTPStatus.CONFLICT:
                raise NotPending(said)
            case HTTPStatus.TOO_MANY_REQUESTS:
                raise RateLimited(said, retry_after=response.headers.get("Retry-After"))
            case status if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                raise ClientError(said)
        if document is None:
            raise otherwise(f"{self._host} answers something that is not JSON")
        return Answer(document, response.headers)

    def _said(self, response: httpx.Response, document: Any) -> str:
        """The host's words, without the keys that it may quote."""
        words = _words(document)
        for sent in (*self._secrets, *response.request.headers.get("Authorization", "").split()[1:]):
            words = words.replace(sent, "***")
        words = words[:_LONGEST_QUOTE]
        status = f"{self._host} answers HTTP {response.status_code}"
        return f"{status}: {words}" if words else status


def _refuse_what_is_no_key(secret: str, host: str) -> None:
    """A line end from a file, or a typographic sign; httpx would show the whole header in its complaint."""
    if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise ConfigurationError(
            f"a key for {host} is empty, or holds a space, a line end or another sign that no key has; copy it anew"
        )


def _document(body: bytes) -> Any:
    """The JSON of an answer; None where it is none, or says nothing."""
    try:
        return json_text.loads(body)
    except (ValueError, RecursionError):
        return None


def _is_of_the_api(document: Any) -> bool:
    """Whether the API itself answers, not a server before it, nor WordPress without the plug-in that has the API."""
    return isinstance(document, dict) and document.get("code") != "rest_no_route"


def _words(document: Any) -> str:
    """What the host says of a failure, in the one line that most APIs have for it."""
    message = document.get("message") if isinstance(document, dict) else None
    text = " ".join(str(message or "").split())
    return "".join(c for c in text if c.isprintable())
