"""The shop's client passes the contract of clients."""

from collections.abc import Callable, Sequence

import pytest
from artwork.client import EventHandler, Line, Order, OscarClient
from artwork.models import Artwork, Fulfillment
from artwork.sample_orders import place_order, product
from django.conf import settings
from oscar.core.loading import get_model

import remote_artwork as ra
from remote_artwork.client import ArtworkByItem
from remote_artwork.testing import FulfillmentClientContract

OrderStatusChange = get_model("order", "OrderStatusChange")


class TestOscarClient(FulfillmentClientContract):
    @pytest.fixture
    def client(self) -> OscarClient:
        poster, card, voucher = product("Poster"), product("Card"), product("Voucher", kind="Gift")
        place_order(poster, card, voucher)
        place_order(card)
        return OscarClient()

    @pytest.fixture
    def read_names(self) -> Callable[[ra.Order, ra.OrderItem], Sequence[str]]:
        return lambda _order, item: list(Artwork.objects.filter(line=item.id).values_list("name", flat=True))

    @pytest.fixture
    def read_urls(self) -> Callable[[ra.Order, ra.OrderItem], Sequence[str]]:
        return lambda _order, item: list(Artwork.objects.filter(line=item.id).values_list("url", flat=True))

    @pytest.fixture
    def pending_ids(self) -> Callable[[], set[str]]:
        pending = Order.objects.filter(status=settings.AWAITING_ARTWORK)
        return lambda: set(pending.values_list("number", flat=True))

    @pytest.fixture
    def new_client(self) -> Callable[[], OscarClient]:
        return OscarClient

    @pytest.fixture
    def read_order(self) -> Callable[[str], ra.Order]:
        """Only the poster and the card are printed, and the order was placed with one of each product."""

        def read(number: str) -> ra.Order:
            titles = Line.objects.filter(order__number=number).order_by("pk").values_list("pk", "title")
            lines = [ra.OrderItem(str(pk), requires_artwork=title in ("Poster", "Card")) for pk, title in titles]
            return ra.Order(number, lines)

        return read

    @pytest.fixture
    def break_after_write(
        self, client: OscarClient, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[[int], Callable[[], bool]]:
        def break_after(number: int) -> Callable[[], bool]:
            writes = []

            def wrapped(method: Callable[..., object]) -> Callable[..., object]:
                def write(*arguments: object, **options: object) -> object:
                    result = method(*arguments, **options)
                    writes.append(method.__name__)
                    if len(writes) == number:
                        raise ConnectionError
                    return result

                return write

            for name in ("attach_artwork", "fulfill"):
                monkeypatch.setattr(client, name, wrapped(getattr(OscarClient, name).__get__(client)))
            return lambda: len(writes) >= number

        return break_after

    @pytest.fixture
    def cancel(self) -> Callable[[ra.Order], None]:
        def cancel(order: ra.Order) -> None:
            EventHandler().handle_order_status_change(Order.objects.get(number=order.number), settings.CANCELLED)

        return cancel

    @pytest.fixture
    def delete(self) -> Callable[[ra.Order], object]:
        return lambda order: Order.objects.get(number=order.number).delete()

    @pytest.fixture
    def fulfillments(self) -> Callable[[ra.Order], int]:
        begun = OrderStatusChange.objects.filter(new_status=settings.IN_PRODUCTION)
        return lambda order: begun.filter(order__number=order.number).count()

    @pytest.fixture
    def reset_client(self, client: OscarClient) -> Callable[[], OscarClient]:
        def reset_client() -> OscarClient:
            Artwork.objects.all().delete()
            Fulfillment.objects.all().delete()
            OrderStatusChange.objects.all().delete()
            Order.objects.update(status=settings.AWAITING_ARTWORK)
            Line.objects.update(status=settings.AWAITING_ARTWORK)
            return client

        return reset_client

    def test_a_line_that_is_not_printed_needs_no_artwork(self, client: OscarClient, order: ra.Order) -> None:
        assert [item.requires_artwork for item in client.get_order(order.id).items] == [True, True, False]

    def test_a_line_keeps_its_number_when_another_is_removed(self, client: OscarClient, order: ra.Order) -> None:
        Order.objects.get(number=order.number).lines.get(pk=order.items[0].id).delete()
        assert [item.number for item in client.get_order(order.id).items] == [item.number for item in order.items[1:]]

    def test_a_status_that_cannot_be_changed_leaves_no_key(
        self, client: OscarClient, order: ra.Order, artworks: ArtworkByItem, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Order, "pipeline", {})
        with pytest.raises(Exception, match="not a valid status"):
            client.fulfill(order, artworks, idempotency_key="k")
        now = client.get_order(order.id)
        assert (now.state, now.fulfillment_key) == (ra.OrderState.PENDING, None)

    def test_the_change_of_status_is_in_oscars_history(
        self, client: OscarClient, order: ra.Order, artworks: ArtworkByItem
    ) -> None:
        for _ in range(2):
            client.fulfill(order, artworks, idempotency_key="k")
        row = Order.objects.get(number=order.number)
        changes = row.status_changes.values_list("old_status", "new_status")
        assert list(changes) == [(settings.AWAITING_ARTWORK, settings.IN_PRODUCTION)]
        assert [note.message for note in row.notes.all()] == [f"Confirmed: {row.fulfillment}"]
        assert {line.status for line in row.lines.all()} == {settings.IN_PRODUCTION}
