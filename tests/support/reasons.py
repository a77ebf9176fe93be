"""Reasons for tests that do not care which one it is."""

from remote_artwork.core.reasons import Reason, reason


def because(text: str) -> Reason:
    """A reason whose English is just this text."""
    return reason("client_failed", error=text)
