"""The same job on Dask distributed: scan all merchants that are due, once. Run it every minute.

python -m fleet.dask_round [ADDRESS OF A SCHEDULER]
"""

from __future__ import annotations

import sys
from collections import Counter

from distributed import Client, as_completed

from fleet.scanning import due_batches, scan


def scan_batch(merchants: list[str]) -> list[str]:
    """Scan some merchants. Dask runs it again if its worker dies, which does no harm."""
    return [str(scan(merchant).status) for merchant in merchants]


def main() -> None:
    address = sys.argv[1] if len(sys.argv) > 1 else None  # without one, Dask starts processes on this machine
    statuses: Counter[str] = Counter()
    with Client(address) as client:
        # pure=False: the same merchants are scanned again in the next round.
        futures = client.map(scan_batch, list(due_batches()), pure=False, retries=2)
        for future in as_completed(futures):
            statuses.update(future.result())
    print(dict(statuses))


if __name__ == "__main__":
    main()
