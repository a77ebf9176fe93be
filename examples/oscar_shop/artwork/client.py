"""The ``FulfillmentClient`` of this shop. It reads and changes Oscar's orders."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Model, Prefetch, QuerySet
from oscar.core.loading import get_class, get_model

import remote_artwork as ra
from artwork.models import Artwork, Fulfillment
from remote_artwork.client import ArtworkByItem

Order = get_model("order", "Order")
Line = get_model("order", "Line")
EventHandler = get_class("order.processing", "EventHandler")

PRINTED = "Print"
"""The product class of printed products. Lines of other classes need no artwork."""

STATES = {
    settings.AWAITING_ARTWORK: ra.OrderState.PENDING,
    settings.IN_PRODUCTION: ra.OrderState.FULFILLED,
    settings.SHIPPED: ra.OrderState.FULFILLED,
    settings.CANCELLED: ra.OrderState.CANCELLED,
}


class OscarClient:
    """A ``FulfillmentClient`` that uses the shop's database directly."""

    recovery = ra.Recovery.IDEMPOTENT
    attaching = ra.Attaching.SEPARATE
    call_limit = timedelta(minutes=2)  # well above the timeout of the database
    concurrent_calls = 1  # a database connection of Django belongs to the thread that opened it

    def pending_orders(self) -> Iterator[ra.Order]:
        pending = _orders().filter(status=settings.AWAITING_ARTWORK).order_by("pk")
        yield from map(_as_order, pending.iterator(chunk_size=500))

    def get_order(self, order_id: str) -> ra.Order:
        return _as_order(_get_order(_orders(), order_id))

    @transaction.atomic
    def attach_artwork(
        self, order: ra.Order, item: ra.OrderItem, artworks: Sequence[ra.Artwork], *, idempotency_key: str
    ) -> None:
        row = _locked(order.id)
        _check_pending(row)
        lines = {str(line.pk): line for line in row.lines.all()}
        if item.id not in lines:
            raise ra.ItemNotFound(f"order {order.number} has no line {item.id}")
        line = lines[item.id]
        line.artworks.all().delete()
        Artwork.objects.bulk_create(
            Artwork(
                line=line,
                placement=artwork.placement,
                name=artwork.name,
                url=artwork.url,
                expires_at=artwork.expires_at,
                media_type=artwork.media_type,
                size=artwork.size,
                version=artwork.version,
            )
            for artwork in artworks
        )

    @transaction.atomic(durable=True)  # commits the key and the status together, or neither
    def fulfill(self, order: ra.Order, artworks: ArtworkByItem, *, idempotency_key: str) -> str:
        row = _locked(order.id)
        if fulfillment := Fulfillment.objects.filter(order=row, key=idempotency_key).first():
            return str(fulfillment)
        _check_pending(row)
        receipt = Fulfillment.objects.create(order=row, key=idempotency_key)
        EventHandler().handle_order_status_change(row, settings.IN_PRODUCTION, note_msg=f"Confirmed: {receipt}")
        return str(receipt)


def _orders() -> QuerySet:
    products = Line.objects.select_related("product__product_class", "product__parent__product_class").order_by("pk")
    return Order.objects.select_related("fulfillment").prefetch_related(Prefetch("lines", products))


def _get_order(orders: QuerySet, order_id: str) -> Model:
    try:
        return orders.get(number=order_id)
    except Order.DoesNotExist as error:
        raise ra.OrderGone(f"the shop has no order {order_id}") from error


def _locked(order_id: str) -> Model:
    """The order's row, locked until the transaction ends."""
    return _get_order(Order.objects.select_for_update(), order_id)


def _check_pending(row: Model) -> None:
    state = STATES.get(row.status, ra.OrderState.OTHER)
    if state is ra.OrderState.FULFILLED:
        raise ra.AlreadyFulfilled(f"order {row.number} is {row.status}")
    if state is not ra.OrderState.PENDING:
        raise ra.NotPending(f"order {row.number} is {row.status}")


def _as_order(row: Model) -> ra.Order:
    fulfillment = getattr(row, "fulfillment", None)
    return ra.Order(
        row.number,
        [_as_item(line) for line in row.lines.all()],
        state=STATES.get(row.status, ra.OrderState.OTHER),
        created_at=row.date_placed,
        fulfillment_key=fulfillment and fulfillment.key,
    )


def _as_item(line: Model) -> ra.OrderItem:
    """The item number is the line's primary key. A position would change when another line is removed."""
    printed = line.product is None or line.product.get_product_class().name == PRINTED
    return ra.OrderItem(str(line.pk), quantity=line.quantity, requires_artwork=printed)
