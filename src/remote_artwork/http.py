"""The egress guard: which network addresses a merchant's URL may lead to.

A URL is hostile input. The guard looks at the address a socket is about to connect to, after every name was resolved
and every number decoded, so DNS rebinding and odd spellings of an address change nothing. Behind an HTTP proxy it would
see the proxy's address only, so the proxies of this machine's environment are not used.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, TypeVar

from attrs import Attribute, field, frozen

from remote_artwork.errors import ConfigurationError, InvalidLocation

__all__ = ["NetworkPolicy"]

_DENIED_V4 = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # shared by carriers; the metadata service of one cloud
        "168.63.129.16/32",  # the host agent of Azure
        "192.0.0.0/24",  # 192.0.0.192 is the metadata service of Oracle
        "192.88.99.0/24",  # anycast to 6to4 relays
        "240.0.0.0/4",
    )
)
_DENIED_V6 = tuple(
    ip_network(text)
    for text in (
        "2001::/23",  # Teredo and other protocols that hold an IPv4 address
        "2002::/16",  # 6to4: holds one too
        "3fff::/20",  # documentation
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")
"""The only part of IPv6 that is given out for the open Internet; NAT64 and IPv4 in disguise lie outside of it."""

AddressInfo = tuple[Any, Any, int, str, tuple[Any, ...]]
"""One answer of ``socket.getaddrinfo``: family, type, protocol, canonical name, (address, port, …)."""


class AddressRefused(InvalidLocation, PermissionError):
    """A host name leads to an address that is not of the open Internet.

    Also a ``PermissionError``: connectors collect the ``OSError`` of each address, and let no other kind through.
    """


Refusal = TypeVar("Refusal", bound=InvalidLocation)


def for_an_operator(refusal: Refusal, how: str) -> Refusal:
    """Adds what an operator can do, as a note (PEP 678): the message is also for merchants, who cannot do it.

    Args:
        refusal: Its message says what is refused, and what to paste instead.
        how: What allows it.
    """
    refusal.add_note(f"an operator may allow it: {how}")
    return refusal


def is_public(address: str) -> bool:
    """Whether an IP address belongs to a host of the open Internet.

    ``ipaddress.is_global`` alone holds NAT64, 6to4, multicast and some clouds' metadata services for global.

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


def _seconds(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        where = f"{type(instance).__name__}.{attribute.name}"
        raise ConfigurationError(f"{where} must be a number of seconds above 0, not {value!r}")


@frozen(kw_only=True)
class NetworkPolicy:
    """What only an operator may allow, and how long a storage may keep us waiting.

    Args:
        allow_private: Lets connections go to any address, also this machine and its neighbors.
        allow_http: Lets endpoints be plain ``http://``.
        allow_local: Lets locations be folders of this machine, ``file:`` and ``memory:``.
        connect_timeout: Seconds until a connection must stand.
        read_timeout: Seconds between two pieces of an answer.
        call_timeout: Seconds one request may take altogether, against servers that drip.
        listing_timeout: Seconds that one look through a location may take, by a listing or name by name; after them
            nothing is asked for.

    Raises:
        ConfigurationError: A time is not above 0.
    """

    allow_private: bool = False
    allow_http: bool = False
    allow_local: bool = False
    connect_timeout: float = field(default=4.0, validator=_seconds)
    read_timeout: float = field(default=8.0, validator=_seconds)
    call_timeout: float = field(default=60.0, validator=_seconds)
    listing_timeout: float = field(default=3600.0, validator=_seconds)

    def check_endpoint(self, endpoint: str | None) -> None:
        """Refuses an origin with a scheme that is not allowed. None is a provider's own https endpoint.

        Raises:
            InvalidLocation: It is plain http, or no web address at all.
        """
        scheme = "https" if endpoint is None else endpoint.partition("://")[0].lower()
        if scheme == "http" and not self.allow_http:
            raise for_an_operator(
                InvalidLocation(f"{endpoint} is not encrypted; use https"),
                "NetworkPolicy(allow_http=True), on the command line --allow-private-network",
            )
        if scheme not in ("http", "https"):
            raise InvalidLocation(f"{endpoint} is no web address; an endpoint begins with https://")

    @property
    def socket_factory(self) -> Callable[[AddressInfo], socket.socket]:
        """Makes the sockets of aiohttp's connector; raises ``AddressRefused`` for an address that is not allowed."""
        return self._any_socket if self.allow_private else self._public_socket

    def _public_socket(self, info: AddressInfo) -> socket.socket:
        if not is_public(str(info[4][0])):
            # Names no address: hosts with several are refused by one and the same message, and none is betrayed.
            raise for_an_operator(
                AddressRefused(
                    "the host's address is not of the open Internet, so no connection was made; "
                    "use a storage that everybody can reach"
                ),
                "NetworkPolicy(allow_private=True), on the command line --allow-private-network",
            )
        return self._any_socket(info)

    @staticmethod
    def _any_socket(info: AddressInfo) -> socket.socket:
        family, kind, protocol, _, _ = info
        return socket.socket(family=family, type=kind, proto=protocol)
