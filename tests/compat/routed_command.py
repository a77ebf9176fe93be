"""Runs the command line in a process where every host name resolves to one local port.

python routed_command.py PORT CERTIFICATES COMMAND… [-- COMMAND…] runs the commands one after the other. It changes only
settings of a machine, not the library: how names resolve, and which certificates are trusted.
"""

from __future__ import annotations

import itertools
import socket
import sys
from typing import Any

import certifi


def route_names(port: int, certificates: str) -> None:
    """Resolve every host name to ``port`` in this process. OpenSSL reads SSL_CERT_FILE by itself."""
    ask = socket.getaddrinfo

    def resolve_to_router(host: Any, _port: Any, *arguments: Any, **options: Any) -> Any:
        del host
        return ask("127.0.0.1", port, *arguments, **options)

    socket.getaddrinfo = resolve_to_router
    certifi.where = lambda: certificates


def main() -> None:
    """Exit with the highest exit code of the commands."""
    port, certificates, *words = sys.argv[1:]
    route_names(int(port), certificates)
    from remote_artwork.cli import main as command_line

    worst = 0
    for is_end, command in itertools.groupby(words, lambda word: word == "--"):
        if not is_end:
            sys.argv = ["remote-artwork", *command]
            try:
                command_line()
            except SystemExit as end:
                worst = max(worst, int(end.code or 0))
    sys.exit(worst)


if __name__ == "__main__":
    main()
