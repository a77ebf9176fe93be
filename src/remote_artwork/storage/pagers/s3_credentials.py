"""Credentials of S3 that change while a process lives: a role's sessions, and this machine's own. Imports the SDK."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioRefreshableCredentials
from aiobotocore.session import AioSession
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from remote_artwork.errors import ConfigurationError
from remote_artwork.storage.credentials import Ambient, AssumeRole, Keys
from remote_artwork.storage.network import NetworkPolicy
from remote_artwork.storage.pagers.s3_transport import guarded_options, isolated_session, shared_session
from remote_artwork.storage.refusals import RefusedOutright

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
        return RefusedOutright(
            f"AWS does not let this shop assume {role.role_arn}; "
            "check who may in the role's trust policy, and the external id it asks for"
        )
    if code in ("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "SignatureDoesNotMatch"):
        return RefusedOutright(
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


async def outlive(credentials: Any, expires_in: timedelta, clock: Clock = _now) -> timedelta:
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
