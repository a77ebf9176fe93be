"""Alerts: messages that say which problems of a merchant are new, still open or resolved.

    from remote_artwork.alerts import Alerts, Webhook

    alerts = Alerts(ledger, Webhook(url))
    alerts.send(scanner.scan())

Each problem is reported once, and again when it reaches certain ages. The ledger's database keeps what was reported.
"""

from remote_artwork.alerts.sending import AlertOutcome, AlertResult, Alerts
from remote_artwork.alerts.webhook import Webhook
from remote_artwork.client import AlertStore, Notifier
from remote_artwork.core.alerts import AlertPolicy, AlertRecord, AlertState, Digest, TrackedProblem
from remote_artwork.errors import AlertNotDelivered

__all__ = [
    "AlertNotDelivered",
    "AlertOutcome",
    "AlertPolicy",
    "AlertRecord",
    "AlertResult",
    "AlertState",
    "AlertStore",
    "Alerts",
    "Digest",
    "Notifier",
    "TrackedProblem",
    "Webhook",
]
