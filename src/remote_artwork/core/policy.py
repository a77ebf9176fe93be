"""Policy: what a shop decides for itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal, get_args

from attrs import Attribute, field, frozen

from remote_artwork.errors import ConfigurationError

FulfillWhen = Literal["when_complete", "per_item"]


def _known_choice(_instance: object, _attribute: Attribute[Any], value: object) -> None:
    if value not in get_args(FulfillWhen):
        raise ConfigurationError(f"Policy.fulfill is one of {', '.join(get_args(FulfillWhen))}, not {value!r}")


def _time_above_zero(_instance: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None and not (isinstance(value, timedelta) and value > timedelta()):
        raise ConfigurationError(f"Policy.{attribute.name} must be a timedelta above zero, or None, not {value!r}")


def _bytes_above_zero(_instance: object, attribute: Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"Policy.{attribute.name} must be a whole number of bytes from 1, not {value!r}")


@frozen(kw_only=True)
class Policy:
    """What a shop decides for itself.

    Args:
        fulfill: ``when_complete`` attaches and fulfils an order once every item that requires artwork has it;
            ``per_item`` attaches each item's artwork at once, and still fulfils the order when it is complete.
        late_after: An item that waits longer than this for its file is ``late``; None: never.
        max_file_size: The largest print file in bytes; a larger one is rejected unread.
    """

    fulfill: FulfillWhen = field(default="when_complete", validator=_known_choice)
    late_after: timedelta | None = field(default=None, validator=_time_above_zero)
    max_file_size: int = field(default=1024**3, validator=_bytes_above_zero)
