"""The command line in a world where every host name leads to one port of this machine; a program of its own.

python local_world.py PORT CERTIFICATES COMMAND… [-- COMMAND…]: runs one command line after the other. What is changed
belongs to a machine and not to the library: where names lead, and which certificates are trusted.
"""

from __future__ import annotations

import itertools
import socket
import sys
from typing import Any

import certifi


def enter(port: int, certificates: str) -> None:
    """From now on every name leads to ``port``, for this process. OpenSSL trusts what SSL_CERT_FILE names."""
    ask = socket.getaddrinfo

    def all_lead_here(host: Any, _port: Any, *arguments: Any, **options: Any) -> Any:
        del host
        return ask("127.0.0.1", port, *arguments, **options)

    socket.getaddrinfo = all_lead_here
    certifi.where = lambda: certificates


def main() -> None:
    """Exits with the highest exit code of the commands."""
    port, certificates, *words = sys.argv[1:]
    enter(int(port), certificates)
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
