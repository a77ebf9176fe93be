"""A login that expires."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock

from remote_artwork.errors import AuthenticationFailed, OutcomeUnknown, RemoteArtworkError, Unavailable


class Session:
    """The headers of a login: made before the first request, and again after the shop refused them. Thread-safe.

    Args:
        log_in: Returns the headers. Called by one thread at a time.
    """

    def __init__(self, log_in: Callable[[], Mapping[str, str]]) -> None:
        self._log_in = log_in
        self._lock = Lock()
        self._headers: Mapping[str, str] | None = None

    def headers(self, *, refused: Mapping[str, str] | None = None) -> Mapping[str, str]:
        """Returns the headers of the login.

        Args:
            refused: Headers that the shop refused. If another thread has logged in since, its login is used.

        Raises:
            AuthenticationFailed: The answer to the login has another format than the client expects.
            ClientError: The shop refused the login, or cannot be reached. No other request was sent.
        """
        with self._lock:
            if self._headers is None or self._headers is refused:
                self._headers = None
                self._headers = self._checked()
            return self._headers

    def _checked(self) -> Mapping[str, str]:
        try:
            return dict(self._log_in())
        except OutcomeUnknown as error:  # of the login, and not of the request that needs it
            raise Unavailable(str(error)) from error
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            if isinstance(error, RemoteArtworkError):
                raise
            missing = f" {error}" if isinstance(error, KeyError) else ""  # other errors may quote the answer
            raise AuthenticationFailed(
                f"the shop's answer to the login has an unexpected format ({type(error).__name__}{missing}); "
                "check the user and the password"
            ) from None
