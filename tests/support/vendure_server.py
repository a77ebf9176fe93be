"""A real Vendure for tests: a shop with a PostgreSQL database, its checkout, and a proxy that fails on demand.

Installs itself by npm, once, into the user's cache. Fixture: ``vendure``, a shop without orders.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

import shop_api_servers
from azure_server import node, npm
from parts import cached
from remote_artwork.clients.vendure import PENDING, RELEASED, VendureClient
from servers import free_port, running

VENDURE = "3.7.3"
PUBLISHED_BEFORE = "2026-11-20"
"""No package of the shop is newer, so that every installation is the same."""

PASSWORD = "a-password-of-tests"
TIMEOUT = 60.0
"""Seconds for one request of a test itself."""

INSTALLATION = 500
"""Seconds that the installation of 438 packages may take. It takes 20 to 60 on an idle machine."""

SCRIPT = Path(__file__).with_name("vendure_shop.js")
_ERROR = "__typename ... on ErrorResult { errorCode message }"


def node_modules() -> Path:
    """The packages of the shop, installed first where they are not. Nothing is compiled."""
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--before", PUBLISHED_BEFORE]
    packages = [f"@vendure/core@{VENDURE}", "pg@8"]
    folder = cached(
        f"vendure-{VENDURE}",
        f"@vendure/core@{VENDURE} (npm install)",
        lambda into: [*npm(), "install", "--prefix", str(into), *options, *packages],
        patience=INSTALLATION,
    )
    return folder / "node_modules"


@contextmanager
def running_shop(database: str, log: Path) -> Iterator[VendureShop]:
    """A shop that has just been set up.

    Args:
        database: The URL of an empty PostgreSQL database.
        log: Receives what the server writes.
    """
    port, at = free_port(), conninfo_to_dict(database)
    environment = {
        "NODE_PATH": str(node_modules()),
        "SHOP_PORT": str(port),
        "SHOP_PASSWORD": PASSWORD,
        "SHOP_DB_HOST": str(at["host"]),
        "SHOP_DB_PORT": str(at.get("port") or 5432),
        "SHOP_DB_USER": str(at["user"]),
        "SHOP_DB_PASSWORD": str(at.get("password") or ""),
        "SHOP_DB_NAME": str(at["dbname"]),
        "VENDURE_DISABLE_TELEMETRY": "true",
    }
    with (
        running([node(), str(SCRIPT)], port=port, log=log, environment=environment),
        closing(psycopg.connect(database, autocommit=True)) as connection,
    ):
        yield VendureShop(port, connection)


@pytest.fixture(scope="session")
def vendure_server(
    new_postgres_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VendureShop]:
    """A shop that has just been set up."""
    with running_shop(new_postgres_database(), tmp_path_factory.mktemp("vendure") / "log") as shop:
        yield shop


@pytest.fixture
def vendure(vendure_server: VendureShop) -> VendureShop:
    """A shop with three pending orders, which have two printed products and gift wrapping."""
    vendure_server.start_over()
    return vendure_server


def send(port: int, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes, Message]:
    """Send one request to the shop; return the status, the content and the headers of its response."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)) as connection:
        connection.request("POST", path, body, {**headers, "Content-Type": "application/json", "Connection": "close"})
        response = connection.getresponse()
        return response.status, response.read(), response.headers


class GraphQL:
    """One session at one of the shop's two APIs."""

    def __init__(self, port: int, path: str) -> None:
        self._port, self._path, self._token = port, path, ""

    def __call__(self, query: str, **variables: Any) -> Any:
        """Send an operation with one field; return the field. An error fails the test."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        _, document, headers = send(self._port, self._path, body, self._authorization())
        content = json.loads(document)
        self._token = headers.get("vendure-auth-token") or self._token
        assert "errors" not in content, content["errors"]
        [field] = content["data"].values()
        assert not (isinstance(field, dict) and "errorCode" in field), field
        return field

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}


class VendureShop:
    """A running shop with three printed products and one that needs no artwork.

    Args:
        port: Where its server listens.
        connection: To its database, which is read directly.
    """

    def __init__(self, port: int, connection: psycopg.Connection) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}/admin-api"
        self._connection = connection
        self._lock = threading.Lock()
        self.password = PASSWORD
        self.admin = GraphQL(port, "/admin-api")
        login = f'mutation($p: String!) {{ login(username: "superadmin", password: $p) {{ {_ERROR} }} }}'
        self.admin(login, p=self.password)
        self._furnish()

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement in the shop's own database; return its rows."""
        with self._lock, self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    # --- The shop ---

    def create(self, kind: str, /, **values: Any) -> str:
        """Create something by the Admin API; return its id."""
        query = f"mutation($i: Create{kind}Input!) {{ create{kind}(input: $i) {{ id }} }}"
        return str(self.admin(query, i=values)["id"])

    def _furnish(self) -> None:
        def english(**texts: str) -> list[dict[str, str]]:
            return [{"languageCode": "en", **texts}]

        country = self.create("Country", code="AT", enabled=True, translations=english(name="Austria"))
        zone = self.create("Zone", name="Europe", memberIds=[country])
        channel = self.admin("{ activeChannel { id token } }")
        self.channel_token = channel["token"]
        defaults = {"id": channel["id"], "defaultTaxZoneId": zone, "defaultShippingZoneId": zone}
        self.admin("mutation($i: UpdateChannelInput!) { updateChannel(input: $i) { __typename } }", i=defaults)
        tax = self.create("TaxCategory", name="Standard", isDefault=True)
        self.create("TaxRate", name="AT", enabled=True, value=20, categoryId=tax, zoneId=zone)
        rate = {"rate": "500", "includesTax": "exclude", "taxRate": "20"}
        self.create(
            "ShippingMethod",
            code="post",
            fulfillmentHandler="manual-fulfillment",
            translations=english(name="Post", description=""),
            checker=_operation("default-shipping-eligibility-checker", orderMinimum="0"),
            calculator=_operation("default-shipping-calculator", **rate),
        )
        self.create(
            "PaymentMethod",
            code="dummy",
            enabled=True,
            translations=english(name="Dummy", description=""),
            handler=_operation("dummy-payment-handler", automaticSettle="true"),
        )
        self.variants = [self._product(sku, tax, printed=sku != "WRAP") for sku in ("MUG", "POSTER", "SHIRT", "WRAP")]

    def _product(self, sku: str, tax: str, *, printed: bool) -> str:
        text = [{"languageCode": "en", "name": sku, "slug": sku.lower(), "description": ""}]
        product = self.create("Product", enabled=True, translations=text)
        variant = {"productId": product, "sku": sku, "price": 1200, "taxCategoryId": tax, "trackInventory": "FALSE"}
        query = "mutation($i: [CreateProductVariantInput!]!) { createProductVariants(input: $i) { id } }"
        name = [{"languageCode": "en", "name": sku}]
        variants = [{**variant, "customFields": {"printed": printed}, "translations": name}]
        return str(self.admin(query, i=variants)[0]["id"])

    # --- Orders ---

    def place_order(self, *quantities: int, wrapped: bool = False) -> str:
        """One customer's way through the checkout; returns the id of the order.

        Args:
            quantities: Of each printed product.
            wrapped: Whether the order has one more line, which needs no artwork.
        """
        shop = GraphQL(self.port, "/shop-api")
        lines = [*zip(self.variants, quantities, strict=False), *[(self.variants[-1], 1)] * wrapped]
        for variant, quantity in lines:
            shop(
                f"mutation($v: ID!, $q: Int!) {{ addItemToOrder(productVariantId: $v, quantity: $q) {{ {_ERROR} }} }}",
                v=variant,
                q=quantity,
            )
        customer = {"emailAddress": f"{uuid4().hex}@shop.example", "firstName": "A", "lastName": "Customer"}
        shop(f"mutation($i: CreateCustomerInput!) {{ setCustomerForOrder(input: $i) {{ {_ERROR} }} }}", i=customer)
        address = {"streetLine1": "Ring 1", "city": "Wien", "postalCode": "1010", "countryCode": "AT"}
        shop(f"mutation($i: CreateAddressInput!) {{ setOrderShippingAddress(input: $i) {{ {_ERROR} }} }}", i=address)
        methods = [each["id"] for each in shop("{ eligibleShippingMethods { id } }")]
        shop(f"mutation($m: [ID!]!) {{ setOrderShippingMethod(shippingMethodId: $m) {{ {_ERROR} }} }}", m=methods)
        shop(f'mutation {{ transitionOrderToState(state: "ArrangingPayment") {{ {_ERROR} }} }}')
        payment = '{ method: "dummy", metadata: {} }'
        paid = shop(f"mutation {{ addPaymentToOrder(input: {payment}) {{ {_ERROR} ... on Order {{ id }} }} }}")
        return str(paid["id"])

    def cancel(self, order_id: str, **quantities: int) -> None:
        """Cancel an order as an administrator does: the whole order, or so many of some of its lines."""
        document = f"mutation($i: CancelOrderInput!) {{ cancelOrder(input: $i) {{ {_ERROR} }} }}"
        lines = [{"orderLineId": line_id, "quantity": quantity} for line_id, quantity in quantities.items()]
        self.admin(document, i={"orderId": order_id, "lines": lines or None, "reason": "a test"})

    def cancel_pending(self) -> None:
        """Cancel every pending order, which other tests have left."""
        for order_id in self.pending_ids():
            self.cancel(order_id)

    def create_api_key(self, *permissions: str) -> str:
        """Create an API key with a role of its own."""
        role = self.create("Role", code=uuid4().hex, description="a test", permissions=permissions)
        name = [{"languageCode": "en", "name": "a test"}]
        document = "mutation($i: CreateApiKeyInput!) { createApiKey(input: $i) { apiKey } }"
        return str(self.admin(document, i={"roleIds": [role], "translations": name})["apiKey"])

    def start_over(self) -> None:
        """Make every order wait for artwork again, as if nothing had been done. There are at least three."""
        changed = "type = 'ORDER_STATE_TRANSITION' AND data::jsonb->>'to' IN ('Cancelled', 'Modifying', %s)"
        self.sql(f"DELETE FROM history_entry WHERE {changed.replace('%s', repr(RELEASED))}")
        self.sql(
            'UPDATE "order" SET state = %s, "customFieldsArtwork" = NULL, "customFieldsReleasedartwork" = NULL, '
            '"customFieldsReleasekey" = NULL WHERE "orderPlacedAt" IS NOT NULL',
            PENDING,
        )
        self.sql('UPDATE order_line SET quantity = "orderPlacedQuantity"')
        for _ in range(3 - len(self.pending_ids())):
            self.place_order(1, 2, wrapped=True)

    # --- The shop's own records ---

    def pending_ids(self) -> set[str]:
        """The ids of all orders that wait for artwork."""
        return {str(order_id) for [order_id] in self.sql('SELECT id FROM "order" WHERE state = %s', PENDING)}

    def releases(self, order_id: str) -> int:
        """How often an order was released, by its history."""
        released = "type = 'ORDER_STATE_TRANSITION' AND data::jsonb->>'to' = %s"
        statement = f'SELECT count(*) FROM history_entry WHERE "orderId" = %s AND {released}'
        [[times]] = self.sql(statement, int(order_id), RELEASED)
        return int(times)

    def released_files(self, order_id: str, line_id: str) -> list[dict[str, Any]]:
        """The files with which an order line was released."""
        [[artwork]] = self.sql('SELECT "customFieldsReleasedartwork" FROM "order" WHERE id = %s', int(order_id))
        [files] = [line["files"] for line in json.loads(artwork)["lines"] if line["id"] == line_id]
        return list(files)


def printed_client(url: str, **options: Any) -> VendureClient:
    """A client for which the variants that are marked as printed need artwork."""
    return VendureClient(
        url,
        ("superadmin", PASSWORD),
        line_fields="productVariant { customFields { printed } }",
        placements=lambda line: ("default",) if line["productVariant"]["customFields"]["printed"] else (),
        **options,
    )


_KEYS = ("Authorization", "vendure-api-key", "vendure-token")


class VendureProxy(shop_api_servers.ShopApi):
    """Passes requests on to the Admin API of a shop, and fails on demand."""

    def __init__(self, shop: VendureShop) -> None:
        self.shop = shop
        super().__init__()
        self.url += "/admin-api"

    @staticmethod
    def kind(_method: str, body: Any) -> str:
        if "transitionOrderToState" in body["query"]:
            return "confirm"
        return "attach" if "setOrderCustomFields" in body["query"] else "read"

    def answer(self, _method: str, path: str, _query: Any, body: Any, headers: Any) -> shop_api_servers.Answer:
        kept = {name: headers[name] for name in _KEYS if name in headers}
        status, content, received = send(self.shop.port, path, json.dumps(body).encode(), kept)
        token = received.get("vendure-auth-token")
        return status, content, {"vendure-auth-token": token} if token else {}

    def pending_ids(self) -> set[str]:
        return self.shop.pending_ids()

    def names(self, order: Any, item: Any) -> list[str]:
        return [file["name"] for file in self.shop.released_files(order.id, item.id)]

    def urls(self, order: Any, item: Any) -> list[str]:
        return [file["url"] for file in self.shop.released_files(order.id, item.id)]

    def confirmed(self, order: Any) -> int:
        return self.shop.releases(order.id)

    def putting_back(self, client: Any) -> Callable[[], Any]:
        def put_back() -> Any:
            self.shop.start_over()
            return client

        return put_back


def _operation(code: str, **arguments: str) -> dict[str, Any]:
    return {"code": code, "arguments": [{"name": name, "value": value} for name, value in arguments.items()]}
