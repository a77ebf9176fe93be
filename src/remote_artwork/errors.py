"""All errors, as one tree. The class says what went wrong and whether the same call may succeed later.

    RemoteArtworkError
    ├── ConfigurationError (ValueError)      a setting or an input must be changed; exit code 2
    │   ├── InvalidLocation                  a storage URL is invalid or refused
    │   ├── InvalidPattern                   a file name pattern cannot be used
    │   ├── InvalidOrder                     an order contradicts itself
    │   ├── InvalidOrdersFile                an orders file is malformed; names line and field
    │   ├── InvalidLedger                    not a ledger, or one of a newer release
    │   ├── LocationNotFound                 the bucket or folder does not exist (FileNotFoundError)
    │   └── MissingExtra                     an optional package is not installed (ImportError)
    ├── StorageError (OSError)               the storage could not be used; exit code 3
    │   ├── StorageUnreachable  *            down, overloaded or too slow; has retry_after (ConnectionError)
    │   ├── StorageDenied                    it refuses the credentials (PermissionError)
    │   ├── StorageMisbehaved                its response breaks the protocol
    │   └── FileGone                         one file does not exist (FileNotFoundError)
    │       └── FileReplaced                 it was replaced while it was read
    ├── LedgerError (RuntimeError)           the ledger could not be used; exit code 3
    │   ├── LedgerUnavailable  *             locked, full, read-only or not reachable (ConnectionError)
    │   ├── OrderNotStored                   one order cannot be stored; correct it in the shop
    │   └── LeaseLost                        another scanner took over the order
    ├── NotificationError (RuntimeError)     a notification could not be used
    │   ├── NotificationRefused              it is not from its sender (PermissionError)
    │   └── InvalidNotification              it has another format (ValueError)
    ├── AlertNotDelivered (RuntimeError)     a message about open problems was not delivered
    └── ClientError (RuntimeError)           raised by a shop's FulfillmentClient
        ├── RateLimited  *                   too many calls; has retry_after
        ├── Unavailable  *                   the shop cannot be reached (ConnectionError)
        ├── OutcomeUnknown                   the call may have had its effect (TimeoutError)
        ├── AuthenticationFailed             the shop refuses the credentials (PermissionError)
        │   └── AuthenticationExpired        it refuses a login that was valid before
        ├── OrderGone                        the shop does not know the order (LookupError)
        ├── AlreadyFulfilled                 the order is already fulfilled in the shop
        ├── NotPending                       the order no longer waits for approval
        ├── ItemNotFound                     the order has no such item (LookupError)
        ├── ArtworkRejected                  the shop refuses this file; has reason (ValueError)
        ├── ArtworkUnreachable               the shop could not download the file
        └── PaymentRequired                  the shop holds the order until it is paid

``*`` marks temporary errors (``temporary = True``): the same call may succeed later. Every ``ClientError`` except
``OutcomeUnknown`` promises that the call had no effect.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum
from typing import ClassVar

__all__ = [
    "AlertNotDelivered",
    "AlreadyFulfilled",
    "ArtworkRejected",
    "ArtworkUnreachable",
    "AuthenticationExpired",
    "AuthenticationFailed",
    "ClientError",
    "ConfigurationError",
    "ExitCode",
    "FileGone",
    "FileReplaced",
    "InvalidLedger",
    "InvalidLocation",
    "InvalidNotification",
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
    "NotificationError",
    "NotificationRefused",
    "OrderGone",
    "OrderNotStored",
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


class ExitCode(IntEnum):
    """What a command, a report or a check ends with. If several apply, the highest of 1, 2 and 3."""

    SUCCESS = 0
    """Success. Items can still wait for their files."""
    PERSON_NEEDED = 1
    """An item needs a person (``ItemOutcome.needs_person``), or the manifest must be corrected."""
    WRONG_SETTING = 2
    """A setting, an option or an input is wrong: every ``ConfigurationError``."""
    UNUSABLE = 3
    """Storage, ledger or client could not be used: every other error, and a fault in a report (``Fault.exit_code``)."""
    INTERRUPTED = 130
    """Ctrl-C."""


class RemoteArtworkError(Exception):
    """The base of every error that this library raises on purpose.

    Attributes:
        location: The storage location that the error concerns, without secrets; None for every other error.
    """

    temporary: ClassVar[bool] = False
    exit_code: ClassVar[ExitCode] = ExitCode.UNUSABLE
    location: str | None = None


class ConfigurationError(RemoteArtworkError, ValueError):
    """A setting or an input is wrong. Change what the message names; a retry does not help."""

    exit_code = ExitCode.WRONG_SETTING


class InvalidLocation(ConfigurationError):
    """A storage URL is invalid or refused. Use the URL that the message suggests."""


class InvalidPattern(ConfigurationError):
    """A file name pattern cannot be used. Correct it at the position that the message marks."""


class InvalidOrder(ConfigurationError):
    """An order contradicts itself, for example with a repeated item number. Correct it in the shop."""


class InvalidOrdersFile(ConfigurationError):
    """An orders file is malformed. Correct the line and field that the message names."""


class InvalidLedger(ConfigurationError):
    """A ledger URL leads to something else, or to a ledger of a newer release. Check the URL, or upgrade."""


class LocationNotFound(ConfigurationError, FileNotFoundError):
    """The bucket, container or folder of a location does not exist. Create it, or correct the URL."""


class MissingExtra(ConfigurationError, ImportError):
    """An optional package is not installed. Run the ``pip install`` command in the message."""


class StorageError(RemoteArtworkError, OSError):
    """The storage could not be used, so nothing is known about its files. Run ``remote-artwork check URL``."""


class StorageUnreachable(StorageError, ConnectionError):
    """The storage is down, overloaded or too slow. Try again later.

    Args:
        message: What happened, and where.
        retry_after: Seconds to wait, if the storage named them.
    """

    temporary = True

    def __init__(self, message: str = "the storage cannot be reached", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StorageDenied(StorageError, PermissionError):
    """The storage refuses the credentials. Check the key and its permissions."""


class StorageMisbehaved(StorageError):
    """A response of the storage breaks its protocol. Check that the URL is that of a storage."""


class FileGone(StorageError, FileNotFoundError):
    """A file that was listed or requested does not exist any more. Scan again."""


class FileReplaced(FileGone):
    """A file was replaced since its metadata was read, so the content that was meant does not exist any more."""


class LedgerError(RemoteArtworkError, RuntimeError):
    """The ledger could not be used, so no further call was made. See the subclass for what to do."""


class LedgerUnavailable(LedgerError, ConnectionError):
    """The ledger is locked, full, read-only or not reachable. Try again once the database works."""

    temporary = True


class OrderNotStored(LedgerError):
    """The ledger cannot store one order, for example because its id is too long. Correct the order in the shop."""


class LeaseLost(LedgerError):
    """Another scanner has taken over the order, so this one stopped working on it. There is nothing to do."""


class NotificationError(RemoteArtworkError, RuntimeError):
    """A notification of a storage could not be used. Nothing is lost: the next scan finds the file."""


class NotificationRefused(NotificationError, PermissionError):
    """A notification is not from the sender that it should be from. Answer with HTTP 401."""


class InvalidNotification(NotificationError, ValueError):
    """A notification has another format than expected, or is too large. Answer with HTTP 400."""


class AlertNotDelivered(RemoteArtworkError, RuntimeError):
    """A ``Notifier`` could not deliver a message, or does not know whether it did. The next scan sends it again."""


class ClientError(RemoteArtworkError, RuntimeError):
    """Raised by a client when the shop refuses a call without a more specific reason. The call had no effect."""


class RateLimited(ClientError):
    """The shop received too many calls. Raise it for HTTP 429; the call had no effect and is repeated later.

    Args:
        message: What the shop said.
        retry_after: Seconds to wait, or the text of a ``Retry-After`` header: seconds or a date. Any other text
            counts as None.
    """

    temporary = True

    def __init__(
        self, message: str = "the shop limits the rate of calls", retry_after: float | str | None = None
    ) -> None:
        super().__init__(message)
        self.retry_after: float | None = _seconds(retry_after) if isinstance(retry_after, str) else retry_after


class Unavailable(ClientError, ConnectionError):
    """The shop cannot be reached or cannot serve now. Raise it only if the call certainly had no effect."""

    temporary = True


class OutcomeUnknown(ClientError, TimeoutError):
    """The call may have had its effect. Raise it for timeouts, lost connections and server errors."""


class AuthenticationFailed(ClientError, PermissionError):
    """The shop refuses the credentials of the client. Check the key and its permissions."""


class AuthenticationExpired(AuthenticationFailed):
    """The shop refuses a login that was valid before. ``ShopApi`` logs in again, and repeats the request once."""


class OrderGone(ClientError, LookupError):
    """The shop does not know the order any more. Raise it in every method that receives an order."""


class AlreadyFulfilled(ClientError):
    """The order is already fulfilled in the shop. Raise it if this call did not fulfill it."""


class NotPending(ClientError):
    """The order no longer waits for approval. Raise it if the order was cancelled or is on hold."""


class ItemNotFound(ClientError, LookupError):
    """The order has no such item. Raise it when files are attached; no item may get any file then."""


class ArtworkRejected(ClientError, ValueError):
    """The shop refuses a file. The file is not offered again until the merchant replaces it.

    Args:
        reason: Why, in words that help a merchant to correct the file.
        item_number: The item of the file, if ``attach_order`` or ``fulfill`` sent the files of several items.
    """

    def __init__(self, reason: str, *, item_number: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.item_number = item_number


class ArtworkUnreachable(ClientError):
    """The shop could not download the file from its URL. Check that the shop can reach the storage."""


class PaymentRequired(ClientError):
    """The shop holds the order until it is paid; the file is fine. Pay, and the next scan sends the order."""


def _seconds(header: str) -> float | None:
    from email.utils import parsedate_to_datetime  # slow to import and rarely needed

    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
