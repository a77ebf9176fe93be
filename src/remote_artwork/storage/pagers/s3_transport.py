"""What keeps S3's SDK to itself: no redirects, and nothing out of this machine's AWS settings. Imports the SDK."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache
from http import HTTPStatus
from typing import Any

import aiohttp
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import AioSession

from remote_artwork.errors import StorageMisbehaved
from remote_artwork.storage.network import NetworkPolicy
from remote_artwork.storage.pagers.bounded_answers import bound, refuse_undergrowth
from remote_artwork.storage.pagers.s3_errors import understand
from remote_artwork.storage.pagers.s3_region import elsewhere, region_in


def guarded_options(network: NetworkPolicy) -> dict[str, Any]:
    """Options of a client of the SDK, for whatever service: where it may connect, how long it waits; asks once."""
    return {
        "ignore_configured_endpoint_urls": True,
        "connect_timeout": network.connect_timeout,
        "read_timeout": network.read_timeout,
        "retries": {"max_attempts": 0},
        "proxies": {},
        "user_agent": "remote_artwork",  # the SDK's own would tell about this machine
        "connector_args": {"socket_factory": network.socket_factory},
        "http_session_cls": NoRedirects,
    }


def isolated_session() -> AioSession:
    """A session without the profile, configuration and credentials files of whoever runs this programme."""
    nothing = {"profile": None, "config_file": os.devnull, "credentials_file": os.devnull}
    session = AioSession(session_vars={name: (None, None, value, None) for name, value in nothing.items()})
    # Written with stars, it comes before the SDK's own look at the same event, which turns such answers into HTTP 500.
    session.register("before-parse.*.*", _refuse_undergrowth)
    session.register("needs-retry.*.*", understand)
    return session


def _refuse_undergrowth(response_dict: Mapping[str, Any], **_: object) -> None:
    """Also for what should be an error; the content of a file is not there yet, and is not parsed."""
    if isinstance(response_dict["body"], bytes):
        refuse_undergrowth(response_dict["body"])


@cache
def shared_session() -> AioSession:
    """The isolated session of all whose keys are given to each client: the SDK's description of S3 is loaded once."""
    return isolated_session()


_WHOLE_PAGE: ContextVar[bool] = ContextVar("whole_page", default=False)
_BODY = "remote_artwork.body"


async def list_page(fs: Any, bucket: str, parameters: Mapping[str, str]) -> bytes:
    """One ListObjectsV2 through an s3fs, signed and sent as all its requests are, but not read by the SDK.

    botocore also asks for percent-encoded keys.

    Raises:
        StorageMisbehaved: The answer has not the root element of a listing.
    """
    await fs.set_session()
    client = await fs.get_s3(bucket)
    # Written with a star, it comes before the SDK's own look at the same event, which would parse the whole answer.
    client.meta.events.register_first("before-parse.*.ListObjectsV2", _keep_body, unique_id=_BODY)
    _WHOLE_PAGE.set(True)  # in this task alone: the owner of a file system that was handed in may list, too
    answer = await fs._call_s3("list_objects_v2", Bucket=bucket, **parameters)  # noqa: SLF001 - no loop is waited for
    return bytes(answer[_BODY])


def _keep_body(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    """Hands a listing on as it came, and leaves an empty one to the SDK, as well as S3's own errors."""
    begin = response_dict["body"][:1024]
    if not _WHOLE_PAGE.get() or response_dict["status_code"] != HTTPStatus.OK or b"<Error" in begin:
        return
    if b"ListBucketResult" not in begin:
        raise StorageMisbehaved("the answer is no listing of a bucket; check host and bucket in the URL")
    refuse_undergrowth(response_dict["body"])
    customized_response_dict[_BODY] = response_dict["body"]
    response_dict["body"] = b"<ListBucketResult/>"


_trusting: dict[object, ssl.SSLContext] = {}


class NoRedirects(AIOHTTPSession):  # type: ignore[misc] # aiobotocore has no types
    """The SDK's HTTP session, which takes a redirect for an error.

    A redirect could lead to an internal address, and one without a target makes the SDK go round in circles.
    """

    def _build_verify_context(self) -> ssl.SSLContext:
        """One for all sessions: the certificates of the world's authorities take most of a megabyte."""
        if self._verify not in _trusting:
            _trusting[self._verify] = super()._build_verify_context()
        return _trusting[self._verify]

    async def _get_session(self, proxy_url: str | None) -> _Direct:
        return _Direct(await super()._get_session(proxy_url))


class _Direct:
    """The part of ``aiohttp.ClientSession`` that the SDK uses."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def request(self, method: str, **options: Any) -> aiohttp.ClientResponse:
        response = await self._session.request(method, allow_redirects=False, **options)
        self._session.cookie_jar.clear()
        if 300 <= response.status < 400:
            response.close()
            region = region_in(response.headers)
            if region is not None:
                raise elsewhere(region)
            raise StorageMisbehaved(f"the storage redirects (HTTP {response.status}); use the address it redirects to")
        return bound(response)
