"""Sample orders for a new desk."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from print_desk.database import LineRow, OrderRow

_ORDERS: dict[str, tuple[str, list[tuple[str, int]]]] = {
    "1001": ("Ada Brook", [("Poster, 30 × 30 cm", 1), ("Sticker, round", 50)]),
    "1002": ("Bruno Vale", [("Poster, 30 × 30 cm", 2)]),
    "1003": ("Chiara Lund", [("Folded card, A6", 25)]),
    "1004": ("Dov Marsh", [("Sticker, round", 100), ("Folded card, A6", 10)]),
    "1005": ("Eun-ji Park", [("Poster, 50 × 70 cm", 1)]),
}


def place_orders(engine: sa.Engine) -> None:
    """Create a few orders if there are none."""
    with Session(engine) as session, session.begin():
        if session.scalar(sa.select(sa.func.count()).select_from(OrderRow)):
            return
        for number, (customer, lines) in _ORDERS.items():
            rows = [
                LineRow(position=position, title=title, quantity=quantity)
                for position, (title, quantity) in enumerate(lines, start=1)
            ]
            session.add(OrderRow(number=number, customer=customer, lines=rows))
