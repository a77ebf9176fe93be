"""Start the example: ``python -m fleet``."""

from __future__ import annotations

import argparse
import os
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
        print(f"the ledger is {os.environ['FLEET_DATABASE']}", flush=True)
        print(f"the logs are in {fleet.folder}; end with Ctrl-C", flush=True)
        shown = -1
        while True:
            fleet.supervise()
            fulfilled, calls, _ = fleet.counts()
            if fulfilled != shown:
                print(f"{fulfilled} orders are fulfilled by {calls} calls", flush=True)
                shown = fulfilled
            time.sleep(1)


try:
    main()
except KeyboardInterrupt:
    print("ended")
