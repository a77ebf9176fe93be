"""Everything that can go wrong, as one tree: *what* went wrong, and may it be tried again.

    RemoteArtworkError
    ├── ConfigurationError (ValueError)      somebody must change a setting; exit code 2
    │   ├── InvalidLocation                  a storage URL that is none, or that is refused
    │   ├── InvalidPattern                   a file name pattern that cannot be used
    │   ├── InvalidOrder                     an order that contradicts itself
    │   ├── InvalidOrdersFile                a malformed orders file: names line and field
    │   ├── InvalidLedger                    not a ledger, or one of a newer release
    │   ├── LocationNotFound                 the bucket or folder does not exist (FileNotFoundError)
    │   └── MissingExtra                     an optional package is not installed (ImportError)
    ├── StorageError (OSError)               the storage could not be used; exit code 3
    │   ├── StorageUnreachable  *            down, overloaded, too slow; carries retry_after (ConnectionError)
    │   ├── StorageDenied                    it refuses the credentials (PermissionError)
    │   ├── StorageMisbehaved                it answers, but not as its protocol says
    │   └── FileGone                         this one file is not there (FileNotFoundError)
    ├── LedgerError                          the ledger could not be used; exit code 3
    │   ├── LedgerUnavailable  *             locked, full, read-only, connection lost (ConnectionError)
    │   └── LeaseLost                        another scanner took the order over; nothing was sent
    └── ClientError                          raised by the host's FulfillmentClient
        ├── RateLimited  *                   carries retry_after; the call had no effect
        ├── Unavailable  *                   the host cannot be reached; the call had no effect (ConnectionError)
        ├── OutcomeUnknown                   the call may have had its effect (TimeoutError)
        ├── AuthenticationFailed             the host refuses our credentials (PermissionError)
        ├── OrderGone                        the host no longer knows the order (LookupError)
        ├── AlreadyFulfilled                 fulfilled there already
        ├── NotPending                       no longer waits for approval
        ├── ItemNotFound                     the order has no such item (LookupError)
        ├── ArtworkRejected                  the host refuses this file; carries reason
        ├── ArtworkUnreachable               the host could not download the file
        └── PaymentRequired                  the host holds the order for payment; the file is fine

``*`` marks the temporary ones (``temporary = True``): the same call may succeed later. Every ``ClientError`` but
``OutcomeUnknown`` promises that the call had no effect.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

__all__ = [
    "AlreadyFulfilled",
    "ArtworkRejected",
    "ArtworkUnreachable",
    "AuthenticationFailed",
    "ClientError",
    "ConfigurationError",
    "FileGone",
    "InvalidLedger",
    "InvalidLocation",
    "InvalidOrder",
    "InvalidOrdersFile",
    "InvalidPattern",
    "ItemNotFound",
    "LeaseLost",
    "LedgerError",
    "LedgerUnavailable",
    "LocationNotFound",
    "MissingExtra",
    "NotPending",
    "OrderGone",
    "OutcomeUnknown",
    "PaymentRequired",
    "RateLimited",
    "RemoteArtworkError",
    "StorageDenied",
    "StorageError",
    "StorageMisbehaved",
    "StorageUnreachable",
    "Unavailable",
]


class RemoteArtworkError(Exception):
    """The base of everything this library raises on purpose.

    Attributes:
        location: The storage location that the error concerns, without secrets; None for every other error.
    """

    temporary: ClassVar[bool] = False
    location: str | None = None


class ConfigurationError(RemoteArtworkError, ValueError):
    """A setting or an input is wrong; trying again changes nothing."""


class InvalidLocation(ConfigurationError):
    """A storage URL cannot be understood, or is refused."""


class InvalidPattern(ConfigurationError):
    """A file name pattern cannot be used; the message points at the position."""


class InvalidOrder(ConfigurationError):
    """An order contradicts itself, for example by a repeated item number."""


class InvalidOrdersFile(ConfigurationError):
    """An orders file is malformed; the message names file, line and field."""


class InvalidLedger(ConfigurationError):
    """A ledger URL leads to something that is not a ledger this release can read."""


class LocationNotFound(ConfigurationError, FileNotFoundError):
    """The bucket, container or folder of a location does not exist."""


class MissingExtra(ConfigurationError, ImportError):
    """An optional package is needed; the message names the ``pip install`` line."""


class StorageError(RemoteArtworkError, OSError):
    """The storage could not be used, so nothing is known about its files."""


class StorageUnreachable(StorageError, ConnectionError):
    """The storage is down, overloaded or too slow.

    Args:
        message: What was seen, and where.
        retry_after: Seconds to wait, where the storage named them.
    """

    temporary = True

    def __init__(self, message: str = "the storage cannot be reached", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StorageDenied(StorageError, PermissionError):
    """The storage refuses these credentials."""


class StorageMisbehaved(StorageError):
    """The storage answers something that its protocol does not allow."""


class FileGone(StorageError, FileNotFoundError):
    """One file that was listed or asked for is not there."""


class LedgerError(RemoteArtworkError):
    """The ledger could not be used, so nothing may be sent."""


class LedgerUnavailable(LedgerError, ConnectionError):
    """The ledger is locked, full, read-only or out of reach."""

    temporary = True


class LeaseLost(LedgerError):
    """Another scanner has taken the order over; this one has stopped touching it."""


class ClientError(RemoteArtworkError):
    """Raised by a host's client. Except for ``OutcomeUnknown`` the call had no effect."""


class RateLimited(ClientError):
    """The host asks for patience.

    Args:
        message: What the host said.
        retry_after: Seconds to wait, where the host named them; the text of an HTTP header will do, seconds or a date
            (by this machine's clock). A text that is neither is no advice: None.
    """

    temporary = True

    def __init__(
        self, message: str = "the host limits the rate of calls", retry_after: float | str | None = None
    ) -> None:
        super().__init__(message)
        self.retry_after: float | None = _seconds(retry_after) if isinstance(retry_after, str) else retry_after


class Unavailable(ClientError, ConnectionError):
    """The host cannot be reached, or says that it cannot serve now."""

    temporary = True


class OutcomeUnknown(ClientError, TimeoutError):
    """Nobody knows whether the call took effect: a time-out, a lost connection, a server error."""


class AuthenticationFailed(ClientError, PermissionError):
    """The host refuses the client's own credentials."""


class OrderGone(ClientError, LookupError):
    """The host no longer knows the order."""


class AlreadyFulfilled(ClientError):
    """The order is fulfilled at the host."""


class NotPending(ClientError):
    """The order no longer waits for approval."""


class ItemNotFound(ClientError, LookupError):
    """The order has no such item."""


class ArtworkRejected(ClientError):
    """The host refuses this file. It is not offered again until it is replaced, where it is known which one it is.

    Args:
        reason: Why, in words a merchant can act on.
        item_number: The item whose file it is, for a ``fulfill`` that sends the files of several.
    """

    def __init__(self, reason: str, *, item_number: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.item_number = item_number


class ArtworkUnreachable(ClientError):
    """The host could not download the file from the URL it was given."""


class PaymentRequired(ClientError):
    """The host holds the order until it is paid for; the file is fine."""


def _seconds(header: str) -> float | None:
    from email.utils import parsedate_to_datetime  # slow to import, and seldom needed

    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
