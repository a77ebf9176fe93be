"""Helpers for a fulfillment client that talks to the JSON API of a shop over HTTP.

``ShopApi`` sends requests, by REST, GraphQL or JSON-RPC, and translates every response into a result or an error of
this library. The functions ``iter_by_…`` read lists in pages. ``iter_orders``, ``parse_…`` and ``parsing`` build orders
from JSON. The page "Write a client" of the documentation shows how they fit together.
"""

from remote_artwork.clients.api.keys import hide_keys
from remote_artwork.clients.api.orders import (
    Placements,
    artwork_fields,
    iter_orders,
    one_file,
    parse_item,
    parse_text,
    parsing,
    require_pending,
)
from remote_artwork.clients.api.pages import (
    Page,
    iter_by_cursor,
    iter_by_number,
    iter_by_offset,
    iter_since,
    parse_connection,
)
from remote_artwork.clients.api.refusals import Effect, Refusal
from remote_artwork.clients.api.transport import ShopApi
from remote_artwork.errors import AuthenticationExpired
from remote_artwork.http import Response

__all__ = [
    "AuthenticationExpired",
    "Effect",
    "Page",
    "Placements",
    "Refusal",
    "Response",
    "ShopApi",
    "artwork_fields",
    "hide_keys",
    "iter_by_cursor",
    "iter_by_number",
    "iter_by_offset",
    "iter_orders",
    "iter_since",
    "one_file",
    "parse_connection",
    "parse_item",
    "parse_text",
    "parsing",
    "require_pending",
]
