"""The duration of classifying 100,000 unmatched names against 10,000 pending items."""

import random

from remote_artwork.core.expected import expect_files
from remote_artwork.core.orders import Order, OrderItem
from remote_artwork.core.pattern import FilenamePattern
from remote_artwork.core.unmatched import UnmatchedClassifier

NAMES, ORDERS = 100_000, 5_000


def strange_names():
    kinds = (
        lambda n: f"IMG_{n}.JPG",
        lambda n: f"{1_000_000 - n % ORDERS}-1.pdf",
        lambda n: f"Entwürfe/Plakat für Köln {n} (2).png",
        lambda n: f"order {n} final_v{n % 9}.pdf",
        lambda n: f"{n}_1 copy.png",
    )
    names = [kinds[n % len(kinds)](n) for n in range(NAMES)]
    random.Random(7).shuffle(names)
    return names


def test_a_hundred_thousand_strange_names_against_ten_thousand_items(benchmark):
    orders = [Order(str(1_000_000 - n), [OrderItem("1"), OrderItem("2")]) for n in range(ORDERS)]
    pattern, names = FilenamePattern(), strange_names()

    def judge_all():
        oddities = UnmatchedClassifier(pattern, expect_files(orders, pattern), orders)
        return [oddities.classify(name, {}) for name in names]

    outcomes = benchmark.pedantic(judge_all, rounds=1)
    assert sum(outcome.suggestion is not None for outcome in outcomes) == NAMES // 5
