"""A folder of print files and a JSON file of orders: plan, scan, and scan again.

Run it with: python examples/quickstart.py
"""

import json
import tempfile
from importlib import resources
from pathlib import Path

import remote_artwork as ra

PICTURES = resources.files("remote_artwork.cli") / "shop"  # any JPEG, PNG or PDF works


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        uploads = home / "uploads"
        uploads.mkdir()
        (uploads / "1001_1.jpg").write_bytes((PICTURES / "poster.jpg").read_bytes())
        (uploads / "1002-1.png").write_bytes((PICTURES / "sticker.png").read_bytes())
        orders = home / "orders.json"
        orders.write_text(
            json.dumps(
                {
                    "orders": [
                        {"number": "1001", "status": "pending_approval", "items": [{"number": "1"}]},
                        {"number": "1002", "status": "pending_approval", "items": [{"number": "1"}]},
                    ]
                }
            )
        )

        scanner = ra.Scanner(
            ra.open_storage(uploads.as_uri(), network=ra.NetworkPolicy(allow_local=True)),
            ra.OrdersFile(orders),
            ledger=ra.SqlLedger(home / "ledger.db"),
            policy=ra.Policy(settle_for=None),  # these files are complete, so none has to wait
        )
        show("plan", scanner.plan())
        show("scan", scanner.scan())
        show("scan again", scanner.scan())
        print("orders.json:", [order["status"] for order in json.loads(orders.read_text())["orders"]])
        print(scanner.explain("1002-1.png"))


def show(title: str, report: ra.ScanReport) -> None:
    print(f"{title}:")
    for item in report.items:
        print(f"  order {item.order_number}, item {item.item_number}: {item.status}: {item.reason}")
    for file in report.files:
        print(f"  file {file.name}: {file.status}: {file.reason}")
    print(f"  {report.requests['get']} requests read bytes")


if __name__ == "__main__":
    main()
