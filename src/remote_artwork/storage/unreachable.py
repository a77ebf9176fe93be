"""Why no connection came about: each reason that somebody can do something about has its own sentence."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable

_BROKEN_OFF = (ssl.SSLEOFError, ssl.SSLSyscallError, ssl.SSLZeroReturnError, ssl.SSLWantReadError)
"""Errors of TLS that say nothing about the server: its connection ended."""


def reason(chain: Iterable[BaseException]) -> tuple[str, str] | None:
    """What is the matter and what to do, by the built-in errors that all clients keep among their causes.

    Args:
        chain: A client's error and its causes.

    Returns:
        None where nothing is known but that no answer came.
    """
    for link in chain:
        if isinstance(link, socket.gaierror):
            if link.errno == socket.EAI_AGAIN:
                return "the host's name could not be looked up", "check this machine's network, or try again later"
            return (
                "the host's name is not known",
                "check host and region in the URL, and this machine's network",
            )
        if isinstance(link, ConnectionRefusedError):
            return "nobody listens at this host and port", "check them in the URL, or try again later"
        # A client may give an error of its own the name of TLS's, so only the built-in class counts.
        if isinstance(link, ssl.SSLError) and not isinstance(link, _BROKEN_OFF):
            return "the server does not speak https on this port", "check host and port in the URL"
    return None
