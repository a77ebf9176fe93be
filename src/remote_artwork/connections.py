"""Requests from synchronous code over connections that are kept: for storages that send several requests a file.

A request costs a fifth of the time of one through an event loop in another thread. Everything that ``http`` guards is
guarded here, too: the address of every connection, certificates, the length of a response, the time of a request. No
proxies, cookies or redirects, and no request is sent twice.
"""

from __future__ import annotations

import http.client
import io
import re
import select
import socket
import weakref
from collections import deque
from collections.abc import Mapping
from time import monotonic
from typing import Any
from urllib.parse import SplitResult, urlsplit

from attrs import define, field, frozen

from remote_artwork.errors import StorageMisbehaved
from remote_artwork.http import (
    MAX_RESPONSE_BYTES,
    AddressInfo,
    AddressRefused,
    NetworkPolicy,
    Response,
    run_sync,
    tls_context,
    too_long,
)

MAX_IDLE = 64
"""Connections to one server that are kept for the next request."""

_IDLE_SECONDS = 15.0
"""A connection that was not used for longer is closed: many servers close theirs after 20 seconds or more."""

_LENGTH = re.compile("[0-9]{1,18}")

_BUFFER = 64 * 1024
_PART = 256 * 1024


class ConnectTimeout(TimeoutError):
    """No connection was made in time."""


class ResponseCutShort(ConnectionError):
    """The connection ended before the response did."""


@frozen
class _Origin:
    """A server, as a URL names it."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> _Origin:
        parts = urlsplit(url)
        port = parts.port or (http.client.HTTPS_PORT if parts.scheme == "https" else http.client.HTTP_PORT)
        return cls(parts.scheme, parts.hostname or "", port)


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
            url: Already percent-encoded; sent as it is.
            headers: All headers except ``Host`` and ``Content-Length``.
            timeout: Seconds that the request may take in total.
            body: The body of the request.

        Raises:
            InvalidLocation: The scheme or the address is not allowed.
            StorageMisbehaved: The response is too long.
            OSError: There was no connection, or no complete response in time.
            http.client.HTTPException: The response is not one of HTTP.
        """
        deadline = monotonic() + timeout
        origin = _Origin.of(url)
        idle = self._idle.setdefault(origin, deque())
        connection = self._take(idle) or _Connection.open(origin, self._network, deadline)
        try:
            response = connection.exchange(method, url, headers, body, deadline)
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
    """One connection, used by one thread at a time."""

    wire: _Wire
    http: http.client.HTTPConnection
    is_reusable: bool = True
    _used_at: float = field(factory=monotonic)

    @classmethod
    def open(cls, origin: _Origin, network: NetworkPolicy, deadline: float) -> _Connection:
        wire = _Wire(_connect(origin, network, deadline), network.read_timeout)
        connection = http.client.HTTPConnection(origin.host, origin.port)
        connection.sock = wire
        return cls(wire, connection)

    def is_alive(self) -> bool:
        """Whether it can be used. A server that ended an idle connection has made it readable."""
        return monotonic() - self._used_at < _IDLE_SECONDS and not self.wire.is_readable()

    def close(self) -> None:
        self.http.close()
        self.wire.raw.close()

    def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, deadline: float
    ) -> Response:
        self.wire.deadline = deadline
        parts = urlsplit(url)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        self.http.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        self.http.putheader("Host", host_of(parts))
        for name, value in headers.items():
            self.http.putheader(name, value)
        if body is not None:
            self.http.putheader("Content-Length", str(len(body)))
        self.http.endheaders(body)
        answer = self.http.getresponse()
        if self.wire.is_ended:  # http.client takes the end of the connection for the end of the headers
            raise ResponseCutShort("the headers ended early")
        try:
            content = _read(answer)
        except http.client.IncompleteRead as error:
            raise ResponseCutShort("the response ended early") from error
        self.is_reusable = not answer.will_close
        self._used_at = monotonic()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Response(status=answer.status, headers=named, body=content)


def host_of(parts: SplitResult) -> str:
    """The header ``Host``, as a signature covers it: with the port only if it is not the usual one."""
    usual = f":{http.client.HTTPS_PORT if parts.scheme == 'https' else http.client.HTTP_PORT}"
    return parts.netloc.rpartition("@")[2].removesuffix(usual)


def _read(answer: http.client.HTTPResponse) -> bytes:
    """The whole body.

    Raises:
        StorageMisbehaved: It is longer than is read, or has no valid length.
        http.client.IncompleteRead: It ended early.
    """
    lengths = set(answer.headers.get_all("Content-Length", []))
    if len(lengths) > 1 or not all(_LENGTH.fullmatch(length.strip()) for length in lengths):
        raise StorageMisbehaved("the server sends a response without a valid length; check the URL")
    if answer.length is not None:
        if answer.length > MAX_RESPONSE_BYTES:
            raise too_long()
        return answer.read()
    content = bytearray()
    while part := answer.read(_PART):
        content += part
        if len(content) > MAX_RESPONSE_BYTES:
            raise too_long()
    return bytes(content)


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


@define(eq=False)
class _Wire:
    """The part of a socket that ``http.client`` uses. Every wait ends with the time of the request.

    Args:
        raw: The connected socket.
        read_timeout: The longest time between two parts of a response.
        deadline: When the request that is running must have ended.
        is_ended: Whether the server has ended the connection, as far as it was read.
    """

    raw: socket.socket
    read_timeout: float
    deadline: float = 0.0
    is_ended: bool = False

    def sendall(self, data: bytes) -> None:
        self.raw.settimeout(_time_left(self.deadline, self.read_timeout))
        self.raw.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """The bytes of one response."""
        return io.BufferedReader(_Incoming(self), _BUFFER)

    def is_readable(self) -> bool:
        """Whether something can be read at once: bytes, or the end of the connection."""
        if not hasattr(select, "poll"):
            return bool(select.select([self.raw], [], [], 0)[0])
        poll = select.poll()
        poll.register(self.raw, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Do nothing: ``http.client`` calls this while the response is still read."""


class _Incoming(io.RawIOBase):
    """Reads from a wire. Closing it leaves the wire open."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        wire = self._wire
        wire.raw.settimeout(_time_left(wire.deadline, wire.read_timeout))
        count = wire.raw.recv_into(buffer)
        wire.is_ended = wire.is_ended or count == 0
        return count
