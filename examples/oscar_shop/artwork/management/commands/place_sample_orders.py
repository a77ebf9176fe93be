"""``manage.py place_sample_orders 3``: something to try ``fulfill_artwork`` with."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from artwork.sample_orders import place_order, product


class Command(BaseCommand):
    """Prints the names that the orders' files are to have, without extension."""

    help = "Places orders of a poster and a card each, and names the print files they wait for."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("count", type=int, nargs="?", default=1)

    def handle(self, *, count: int, **_others: Any) -> None:
        poster, card = product("Poster"), product("Card")
        for _ in range(count):
            order = place_order(poster, card)
            for line in order.lines.order_by("pk"):
                self.stdout.write(f"{order.number}_{line.pk}")
