"""Celery: beat sends a tick every minute, a tick sends the merchants that are due in batches, workers scan them.

celery -A fleet.celery_app beat
celery -A fleet.celery_app worker --concurrency 4
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from celery import Celery
from celery.utils.log import get_task_logger

from fleet.scanning import due_batches, scan

log = get_task_logger(__name__)

TICK = float(os.environ.get("FLEET_TICK", "60"))
"""Seconds between two ticks. A batch that no worker has started by then is dropped: the next tick sends its merchants
again, so nothing piles up while the workers are busy or away."""
AT_ONCE = 4
"""Merchants that one worker process scans at the same time: a scan mostly waits."""

app = Celery("fleet", broker=os.environ["FLEET_BROKER"])
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,  # a batch whose worker dies is sent to another worker
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": 900},  # longer than a batch takes
    beat_schedule={"tick": {"task": "fleet.tick", "schedule": TICK, "options": {"expires": TICK}}},
)


@app.task(name="fleet.tick")
def tick() -> None:
    """Send the merchants that are due, in batches."""
    for batch in due_batches():
        scan_batch.apply_async([batch], expires=TICK)


@app.task(name="fleet.scan_batch")
def scan_batch(merchants: list[str]) -> None:
    """Scan some merchants side by side."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for result in pool.map(scan, merchants):
            log.info("merchant %s: %s %s %s", result.merchant, result.status, dict(result.counts), result.reason)
