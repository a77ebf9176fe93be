"""The right print file into the right order: matches files of a storage location with pending orders, checks them,
attaches them, and fulfills each order once.

    import remote_artwork as ra

    scanner = ra.Scanner(ra.open_storage(url), client, ledger=ra.SqlLedger("sqlite:///ledger.db"))
    report = scanner.scan()
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "AccountKey": "storage.credentials",
    "AlreadyFulfilled": "errors",
    "Ambient": "storage.credentials",
    "Anonymous": "storage.credentials",
    "Artwork": "core.orders",
    "ArtworkByItem": "core.orders",
    "ArtworkReader": "client",
    "ArtworkRejected": "errors",
    "ArtworkStorage": "storage.storage",
    "ArtworkUnreachable": "errors",
    "AssumeRole": "storage.credentials",
    "Attaching": "core.orders",
    "AuthenticationFailed": "errors",
    "CheckReport": "storage.doctor",
    "CheckStep": "storage.doctor",
    "ClientError": "errors",
    "ConfigurationError": "errors",
    "Credentials": "storage.credentials",
    "Event": "core.events",
    "Explanation": "core.report",
    "Fault": "core.report",
    "FileGone": "errors",
    "FileOutcome": "core.report",
    "FileRecord": "core.lifecycle",
    "FileReported": "core.events",
    "FileStatus": "core.report",
    "FilenamePattern": "core.pattern",
    "FilesListed": "core.events",
    "Finding": "core.report",
    "FulfillState": "core.lifecycle",
    "FulfillmentClient": "client",
    "GelatoClient": "clients.gelato",
    "HostRule": "storage.providers",
    "InvalidLedger": "errors",
    "InvalidLocation": "errors",
    "InvalidOrder": "errors",
    "InvalidOrdersFile": "errors",
    "InvalidPattern": "errors",
    "ItemAttached": "core.events",
    "ItemEvent": "core.events",
    "ItemFound": "core.events",
    "ItemNotFound": "errors",
    "ItemOutcome": "core.report",
    "ItemRecord": "core.lifecycle",
    "ItemRejected": "core.events",
    "ItemReported": "core.events",
    "ItemState": "core.lifecycle",
    "ItemStatus": "core.report",
    "ItemStep": "core.lifecycle",
    "ItemVerified": "core.events",
    "Keys": "storage.credentials",
    "Lease": "core.lifecycle",
    "LeaseLost": "errors",
    "Ledger": "client",
    "LedgerError": "errors",
    "LedgerUnavailable": "errors",
    "Location": "storage.location",
    "LocationNotFound": "errors",
    "MemoryLedger": "ledgers.memory",
    "MissingExtra": "errors",
    "NetworkPolicy": "http",
    "NotPending": "errors",
    "Observer": "client",
    "Order": "core.orders",
    "OrderFulfilled": "core.events",
    "OrderGone": "errors",
    "OrderItem": "core.orders",
    "OrderKey": "core.lifecycle",
    "OrderRecord": "core.lifecycle",
    "OrderStarted": "core.events",
    "OrderState": "core.orders",
    "OrderStep": "core.lifecycle",
    "OrdersFile": "clients.orders_file",
    "OutcomeUnknown": "errors",
    "PassFinished": "core.events",
    "PassStarted": "core.events",
    "PaymentRequired": "errors",
    "PdfCheck": "preflight.pdf",
    "PictureCheck": "preflight.pictures",
    "Policy": "core.policy",
    "PreflightCheck": "client",
    "Provider": "storage.providers",
    "RateLimited": "errors",
    "Recovery": "core.orders",
    "RemoteArtworkError": "errors",
    "RetryPolicy": "retry",
    "SasToken": "storage.credentials",
    "ScanReport": "core.report",
    "Scanner": "scanner",
    "ServiceAccount": "storage.credentials",
    "Severity": "core.report",
    "SignatureCheck": "preflight.signature",
    "SqlLedger": "ledgers.sql",
    "Step": "core.lifecycle",
    "StorageDenied": "errors",
    "StorageError": "errors",
    "StorageMisbehaved": "errors",
    "StorageUnreachable": "errors",
    "StoredFile": "core.orders",
    "UNRESOLVED_STATES": "core.lifecycle",
    "Unavailable": "errors",
    "Verdict": "storage.doctor",
    "WooCommerceClient": "clients.woocommerce",
    "advance_record": "core.lifecycle",
    "check_location": "storage.doctor",
    "open_storage": "storage.storage",
    "preflight_checks": "preflight.standard",
}
"""Public name → the module it lives in; a module is loaded when one of its names is first used."""

__all__ = sorted(_HOME)  # noqa: PLE0605 - checked against the imports below by a test


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


if TYPE_CHECKING:
    from remote_artwork.client import ArtworkReader as ArtworkReader
    from remote_artwork.client import FulfillmentClient as FulfillmentClient
    from remote_artwork.client import Ledger as Ledger
    from remote_artwork.client import Observer as Observer
    from remote_artwork.client import PreflightCheck as PreflightCheck
    from remote_artwork.clients.gelato import GelatoClient as GelatoClient
    from remote_artwork.clients.orders_file import OrdersFile as OrdersFile
    from remote_artwork.clients.woocommerce import WooCommerceClient as WooCommerceClient
    from remote_artwork.core.events import Event as Event
    from remote_artwork.core.events import FileReported as FileReported
    from remote_artwork.core.events import FilesListed as FilesListed
    from remote_artwork.core.events import ItemAttached as ItemAttached
    from remote_artwork.core.events import ItemEvent as ItemEvent
    from remote_artwork.core.events import ItemFound as ItemFound
    from remote_artwork.core.events import ItemRejected as ItemRejected
    from remote_artwork.core.events import ItemReported as ItemReported
    from remote_artwork.core.events import ItemVerified as ItemVerified
    from remote_artwork.core.events import OrderFulfilled as OrderFulfilled
    from remote_artwork.core.events import OrderStarted as OrderStarted
    from remote_artwork.core.events import PassFinished as PassFinished
    from remote_artwork.core.events import PassStarted as PassStarted
    from remote_artwork.core.lifecycle import UNRESOLVED_STATES as UNRESOLVED_STATES
    from remote_artwork.core.lifecycle import FileRecord as FileRecord
    from remote_artwork.core.lifecycle import FulfillState as FulfillState
    from remote_artwork.core.lifecycle import ItemRecord as ItemRecord
    from remote_artwork.core.lifecycle import ItemState as ItemState
    from remote_artwork.core.lifecycle import ItemStep as ItemStep
    from remote_artwork.core.lifecycle import Lease as Lease
    from remote_artwork.core.lifecycle import OrderKey as OrderKey
    from remote_artwork.core.lifecycle import OrderRecord as OrderRecord
    from remote_artwork.core.lifecycle import OrderStep as OrderStep
    from remote_artwork.core.lifecycle import Step as Step
    from remote_artwork.core.lifecycle import advance_record as advance_record
    from remote_artwork.core.orders import Artwork as Artwork
    from remote_artwork.core.orders import ArtworkByItem as ArtworkByItem
    from remote_artwork.core.orders import Attaching as Attaching
    from remote_artwork.core.orders import Order as Order
    from remote_artwork.core.orders import OrderItem as OrderItem
    from remote_artwork.core.orders import OrderState as OrderState
    from remote_artwork.core.orders import Recovery as Recovery
    from remote_artwork.core.orders import StoredFile as StoredFile
    from remote_artwork.core.pattern import FilenamePattern as FilenamePattern
    from remote_artwork.core.policy import Policy as Policy
    from remote_artwork.core.report import Explanation as Explanation
    from remote_artwork.core.report import Fault as Fault
    from remote_artwork.core.report import FileOutcome as FileOutcome
    from remote_artwork.core.report import FileStatus as FileStatus
    from remote_artwork.core.report import Finding as Finding
    from remote_artwork.core.report import ItemOutcome as ItemOutcome
    from remote_artwork.core.report import ItemStatus as ItemStatus
    from remote_artwork.core.report import ScanReport as ScanReport
    from remote_artwork.core.report import Severity as Severity
    from remote_artwork.errors import AlreadyFulfilled as AlreadyFulfilled
    from remote_artwork.errors import ArtworkRejected as ArtworkRejected
    from remote_artwork.errors import ArtworkUnreachable as ArtworkUnreachable
    from remote_artwork.errors import AuthenticationFailed as AuthenticationFailed
    from remote_artwork.errors import ClientError as ClientError
    from remote_artwork.errors import ConfigurationError as ConfigurationError
    from remote_artwork.errors import FileGone as FileGone
    from remote_artwork.errors import InvalidLedger as InvalidLedger
    from remote_artwork.errors import InvalidLocation as InvalidLocation
    from remote_artwork.errors import InvalidOrder as InvalidOrder
    from remote_artwork.errors import InvalidOrdersFile as InvalidOrdersFile
    from remote_artwork.errors import InvalidPattern as InvalidPattern
    from remote_artwork.errors import ItemNotFound as ItemNotFound
    from remote_artwork.errors import LeaseLost as LeaseLost
    from remote_artwork.errors import LedgerError as LedgerError
    from remote_artwork.errors import LedgerUnavailable as LedgerUnavailable
    from remote_artwork.errors import LocationNotFound as LocationNotFound
    from remote_artwork.errors import MissingExtra as MissingExtra
    from remote_artwork.errors import NotPending as NotPending
    from remote_artwork.errors import OrderGone as OrderGone
    from remote_artwork.errors import OutcomeUnknown as OutcomeUnknown
    from remote_artwork.errors import PaymentRequired as PaymentRequired
    from remote_artwork.errors import RateLimited as RateLimited
    from remote_artwork.errors import RemoteArtworkError as RemoteArtworkError
    from remote_artwork.errors import StorageDenied as StorageDenied
    from remote_artwork.errors import StorageError as StorageError
    from remote_artwork.errors import StorageMisbehaved as StorageMisbehaved
    from remote_artwork.errors import StorageUnreachable as StorageUnreachable
    from remote_artwork.errors import Unavailable as Unavailable
    from remote_artwork.http import NetworkPolicy as NetworkPolicy
    from remote_artwork.ledgers.memory import MemoryLedger as MemoryLedger
    from remote_artwork.ledgers.sql import SqlLedger as SqlLedger
    from remote_artwork.preflight.pdf import PdfCheck as PdfCheck
    from remote_artwork.preflight.pictures import PictureCheck as PictureCheck
    from remote_artwork.preflight.signature import SignatureCheck as SignatureCheck
    from remote_artwork.preflight.standard import preflight_checks as preflight_checks
    from remote_artwork.retry import RetryPolicy as RetryPolicy
    from remote_artwork.scanner import Scanner as Scanner
    from remote_artwork.storage.credentials import AccountKey as AccountKey
    from remote_artwork.storage.credentials import Ambient as Ambient
    from remote_artwork.storage.credentials import Anonymous as Anonymous
    from remote_artwork.storage.credentials import AssumeRole as AssumeRole
    from remote_artwork.storage.credentials import Credentials as Credentials
    from remote_artwork.storage.credentials import Keys as Keys
    from remote_artwork.storage.credentials import SasToken as SasToken
    from remote_artwork.storage.credentials import ServiceAccount as ServiceAccount
    from remote_artwork.storage.doctor import CheckReport as CheckReport
    from remote_artwork.storage.doctor import CheckStep as CheckStep
    from remote_artwork.storage.doctor import Verdict as Verdict
    from remote_artwork.storage.doctor import check_location as check_location
    from remote_artwork.storage.location import Location as Location
    from remote_artwork.storage.providers import HostRule as HostRule
    from remote_artwork.storage.providers import Provider as Provider
    from remote_artwork.storage.storage import ArtworkStorage as ArtworkStorage
    from remote_artwork.storage.storage import open_storage as open_storage
