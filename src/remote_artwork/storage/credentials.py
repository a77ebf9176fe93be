"""Credentials: what a storage is opened with. Secrets live here only, and no repr shows them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from attrs import Attribute, field, frozen

from remote_artwork.errors import ConfigurationError


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


@frozen
class Anonymous:
    """No credentials at all: requests are not signed, and neither are the URLs handed on."""


@frozen
class Keys:
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
class ServiceAccount:
    """A service account of Google Cloud.

    Args:
        info: The content of its JSON key, as ``json.load`` reads it. Addresses in it are not used.

    Raises:
        ConfigurationError: It is no such key, or asks for tokens elsewhere than at Google's.
    """

    info: Mapping[str, str] = field(repr=False, hash=False, converter=_of_a_service_account)


Credentials = Anonymous | Keys | ServiceAccount
"""Any of the above; nothing is ever taken from the environment in its stead."""
