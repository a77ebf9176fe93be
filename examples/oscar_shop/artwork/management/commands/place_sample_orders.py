"""``manage.py place_sample_orders 3``: places orders for trying ``fulfill_artwork``."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from artwork.sample_orders import place_order, product


class Command(BaseCommand):
    """Prints the expected file names of the orders, without extension."""

    help = "Place orders with a poster and a card each, and print the file names that they expect."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("count", type=int, nargs="?", default=1)

    def handle(self, *, count: int, **_others: Any) -> None:
        poster, card = product("Poster"), product("Card")
        for _ in range(count):
            order = place_order(poster, card)
            for line in order.lines.order_by("pk"):
                self.stdout.write(f"{order.number}_{line.pk}")
