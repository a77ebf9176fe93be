"""Opening a storage by its URL."""

from __future__ import annotations

from remote_artwork.errors import InvalidLocation
from remote_artwork.retry import RetryPolicy
from remote_artwork.storage.credentials import Anonymous, Credentials, SasToken
from remote_artwork.storage.location import Location, parse_with_secret
from remote_artwork.storage.network import NetworkPolicy, for_an_operator
from remote_artwork.storage.pagers import LOCAL, module_for, serves
from remote_artwork.storage.quiet import quietly
from remote_artwork.storage.sharing import shared
from remote_artwork.storage.storage import ArtworkStorage
from remote_artwork.storage.url_text import refused


def open_storage(
    url: str | Location,
    *,
    credentials: Credentials | None = None,
    network: NetworkPolicy | None = None,
    provider: str | None = None,
    retry: RetryPolicy | None = None,
) -> ArtworkStorage:
    """The storage that a URL names. Connects when it is first used, not here.

    Args:
        url: As a merchant pastes it, or a parsed ``Location``.
        credentials: ``Anonymous()`` unless given or, as an Azure SAS, part of the URL; never taken from this machine's
            environment.
        network: What only an operator may allow; nothing private, nothing unencrypted and no folder of this machine
            unless given.
        provider: Who runs the storage, where the host name does not tell. For URLs only.
        retry: How often a request is repeated.

    Raises:
        InvalidLocation: The URL cannot be understood, or is refused; or it holds a SAS, and credentials were given.
        MissingExtra: The protocol's package is not installed.
    """
    location, credentials = read_place(url, credentials, provider)
    network = network or NetworkPolicy()
    if not serves(location.protocol):
        raise InvalidLocation(
            f"{location}: {location.protocol} cannot be opened by URL in this release; "
            "open it with fsspec and hand it over: ArtworkStorage(file_system, folder)"
        )
    if location.protocol in LOCAL and not network.allow_local:
        raise for_an_operator(
            InvalidLocation(f"{location} is a folder of this machine, where no URL may lead; use the URL of a bucket"),
            "NetworkPolicy(allow_local=True)",
        )
    with quietly():
        fs = shared(module_for(location.protocol).connect, location, credentials, network)
    return ArtworkStorage(
        fs,
        location.root,
        location=location,
        retry=retry,
        call_timeout=network.call_timeout,
        listing_timeout=network.listing_timeout,
    )


def read_place(
    url: str | Location, credentials: Credentials | None = None, provider: str | None = None
) -> tuple[Location, Credentials]:
    """What ``open_storage`` makes of a URL: where it leads, and what it is opened with.

    Raises:
        InvalidLocation: The URL cannot be understood, or is refused; or it holds a SAS, and others were given.
    """
    location, sas = (url, None) if isinstance(url, Location) else parse_with_secret(url, provider)
    if sas is None:
        return location, credentials or Anonymous()
    if credentials is None:
        return location, SasToken(sas)
    # The same SAS, given on its own, says whether it may be handed on.
    if isinstance(credentials, SasToken) and credentials.token == sas:
        return location, credentials
    raise refused("it holds a SAS, and other credentials were given", "take out what follows the '?', or give none")
