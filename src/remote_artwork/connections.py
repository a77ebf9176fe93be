"""Requests from synchronous code over connections that are kept: for storages that send several requests a file.

A request costs a fifth of the time of one through an event loop in another thread. Everything that ``http`` guards is
guarded here, too: the address of every connection, certificates, the length of a response, the time of a request. No
proxies, cookies or redirects, and no request is sent twice.
"""

from __future__ import annotations

import re
import select
import socket
import weakref
from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from time import monotonic
from typing import Any
from urllib.parse import SplitResult, urlsplit

from attrs import define, field, frozen

from remote_artwork.http import AddressInfo, AddressRefused, NetworkPolicy, Response, run_sync, tls_context
from remote_artwork.http_messages import ResponseReader, request_bytes

MAX_IDLE = 64
"""Connections to one server that are kept for the next request."""

_IDLE_SECONDS = 15.0
"""A connection that was not used for longer is closed: many servers close theirs after 20 seconds or more."""

_BUFFER = 64 * 1024
_START = re.compile("https?://[^/?#]+")
_USUAL_PORTS = {"http": 80, "https": 443}


class ConnectTimeout(TimeoutError):
    """No connection was made in time."""


@frozen
class _Origin:
    """A server, as a URL names it."""

    scheme: str
    host: str
    port: int


@lru_cache(maxsize=64)
def _origin_of(url: str) -> tuple[_Origin, str]:
    """The server that a URL names, and the header ``Host`` for it."""
    parts = urlsplit(url)
    origin = _Origin(parts.scheme, parts.hostname or "", parts.port or _USUAL_PORTS.get(parts.scheme, 80))
    return origin, host_of(parts)


class Connections:
    """Keeps connections, and sends each request over one that no other thread uses. Thread-safe.

    Not for use after a fork: the child would share the connections of its parent.

    Args:
        network: Guards the addresses, and limits the times.
    """

    def __init__(self, network: NetworkPolicy) -> None:
        self._network = network
        self._idle: dict[_Origin, deque[_Connection]] = {}
        weakref.finalize(self, _close_all, self._idle)

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str], timeout: float, body: bytes | None = None
    ) -> Response:
        """Send one request, once.

        Args:
            method: The HTTP method.
            url: Already percent-encoded, without a fragment; sent as it is.
            headers: All headers except ``Host`` and ``Content-Length``.
            timeout: Seconds that the request may take in total.
            body: The body of the request.

        Raises:
            InvalidLocation: The scheme or the address is not allowed.
            StorageMisbehaved: The response is too long, or is not one of HTTP.
            OSError: There was no connection, or no complete response in time.
        """
        deadline = monotonic() + timeout
        start = _START.match(url)
        if start is None:
            raise ValueError("a request needs a URL with a scheme and a host")
        origin, host = _origin_of(start[0])
        target = url[start.end() :]
        request = request_bytes(method, target if target[:1] == "/" else f"/{target}", host, headers, body)
        idle = self._idle.setdefault(origin, deque())
        connection = self._take(idle) or _Connection.open(origin, self._network, deadline)
        try:
            response = connection.exchange(method, request, deadline)
        except BaseException:
            connection.close()
            raise
        if connection.is_reusable and len(idle) < MAX_IDLE:
            idle.append(connection)
        else:
            connection.close()
        return response

    @staticmethod
    def _take(idle: deque[_Connection]) -> _Connection | None:
        """A connection that the server has not closed; None if there is none. The one that was used last is first."""
        while True:
            try:
                connection = idle.pop()
            except IndexError:
                return None
            if connection.is_alive():
                return connection
            connection.close()


def _close_all(idle: Mapping[_Origin, deque[_Connection]]) -> None:
    for connections in idle.values():
        while connections:
            connections.pop().close()


@define(eq=False)
class _Connection:
    """One connection, used by one thread at a time. Every wait ends with the time of the request.

    Args:
        raw: The connected socket.
        read_timeout: The longest time between two parts of a response.
        is_reusable: Whether another request may follow.
    """

    raw: socket.socket
    read_timeout: float
    is_reusable: bool = True
    _deadline: float = 0.0
    _used_at: float = field(factory=monotonic)

    @classmethod
    def open(cls, origin: _Origin, network: NetworkPolicy, deadline: float) -> _Connection:
        return cls(_connect(origin, network, deadline), network.read_timeout)

    def is_alive(self) -> bool:
        """Whether it can be used. A server that ended an idle connection has made it readable."""
        return monotonic() - self._used_at < _IDLE_SECONDS and not _is_readable(self.raw)

    def close(self) -> None:
        self.raw.close()

    def exchange(self, method: str, request: bytes, deadline: float) -> Response:
        """Send a request with this method, and return the response."""
        self._deadline = deadline
        self._limit_wait()
        self.raw.sendall(request)
        reader = ResponseReader(self)
        response = reader.read(method)
        self.is_reusable = not reader.ends_connection
        self._used_at = monotonic()
        return response

    def receive(self) -> bytes:
        """See ``Source``."""
        self._limit_wait()
        return self.raw.recv(_BUFFER)

    def _limit_wait(self) -> None:
        """Let the next wait end in time. Setting the time is a call of the system, so it is not set twice."""
        seconds = _time_left(self._deadline, self.read_timeout)
        if self.raw.gettimeout() != seconds:
            self.raw.settimeout(seconds)


def _is_readable(connected: socket.socket) -> bool:
    """Whether something can be read at once: bytes, or the end of the connection."""
    if not hasattr(select, "poll"):
        return bool(select.select([connected], [], [], 0)[0])
    poll = select.poll()
    poll.register(connected, select.POLLIN)
    return bool(poll.poll(0))


def host_of(parts: SplitResult) -> str:
    """The header ``Host``, as a signature covers it: with the port only if it is not the usual one."""
    return parts.netloc.rpartition("@")[2].removesuffix(f":{_USUAL_PORTS.get(parts.scheme, 80)}")


def _connect(origin: _Origin, network: NetworkPolicy, deadline: float) -> socket.socket:
    """Connect to the first address of a server that is allowed and responds.

    Raises:
        AddressRefused: No address is allowed.
        OSError: There was no connection in time.
    """
    network.check_endpoint(f"{origin.scheme}://{origin.host}")
    error: OSError = OSError("the host name has no address")
    for info in _addresses(origin, deadline):
        try:
            made = network.socket_factory(info)
        except AddressRefused as refused:
            error = refused
            continue
        try:
            made.settimeout(_time_left(deadline, network.connect_timeout))
            try:
                made.connect(info[4])
            except TimeoutError as late:
                raise ConnectTimeout("no connection in time") from late
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if origin.scheme != "https":
                return made
            return tls_context(network.ca_file).wrap_socket(made, server_hostname=origin.host)
        except OSError as failed:
            made.close()
            error = failed
        except BaseException:
            made.close()
            raise
    raise error


def _addresses(origin: _Origin, deadline: float) -> list[AddressInfo]:
    """Resolve a host name. Nothing can end a resolver that does not respond, so it runs beside the loop."""
    from fsspec.asyn import get_loop

    loop = get_loop()
    found: Any = run_sync(
        loop, loop.getaddrinfo, origin.host, origin.port, type=socket.SOCK_STREAM, timeout=_time_left(deadline)
    )
    return list(found)


def _time_left(deadline: float, at_most: float | None = None) -> float:
    """Seconds that are left.

    Raises:
        TimeoutError: None.
    """
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError("no complete response in time")
    return left if at_most is None else min(left, at_most)
