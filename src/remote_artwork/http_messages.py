"""Requests and responses of HTTP/1.1 as bytes: writes a request, and reads the response to it.

Only what synchronous requests to storages need. httptools parses the responses, in a fraction of the time of
``http.client``. A response whose end is not certain is an error, and so is everything that HTTP does not allow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Protocol

from attrs import define, field
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from remote_artwork.errors import StorageMisbehaved
from remote_artwork.http import MAX_RESPONSE_BYTES, Response, too_long

_NOT_IN_TARGETS = re.compile("[^!-~]")
_NOT_IN_HEADERS = re.compile("[\0\r\n]")

_MOST_HEADERS = 100
_MOST_HEAD_BYTES = 1024 * 1024
_NO_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_STATUSES = range(100, 1000)
_FIRST_FINAL = 200
"""A status below it announces another response."""


class ResponseCutShort(ConnectionError):
    """The connection ended before the response did."""


class Source(Protocol):
    """What a response is read from."""

    def receive(self) -> bytes:
        """The next bytes; none if the server has ended the connection."""
        ...


def request_bytes(method: str, target: str, host: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """One request.

    Args:
        method: The HTTP method.
        target: Path and query, percent-encoded.
        host: The header ``Host``.
        headers: All other headers except ``Content-Length``.
        body: The body.

    Raises:
        ValueError: The target or a header has a character that would end it.
    """
    if _NOT_IN_TARGETS.search(target):
        raise ValueError("the target of a request is not percent-encoded")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    if _NOT_IN_HEADERS.search("".join(lines)):
        raise ValueError("a header of a request contains a line break")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


@define(eq=False)
class ResponseReader:
    """Reads one response.

    Args:
        source: The connection.
        ends_connection: Whether no further response can follow on the same connection. Known after ``read``.
    """

    source: Source
    ends_connection: bool = True

    def read(self, method: str) -> Response:
        """The response to a request with this method.

        Raises:
            ResponseCutShort: The connection ended early.
            StorageMisbehaved: The response is too long, or is not one of HTTP.
        """
        message = _Message(has_body=method != "HEAD")
        parser = message.parser = HttpResponseParser(message)
        while not message.is_complete:
            received = self.source.receive()
            if not received:
                if message.ends_with_connection:
                    break
                raise ResponseCutShort("the response ended early")
            try:
                parser.feed_data(received)
            except (HttpParserError, HttpParserUpgrade) as error:
                message.has_more = True
                if not message.is_complete:
                    raise _not_http() from error
            message.check(len(received))
        self.ends_connection = message.has_more or not message.keeps_connection
        return Response(status=message.status, headers=message.headers, body=bytes(message.body))


@define(eq=False)
class _Message:
    """What a parser has read of a response. The parser calls the methods ``on_…``.

    Args:
        has_body: False for the response to ``HEAD``, which may have the length of a body.
        status: The status.
        headers: The headers; their names are in lower case.
        body: The body, as far as it was read.
        is_complete: Whether the response has ended.
        ends_with_connection: Whether the body has no length.
        keeps_connection: Whether the server keeps the connection.
        has_more: Whether bytes follow the response.
        is_odd: Whether its status or its encoding is not one of HTTP/1.1.
    """

    has_body: bool
    parser: HttpResponseParser = field(init=False)
    status: int = 0
    headers: dict[str, str] = field(factory=dict)
    body: bytearray = field(factory=bytearray)
    is_complete: bool = False
    ends_with_connection: bool = False
    keeps_connection: bool = False
    has_more: bool = False
    is_odd: bool = False
    _in_headers: bool = True
    _header_count: int = 0
    _head_bytes: int = 0

    def on_message_begin(self) -> None:
        self.has_more = self.is_complete

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_headers:  # and not after the last chunk
            self.headers[name.decode("ascii").lower()] = value.decode("latin-1")
            self._header_count += 1

    def on_headers_complete(self) -> None:
        if not self._in_headers:
            return
        self.status = self.parser.get_status_code()
        self.is_odd = self.status not in _STATUSES
        if self.status < _FIRST_FINAL:
            self.headers.clear()
            return
        self._in_headers = False
        length, encoding = self.headers.get("content-length"), self.headers.get("transfer-encoding")
        self.is_odd = self.is_odd or (encoding or "chunked").lower() != "chunked"
        self.keeps_connection = self.parser.should_keep_alive()
        self.is_complete = not self.has_body
        self.ends_with_connection = length is None and encoding is None and self.status not in _NO_BODY

    def on_body(self, content: bytes) -> None:
        if self.is_complete:
            self.has_more = True
        else:
            self.body += content

    def on_message_complete(self) -> None:
        self.is_complete = self.is_complete or self.status >= _FIRST_FINAL

    def check(self, received: int) -> None:
        """Refuse a response that is odd, or longer than any that is needed.

        Args:
            received: The number of bytes that were read last.

        Raises:
            StorageMisbehaved: It is refused.
        """
        if self._in_headers:
            self._head_bytes += received
        if self.is_odd or self._header_count > _MOST_HEADERS or self._head_bytes > _MOST_HEAD_BYTES:
            raise _not_http()
        if len(self.body) > MAX_RESPONSE_BYTES or int(self.headers.get("content-length", 0)) > MAX_RESPONSE_BYTES:
            raise too_long()


def _not_http() -> StorageMisbehaved:
    return StorageMisbehaved("the server sends a response that is not one of HTTP; check the URL")
