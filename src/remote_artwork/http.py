"""The one guarded HTTP client: which addresses may be contacted, how much is read, how long it may take.

The URL of a storage comes from a merchant, so it is hostile input. The guard checks the address that a socket is about
to connect to, after every name was resolved and every number decoded. DNS rebinding and unusual spellings of an address
therefore change nothing. Behind a proxy the guard would only see the address of the proxy, so proxies of the
environment are not used; neither are cookies, redirects and ``.netrc``.

Storages and shop APIs share this module: ``session_options`` for SDKs that bring their own client, ``request`` for a
single request from synchronous code. It imports aiohttp only when a request is made.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

from attrs import Attribute, define, field, frozen

from remote_artwork.core.cures import ALLOW_HTTP, ALLOW_PRIVATE, CA_FILE, Cure
from remote_artwork.core.settings import of_type
from remote_artwork.errors import ConfigurationError, InvalidLocation, StorageMisbehaved

if TYPE_CHECKING:
    import ssl

    import aiohttp

__all__ = ["NetworkPolicy"]

T = TypeVar("T")

# --- Which addresses may be contacted ---

_DENIED_V4 = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; one cloud has its metadata service here
        "168.63.129.16/32",  # the virtual machine agent of Azure
        "192.0.0.0/24",  # 192.0.0.192 is the metadata service of Oracle Cloud
        "192.88.99.0/24",  # anycast to 6to4 relays
        "240.0.0.0/4",
    )
)
_DENIED_V6 = tuple(
    ip_network(text)
    for text in (
        "2001::/23",  # Teredo and other protocols that embed an IPv4 address
        "2002::/16",  # 6to4, which embeds one too
        "3fff::/20",  # documentation
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")
"""The only part of IPv6 that is assigned for the public Internet. NAT64 and IPv4-mapped addresses lie outside it."""

AddressInfo = tuple[Any, Any, int, str, tuple[Any, ...]]
"""One result of ``socket.getaddrinfo``: family, type, protocol, canonical name, (address, port, …)."""


class AddressRefused(InvalidLocation, PermissionError):
    """A host name resolves to an address that is not public.

    Also a ``PermissionError``: aiohttp's connector collects the ``OSError`` of each address, and no other exceptions.
    """


Refusal = TypeVar("Refusal", bound=InvalidLocation)


def with_operator_note(error: Refusal, setting: Cure | str) -> Refusal:
    """Adds a note (PEP 678) with the setting that an operator can change.

    The message itself also reaches merchants, who cannot change settings.
    """
    error.add_note(f"an operator can allow it: {setting}")
    return error


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public Internet.

    ``ipaddress.is_global`` is not enough: it accepts NAT64, 6to4, multicast and the metadata services of some clouds.

    Args:
        address: An IPv4 or IPv6 address as the system's resolver prints it. Anything else is not public.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if not ip.is_global or ip.is_multicast:
        return False
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in _DENIED_V4)
    return ip in _GLOBAL_V6 and not any(ip in network for network in _DENIED_V6)


def _positive_seconds(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        where = f"{type(instance).__name__}.{attribute.name}"
        raise ConfigurationError(f"{where} must be a number of seconds above 0, not {value!r}")


@cache
def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """What every protocol trusts: the public authorities, those of this machine, and the operator's own.

    Args:
        ca_file: The operator's own authorities, in PEM format.

    Raises:
        OSError: The file cannot be read, or has no certificate.
    """
    import ssl

    context = ssl.create_default_context()
    with suppress(ImportError):
        import certifi  # a machine without certificates of its own trusts the public authorities, too

        context.load_verify_locations(certifi.where())
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def _as_path(value: str | os.PathLike[str] | None) -> str | None:
    return None if value is None else os.fspath(value)


def _usable_ca_file(_instance: Any, _attribute: Attribute[Any], value: str | None) -> None:
    if value is None:
        return
    try:
        tls_context(value)
    except OSError as error:  # also ssl.SSLError
        raise ConfigurationError(
            f"{CA_FILE}: {value!r} has no certificates that can be read ({type(error).__name__}); "
            "use a file with the authority's certificate in PEM format"
        ) from error


@frozen(kw_only=True)
class NetworkPolicy:
    """What only an operator may allow, and the timeouts of a storage.

    Args:
        allow_private: Allows connections to private addresses, including this machine and its network.
        allow_http: Allows endpoints with ``http://``, which is not encrypted.
        allow_local: Allows locations on this machine: ``file:`` and ``memory:``.
        connect_timeout: The maximum time to connect, in seconds.
        read_timeout: The maximum time between two parts of a response, in seconds.
        call_timeout: The maximum time of one request in total, in seconds. It stops servers that send very slowly.
        listing_timeout: The maximum time of one listing or search, in seconds. No further request is made after it.
        files_timeout: The maximum time of all requests about single files in one scan together, in seconds. One order
            may use half of what is left. The next scan continues with the orders that are left.
        ca_file: A file in PEM format with the certificates of further authorities to trust, for example a company's
            own. It is used for every protocol, in addition to the authorities that this machine trusts.

    Raises:
        ConfigurationError: A timeout is not above 0, or the file has no certificates.
    """

    allow_private: bool = field(default=False, validator=of_type(bool, "True or False"))
    allow_http: bool = field(default=False, validator=of_type(bool, "True or False"))
    allow_local: bool = field(default=False, validator=of_type(bool, "True or False"))
    connect_timeout: float = field(default=4.0, validator=_positive_seconds)
    read_timeout: float = field(default=8.0, validator=_positive_seconds)
    call_timeout: float = field(default=60.0, validator=_positive_seconds)
    listing_timeout: float = field(default=3600.0, validator=_positive_seconds)
    files_timeout: float = field(default=3600.0, validator=_positive_seconds)
    ca_file: str | None = field(default=None, converter=_as_path, validator=_usable_ca_file)

    def check_endpoint(self, endpoint: str | None) -> None:
        """Refuses an origin whose scheme is not allowed. None stands for the https endpoint of a provider.

        Raises:
            InvalidLocation: It is not encrypted, or not a web address.
        """
        scheme = "https" if endpoint is None else endpoint.partition("://")[0].lower()
        if scheme == "http" and not self.allow_http:
            raise with_operator_note(
                InvalidLocation(f"{endpoint} is not encrypted; use https"),
                ALLOW_HTTP,
            )
        if scheme not in ("http", "https"):
            raise InvalidLocation(f"{endpoint} is not a web address; an endpoint begins with https://")

    @property
    def socket_factory(self) -> Callable[[AddressInfo], socket.socket]:
        """Makes the sockets of aiohttp's connector; raises ``AddressRefused`` for an address that is not allowed."""
        return self._any_socket if self.allow_private else self._public_socket

    def _public_socket(self, info: AddressInfo) -> socket.socket:
        if not is_public(str(info[4][0])):
            # The message names no address. It is the same for hosts with several addresses, and reveals none of them.
            raise with_operator_note(
                AddressRefused(
                    "the server has a private network address, so no connection was made; "
                    "use a storage that is reachable on the public Internet"
                ),
                ALLOW_PRIVATE,
            )
        return self._any_socket(info)

    @staticmethod
    def _any_socket(info: AddressInfo) -> socket.socket:
        family, kind, protocol, _, _ = info
        return socket.socket(family=family, type=kind, proto=protocol)


# --- How much of a response is read ---

MAX_RESPONSE_BYTES = 16 * 2**20
"""The longest response. Four times the longest part of a file that is read at once, and more than any listing page."""

MAX_NODES = 500_000
"""The most tags, brackets and braces in one response. A full page of Azure, with 5,000 files, has half of them."""


class ResponseTooLarge(StorageMisbehaved):
    """A response is longer, or holds more elements, than is read."""


def too_long() -> ResponseTooLarge:
    """The error for a response of more than ``MAX_RESPONSE_BYTES``."""
    return ResponseTooLarge(
        f"the server sent more than {MAX_RESPONSE_BYTES // 2**20} MiB in one response; check the URL"
    )


def check_complexity(body: bytes) -> None:
    """Refuses XML and JSON with too many elements before it is parsed.

    Parsing it would take a hundred times its size in memory, and block every storage of this process for seconds.

    Raises:
        StorageMisbehaved: It holds more elements than any response may.
    """
    if len(body) <= MAX_NODES:
        return  # too short to hold more
    if sum(body.count(opening) for opening in (b"<", b"{", b"[")) > MAX_NODES:
        raise ResponseTooLarge("the server's response holds more elements than any valid one; check the URL")


def bound(response: aiohttp.ClientResponse) -> aiohttp.ClientResponse:
    """Makes reading a response fail with ``StorageMisbehaved`` once it is too long. Returns the same response."""
    response.content = _BoundedStream(response)  # type: ignore[assignment] # has what responses and SDKs use of it
    return response


class _BoundedStream:
    """The part of ``aiohttp.StreamReader`` that reads a body, with a limit."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._stream = response.content
        self._left = MAX_RESPONSE_BYTES

    async def read(self, n: int | None = -1) -> bytes:
        if n is not None and n >= 0:
            return self._counted(await self._stream.read(n))
        chunks = []
        while chunk := await self.readany():
            chunks.append(chunk)
        return b"".join(chunks)

    async def readany(self) -> bytes:
        return self._counted(await self._stream.readany())

    def _counted(self, chunk: bytes) -> bytes:
        self._left -= len(chunk)
        if self._left < 0:
            self._response.close()
            raise too_long()
        return chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


# --- Sessions and single requests ---


async def session_options(network: NetworkPolicy) -> dict[str, Any]:
    """Options of a guarded ``aiohttp.ClientSession``; await it on the loop that uses the session. Connects to nothing.

    A session cannot refuse redirects in general: pass ``allow_redirects=False`` with each request.
    """
    from aiohttp import ClientTimeout, DummyCookieJar, TCPConnector

    return {
        "connector": TCPConnector(socket_factory=network.socket_factory, ssl=tls_context(network.ca_file)),
        "cookie_jar": DummyCookieJar(),
        # ``run_sync`` limits the total time.
        "timeout": ClientTimeout(sock_connect=network.connect_timeout, sock_read=network.read_timeout),
        "trust_env": False,
    }


async def open_session(network: NetworkPolicy, **options: Any) -> aiohttp.ClientSession:
    """Opens a guarded session with further options; await it on the loop that uses it."""
    from aiohttp import ClientSession

    return send_once(ClientSession(**await session_options(network), **options))


def bounded_timeout(session: aiohttp.ClientSession) -> aiohttp.ClientTimeout:
    """The timeout of a session that the user may have made, with the limits of ``NetworkPolicy`` where it has none."""
    from aiohttp import ClientTimeout

    default, own = NetworkPolicy(), session.timeout
    return ClientTimeout(
        total=own.total,
        connect=own.connect,
        sock_connect=own.sock_connect or default.connect_timeout,
        sock_read=own.sock_read or default.read_timeout,
    )


def send_once(session: aiohttp.ClientSession) -> aiohttp.ClientSession:
    """Stops a session from sending requests again by itself. Returns the same session.

    aiohttp repeats GET, PUT and DELETE when the connection breaks, even after the server received the request. Only
    ``RetryPolicy`` may repeat a request, and never one that has an effect.
    """
    session._retry_connection = False  # noqa: SLF001 - there is no public option; tests count the requests
    return session


def encode_url(url: str) -> str:
    """Encodes a URL as ``request`` needs it, international host names included.

    Raises:
        ImportError: aiohttp is not installed.
        ValueError: It is not a URL.
    """
    import aiohttp  # noqa: F401 - sends the requests; yarl comes with it
    from yarl import URL

    return str(URL(url))


@frozen(kw_only=True)
class Response:
    """The response to one request.

    Args:
        status: The HTTP status; also 300 to 399, because redirects are not followed.
        headers: Names in lower case; of a repeated name, the last value.
        body: The body, or its first bytes.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body parsed as JSON; None if it is not JSON.

        Raises:
            StorageMisbehaved: It holds more elements than any response may.
        """
        check_complexity(self.body)
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


def request(
    method: str,
    url: str,
    network: NetworkPolicy,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    first_bytes: int | None = None,
) -> Response:
    """Sends one request from synchronous code, once, over a connection of its own.

    A reused connection may have been closed by the server a moment ago. The failure would look as if the request had
    been sent.

    Args:
        method: The HTTP method.
        url: Already percent-encoded; sent as it is.
        network: Guards the address, and limits the time.
        headers: Additional headers. An ``Accept-Encoding`` other than ``identity`` also decompresses the response.
        body: The body of the request.
        first_bytes: Reads no more than this, and succeeds for longer responses.

    Raises:
        InvalidLocation: The scheme is not allowed.
        StorageMisbehaved: The response is too long.
        Exception: Errors of aiohttp, and ``TimeoutError``; see ``request_errors``.
    """
    from fsspec.asyn import get_loop

    parts = urlsplit(url)
    network.check_endpoint(f"{parts.scheme}://{parts.hostname}")
    sent = {"Accept-Encoding": "identity", **(headers or {})}
    return run_sync(get_loop(), _send, method, url, network, sent, body, first_bytes, timeout=network.call_timeout)


async def _send(
    method: str,
    url: str,
    network: NetworkPolicy,
    headers: Mapping[str, str],
    body: bytes | None,
    first_bytes: int | None,
) -> Response:
    from yarl import URL

    decompress = headers["Accept-Encoding"] != "identity"
    async with (
        await open_session(network, auto_decompress=decompress) as session,
        session.request(method, URL(url, encoded=True), headers=headers, data=body, allow_redirects=False) as response,
    ):
        content = await bound(response).read() if first_bytes is None else await _read_start(response, first_bytes)
        named = {name.lower(): value for name, value in response.headers.items()}
        return Response(status=response.status, headers=named, body=content)


async def _read_start(response: aiohttp.ClientResponse, length: int) -> bytes:
    start = bytearray()
    while chunk := await response.content.read(length - len(start)):
        start += chunk
    return bytes(start)


class RequestFailed(Exception):
    """No complete response arrived.

    Args:
        reason: A short explanation without secrets.
        sent: False only if the server certainly never received the request.
    """

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


@contextmanager
def request_errors() -> Iterator[None]:
    """Translates the errors of ``request`` for callers that need to know whether the request was sent.

    Raises:
        RequestFailed: No complete response arrived.
    """
    from aiohttp import ClientConnectorError, ClientError, ConnectionTimeoutError

    try:
        yield
    except ClientConnectorError as error:
        refused = isinstance(error.os_error, AddressRefused)
        why = str(error.os_error) if refused else f"no connection ({type(error).__name__})"
        raise RequestFailed(why, sent=False) from error
    except ConnectionTimeoutError as error:
        raise RequestFailed("no connection in time", sent=False) from error
    except TimeoutError as error:
        raise RequestFailed("no complete response in time", sent=True) from error
    except StorageMisbehaved as error:
        raise RequestFailed(str(error), sent=True) from error
    except (ClientError, OSError) as error:
        raise RequestFailed(f"no complete response ({type(error).__name__})", sent=True) from error


# --- Coroutines from synchronous code ---


@define(repr=False)
class _Outcome(Generic[T]):
    result: T | None = None
    error: Exception | None = None


def run_sync(
    loop: asyncio.AbstractEventLoop,
    function: Callable[..., Awaitable[T]],
    *arguments: object,
    timeout: float,
    **options: object,
) -> T:
    """Runs ``function(*arguments, **options)`` on a loop in another thread, and returns its result.

    Args:
        loop: A running loop, of another thread.
        function: Returns the awaitable to run.
        arguments: Positional arguments of ``function``.
        timeout: Seconds until it is cancelled.
        options: Keyword arguments of ``function``.

    Raises:
        TimeoutError: It took longer.
        Exception: The exception of ``function``.
    """
    from fsspec.asyn import sync

    async def capture() -> _Outcome[T]:
        try:
            return _Outcome(result=await function(*arguments, **options))
        except Exception as error:  # noqa: BLE001 - raised again in the calling thread
            return _Outcome(error=error)  # the loop must not keep the exception, nor the frames it refers to

    outcome: Any = sync(loop, capture, timeout=timeout)
    try:
        if outcome.error is not None:
            raise outcome.error
        result: T = outcome.result
        return result
    finally:
        del outcome  # it refers to the exception, whose frames refer to it
