"""The AWS SDK: sessions and clients without this machine's settings, roles, regions. Imports s3fs and aiobotocore.

- ``guarded_s3fs`` makes the file system of a location.
- ``list_page`` makes one list request and returns the response unparsed.
- ``region_of`` and the hooks of a session translate what S3 says about regions and unsigned requests.
- ``session_for`` makes the session of credentials that change: a role's, or this machine's.
- ``ensure_lifetime`` makes sure that a session outlives the URL it signs.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import aiohttp
import s3fs
from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioRefreshableCredentials
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import AioSession
from botocore import UNSIGNED
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from fsspec import AbstractFileSystem

from remote_artwork.connections import Connections
from remote_artwork.core.cures import ROLE_KEYS, ROLE_REGION, SESSION_DURATION, URL_LIFETIME
from remote_artwork.errors import (
    ConfigurationError,
    InvalidLocation,
    LocationNotFound,
    StorageDenied,
    StorageMisbehaved,
    StorageUnreachable,
)
from remote_artwork.http import NetworkPolicy, bound, check_complexity, request, send_once, tls_context
from remote_artwork.storage.backends.base import isolated_fs
from remote_artwork.storage.backends.listing import MAX_CONCURRENT
from remote_artwork.storage.credentials import Ambient, Anonymous, AssumeRole, Keys
from remote_artwork.storage.errors import CredentialsRejected, is_busy
from remote_artwork.storage.location import Location

# File systems


class _GuardedS3FileSystem(s3fs.S3FileSystem):  # type: ignore[misc] # s3fs has no types
    """An s3fs that also knows what the location's backend needs.

    Args:
        network: Guards the request that finds a bucket's region.
        needs_region: Whether that request is necessary before the first one to the bucket.
        session_lifetime: The length of the sessions that sign URLs; None: the keys do not expire.
        options: The options of s3fs.
    """

    def __init__(
        self, *, network: NetworkPolicy, needs_region: bool, session_lifetime: timedelta | None, **options: Any
    ) -> None:
        super().__init__(**options)
        self.retries = 1
        self.needs_region = needs_region
        self.session_lifetime = session_lifetime
        self.connections = Connections(network)
        self._network = network

    def resolve_region(self, bucket: str) -> str:
        """Find the bucket's region with one request, and sign for it from now on."""
        region = region_of(bucket, self._network)
        self.client_kwargs: dict[str, Any] = {**self.client_kwargs, "region_name": region}
        return region


def guarded_s3fs(
    location: Location, credentials: Anonymous | Keys | AssumeRole | Ambient, network: NetworkPolicy
) -> AbstractFileSystem:
    """An s3fs with these credentials only, without retries, which connects only where ``network`` allows it."""
    keys = credentials if isinstance(credentials, Keys) else None
    changing = credentials if isinstance(credentials, AssumeRole | Ambient) else None
    return isolated_fs(
        _GuardedS3FileSystem,
        network=network,
        # The name of an access point contains its region; another endpoint has a region of its own.
        needs_region=location.endpoint is None and location.region is None and not location.bucket.startswith("arn:"),
        session_lifetime=credentials.duration if isinstance(credentials, AssumeRole) else None,
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
            **_client_options(network),
            "max_pool_connections": MAX_CONCURRENT,
            "signature_version": "s3v4",
            "s3": {"addressing_style": location.style},
            # The SDK's default, when_supported, breaks most storages other than Amazon's.
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


def _client_options(network: NetworkPolicy) -> dict[str, Any]:
    """Options for a client of any AWS service: where it may connect, how long it waits, no retries."""
    return {
        "ignore_configured_endpoint_urls": True,
        "connect_timeout": network.connect_timeout,
        "read_timeout": network.read_timeout,
        "retries": {"max_attempts": 0},
        "proxies": {},
        "user_agent": "remote_artwork",  # the SDK's own describes this machine
        "connector_args": {"socket_factory": network.socket_factory},
        "http_session_cls": _session_class(network.ca_file),
    }


class _GuardedHttpSession(AIOHTTPSession):  # type: ignore[misc] # aiobotocore has no types
    """The SDK's HTTP session with a limit on responses, and with every redirect as an error.

    A redirect could lead to an internal address, and one without a target makes the SDK loop.
    """

    ca_file: str | None = None

    def _build_verify_context(self) -> ssl.SSLContext:
        """One context for all sessions: the certificates of the public authorities need most of a megabyte."""
        return tls_context(self.ca_file)

    async def _get_session(self, proxy_url: str | None) -> _GuardedRequests:
        return _GuardedRequests(send_once(await super()._get_session(proxy_url)))


@cache
def _session_class(ca_file: str | None) -> type[_GuardedHttpSession]:
    """The class with this CA file. The SDK takes a class and creates the sessions itself."""
    return type("_GuardedHttpSession", (_GuardedHttpSession,), {"ca_file": ca_file})


class _GuardedRequests:
    """The part of ``aiohttp.ClientSession`` that the SDK uses."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def request(self, method: str, **options: Any) -> aiohttp.ClientResponse:
        response = await self._session.request(method, allow_redirects=False, **options)
        self._session.cookie_jar.clear()
        try:
            check_redirect(response.status, response.headers)
        except BaseException:
            response.close()
            raise
        return bound(response)


# One page of a listing

_RAW_PAGE: ContextVar[bool] = ContextVar("raw_page", default=False)
_BODY = "remote_artwork.body"


async def list_page(fs: Any, operation: str, bucket: str, parameters: Mapping[str, str]) -> bytes:
    """One ``list_objects_v2`` or ``list_objects`` through an s3fs: the SDK signs and sends it, but does not parse it.

    botocore also requests percent-encoded keys.

    Raises:
        StorageMisbehaved: The response does not have the root element of a listing.
    """
    await fs.set_session()
    client = await fs.get_s3(bucket)
    # The SDK's own hook for this event would parse the whole response. A name with a star runs before it.
    for event in ("before-parse.*.ListObjectsV2", "before-parse.*.ListObjects"):
        client.meta.events.register_first(event, _keep_body, unique_id=f"{_BODY} {event}")
    _RAW_PAGE.set(True)  # for this task only: the user of the file system may list, too
    response = await fs._call_s3(operation, Bucket=bucket, **parameters)  # noqa: SLF001 - already on the loop
    return bytes(response[_BODY])


def _keep_body(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    """Return a listing unparsed, and give the SDK an empty one. The SDK still parses S3's error responses."""
    start = response_dict["body"][:1024]
    if not _RAW_PAGE.get() or response_dict["status_code"] != HTTPStatus.OK or b"<Error" in start:
        return
    check_listing(response_dict["body"])
    customized_response_dict[_BODY] = response_dict["body"]
    response_dict["body"] = b"<ListBucketResult/>"


def check_listing(body: bytes) -> None:
    """Check the root element and the number of elements of a response to a list request.

    Raises:
        StorageMisbehaved: It is not a listing, or holds more elements than any may.
    """
    if b"ListBucketResult" not in body[:1024]:
        raise StorageMisbehaved("the storage's response is not a listing of a bucket; check host and bucket in the URL")
    check_complexity(body)


# Regions, and what S3 says about unsigned requests

_REGION_LOOKUP = "https://s3.us-east-1.amazonaws.com"
"""Any region of AWS's public partition knows the buckets of all its regions. Other partitions have other hosts."""

_REGION = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{1,38}")

_OTHER_REGION = frozenset({"AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"})
"""S3's error codes for a request that is signed for another region than the bucket's."""

_UNSIGNED = frozenset({"400", "412", "MissingAuthenticationToken", "MissingSecurityHeader", "UnsupportedAlgorithm"})
"""Error codes for an unsigned request, of servers that do not respond with 403. Swift's S3 API passes such a request to
Swift, which responds with 412, because it does not know the bucket's path.
"""


def region_of(bucket: str, network: NetworkPolicy) -> str:
    """Find a bucket's region, with one request. Refusals name the region, too.

    Raises:
        LocationNotFound: The bucket does not exist.
        StorageUnreachable: Amazon cannot respond now.
        StorageMisbehaved: The response does not name the region.
    """
    response = request("HEAD", f"{_REGION_LOOKUP}/{quote(bucket, safe='')}", network)
    region = _region_in(response.headers)
    if region is not None:
        return region
    if response.status == HTTPStatus.NOT_FOUND:
        raise LocationNotFound("Amazon S3 has no bucket with this name; check the spelling in the URL")
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR or is_busy(response.status):
        raise StorageUnreachable(f"Amazon S3 is not available now (HTTP {response.status}); try again later")
    raise StorageMisbehaved(
        f"Amazon S3 does not report the bucket's region (HTTP {response.status}); add it to the URL as ?region=…"
    )


def _region_in(headers: Mapping[str, str]) -> str | None:
    return _valid_region(headers.get("x-amz-bucket-region"))


def _valid_region(name: object) -> str | None:
    return name if isinstance(name, str) and _REGION.fullmatch(name) else None


def _other_region(region: str) -> InvalidLocation:
    return InvalidLocation(f"the bucket is in the region {region}; add ?region={region} to the URL")


def check_redirect(status: int, headers: Mapping[str, str]) -> None:
    """Refuse a redirect. It could lead to an internal address.

    Raises:
        InvalidLocation: The bucket is in another region, which the response names.
        StorageMisbehaved: It redirects.
    """
    if not 300 <= status < 400:
        return
    region = _region_in(headers)
    if region is not None:
        raise _other_region(region)
    raise StorageMisbehaved(
        f"the storage redirects (HTTP {status}), and redirects are not followed; use the address to which it redirects"
    )


def _check_response(request_dict: Mapping[str, Any], response: tuple[Any, Any] | None, **_: object) -> None:
    """Translate a response before the SDK decides about a retry, as ``check_answer`` does."""
    context = request_dict["context"]
    redirection = context.get("s3_redirect")
    if redirection is None or response is None:
        return
    # Otherwise the SDK repeats the request in the other region, uncounted, and signs URLs for the first region.
    redirection["redirected"] = True  # the SDK's own mark: it follows one redirect only
    unsigned = context["client_config"].signature_version is UNSIGNED
    check_answer(response[1], client_region=context.get("client_region"), unsigned=unsigned)


def check_answer(answer: Mapping[str, Any], *, client_region: str | None, unsigned: bool) -> None:
    """Translate what S3 says about regions and unsigned requests.

    Args:
        answer: A response as the SDK parses it.
        client_region: The region for which the request was signed.
        unsigned: Whether it was not signed.

    Raises:
        InvalidLocation: The bucket is in another region, which the response names.
        StorageDenied: The storage takes no unsigned requests.
    """
    code = answer.get("Error", {}).get("Code")
    metadata = answer.get("ResponseMetadata", {})
    if code in _OTHER_REGION:
        region = _region_in(metadata.get("HTTPHeaders", {})) or _valid_region(answer["Error"].get("Region"))
        if region is not None and region != client_region:
            raise _other_region(region)
    if code in _UNSIGNED and unsigned and int(metadata.get("HTTPStatusCode", 0)) < HTTPStatus.INTERNAL_SERVER_ERROR:
        raise StorageDenied(
            "this storage takes no unsigned S3 requests; "
            "use keys, or paste the public folder's web address (Swift: https://HOST/v1/AUTH_…/CONTAINER/)"
        )


# Sessions and credentials

_DEFAULT_REGIONS = {"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""Partition → the region whose STS is used if no region is named; ``us-east-1`` for all others."""

TOLERANCE = timedelta(minutes=1)
"""How much earlier than requested a URL may expire: requesting the session that signs it takes time."""

Clock = Callable[[], datetime]
_now: Clock = partial(datetime.now, UTC)


def session_for(
    credentials: Keys | Ambient | AssumeRole | None,
    network: NetworkPolicy,
    *,
    region: str | None = None,
    clock: Clock = _now,
) -> AioSession:
    """A session of the SDK with these credentials only. Makes no request before it is used.

    Args:
        credentials: None: each client receives its own keys.
        network: Also guards the requests for credentials, except those to this machine's own services.
        region: The region of the STS that issues a role's sessions, unless the role names one.
        clock: Decides when a session must be renewed.
    """
    if credentials is None:
        return _shared_session()
    session = _isolated_session()
    if isinstance(credentials, Keys):
        session.set_credentials(credentials.access_key, credentials.secret_key, credentials.token)
    elif isinstance(credentials, Ambient):
        session.register_component("credential_provider", _AmbientProvider(network))
    elif isinstance(credentials, AssumeRole):
        session.register_component("credential_provider", _RoleProvider(credentials, network, region, clock))
    return session


@cache
def _shared_session() -> AioSession:
    """The session of all clients with keys of their own: it loads the SDK's description of S3 once."""
    return _isolated_session()


def _isolated_session() -> AioSession:
    """A session that reads no profile, configuration or credentials file of this machine."""
    ignored = {"profile": None, "config_file": os.devnull, "credentials_file": os.devnull}
    session = AioSession(session_vars={name: (None, None, value, None) for name, value in ignored.items()})
    # The SDK's own hook for this event turns an error of ours into HTTP 500. A name with stars runs before it.
    session.register("before-parse.*.*", _check_body)
    session.register("needs-retry.*.*", _check_response)
    return session


def _check_body(response_dict: Mapping[str, Any], **_: object) -> None:
    """Check every XML body, also of an error. The content of a file is a stream, which is not parsed."""
    if isinstance(response_dict["body"], bytes):
        check_complexity(response_dict["body"])


def own_session(network: NetworkPolicy) -> AioSession:
    """A session with this machine's settings, used for credentials only; guarded, and at Amazon's own addresses."""
    session = AioSession()
    session.set_default_client_config(AioConfig(**_client_options(network)))
    return session


class _AmbientProvider:
    """Finds this machine's own credentials, as the SDK does by default."""

    def __init__(self, network: NetworkPolicy) -> None:
        self._network = network

    async def load_credentials(self) -> Any:
        try:
            found = await own_session(self._network).get_credentials()
            if found is not None:
                await found.get_frozen_credentials()  # those of a sign-in are requested only now
        except HTTPClientError:
            raise
        except BotoCoreError as error:
            raise ConfigurationError(
                f"this machine's AWS credentials cannot be used ({type(error).__name__}); "
                "check AWS_PROFILE and its files, or use Keys"
            ) from error
        if found is None:
            raise ConfigurationError(
                "this machine has no AWS credentials: no variables, no profile, no role; set them up, or use Keys"
            )
        return found


class _RoleProvider:
    """Requests a role's sessions, and a new one before each expires."""

    def __init__(self, role: AssumeRole, network: NetworkPolicy, region: str | None, clock: Clock) -> None:
        self._role = role
        self._options = _client_options(network)
        self._session = session_for(role.base, network)
        self._region = role.region or region or _DEFAULT_REGIONS.get(role.partition, "us-east-1")
        self._clock = clock

    async def load_credentials(self) -> AioRefreshableCredentials:
        first = await self._start_session()
        expires_at = datetime.fromisoformat(first["expiry_time"])
        lifetime = (expires_at - self._clock()).total_seconds()
        return AioRefreshableCredentials(
            **{**first, "expiry_time": expires_at},
            refresh_using=self._start_session,
            method="assume-role",
            time_fetcher=self._clock,
            # The SDK's defaults of 15 and 10 minutes would renew a short session with every request.
            advisory_timeout=lifetime / 4,
            mandatory_timeout=lifetime / 8,
        )

    async def _start_session(self) -> Mapping[str, str]:
        role = self._role
        parameters = {
            "RoleArn": role.role_arn,
            "RoleSessionName": role.session_name,
            "DurationSeconds": int(role.duration.total_seconds()),
        }
        if role.external_id is not None:
            parameters["ExternalId"] = role.external_id
        try:
            async with self._session.create_client(
                "sts", region_name=self._region, endpoint_url=role.sts_endpoint, config=AioConfig(**self._options)
            ) as sts:
                session = (await sts.assume_role(**parameters))["Credentials"]
        except ClientError as error:
            raise _role_error(role, error) from error
        return {
            "access_key": session["AccessKeyId"],
            "secret_key": session["SecretAccessKey"],
            "token": session["SessionToken"],
            "expiry_time": session["Expiration"].isoformat(),
        }


def _role_error(role: AssumeRole, error: Any) -> Exception:
    """The error for a merchant or an operator; the same error if its code is not known."""
    details = error.response.get("Error", {})
    code, text = str(details.get("Code", "")), str(details.get("Message", ""))
    if code in ("AccessDenied", "AccessDeniedException"):
        return CredentialsRejected(
            f"AWS does not let this shop assume the role {role.role_arn}; "
            "check the role's trust policy, and the external id it requires"
        )
    if code in ("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "SignatureDoesNotMatch"):
        return CredentialsRejected(
            f"AWS rejects the credentials that assume the role {role.role_arn} ({code}); renew {ROLE_KEYS}"
        )
    if code == "ValidationError" and "DurationSeconds" in text:
        return ConfigurationError(
            f"the role {role.role_arn} does not allow sessions of {role.duration}; raise its maximum session duration "
            "(one hour at most for a role that assumes another), "
            f"or lower {SESSION_DURATION}"
        )
    if code == "RegionDisabledException":
        return ConfigurationError(
            f"the role {role.role_arn} gets no session in this region; set another one: {ROLE_REGION}"
        )
    unknown: Exception = error
    return unknown


async def ensure_lifetime(credentials: Any, expires_in: timedelta, clock: Clock = _now) -> timedelta:
    """How long a URL signed now can work: as requested, or a moment less if the session expires before.

    Args:
        credentials: The SDK's. A session that expires too early is renewed first.
        expires_in: How long the URL should work.
        clock: Returns the time.

    Raises:
        ConfigurationError: Even a new session expires earlier.
    """
    if getattr(credentials, "_expiry_time", None) is None:
        return expires_in
    await credentials.get_frozen_credentials()
    if credentials._expiry_time - clock() < expires_in:  # noqa: SLF001 - the SDK offers no public way to read it,
        async with credentials._refresh_lock:  # noqa: SLF001 - nor to renew a session early
            if credentials._expiry_time - clock() < expires_in - TOLERANCE:  # noqa: SLF001
                await credentials._protected_refresh(is_mandatory=True)  # noqa: SLF001
    left: timedelta = credentials._expiry_time - clock()  # noqa: SLF001
    if left < expires_in - TOLERANCE:
        raise ConfigurationError(
            f"a URL cannot work for {expires_in}: it expires with the session that signs it, in {left}; "
            f"make sessions longer ({SESSION_DURATION}) or URLs shorter ({URL_LIFETIME})"
        )
    return min(left, expires_in)
