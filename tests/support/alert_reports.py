"""Reports for tests of alerts, and a notifier that keeps what it received."""

from datetime import UTC, datetime, timedelta

from reasons import because
from remote_artwork.alerts import AlertNotDelivered
from remote_artwork.core.report import Fault, ItemOutcome, ItemStatus, ScanReport

START = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
STORAGE_DOWN = Fault.of("storage", "no route")


def item(number, status=ItemStatus.REJECTED, **more):
    known = {"item_number": "1", "order_id": number, "because": because("save it again")}
    return ItemOutcome(order_number=number, status=status, **(known | more))


def report(*items, after=timedelta(0), **more):
    """A report of a scan that started some time after noon."""
    at = START + after
    known = {"dry_run": False, "tenant": "acme", "location": "s3://prints/in/", "strategy": ("listing",)}
    return ScanReport(items=items, started_at=at, finished_at=at, **(known | more))


class Inbox:
    """A notifier that keeps digests. It refuses as many as ``refuses`` says."""

    def __init__(self):
        self.digests = []
        self.refuses = 0
        self.error = AlertNotDelivered("the channel is archived")

    def send(self, digest):
        if self.refuses:
            self.refuses -= 1
            raise self.error
        self.digests.append(digest)

    def take(self):
        """What each digest reported since the last call, as ``(kind, order number or part)``."""
        taken, self.digests = self.digests, []
        return [reported(digest) for digest in taken]


def reported(digest):
    return [
        (kind, getattr(each.problem, "order_number", None) or each.problem.part)
        for kind in ("new", "reminders", "resolved")
        for each in getattr(digest, kind)
    ]
