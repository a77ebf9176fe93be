"""APScheduler in a process of its own: scan immediately, then once an hour, until SIGTERM."""

import signal
import threading
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler

from shop_scanner import alert, scanner

stop = threading.Event()


def scan_once() -> None:
    report = scanner().scan(stop=stop)  # once stop is set, no other order starts
    if report.exit_code:
        alert(report)


signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
scheduler = BackgroundScheduler(timezone=UTC)
scheduler.add_job(
    scan_once,
    "cron",
    minute=17,
    next_run_time=datetime.now(UTC),
    max_instances=1,
    coalesce=True,  # several missed scans become one
    misfire_grace_time=600,
)
scheduler.start()
stop.wait()
scheduler.shutdown(wait=True)
