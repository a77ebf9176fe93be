"""Nothing but this library: a pass at once and then every hour, until SIGTERM."""

from datetime import timedelta

import remote_artwork as ra
from shop_scanner import scanner, tell


def look(report: ra.ScanReport) -> None:
    if report.exit_code:
        tell(report)


scanner().run_forever(every=timedelta(hours=1), on_report=look)
