"""Durations as people type them: ``90s``, ``15m``, ``1h``, ``2d``."""

from __future__ import annotations

import re
from datetime import timedelta

from remote_artwork.errors import ConfigurationError

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(text: str) -> timedelta:
    """Reads one figure with its unit.

    Raises:
        ConfigurationError: It is not of that form, or not above zero.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None or float(match[1]) <= 0:
        raise ConfigurationError(f"{text!r} is no duration; write for example 90s, 15m, 1h or 2d")
    return timedelta(**{_UNITS[match[2]]: float(match[1])})


def parse_wait(text: str) -> timedelta | None:
    """A duration, or None for ``none``: no wait at all.

    Raises:
        ConfigurationError: It is neither.
    """
    return None if text.strip().lower() == "none" else parse_duration(text)
