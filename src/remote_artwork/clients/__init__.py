"""Fulfillment clients that are ready to use."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from remote_artwork._lazy import lazy_exports

if TYPE_CHECKING:
    from remote_artwork.clients.gelato import GelatoClient
    from remote_artwork.clients.gooten import GootenClient
    from remote_artwork.clients.order_desk import OrderDeskClient
    from remote_artwork.clients.orders_file import OrdersFile
    from remote_artwork.clients.shopify import ShopifyClient
    from remote_artwork.clients.vendure import VendureClient
    from remote_artwork.clients.woocommerce import WooCommerceClient

__all__ = [
    "GelatoClient",
    "GootenClient",
    "OrderDeskClient",
    "OrdersFile",
    "ShopifyClient",
    "VendureClient",
    "WooCommerceClient",
]

__getattr__: Callable[[str], Any]
__dir__: Callable[[], list[str]]
__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "clients.gelato": ["GelatoClient"],
        "clients.gooten": ["GootenClient"],
        "clients.order_desk": ["OrderDeskClient"],
        "clients.orders_file": ["OrdersFile"],
        "clients.shopify": ["ShopifyClient"],
        "clients.vendure": ["VendureClient"],
        "clients.woocommerce": ["WooCommerceClient"],
    },
)
