"""Makes the s3fs of a location. Imports the SDK."""

from __future__ import annotations

from functools import partial
from typing import Any

import s3fs
from attrs import evolve

from remote_artwork.storage.credentials import Ambient, Anonymous, AssumeRole, Keys
from remote_artwork.storage.location import Location
from remote_artwork.storage.network import NetworkPolicy
from remote_artwork.storage.pagers.listing import MOST_AT_ONCE
from remote_artwork.storage.pagers.s3_credentials import session_for
from remote_artwork.storage.pagers.s3_region import region_of
from remote_artwork.storage.pagers.s3_transport import guarded_options
from remote_artwork.storage.unconfigured import unconfigured


def guarded_s3fs(
    location: Location, credentials: Anonymous | Keys | AssumeRole | Ambient, network: NetworkPolicy
) -> Any:
    """An s3fs that knows these credentials only, retries nothing, and connects where ``network`` lets it.

    It is ``Prepared``: where a location on AWS names no region, ``locate`` finds it out; for a role ``longest_url`` is
    a session's length.
    """
    keys = credentials if isinstance(credentials, Keys) else None
    changing = credentials if isinstance(credentials, AssumeRole | Ambient) else None
    fs = unconfigured(
        s3fs.S3FileSystem,
        anon=isinstance(credentials, Anonymous),
        key=keys and keys.access_key,
        secret=keys and keys.secret_key,
        token=keys and keys.token,
        username=None,
        password=None,
        endpoint_url=location.endpoint,
        use_ssl=True,
        client_kwargs={"region_name": location.region or "us-east-1"},
        config_kwargs={
            **guarded_options(network),
            "max_pool_connections": MOST_AT_ONCE,
            "signature_version": "s3v4",
            "s3": {"addressing_style": location.style},
            # The SDK's own choice, when_supported, breaks most storages that are not Amazon's.
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        },
        s3_additional_kwargs={},
        requester_pays=False,
        version_aware=False,
        cache_regions=False,
        session=session_for(changing, network, region=location.region),
        asynchronous=False,
        use_listings_cache=False,
    )
    fs.retries = 1
    fs.longest_url = credentials.duration if isinstance(credentials, AssumeRole) else None
    fs.locate = partial(_locate, fs, location, network) if _lacks_region(location) else None
    return fs


def _lacks_region(location: Location) -> bool:
    """An access point's name holds its region; another endpoint has one of its own."""
    return location.endpoint is None and location.region is None and not location.bucket.startswith("arn:")


def _locate(fs: Any, location: Location, network: NetworkPolicy) -> str:
    """Finds out the region, and signs for it from now on; returns the location's whole name. One request."""
    region = region_of(location.bucket, network)
    fs.client_kwargs = {**fs.client_kwargs, "region_name": region}
    return str(evolve(location, region=region))
