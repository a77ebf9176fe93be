"""Celery: `celery -A celery_app beat` queues a scan every hour, `celery -A celery_app worker` runs it."""

import os

from celery import Celery, Task
from celery.schedules import crontab

from shop_scanner import alert, scanner

OUTAGE = 3

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
