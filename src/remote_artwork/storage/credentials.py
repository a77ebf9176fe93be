"""Credentials: what a storage is opened with. Only these values contain secrets.

No ``repr`` and no error message shows a secret, and values with secrets cannot be pickled. ``Credentials`` is the union
of all types.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, NoReturn, Self
from urllib.parse import parse_qs

from attrs import Attribute, field, frozen

from remote_artwork.core.cures import ROLE_KEYS, SESSION_DURATION
from remote_artwork.errors import ConfigurationError

_Validator = Callable[[Any, Any, Any], None]

# Validators. A message never contains the value: it may be a secret that was pasted into the wrong field.


def _secret_text(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    where = f"{type(instance).__name__}.{attribute.name}"
    if not isinstance(value, str):
        raise ConfigurationError(f"{where} must be text, not {type(value).__name__}")
    if not value or value != value.strip() or not value.isprintable():
        raise ConfigurationError(
            f"{where} is empty, or contains a space, a line break or a control character; paste it again"
        )


def _optional_secret_text(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is not None:
        _secret_text(instance, attribute, value)


def _matches(pattern: re.Pattern[str], remedy: str) -> _Validator:
    """The value matches the pattern, or is None if that is the default."""

    def validate(instance: Any, attribute: Attribute[Any], value: Any) -> None:
        is_default = value is None and attribute.default is None
        if not is_default and not (isinstance(value, str) and pattern.fullmatch(value)):
            raise ConfigurationError(f"{type(instance).__name__}.{attribute.name} is not valid; {remedy}")

    return validate


class _Secret:
    """Base of values with a secret. They cannot be pickled, because pickles store secrets in files and queues."""

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} contains a secret and cannot be pickled; create it where it is used")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self


# Any provider


@frozen
class Anonymous:
    """No credentials, for a public bucket. Requests and URLs are not signed."""


@frozen
class Ambient:
    """The credentials of this machine. The library uses them only if the operator passes this value.

    S3 finds them as Amazon's tools do: environment variables, profile, and the role of the instance or container.
    Google Cloud Storage uses the application default credentials, Azure its default credential. Only credentials are
    taken from there: an endpoint or a region in a variable or profile is ignored. They are sent only to the cloud that
    they belong to.

    Never use them for a merchant's URL: the merchant could then read everything that this machine can read.
    """


# Amazon S3 and other storages with an S3 API


@frozen
class Keys(_Secret):
    """An access key and a secret key. Every provider with an S3 API issues them.

    Args:
        access_key: The access key ID. It identifies an account, so it is not shown either.
        secret_key: The secret access key.
        token: The session token, for temporary keys only.

    Raises:
        ConfigurationError: A value is empty, or contains white space.
    """

    access_key: str = field(repr=False, validator=_secret_text)
    secret_key: str = field(repr=False, validator=_secret_text)
    token: str | None = field(default=None, repr=False, validator=_optional_secret_text)


_ROLE = re.compile(r"arn:(?P<partition>aws[a-z-]*):iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_REGION = re.compile(r"[a-z0-9-]{1,63}")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?", re.ASCII)
_MIN_SESSION, _MAX_SESSION = timedelta(minutes=15), timedelta(hours=12)


def _keys_or_ambient(_instance: Any, _attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, Keys | Ambient):
        raise ConfigurationError(f"{ROLE_KEYS} must be Keys or Ambient(), not {type(value).__name__}")


def _session_duration(_instance: Any, _attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, timedelta) or not _MIN_SESSION <= value <= _MAX_SESSION:
        given = f"{value}; it must be" if isinstance(value, timedelta) else f"{value!r}; it must be a timedelta"
        raise ConfigurationError(f"{SESSION_DURATION} is {given} from 15 minutes to 12 hours")


@frozen
class AssumeRole(_Secret):
    """An IAM role in the merchant's AWS account that the shop assumes. Its sessions are renewed before they expire.

    A signed URL expires with the session that signed it, so ``duration`` must be at least as long as URLs should live.
    AWS issues sessions of more than one hour only if the role's maximum session duration allows it, and never to a role
    that assumes another role.

    Args:
        role_arn: The role's ARN, such as ``arn:aws:iam::123456789012:role/prints``.
        base: The credentials that assume the role: the shop's own ``Keys``, or ``Ambient()``.
        external_id: The external ID that the role's trust policy requires. Use a different one for each merchant.
        session_name: The name of the session in the merchant's logs.
        duration: The duration of a session, from 15 minutes to 12 hours.
        region: The region of the STS endpoint. Default: the location's region, or the partition's default.
        sts_endpoint: The STS endpoint of another provider, for example of MinIO. Only with it does the role work for
            endpoints outside AWS.

    Raises:
        ConfigurationError: A value is not valid.
    """

    role_arn: str = field(validator=_matches(_ROLE, "write it as arn:aws:iam::123456789012:role/name"))
    base: Keys | Ambient = field(kw_only=True, validator=_keys_or_ambient)
    external_id: str | None = field(
        default=None,
        kw_only=True,
        repr=False,
        validator=_matches(_EXTERNAL_ID, "use 2 to 1,224 letters, digits and characters of +=,.@:/-_"),
    )
    session_name: str = field(
        default="remote-artwork",
        kw_only=True,
        validator=_matches(_SESSION_NAME, "use 2 to 64 letters, digits and characters of +=,.@-_"),
    )
    duration: timedelta = field(default=timedelta(hours=1), kw_only=True, validator=_session_duration)
    region: str | None = field(
        default=None, kw_only=True, validator=_matches(_REGION, "use an AWS region, for example eu-west-1")
    )
    sts_endpoint: str | None = field(
        default=None, kw_only=True, validator=_matches(_ORIGIN, "write it as https://host or https://host:port")
    )

    @property
    def partition(self) -> str:
        """The AWS partition of the role: ``aws``, ``aws-cn`` or ``aws-us-gov``."""
        match = _ROLE.fullmatch(self.role_arn)
        return match["partition"] if match else "aws"


# Google Cloud Storage

_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - a URL, not a secret
_ALLOWED = {
    "type": ("service_account",),
    "token_uri": (_TOKEN_URI, "https://accounts.google.com/o/oauth2/token"),
    "universe_domain": ("googleapis.com",),
}
"""Field of a JSON key → its allowed values. Otherwise a merchant's key could send token requests to any address."""


def _service_account_info(info: Any) -> Any:
    """The fields that are needed, validated and read-only."""
    if not isinstance(info, Mapping):
        raise ConfigurationError(
            f"ServiceAccount.info must be the content of the JSON key as a dictionary, not {type(info).__name__}"
        )
    for name, allowed in _ALLOWED.items():
        if info.get(name, allowed[0]) not in allowed or (name == "type" and name not in info):
            raise ConfigurationError(
                f"ServiceAccount: {name} is not {allowed[0]!r}; create a JSON key for a service account in Google Cloud"
            )
    fields = {name: allowed[0] for name, allowed in _ALLOWED.items()}
    for name in ("client_email", "private_key", "private_key_id"):
        value = info.get(name)
        if not isinstance(value, str) or not value.strip():
            raise ConfigurationError(f"ServiceAccount: {name} is missing; pass the whole content of the JSON key")
        fields[name] = value
    if "-----BEGIN" not in fields["private_key"]:
        raise ConfigurationError("ServiceAccount: private_key is not a PEM key; pass the JSON key unchanged")
    return MappingProxyType(fields)


@frozen
class ServiceAccount(_Secret):
    """A Google Cloud service account.

    Args:
        info: The content of its JSON key, as ``json.load`` returns it. Addresses in it are not used.

    Raises:
        ConfigurationError: It is not such a key, or its tokens are not from Google.
    """

    info: Mapping[str, str] = field(repr=False, hash=False, converter=_service_account_info)


# Azure Blob Storage

_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


def _sas_text(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    _secret_text(instance, attribute, value)
    if "://" in value or not parse_qs(value).get("sig"):
        raise ConfigurationError(
            "SasToken.token is not a SAS with a signature; paste the part of the SAS URL after the '?'"
        )


def _account_key_text(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    _secret_text(instance, attribute, value)
    # Not by decoding it: the decoder's error would contain the value.
    if not value.isascii() or not _BASE64.fullmatch(value):
        raise ConfigurationError("AccountKey.key is not an account key (base64); copy it again from the portal")


def _is_bool(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{type(instance).__name__}.{attribute.name} must be True or False, not {value!r}")


def _without_question_mark(value: Any) -> Any:
    return value.removeprefix("?") if isinstance(value, str) else value


@frozen
class SasToken(_Secret):
    """A shared access signature (SAS) for a container or a folder, with the permissions read and list (``sp=rl``).

    Args:
        token: The part of the SAS URL after the ``?``. A leading ``?`` is removed.
        share_sas: Whether URLs for the shop may contain this SAS. No narrower SAS can be made from it, so anyone with
            such a URL can list and read everything that the SAS covers.

    Raises:
        ConfigurationError: The token has no signature or contains white space, or ``share_sas`` is not a bool.
    """

    token: str = field(repr=False, converter=_without_question_mark, validator=_sas_text)
    share_sas: bool = field(default=False, kw_only=True, validator=_is_bool)


@frozen
class AccountKey(_Secret):
    """One of the two access keys of an Azure storage account. It opens the whole account, so prefer ``SasToken``.

    Args:
        key: The key in base64, as the portal shows it. It signs a separate URL for each file.

    Raises:
        ConfigurationError: The key is not base64, or contains white space.
    """

    key: str = field(repr=False, validator=_account_key_text)


Credentials = Anonymous | Keys | ServiceAccount | SasToken | AccountKey | AssumeRole | Ambient
"""Any credentials. Only ``Ambient`` uses the environment of this machine."""
