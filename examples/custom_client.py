"""A client for your own shop: four methods and three declarations.

Run it with: python examples/custom_client.py
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from importlib import resources

import fsspec

import remote_artwork as ra
from remote_artwork.client import ArtworkByItem

PICTURES = resources.files("remote_artwork.cli") / "shop"


class MyShop:
    """Implements ``ra.FulfillmentClient``. A real one uses a database or an HTTP API."""

    recovery = ra.Recovery.IDEMPOTENT  # a second call with the same key has no effect: see fulfill
    attaching = ra.Attaching.SEPARATE
    call_limit = timedelta(seconds=30)
    concurrent_calls = 1  # the dictionaries below are not made for several threads

    def __init__(self, orders: Iterable[ra.Order]) -> None:
        self.orders = {order.id: order for order in orders}
        self.artwork: dict[tuple[str, str], list[str]] = {}

    def pending_orders(self) -> Iterable[ra.Order]:
        return [order for order in self.orders.values() if order.state is ra.OrderState.PENDING]

    def get_order(self, order_id: str) -> ra.Order:
        if order_id not in self.orders:
            raise ra.OrderGone(order_id)
        return self.orders[order_id]

    def attach_artwork(
        self, order: ra.Order, item: ra.OrderItem, artworks: Sequence[ra.Artwork], *, idempotency_key: str
    ) -> None:
        current = self.get_order(order.id)
        self._require_pending(current)
        if item.number not in {each.number for each in current.items}:
            raise ra.ItemNotFound(f"order {current.number} has no item {item.number}")
        self.artwork[order.id, item.number] = [artwork.name for artwork in artworks]  # replaces earlier files

    def fulfill(self, order: ra.Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str | None:
        current = self.get_order(order.id)
        if current.state is ra.OrderState.FULFILLED:
            if current.fulfillment_key == idempotency_key:
                return f"receipt-{order.number}"
            raise ra.AlreadyFulfilled(order.number)
        self._require_pending(current)
        self.orders[order.id] = ra.Order(
            current.number, current.items, id=current.id, state=ra.OrderState.FULFILLED, fulfillment_key=idempotency_key
        )
        return f"receipt-{order.number}"

    @staticmethod
    def _require_pending(order: ra.Order) -> None:
        if order.state is not ra.OrderState.PENDING:
            raise ra.NotPending(f"order {order.number} is {order.state}")


def main() -> None:
    files = fsspec.filesystem("memory")
    files.pipe("/uploads/1001_1.jpg", (PICTURES / "poster.jpg").read_bytes())
    files.pipe("/uploads/1001_2.png", (PICTURES / "sticker.png").read_bytes())

    shop = MyShop(
        [
            ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2", quantity=3)]),
            ra.Order("1002", [ra.OrderItem("1")]),
        ]
    )
    scanner = ra.Scanner(ra.ArtworkStorage(files, "/uploads"), shop, ledger=ra.MemoryLedger(), tenant="acme")

    report = scanner.scan()
    for item in report.items:
        print(f"{item.order_number}/{item.item_number} {item.status}: {item.reason}")
    print("the shop now has", shop.artwork)
    print("exit code of the same scan on the command line:", report.exit_code)


if __name__ == "__main__":
    main()
