"""Credentials: what a storage is opened with. Secrets live here only, and no repr shows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, NoReturn, Self
from urllib.parse import parse_qs

from attrs import Attribute, field, frozen

from remote_artwork.errors import ConfigurationError

_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


def _secret_text(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """The message never holds the value: it may be a secret in the wrong place."""
    where = f"{type(instance).__name__}.{attribute.name}"
    if not isinstance(value, str):
        raise ConfigurationError(f"{where} must be text, not {type(value).__name__}")
    if not value or value != value.strip() or not value.isprintable():
        raise ConfigurationError(
            f"{where} is empty, or holds a space, a line end or a control character; paste it again"
        )


def _optional_secret_text(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is not None:
        _secret_text(instance, attribute, value)


def _sas_text(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    _secret_text(instance, attribute, value)
    if "://" in value or not parse_qs(value).get("sig"):
        raise ConfigurationError("SasToken.token is no SAS with a signature; paste what follows the '?' of a SAS URL")


def _account_key_text(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    _secret_text(instance, attribute, value)
    # Asked first, because the decoder's own error would hold the value.
    if not value.isascii() or not _BASE64.fullmatch(value):
        raise ConfigurationError("AccountKey.key is no key of an account (base64); copy it again")


def _yes_or_no(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{type(instance).__name__}.{attribute.name} must be True or False, not {value!r}")


def _without_question_mark(value: Any) -> Any:
    return value.removeprefix("?") if isinstance(value, str) else value


@frozen
class Anonymous:
    """No credentials at all: requests are not signed, and neither are the URLs handed on."""


class _Secret:
    """Whatever holds a secret. It is not pickled: pickles lie about in files and queues, and hold all in plain text."""

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds a secret, so it is not pickled; make it where it is used")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self


@frozen
class Keys(_Secret):
    """A key pair for S3, as every provider with an S3 interface gives out.

    Args:
        access_key: The public half. It names an account, so it is not shown either.
        secret_key: The secret half.
        token: The session token of temporary keys.

    Raises:
        ConfigurationError: A value is empty or has white space around it.
    """

    access_key: str = field(repr=False, validator=_secret_text)
    secret_key: str = field(repr=False, validator=_secret_text)
    token: str | None = field(default=None, repr=False, validator=_optional_secret_text)


_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address, no secret
_FIXED = {
    "type": ("service_account",),
    "token_uri": (_TOKEN_URI, "https://accounts.google.com/o/oauth2/token"),
    "universe_domain": ("googleapis.com",),
}
"""What these fields of a JSON key may hold. A merchant's key must not name an address of its own to ask for tokens."""


def _of_a_service_account(info: Any) -> Any:
    """The fields that are needed, with those checked that lead somewhere. A message never holds a value."""
    if not isinstance(info, Mapping):
        raise ConfigurationError(
            f"ServiceAccount.info must be the JSON key's content as a dictionary, not {type(info).__name__}"
        )
    for name, allowed in _FIXED.items():
        if info.get(name, allowed[0]) not in allowed or (name == "type" and name not in info):
            raise ConfigurationError(
                f"ServiceAccount: {name} is not {allowed[0]!r}; make a JSON key for a service account of Google Cloud"
            )
    kept = {name: allowed[0] for name, allowed in _FIXED.items()}
    for name in ("client_email", "private_key", "private_key_id"):
        value = info.get(name)
        if not isinstance(value, str) or not value.strip():
            raise ConfigurationError(f"ServiceAccount: {name} is missing; pass the JSON key's whole content")
        kept[name] = value
    if "-----BEGIN" not in kept["private_key"]:
        raise ConfigurationError("ServiceAccount: private_key is no key in PEM; pass the JSON key as it is")
    return MappingProxyType(kept)


@frozen
class ServiceAccount(_Secret):
    """A service account of Google Cloud.

    Args:
        info: The content of its JSON key, as ``json.load`` reads it. Addresses in it are not used.

    Raises:
        ConfigurationError: It is no such key, or asks for tokens elsewhere than at Google's.
    """

    info: Mapping[str, str] = field(repr=False, hash=False, converter=_of_a_service_account)


@frozen
class SasToken(_Secret):
    """A shared access signature of Azure, for a container or a folder in it, that permits to read and to list.

    Args:
        token: What follows the ``?`` of a SAS URL; a leading ``?`` is dropped.
        share_sas: Lets this very SAS be part of the URLs that are handed on. A SAS cannot make a narrower one, so
            whoever gets such a URL may read and list all that the SAS covers.

    Raises:
        ConfigurationError: There is no signature in it, or white space around it; ``share_sas`` is no bool.
    """

    token: str = field(repr=False, converter=_without_question_mark, validator=_sas_text)
    share_sas: bool = field(default=False, kw_only=True, validator=_yes_or_no)


@frozen
class AccountKey(_Secret):
    """One of the two keys of a storage account of Azure. It opens the whole account: prefer a ``SasToken``.

    Args:
        key: The key, in base64 as the portal shows it. URLs that are handed on are signed with it, a file each.

    Raises:
        ConfigurationError: It is no base64, or has white space around it.
    """

    key: str = field(repr=False, validator=_account_key_text)


@frozen
class Ambient:
    """The credentials of the machine that this runs on, because whoever writes this says so.

    For S3 they are found as Amazon's own tools find them (variables, profile, role of the instance or the container),
    for Google Cloud Storage as its application default credentials, for Azure as its default credential. Only
    credentials are taken from there: variables and profiles that name another endpoint or region are not followed. They
    open locations of the cloud they belong to, and no other endpoint.

    Never use it for a URL that a merchant wrote: it would open whatever this machine may open.
    """


_ROLE = re.compile(r"arn:(?P<partition>aws[a-z-]*):iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_REGION = re.compile(r"[a-z0-9-]{1,63}")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?", re.ASCII)
_SHORTEST_SESSION, _LONGEST_SESSION = timedelta(minutes=15), timedelta(hours=12)


def _spelt_as(pattern: re.Pattern[str], advice: str) -> Any:
    """Text of this pattern, or None where the attribute may be left out. The message does not hold the value."""

    def check(instance: Any, attribute: Attribute[Any], value: Any) -> None:
        left_out = value is None and attribute.default is None
        if not left_out and not (isinstance(value, str) and pattern.fullmatch(value)):
            raise ConfigurationError(f"{type(instance).__name__}.{attribute.name} cannot be used; {advice}")

    return check


def _keys_or_ambient(_instance: Any, _attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, Keys | Ambient):
        raise ConfigurationError(f"AssumeRole.base is Keys or Ambient(), not {type(value).__name__}")


def _length_of_a_session(_instance: Any, _attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, timedelta) or not _SHORTEST_SESSION <= value <= _LONGEST_SESSION:
        told = value if isinstance(value, timedelta) else repr(value)
        raise ConfigurationError(
            "AssumeRole.duration is a timedelta from 15 minutes to 12 hours, "
            f"in a credentials file duration_minutes from 15 to 720; it is {told}"
        )


@frozen
class AssumeRole(_Secret):
    """A role of AWS that a merchant lets this shop take on. Its sessions are renewed before they end.

    A URL dies with the session that signed it. So ``duration`` has to be as long as URLs shall live, and AWS gives
    sessions of more than an hour only where the role's own setting allows them, and never to a role that assumes
    another.

    Args:
        role_arn: The role, as ``arn:aws:iam::123456789012:role/prints``.
        base: What the shop asks with: its own ``Keys``, or ``Ambient()``.
        external_id: The secret word that the role's trust policy asks for; have one for each merchant.
        session_name: What the merchant's logs call the session.
        duration: How long a session lasts, from 15 minutes to 12 hours.
        region: Where to ask for sessions; that of the location, or the partition's own, unless told.
        sts_endpoint: The address to ask for sessions where it is not Amazon's, as for MinIO. Only then does a role open
            locations on other endpoints than Amazon's.

    Raises:
        ConfigurationError: A part cannot be used.
    """

    role_arn: str = field(validator=_spelt_as(_ROLE, "write it as arn:aws:iam::123456789012:role/name"))
    base: Keys | Ambient = field(kw_only=True, validator=_keys_or_ambient)
    external_id: str | None = field(
        default=None,
        kw_only=True,
        repr=False,
        validator=_spelt_as(_EXTERNAL_ID, "it has 2 to 1,224 letters, digits and signs of +=,.@:/-_"),
    )
    session_name: str = field(
        default="remote-artwork",
        kw_only=True,
        validator=_spelt_as(_SESSION_NAME, "it has 2 to 64 letters, digits and signs of +=,.@-_"),
    )
    duration: timedelta = field(default=timedelta(hours=1), kw_only=True, validator=_length_of_a_session)
    region: str | None = field(
        default=None, kw_only=True, validator=_spelt_as(_REGION, "write it as AWS does, for example eu-west-1")
    )
    sts_endpoint: str | None = field(
        default=None, kw_only=True, validator=_spelt_as(_ORIGIN, "write it as https://host or https://host:port")
    )

    @property
    def partition(self) -> str:
        """The part of AWS the role lies in: ``aws``, ``aws-cn`` or ``aws-us-gov``."""
        found = _ROLE.fullmatch(self.role_arn)
        return found["partition"] if found else "aws"


Credentials = Anonymous | Keys | ServiceAccount | SasToken | AccountKey | AssumeRole | Ambient
"""Any of the above; nothing is taken from the environment in its stead, but by ``Ambient``, which says so."""
