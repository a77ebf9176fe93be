"""Oscar's pages show the result of a scan."""

from artwork.client import OscarClient
from artwork.sample_orders import place_order, product
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse


def test_the_dashboard_shows_the_new_status_and_the_note() -> None:
    order = place_order(product("Poster"))
    OscarClient().fulfill(OscarClient().get_order(order.number), {}, idempotency_key="k")
    browser = Client(headers={"host": "localhost"})
    browser.force_login(get_user_model().objects.create(username="clerk", is_staff=True, is_superuser=True))
    page = browser.get(reverse("dashboard:order-detail", kwargs={"number": order.number})).content.decode()
    assert settings.IN_PRODUCTION in page
    assert f"Confirmed: {order.fulfillment}" in page
