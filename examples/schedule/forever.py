"""Only this library: scan immediately, then once an hour, until SIGTERM."""

from datetime import timedelta

import remote_artwork as ra
from shop_scanner import alert, scanner


def on_report(report: ra.ScanReport) -> None:
    if report.exit_code:
        alert(report)


scanner().run_forever(every=timedelta(hours=1), on_report=on_report)
