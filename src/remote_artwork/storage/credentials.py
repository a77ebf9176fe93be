"""Credentials: what a storage is opened with. Secrets live here only, and no repr shows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
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


Credentials = Anonymous | Keys | ServiceAccount | SasToken | AccountKey
"""Any of the above; nothing is ever taken from the environment in its stead."""
