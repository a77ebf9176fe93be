"""Names matched per second on one core: 1,000,000 names against 10,000 pending items."""

import random

from remote_artwork.core.expected import expect_files
from remote_artwork.core.matching import Matches, Page
from remote_artwork.core.orders import Order, OrderItem, StoredFile
from remote_artwork.core.pattern import FilenamePattern

NAMES, PAGE, ORDERS, ITEMS = 1_000_000, 1_000, 4_000, range(1, 3)
EXTENSIONS = ("pdf", "png", "jpg", "PDF", "jpeg")
CHANCE = random.Random(20260504)


def pending():
    """10,000 items with 14,000 names: 4,000 orders of two items (one has two sides), 2,000 orders of one item."""
    sides = OrderItem("2", placements=("front", "back"))
    return [Order(str(1_000_000 - n), [OrderItem("1"), sides]) for n in range(ORDERS)] + [
        Order(f"Bestellung-é{n}", [OrderItem("1")]) for n in range(2_000)
    ]


def listing(stems):
    """Every expected name, among files of done orders, early files, and unrelated files."""
    awaited = [f"{stem}.{EXTENSIONS[n % len(EXTENSIONS)]}" for n, stem in enumerate(stems)]
    kinds = (
        lambda n: f"{n}_1.pdf",
        lambda n: f"{n}_2_front.png",
        lambda n: f"archive/2025/{n}_1.pdf",
        lambda n: f"IMG_{n}.JPG",
        lambda n: f"Entwürfe/Plakat für Köln {n}.tiff",
    )
    others = [kinds[n % len(kinds)](n % 900_000) for n in range(NAMES - len(awaited))]
    names = awaited + others
    CHANCE.shuffle(names)
    return [names[start : start + PAGE] for start in range(0, NAMES, PAGE)]


def page(names):
    return Page(names, lambda position: StoredFile(name=names[position], size=1, etag="e"))


def test_a_million_names_against_ten_thousand_items(benchmark):
    awaited = expect_files(pending(), FilenamePattern("{order_number}_{order_item_number}[_{placement}]"))
    assert len(awaited.basenames) == 10_000
    pages = [page(names) for names in listing(awaited.by_basename)]

    def take_all():
        matches = Matches(awaited)
        return matches, sum(len(matches.add_page(page)) for page in pages)

    matches, misses = benchmark.pedantic(take_all, rounds=3, warmup_rounds=1)
    benchmark.extra_info["names per second"] = round(NAMES / benchmark.stats.stats.median)
    assert matches.names_seen == NAMES
    assert len(matches.found) == 10_000
    assert (
        sum(len(side) for item in matches.found.values() for side in item.values())
        == len(awaited.by_basename)
        == 14_000
    )
    assert misses == NAMES - 14_000
