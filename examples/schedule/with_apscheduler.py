"""APScheduler, in a process of its own: a pass at once and then every hour, until SIGTERM."""

import signal
import threading
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler

from shop_scanner import scanner, tell

stop = threading.Event()


def one_pass() -> None:
    report = scanner().scan(stop=stop)  # once it is set, no further order is begun
    if report.exit_code:
        tell(report)


signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
scheduler = BackgroundScheduler(timezone=UTC)
scheduler.add_job(
    one_pass,
    "cron",
    minute=17,
    next_run_time=datetime.now(UTC),
    max_instances=1,
    coalesce=True,  # several passes that were missed are one
    misfire_grace_time=600,
)
scheduler.start()
stop.wait()
scheduler.shutdown(wait=True)
