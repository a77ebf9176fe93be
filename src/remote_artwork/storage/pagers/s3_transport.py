"""What keeps S3's SDK to itself: no redirects, and nothing out of this machine's AWS settings. Imports the SDK."""

from __future__ import annotations

import os
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import aiohttp
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import AioSession

from remote_artwork.errors import InvalidLocation, StorageMisbehaved
from remote_artwork.storage.network import NetworkPolicy
from remote_artwork.storage.pagers.s3_region import region_in


def guarded_options(network: NetworkPolicy) -> dict[str, Any]:
    """Options of a client of the SDK, for whatever service: where it may connect, how long it waits; asks once."""
    return {
        "ignore_configured_endpoint_urls": True,
        "connect_timeout": network.connect_timeout,
        "read_timeout": network.read_timeout,
        "retries": {"max_attempts": 0},
        "proxies": {},
        "connector_args": {"socket_factory": network.socket_factory},
        "http_session_cls": NoRedirects,
    }


def isolated_session() -> AioSession:
    """A session without the profile, configuration and credentials files of whoever runs this programme."""
    nothing = {"profile": None, "config_file": os.devnull, "credentials_file": os.devnull}
    session = AioSession(session_vars={name: (None, None, value, None) for name, value in nothing.items()})
    # Written with a star, it comes before the SDK's own look at the same event, which turns such answers into HTTP 500.
    session.register("before-parse.*.ListObjectsV2", _refuse_other_documents)
    return session


def _refuse_other_documents(response_dict: Mapping[str, Any], **_: object) -> None:
    """A listing has the root element of a listing; S3's own errors are left to the SDK."""
    begin = response_dict["body"][:1024]
    if response_dict["status_code"] == HTTPStatus.OK and b"ListBucketResult" not in begin and b"<Error" not in begin:
        raise StorageMisbehaved("the answer is no listing of a bucket; check host and bucket in the URL")


class NoRedirects(AIOHTTPSession):  # type: ignore[misc] # aiobotocore has no types
    """The SDK's HTTP session, which takes a redirect for an error.

    A redirect could lead to an internal address, and one without a target makes the SDK go round in circles.
    """

    async def _get_session(self, proxy_url: str | None) -> _Direct:
        return _Direct(await super()._get_session(proxy_url))


class _Direct:
    """The part of ``aiohttp.ClientSession`` that the SDK uses."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def request(self, method: str, **options: Any) -> aiohttp.ClientResponse:
        response = await self._session.request(method, allow_redirects=False, **options)
        if 300 <= response.status < 400:
            response.close()
            region = region_in(response.headers)
            if region is not None:
                raise InvalidLocation(f"the bucket is in the region {region}; add ?region={region} to the URL")
            raise StorageMisbehaved(f"the storage redirects (HTTP {response.status}); use the address it redirects to")
        return response
