"""Scan a private S3 bucket, at Amazon or at any S3-compatible endpoint.

Run it with: python examples/s3_bucket.py URL ACCESS_KEY SECRET_KEY ORDERS_FILE, for example
python examples/s3_bucket.py "s3+https://minio.example.com/prints/incoming/?provider=minio" KEY SECRET orders.json

Add --local if the endpoint is your own machine: by default, private addresses and plain http are refused.
"""

import sys
from pathlib import Path

import remote_artwork as ra


def main(url: str, access_key: str, secret_key: str, orders: str, *, local: bool) -> None:
    storage = ra.open_storage(
        url,
        credentials=ra.Keys(access_key, secret_key),
        network=ra.NetworkPolicy(allow_private=local, allow_http=local),
    )
    ledger = ra.SqlLedger(Path(f"{orders}.ledger.db"))
    report = ra.Scanner(storage, ra.OrdersFile(orders), ledger=ledger).scan()

    for item in report.items:
        print(f"{item.order_number}/{item.item_number} {item.status}: {item.reason}")
    print(f"{report.names_seen} files seen in {report.requests['list']} pages")
    sys.exit(report.exit_code)


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--local"]
    if len(arguments) != 4:
        sys.exit(__doc__)
    main(*arguments, local="--local" in sys.argv)
