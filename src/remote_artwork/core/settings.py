"""Settings of a wrong type: refused where they are made, with their name and what they must be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from attrs import Attribute

from remote_artwork.core.orders import is_positive_int
from remote_artwork.errors import ConfigurationError


def require(name: str, value: object, is_right: Callable[[Any], object], needs: str) -> None:
    """Require a value that a function accepts. The message has only its type, because it may contain a secret.

    Args:
        name: The name of the setting.
        value: Its value.
        is_right: Whether a value can be used.
        needs: What it must be, for a sentence such as "it must be a ledger".

    Raises:
        ConfigurationError: It is another value.
    """
    if not is_right(value):
        kind = f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
        raise ConfigurationError(f"{name} must be {needs}, not {kind}")


def setting(is_right: Callable[[Any], object], needs: str) -> Callable[[Any, Attribute[Any], Any], None]:
    """``require`` as a validator of an attrs class."""

    def validate(instance: Any, attribute: Attribute[Any], value: Any) -> None:
        require(f"{type(instance).__name__}.{attribute.name}", value, is_right, needs)

    return validate


def of_type(kind: type, needs: str = "") -> Callable[[Any, Attribute[Any], Any], None]:
    """A validator of an attrs class: the value is of a type, or of a subclass of it."""
    return setting(lambda value: isinstance(value, kind), needs or f"a {kind.__name__}")


def is_duration(value: object) -> bool:
    """Whether a value is a ``timedelta`` of zero or more."""
    return isinstance(value, timedelta) and value >= timedelta(0)


duration: Callable[[Any, Attribute[Any], Any], None] = setting(is_duration, "a timedelta of zero or more")
"""A validator of an attrs class: the value is a ``timedelta`` of zero or more."""


def whole_number(instance: object, attribute: Attribute[Any], value: object) -> None:
    """A validator of an attrs class: the value is a whole number from 1.

    Raises:
        ConfigurationError: It is another value.
    """
    if not is_positive_int(value):
        name = f"{type(instance).__name__}.{attribute.name}"
        raise ConfigurationError(f"{name} must be a whole number from 1, not {value!r}")
