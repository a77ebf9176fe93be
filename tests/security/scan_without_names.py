"""Like ``scan_a_location``, but no host name can be resolved."""

import runpy
import socket
from pathlib import Path

real = socket.getaddrinfo


def no_names(host, *rest, **options):
    if str(host) not in ("127.0.0.1", "::1"):
        raise socket.gaierror(socket.EAI_NONAME, "no names here")
    return real(host, *rest, **options)


socket.getaddrinfo = no_names
runpy.run_path(str(Path(__file__).with_name("scan_a_location.py")))
