"""``Alerts``: compare the report of a scan with what was reported before, and deliver what changed, once."""

from __future__ import annotations

import enum
import logging
from datetime import timedelta
from inspect import iscoroutinefunction

from attrs import evolve, field, frozen

from remote_artwork.client import AlertStore, Notifier
from remote_artwork.core.alerts import (
    AlertPolicy,
    AlertRecord,
    AlertState,
    Digest,
    after_delivery,
    compare_with_state,
)
from remote_artwork.core.report import ScanReport
from remote_artwork.core.settings import of_type, setting
from remote_artwork.errors import AlertNotDelivered, LedgerError

log: logging.Logger = logging.getLogger(__name__)

CLAIM_FOR = timedelta(minutes=2)
"""How long a worker may take to deliver a message. After that, another one may deliver it."""


class AlertOutcome(enum.StrEnum):
    """What became of a report."""

    DELIVERED = "delivered"
    """The message was delivered."""
    NOTHING_NEW = "nothing_new"
    """There was nothing to report."""
    NOT_DELIVERED = "not_delivered"
    """The message was not delivered, or the ledger could not be read. The next scan sends it."""
    BUSY = "busy"
    """Another worker sends a message of this merchant. The next scan sends what is still missing."""


@frozen(kw_only=True)
class AlertResult:
    """The result of ``Alerts.send``.

    Args:
        outcome: What became of the report.
        digest: What changed; None if the report is older than one that was compared before, or the ledger could not be
            read.
        error: Why the message was not delivered, or why its delivery was not recorded; empty otherwise.
    """

    outcome: AlertOutcome
    digest: Digest | None = None
    error: str = ""


def _is_notifier(value: object) -> bool:
    """Whether its messages can be sent from this thread. A coroutine of an async method would never run."""
    return _is_object_of(Notifier, value) and not iscoroutinefunction(getattr(value, "send", None))


def _is_object_of(protocol: type, value: object) -> bool:
    return isinstance(value, protocol) and not isinstance(value, type)


@frozen
class Alerts:
    """Sends messages about the problems of merchants. Any thread may call it.

    Args:
        store: Keeps what was reported: a ``SqlLedger``, or your own ``AlertStore``.
        notifier: Delivers the messages.
        policy: When a problem is reported.

    Raises:
        ConfigurationError: One of them cannot be used.
    """

    store: AlertStore = field(
        validator=setting(lambda store: _is_object_of(AlertStore, store), "a SqlLedger, or your own AlertStore")
    )
    notifier: Notifier = field(
        validator=setting(_is_notifier, "an object with a method send that is not async, for example Webhook(url)")
    )
    policy: AlertPolicy = field(factory=AlertPolicy, kw_only=True, validator=of_type(AlertPolicy, "an AlertPolicy"))

    def send(self, report: ScanReport) -> AlertResult:
        """Report what changed since the last message about this merchant's location.

        It never raises because of a message that was not delivered or a ledger that is not available. A message is
        repeated only if the process ends, or the ledger fails, between its delivery and its record.

        Args:
            report: The report of a scan, also of one that was limited or stopped.

        Raises:
            ValueError: The report is of a dry run.
            ConfigurationError: The database is not a ledger of this release.
        """
        try:
            record = self.store.read_alerts(report.tenant, report.location)
            return self._send(report, record, _read_state(record))
        except LedgerError as error:
            log.warning("alerts_not_available", extra={"tenant": report.tenant, "error": str(error)})
            return AlertResult(outcome=AlertOutcome.NOT_DELIVERED, error=str(error))

    def _send(self, report: ScanReport, record: AlertRecord, state: AlertState) -> AlertResult:
        compared = compare_with_state(state, report, self.policy)
        if compared is None:
            return AlertResult(outcome=AlertOutcome.NOTHING_NEW)
        digest, after = compared
        if record.is_claimed:
            return AlertResult(outcome=AlertOutcome.BUSY, digest=digest)
        if digest.is_empty:
            if after.problems != state.problems:  # most scans change nothing, and need no transaction
                self.store.write_alerts(record, after.to_json())
            return AlertResult(outcome=AlertOutcome.NOTHING_NEW, digest=digest)
        claimed = self.store.write_alerts(record, record.state, claim_for=CLAIM_FOR)
        if claimed is None:
            return AlertResult(outcome=AlertOutcome.BUSY, digest=digest)
        return self._deliver(digest, after, claimed)

    def _deliver(self, digest: Digest, after: AlertState, claimed: AlertRecord) -> AlertResult:
        result = AlertResult(outcome=AlertOutcome.DELIVERED, digest=digest)
        try:
            self.notifier.send(digest)
        except Exception as error:  # noqa: BLE001 - the notifier of a host may raise anything
            result = evolve(result, outcome=AlertOutcome.NOT_DELIVERED, error=_text_of(error))
            log.warning("alert_not_delivered", extra={"tenant": digest.tenant, "error": result.error})
        else:
            after = after_delivery(after, digest)
        try:
            self.store.write_alerts(claimed, after.to_json())
        except LedgerError as error:
            log.warning("alert_not_recorded", extra={"tenant": digest.tenant, "error": str(error)})
            return evolve(result, error=result.error or str(error))
        return result


def _read_state(record: AlertRecord) -> AlertState:
    """The state of a record. One that another release wrote is not used: open problems are reported once more."""
    if not record.state:
        return AlertState()
    try:
        return AlertState.from_json(record.state)
    except ValueError as error:
        log.warning("alert_state_not_read", extra={"tenant": record.tenant, "error": str(error)})
        return AlertState()


def _text_of(error: Exception) -> str:
    """The text of an error that is meant for people. Every other text may contain the address of a webhook."""
    return str(error) if isinstance(error, AlertNotDelivered) else type(error).__name__
