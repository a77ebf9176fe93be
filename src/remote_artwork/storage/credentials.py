"""Credentials: what a storage is opened with. Secrets live here only, and no repr shows them."""

from __future__ import annotations

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


Credentials = Anonymous | Keys
"""Any of the above; nothing is ever taken from the environment in its stead."""
