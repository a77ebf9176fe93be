"""Celery: `celery -A celery_app beat` sends a pass every hour, `celery -A celery_app worker` does it."""

import os

from celery import Celery, Task
from celery.schedules import crontab

from shop_scanner import scanner, tell

OUTAGE = 3

app = Celery("prints", broker=os.environ.get("BROKER", "amqp://localhost"))
app.conf.beat_schedule = {
    "hourly": {
        "task": "prints.scan",
        "schedule": crontab(minute="17"),
        "options": {"expires": 3000},  # a queue that stood still does not make up for passes
    }
}


@app.task(bind=True, name="prints.scan", max_retries=2, acks_late=True, ignore_result=True)
def scan(self: Task, orders: list[str] | None = None) -> None:
    """One pass over all pending orders, or over some."""
    report = scanner().scan(orders=orders)
    last = self.request.retries == self.max_retries
    if report.exit_code == OUTAGE and not last:
        raise self.retry(countdown=300)
    if report.exit_code:
        tell(report)
