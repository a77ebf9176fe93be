"""Celery: `celery -A celery_app beat` queues a scan every hour, `celery -A celery_app worker` runs it."""

import os
from typing import Any

from celery import Celery, Task
from celery.schedules import crontab

import remote_artwork as ra
from remote_artwork.notifications import AwsMessages, MerchantLocation, receive, route
from shop_scanner import alert, scanner

OUTAGE = 3
MERCHANT = MerchantLocation(tenant="default", location=ra.Location.parse("s3://prints/incoming/"))

app = Celery("prints", broker=os.environ.get("BROKER", "amqp://localhost"))
app.conf.beat_schedule = {
    "hourly": {
        "task": "prints.scan",
        "schedule": crontab(minute="17"),
        "options": {"expires": 3000},  # after a stop, old scans are dropped
    }
}


@app.task(bind=True, name="prints.scan", max_retries=2, acks_late=True, ignore_result=True)
def scan(self: Task, orders: list[str] | None = None) -> None:
    """Scan all pending orders, or only some."""
    report = scanner().scan(orders=orders)
    last = self.request.retries == self.max_retries
    if report.exit_code == OUTAGE and not last:
        raise self.retry(countdown=300)
    if report.exit_code:
        alert(report)


@app.task(name="prints.uploaded", acks_late=True, ignore_result=True)
def uploaded(message: dict[str, Any]) -> None:
    """Queue a scan of the orders that wait for new files. The message is one of S3, from a queue of SQS."""
    for numbers in route(receive(AwsMessages(), message).objects, [MERCHANT]).values():
        scan.apply_async([sorted(numbers)], countdown=2)  # the other files of an order come at the same time
