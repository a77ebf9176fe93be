"""The keys of a shop's API: invalid ones are refused, and no error shows one."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec, TypeVar
from urllib.parse import quote

from remote_artwork.errors import ConfigurationError

P = ParamSpec("P")
T = TypeVar("T")

_SHORTEST_SECRET = 4


def hide_keys(function: Callable[P, T]) -> Callable[P, T]:
    """Decorates the ``__init__`` of a client that receives keys.

    Error reporters show the variables of each frame. A ``ConfigurationError`` leaves the decorated function without
    its frames, so no report shows a key.
    """

    @wraps(function)
    def without_frames(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except ConfigurationError as error:
            del args, kwargs
            raise error.with_traceback(None) from None

    return without_frames


def check_keys(secrets: Iterable[str], host: str, *, may_have_scheme: bool = False) -> None:
    """Refuses a key with a line end or a typographic character, which an HTTP library would quote in its error.

    Args:
        secrets: The keys.
        host: The host, for the message.
        may_have_scheme: Whether a word may be in front of each key, such as ``Bearer``.
    """
    word = r"[!-~]+"
    form = re.compile(rf"(?:{word} )?{word}" if may_have_scheme else word)
    if not all(form.fullmatch(secret) for secret in secrets):
        raise ConfigurationError(
            f"a key for {host} is empty, or contains a space, a line end or a special character; copy it again"
        )


class Redactor:
    """Replaces keys in a text, in every form in which a shop may quote them. Immutable."""

    def __init__(self, values: Iterable[str]) -> None:
        forms: set[str] = set()
        for value in values:
            for secret in {value, value.rpartition(" ")[2]}:
                forms |= {secret, quote(secret), quote(secret, safe=""), b64encode(secret.encode()).decode()}
        # The longest first: a user name may be the beginning of the password.
        found = sorted((form for form in forms if len(form) >= _SHORTEST_SECRET), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, found)), re.IGNORECASE) if found else None

    def redact(self, text: str) -> str:
        """Returns the text with ``***`` in place of every key."""
        return self._pattern.sub("***", text) if self._pattern else text
