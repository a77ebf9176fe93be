"""Start the example: ``python -m fleet``."""

from __future__ import annotations

import argparse
import time

from fleet import local


def main() -> None:
    options = argparse.ArgumentParser(prog="fleet", description="Scan sample merchants until Ctrl-C.")
    options.add_argument("--merchants", type=int, default=200)
    options.add_argument("--orders", type=int, default=20, help="orders of each merchant; every second one has a file")
    options.add_argument("--workers", type=int, default=4)
    options.add_argument("--every", type=float, default=600, help="seconds from one pass to the next")
    given = options.parse_args()
    print(f"starting servers and {given.merchants} merchants with {given.orders} orders each …", flush=True)
    with local.running(
        merchants=given.merchants, orders=given.orders, workers=given.workers, every=given.every, tick=5
    ) as fleet:
        print(f"the logs are in {fleet.folder}; end with Ctrl-C", flush=True)
        while True:
            fleet.supervise()
            fulfilled, calls, _ = fleet.counts()
            print(f"{fulfilled} orders are fulfilled by {calls} calls; the others wait for a file", flush=True)
            time.sleep(5)


try:
    main()
except KeyboardInterrupt:
    print("ended")
