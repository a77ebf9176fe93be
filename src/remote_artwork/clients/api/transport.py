"""The guarded client of a shop's JSON API: REST, GraphQL and JSON-RPC."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit

from attrs import evolve, frozen

from remote_artwork.clients.api.graphql import find_mutation_refusal, find_query_refusal
from remote_artwork.clients.api.jsonrpc import find_rpc_refusal
from remote_artwork.clients.api.keys import Redactor, check_keys, hide_keys
from remote_artwork.clients.api.limits import Pace, parse_allowance, parse_retry_after
from remote_artwork.clients.api.refusals import Errors, FindRefusal, Translation, find_message
from remote_artwork.clients.api.session import Session
from remote_artwork.errors import (
    AuthenticationExpired,
    ClientError,
    ConfigurationError,
    MissingExtra,
    OutcomeUnknown,
    Unavailable,
)
from remote_artwork.http import NetworkPolicy, RequestFailed, Response, encode_url, request, request_errors
from remote_artwork.retry import RetryPolicy

_MAX_QUOTED = 300
"""Characters of a shop's error message that an error of this library repeats."""

_CALL_TIMEOUTS = 4
"""A whole request may take this many times ``timeout``, so that a slow but steady response succeeds."""


class ShopApi:
    """The JSON API of one shop. Thread-safe.

    It follows no redirect and uses nothing from the environment, including proxies. Responses are limited in size and
    time. Each response becomes a result or an error; an error shows no key.

    ``read``, ``query`` and ``rpc_read`` send requests without an effect, and repeat them. ``change``, ``mutate`` and
    ``rpc_change`` send a request that has an effect, once. They raise ``OutcomeUnknown`` if it may have had its effect;
    every other error promises that it had none.

    Args:
        base_url: The origin and the start of every path. A GraphQL or JSON-RPC API often needs no further path.
        headers: Sent with every request. May hold a key.
        auth: User name and password for HTTP basic authentication.
        login: Logs in. Receives a ``ShopApi`` of the same shop that does not log in, and returns further headers for
            every request. It is called before the first request, and again after ``AuthenticationExpired``; the refused
            request is then repeated once. HTTP 401 and the GraphQL code ``UNAUTHENTICATED`` raise that error.
        secrets: Further texts that no error shows, such as the password of ``login``.
        errors: The shop's own codes, and the errors that they become. They are found in the JSON of a refusal as
            ``code``, ``errorCode``, ``reason`` or ``__typename``, and have priority over the HTTP status.
        find_refusal: For ``read`` and ``change`` of a shop that reports errors with HTTP 200.
        rpc_version: Sent as ``jsonrpc`` with each call. None leaves it out, as JSON-RPC 1.0 does, and Tryton requires.
        keep_free: The share of the shop's rate limit that is left to others, from 0 to 1. A ``read`` that may wait
            for the limit then also waits before it, if the shop's responses say how many calls are left.
        timeout: Seconds to connect, and to wait for each part of a response.
        retry: Retries requests that have no effect. A long list then continues at the page that failed.
        network: Which addresses may be contacted. By default any, because the operator chose the URL. Pass
            ``NetworkPolicy()`` where merchants enter it. Its timeouts are not used.

    Raises:
        ConfigurationError: The URL is invalid or not https (plain http is accepted for this machine only), or a key
            contains characters that no key has.
        MissingExtra: aiohttp is not installed.
    """

    @hide_keys
    def __init__(  # noqa: PLR0913 - all but the first are options
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        login: Callable[[ShopApi], Mapping[str, str]] | None = None,
        secrets: Sequence[str] = (),
        errors: Errors | None = None,
        find_refusal: FindRefusal | None = None,
        rpc_version: str | None = "2.0",
        keep_free: float = 0.0,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        network: NetworkPolicy | None = None,
    ) -> None:
        url = _valid_url(base_url)
        self._host = str(url.hostname)
        check_keys([*(headers or {}).values()], self._host, may_have_scheme=True)
        check_keys(auth or (), self._host)
        token = b64encode(":".join(auth).encode()).decode() if auth else ""
        self._secrets = [*secrets, *(headers or {}).values(), token, *(auth or ())]
        self._redactor = Redactor(self._secrets)
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": "remote_artwork",
            **({"Authorization": f"Basic {token}"} if auth else {}),
            **(headers or {}),
        }
        self._url = url.geturl()
        self._base_url = self._url.rstrip("/")
        self._errors = errors or {}
        self._find_refusal = find_refusal
        self._rpc_version = {"jsonrpc": rpc_version} if rpc_version else {}
        self._pace = Pace(keep_free)
        self._retry = retry or RetryPolicy()
        self._network = evolve(
            network or NetworkPolicy(allow_private=True, allow_http=url.scheme == "http"),
            connect_timeout=timeout,
            read_timeout=timeout,
            call_timeout=_CALL_TIMEOUTS * timeout,
        )
        self._waits = True
        self._session = Session(partial(self._log_in, login)) if login else None

    def __repr__(self) -> str:
        return f"ShopApi({getattr(self, '_host', '…')!r})"  # without a host if the URL was refused

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} contains a key and cannot be pickled; create it where it is used")

    # --- REST ---

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
            path: Begins with ``/``, or is empty; already percent-encoded.
            params: The query.
            json: The body, for APIs that search by POST.
            wait_if_limited: False: ``RateLimited`` is raised at once. Pass it in ``get_order``, ``attach_artwork`` and
                ``fulfill``: the scan then lets all its workers wait, and calls the shop less often.

        Raises:
            Unavailable: The shop gave no usable response.
            RateLimited, AuthenticationFailed, OrderGone, ClientError: The shop refused.
        """
        target = f"{path}?{urlencode(params)}" if params else path
        return self._read(method, target, json, self._find_refusal, wait_if_limited=wait_if_limited).response

    def change(self, method: str, path: str, *, json: object) -> Response:
        """Sends a request that has an effect, once.

        Args:
            method: The HTTP method.
            path: Begins with ``/``, or is empty; already percent-encoded.
            json: The body.

        Raises:
            OutcomeUnknown: The request was sent, and no usable response arrived: it may have had its effect.
            Unavailable: The request was never sent.
            RateLimited, AuthenticationFailed, OrderGone, NotPending, PaymentRequired, ClientError: The shop refused,
                so there was no effect.
        """
        return self._change(method, path, json, self._find_refusal).response

    def next_path(self, response: Response) -> str | None:
        """Returns the path of the next page that the ``Link`` header names, for ``read``; None on the last page.

        Raises:
            Unavailable: The link leads to another server, which must not receive the keys.
        """
        target = _next_link(response.headers.get("link", ""))
        if target is None:
            return None
        url = urljoin(f"{self._base_url}/", target)
        if not url.startswith(f"{self._base_url}/") and not url.startswith(f"{self._base_url}?"):
            raise Unavailable(f"{self._host}: the next page is on another server; check the URL of the shop")
        return url.removeprefix(self._base_url)

    # --- GraphQL ---

    def query(
        self,
        document: str,
        variables: Mapping[str, object] | None = None,
        *,
        path: str = "",
        wait_if_limited: bool = True,
    ) -> Mapping[str, Any]:
        """Sends a GraphQL query. Retries it as the policy says.

        Args:
            document: The query.
            variables: Its variables.
            path: Added to ``base_url``.
            wait_if_limited: As for ``read``.

        Returns:
            ``data`` of an answer without errors. A part that is missing is None in it.

        Raises:
            Unavailable: The shop gave no usable response, or one with an error of unknown meaning.
            RateLimited, AuthenticationFailed, ClientError: The shop refused.
        """
        body = {"query": document, "variables": dict(variables or {})}
        answer = self._read("POST", path, body, find_query_refusal, wait_if_limited=wait_if_limited, names_order=False)
        data: Mapping[str, Any] = answer.content["data"]
        return data

    def mutate(
        self, document: str, variables: Mapping[str, object] | None = None, *, path: str = ""
    ) -> Mapping[str, Any]:
        """Sends a GraphQL mutation, once. Send one mutation per document: several are several transactions.

        Every error in the answer is raised: ``errors``, a member of type ``…Error`` or with ``errorCode``, a list such
        as ``userErrors``. Select these fields, and ``__typename`` of a union: an answer without a result is an
        ``OutcomeUnknown``.

        Args:
            document: The mutation.
            variables: Its variables.
            path: Added to ``base_url``.

        Returns:
            ``data`` of an answer without errors.

        Raises:
            OutcomeUnknown: The mutation may have had its effect.
            Unavailable: The mutation was never sent.
            RateLimited, AuthenticationFailed, ClientError: The shop refused, so there was no effect. ``errors`` of this
                object decides which error a code becomes.
        """
        body = {"query": document, "variables": dict(variables or {})}
        answer = self._change("POST", path, body, find_mutation_refusal, names_order=False)
        data: Mapping[str, Any] = answer.content["data"]
        return data

    # --- JSON-RPC ---

    def rpc_read(self, method: str, params: object = (), *, path: str = "", wait_if_limited: bool = True) -> Any:
        """Calls a JSON-RPC method that has no effect. Retries it as the policy says.

        Args:
            method: The name of the method.
            params: A list or a mapping.
            path: Added to ``base_url``.
            wait_if_limited: As for ``read``.

        Returns:
            ``result`` of an answer without an error.

        Raises:
            Unavailable: The shop gave no usable response, or one with an error of unknown meaning.
            RateLimited, AuthenticationFailed, ClientError: The shop refused.
        """
        body = self._rpc_body(method, params)
        answer = self._read("POST", path, body, find_rpc_refusal, wait_if_limited=wait_if_limited, names_order=False)
        return answer.content["result"]

    def rpc_change(self, method: str, params: object = (), *, path: str = "") -> Any:
        """Calls a JSON-RPC method that has an effect, once.

        Args:
            method: The name of the method.
            params: A list or a mapping.
            path: Added to ``base_url``.

        Returns:
            ``result`` of an answer without an error. Check it: some shops return False instead of an error.

        Raises:
            OutcomeUnknown: The call may have had its effect. This includes every error whose code is not in ``errors``.
            Unavailable: The call was never sent.
            RateLimited, AuthenticationFailed, ClientError: The shop refused, so there was no effect.
        """
        answer = self._change("POST", path, self._rpc_body(method, params), find_rpc_refusal, names_order=False)
        return answer.content["result"]

    # --- One request ---

    def _read(
        self,
        method: str,
        target: str,
        document: object,
        find_refusal: FindRefusal | None,
        *,
        wait_if_limited: bool,
        names_order: bool = True,
    ) -> _Answer:
        waits = wait_if_limited and self._waits
        if waits and (seconds := self._pace.seconds()):
            self._retry.sleep(min(seconds, self._retry.longest_wait))
        send = partial(self._send, method, target, document, find_refusal, self._translation(Unavailable, names_order))
        return self._retry.call(send, on=ClientError if waits else Unavailable)

    def _change(
        self, method: str, target: str, document: object, find_refusal: FindRefusal | None, *, names_order: bool = True
    ) -> _Answer:
        return self._send(method, target, document, find_refusal, self._translation(OutcomeUnknown, names_order))

    def _translation(self, unclear: type[ClientError], names_order: bool) -> Translation:  # noqa: FBT001 - private
        return Translation(
            errors=self._errors, unclear=unclear, names_order=names_order, has_session=self._session is not None
        )

    def _log_in(self, login: Callable[[ShopApi], Mapping[str, str]]) -> Mapping[str, str]:
        """The headers of a new login. It does not wait for a rate limit: a change may wait for it."""
        api = object.__new__(ShopApi)
        api.__dict__.update(self.__dict__, _session=None, _waits=False)
        headers = login(api)
        check_keys(headers.values(), self._host, may_have_scheme=True)
        self._redactor = Redactor([*self._secrets, *headers.values()])
        return headers

    def _send(
        self, method: str, target: str, document: object, find_refusal: FindRefusal | None, translation: Translation
    ) -> _Answer:
        """Sends one request; logs in before it if that is necessary."""
        send = partial(self._send_once, method, target, document, find_refusal, translation)
        if self._session is None:
            return send({})
        headers = self._session.headers()
        try:
            return send(headers)
        except AuthenticationExpired:  # a promise that the request had no effect
            return send(self._session.headers(refused=headers))

    def _send_once(
        self,
        method: str,
        target: str,
        document: object,
        find_refusal: FindRefusal | None,
        translation: Translation,
        session_headers: Mapping[str, str],
    ) -> _Answer:
        headers, body = {**self._headers, **session_headers}, None
        if document is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(document, ensure_ascii=False).encode()
        try:
            with request_errors():
                response = request(method, self._url_of(target), self._network, headers=headers, body=body)
                content = response.json()
        except RequestFailed as error:
            kind = translation.unclear if error.sent else Unavailable
            raise kind(f"{self._host}: {error}; check the URL of the shop, or try again later") from error
        allowance = parse_allowance(response.headers, content)
        self._pace.update(allowance)
        retry_after = parse_retry_after(response.headers, allowance)
        said = self._describe(response.status, find_message(content))
        if refused := translation.error_of_status(response.status, content, said, retry_after):
            raise refused
        if content is None:
            raise translation.unclear(f"{self._host} sent a response that is not JSON; check the URL of the shop")
        if find_refusal is not None and (refusal := find_refusal(content)):
            said = self._describe(response.status, refusal.message or refusal.code)
            raise translation.error_of_refusal(refusal, said, retry_after)
        return _Answer(response, content)

    def _rpc_body(self, method: str, params: object) -> Mapping[str, object]:
        return {**self._rpc_version, "id": 1, "method": method, "params": params}

    def _url_of(self, target: str) -> str:
        """The URL of a request. Without a path, a slash at the end of ``base_url`` stays: some shops need it."""
        return (self._base_url if target.startswith("/") else self._url) + target

    def _describe(self, status: int, message: str) -> str:
        """The status and the shop's own message, with every key in it replaced."""
        text = self._redactor.redact("".join(c for c in " ".join(message.split()) if c.isprintable()))
        said = f"{self._host} responded with HTTP {status}"
        return f"{said}: {text[:_MAX_QUOTED]}" if text else said


@frozen
class _Answer:
    response: Response
    content: Any


def _next_link(header: str) -> str | None:
    """The target of the link with the relation ``next``."""
    for target, parameters in re.findall(r"<([^>]*)>([^<]*)", header):
        if re.search(r";\s*rel\s*=\s*(?:\"[^\"]*\bnext\b[^\"]*\"|next\b)", parameters, re.IGNORECASE):
            return str(target)
    return None


def _valid_url(base_url: str) -> SplitResult:
    try:
        url = urlsplit(encode_url(base_url))
    except ImportError as error:
        raise MissingExtra(
            "a shop's API needs aiohttp: pip install 'remote_artwork[woocommerce]', or the extra of your shop"
        ) from error
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
