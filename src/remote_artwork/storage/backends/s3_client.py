"""Makes the s3fs of a location. Imports the SDK."""

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
from attrs import evolve
from botocore import UNSIGNED
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from remote_artwork.errors import (
    ConfigurationError,
    InvalidLocation,
    LocationNotFound,
    StorageDenied,
    StorageMisbehaved,
    StorageUnreachable,
)
from remote_artwork.http import NetworkPolicy, bound, check_complexity, request
from remote_artwork.storage.backends.base import isolated_fs
from remote_artwork.storage.backends.listing import MAX_CONCURRENT
from remote_artwork.storage.credentials import Ambient, Anonymous, AssumeRole, Keys
from remote_artwork.storage.errors import CredentialsRejected
from remote_artwork.storage.location import Location

ORIGIN = "https://s3.us-east-1.amazonaws.com"
"""Any region of the public partition answers for the buckets of all of them; the others have hosts that name theirs."""

_REGION = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{1,38}")


def region_in(headers: Mapping[str, str]) -> str | None:
    """The region that an answer of S3 names, where it looks like one."""
    return plain_region(headers.get("x-amz-bucket-region"))


def plain_region(named: object) -> str | None:
    """What an answer of a storage's calls a region, where it looks like one."""
    return named if isinstance(named, str) and _REGION.fullmatch(named) else None


def elsewhere(region: str) -> InvalidLocation:
    """The error for a bucket whose region the storage names."""
    return InvalidLocation(f"the bucket is in the region {region}; add ?region={region} to the URL")


def region_of(bucket: str, network: NetworkPolicy) -> str:
    """Asks for a bucket's region. Refusals tell it as well as answers do.

    Raises:
        LocationNotFound: There is no such bucket.
        StorageUnreachable: Amazon cannot answer now.
        StorageMisbehaved: The answer names no region.
    """
    answer = request("HEAD", f"{ORIGIN}/{quote(bucket, safe='')}", network)
    region = region_in(answer.headers)
    if region is not None:
        return region
    if answer.status == HTTPStatus.NOT_FOUND:
        raise LocationNotFound("Amazon S3 has no bucket of this name; check the URL's spelling")
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise StorageUnreachable(f"Amazon S3 cannot serve now (HTTP {answer.status}); try again later")
    raise StorageMisbehaved(
        f"Amazon S3 does not tell the bucket's region (HTTP {answer.status}); add it to the URL as ?region=…"
    )


_OTHER_REGION = frozenset({"AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"})
"""What S3 calls a request that was signed for another region than the bucket's."""

_NO_SIGNATURE = frozenset({"400", "412", "MissingAuthenticationToken", "MissingSecurityHeader", "UnsupportedAlgorithm"})
"""What servers call a request without a signature, where they do not refuse it with 403. Swift's S3 leaves such a
request to Swift, which answers 412: the bucket's path is none of its own.
"""


def understand(request_dict: Mapping[str, Any], response: tuple[Any, Any] | None, **_: object) -> None:
    """Looks at each answer before the SDK decides whether to ask again.

    Raises:
        InvalidLocation: The bucket is in another region, which the answer names.
        StorageDenied: The storage takes no request without a signature.
    """
    context = request_dict["context"]
    redirection = context.get("s3_redirect")
    if redirection is None or response is None:
        return
    # The SDK would ask the other region by itself, in a request that nobody counts, and would sign URLs as before.
    redirection["redirected"] = True  # it looks here whether it has done so, and does it once only
    _, answer = response
    code = answer.get("Error", {}).get("Code")
    if code in _OTHER_REGION:
        _refuse_region(answer, context)
    if code in _NO_SIGNATURE and _status(answer) < HTTPStatus.INTERNAL_SERVER_ERROR and _is_unsigned(context):
        raise StorageDenied(
            "this storage takes no unsigned requests by S3; "
            "give keys, or paste the public folder's web address (Swift: https://HOST/v1/AUTH_…/CONTAINER/)"
        )


def _refuse_region(answer: Mapping[str, Any], context: Mapping[str, Any]) -> None:
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region = region_in(headers) or plain_region(answer["Error"].get("Region"))
    if region is not None and region != context.get("client_region"):
        raise elsewhere(region)


def _status(answer: Mapping[str, Any]) -> int:
    return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _is_unsigned(context: Mapping[str, Any]) -> bool:
    return context["client_config"].signature_version is UNSIGNED


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
    """A session without the profile, configuration and credentials files of whoever runs this program."""
    nothing = {"profile": None, "config_file": os.devnull, "credentials_file": os.devnull}
    session = AioSession(session_vars={name: (None, None, value, None) for name, value in nothing.items()})
    # Written with stars, it comes before the SDK's own look at the same event, which turns such answers into HTTP 500.
    session.register("before-parse.*.*", _refuse_undergrowth)
    session.register("needs-retry.*.*", understand)
    return session


def _refuse_undergrowth(response_dict: Mapping[str, Any], **_: object) -> None:
    """Also for what should be an error; the content of a file is not there yet, and is not parsed."""
    if isinstance(response_dict["body"], bytes):
        check_complexity(response_dict["body"])


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
    check_complexity(response_dict["body"])
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


_HOME_REGIONS = {"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""Partition → the region to ask for sessions where nothing names one; ``us-east-1`` for all others."""

CLOSE_TO = timedelta(minutes=1)
"""By how much a new session may end before a URL was to: asking for it takes a while."""

Clock = Callable[[], datetime]
_now: Clock = partial(datetime.now, UTC)


def session_for(
    credentials: Keys | Ambient | AssumeRole | None,
    network: NetworkPolicy,
    *,
    region: str | None = None,
    clock: Clock = _now,
) -> AioSession:
    """A session of the SDK with these credentials only; None for none. Asks nobody before it is used.

    Args:
        credentials: ``Keys`` may also be given to the SDK by other ways; here they are the session's own.
        network: Guards whoever gives out credentials too, but the services of the machine itself.
        region: Where a role's sessions are asked for, unless the role says it.
        clock: Tells when a session has to be renewed.
    """
    if credentials is None:
        return shared_session()
    session = isolated_session()
    if isinstance(credentials, Keys):
        session.set_credentials(credentials.access_key, credentials.secret_key, credentials.token)
    elif isinstance(credentials, Ambient):
        session.register_component("credential_provider", _OfThisMachine(network))
    elif isinstance(credentials, AssumeRole):
        session.register_component("credential_provider", _OfARole(credentials, network, region, clock))
    return session


def own_session(network: NetworkPolicy) -> AioSession:
    """A session with this machine's settings, for credentials alone: guarded, and at Amazon's own addresses."""
    session = AioSession()
    session.set_default_client_config(AioConfig(**guarded_options(network)))
    return session


class _OfThisMachine:
    """Finds what the SDK would find by itself."""

    def __init__(self, network: NetworkPolicy) -> None:
        self._network = network

    async def load_credentials(self) -> Any:
        try:
            found = await own_session(self._network).get_credentials()
            if found is not None:
                await found.get_frozen_credentials()  # those of a sign-in are fetched only now
        except HTTPClientError:
            raise
        except BotoCoreError as error:
            raise ConfigurationError(
                f"this machine's own credentials for AWS cannot be used ({type(error).__name__}); "
                "check AWS_PROFILE and its files, or give keys"
            ) from error
        if found is None:
            raise ConfigurationError(
                "this machine has no credentials for AWS: no variables, no profile, no role; set them up, or give keys"
            )
        return found


class _OfARole:
    """Asks for a role's sessions, and again before one ends."""

    def __init__(self, role: AssumeRole, network: NetworkPolicy, region: str | None, clock: Clock) -> None:
        self._role = role
        self._options = guarded_options(network)
        self._session = session_for(role.base, network)
        self._region = role.region or region or _HOME_REGIONS.get(role.partition, "us-east-1")
        self._clock = clock

    async def load_credentials(self) -> AioRefreshableCredentials:
        first = await self._begin_session()
        ends = datetime.fromisoformat(first["expiry_time"])
        length = (ends - self._clock()).total_seconds()
        return AioRefreshableCredentials(
            **{**first, "expiry_time": ends},
            refresh_using=self._begin_session,
            method="assume-role",
            time_fetcher=self._clock,
            # The SDK's own 15 and 10 minutes would renew a short session with every request.
            advisory_timeout=length / 4,
            mandatory_timeout=length / 8,
        )

    async def _begin_session(self) -> Mapping[str, str]:
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
                answer = (await sts.assume_role(**parameters))["Credentials"]
        except ClientError as error:
            raise _refusal(role, error) from error
        return {
            "access_key": answer["AccessKeyId"],
            "secret_key": answer["SecretAccessKey"],
            "token": answer["SessionToken"],
            "expiry_time": answer["Expiration"].isoformat(),
        }


def _refusal(role: AssumeRole, error: Any) -> Exception:
    """One sentence for a merchant or an operator; an answer that says something else stays what it is."""
    told = error.response.get("Error", {})
    code, words = str(told.get("Code", "")), str(told.get("Message", ""))
    if code in ("AccessDenied", "AccessDeniedException"):
        return CredentialsRejected(
            f"AWS does not let this shop assume {role.role_arn}; "
            "check who may in the role's trust policy, and the external id it asks for"
        )
    if code in ("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "SignatureDoesNotMatch"):
        return CredentialsRejected(
            f"AWS does not know the credentials that {role.role_arn} is assumed with ({code}); renew AssumeRole.base"
        )
    if code == "ValidationError" and "DurationSeconds" in words:
        return ConfigurationError(
            f"{role.role_arn} gives no sessions of {role.duration}; raise its maximum session duration, which cannot "
            "be above one hour for a role that assumes another, or lower AssumeRole.duration (duration_minutes)"
        )
    if code == "RegionDisabledException":
        return ConfigurationError(
            f"{role.role_arn}: this region gives out no sessions; name another, AssumeRole.region"
        )
    refusal: Exception = error
    return refusal


async def ensure_lifetime(credentials: Any, expires_in: timedelta, clock: Clock = _now) -> timedelta:
    """How long a URL signed now may live: as wanted, or a moment less where a session ends with it.

    Args:
        credentials: The SDK's. A session that ends too early is replaced by a new one first.
        expires_in: How long the URL shall live.
        clock: Tells the time.

    Raises:
        ConfigurationError: Even a new session ends earlier.
    """
    ends = getattr(credentials, "_expiry_time", None)
    if ends is None:
        return expires_in
    await credentials.get_frozen_credentials()
    if credentials._expiry_time - clock() < expires_in:  # noqa: SLF001 - the SDK does not tell it otherwise
        async with credentials._refresh_lock:  # noqa: SLF001 - nor renews a session early otherwise
            if credentials._expiry_time - clock() < expires_in - CLOSE_TO:  # noqa: SLF001
                await credentials._protected_refresh(is_mandatory=True)  # noqa: SLF001
    left: timedelta = credentials._expiry_time - clock()  # noqa: SLF001
    if left < expires_in - CLOSE_TO:
        raise ConfigurationError(
            f"a URL dies with the session that signs it: in {left}, and shall live for {expires_in}; "
            "make sessions longer (AssumeRole.duration; duration_minutes in a credentials file) "
            "or URLs shorter (Scanner.url_lifetime)"
        )
    return min(left, expires_in)


def guarded_s3fs(
    location: Location, credentials: Anonymous | Keys | AssumeRole | Ambient, network: NetworkPolicy
) -> Any:
    """An s3fs that knows these credentials only, retries nothing, and connects where ``network`` lets it.

    It is ``Prepared``: where a location on AWS names no region, ``locate`` finds it out; for a role
    ``max_url_lifetime`` is
    a session's length.
    """
    keys = credentials if isinstance(credentials, Keys) else None
    changing = credentials if isinstance(credentials, AssumeRole | Ambient) else None
    fs = isolated_fs(
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
            "max_pool_connections": MAX_CONCURRENT,
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
    fs.max_url_lifetime = credentials.duration if isinstance(credentials, AssumeRole) else None
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
