"""What an item demands of its files: pages, pixels and the SHA-256."""

import hashlib

import pytest

import remote_artwork as ra
from print_files import pdf, picture
from remote_artwork.testing import FakeShop
from shop_files import memory_folder

A6 = (105, 148)
TWO_PAGES = pdf(A6, A6)
PNG = picture("PNG", (400, 300))
SMALL, LARGE = picture("PNG", (60, 60)), picture("PNG", (900, 900))


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def world(root, name, data, *, preflight="deep", **demands):
    files, storage = memory_folder(root)
    files.pipe(f"{root}/{name}", data)
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1", **demands)])])
    scanner = ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), policy=ra.Policy(preflight=preflight))
    return shop, scanner


def outcome(*arguments, **demands):
    (item,) = world(*arguments, **demands)[1].scan().items
    return item


@pytest.mark.parametrize(
    ("name", "data", "demands"),
    [
        ("1001_1.pdf", TWO_PAGES, {"pages": 2}),
        ("1001_1.png", PNG, {"pages": 1}),
        ("1001_1.png", PNG, {"min_pixels": (300, 400)}),
        ("1001_1.pdf", TWO_PAGES, {"min_pixels": (9_000, 9_000)}),
        ("1001_1.png", PNG, {"sha256": sha256(PNG)}),
    ],
)
def test_a_file_that_fulfills_the_demand_is_sent(root, name, data, demands):
    assert outcome(root, name, data, **demands).status == "fulfilled"


@pytest.mark.parametrize(
    ("name", "data", "demands", "code", "words"),
    [
        ("1001_1.pdf", TWO_PAGES, {"pages": 1}, "other_pages", "has 2 pages, and this print needs 1 page;"),
        ("1001_1.png", PNG, {"pages": 2}, "other_pages", "has 1 page, and this print needs 2 pages;"),
        ("1001_1.png", PNG, {"min_pixels": (301, 400)}, "too_few_pixels", "needs 301 × 400 or more"),
        ("1001_1.pdf", TWO_PAGES, {"sha256": sha256(PNG)}, "other_sha256", f"the shop expects {sha256(PNG)}"),
    ],
)
def test_a_file_that_does_not_fulfill_the_demand_is_rejected(root, name, data, demands, code, words):
    item = outcome(root, name, data, **demands)
    assert item.status == "rejected"
    assert code in [finding.code for finding in item.findings]
    assert words in item.reason


@pytest.mark.parametrize(
    ("name", "data", "demands"),
    [("1001_1.pdf", TWO_PAGES, {"pages": 2}), ("1001_1.png", PNG, {"min_pixels": (1, 1)})],
)
def test_a_demand_that_no_check_measures_rejects_the_file(root, name, data, demands):
    item = outcome(root, name, data, preflight="signature", **demands)
    assert (item.status, [finding.code for finding in item.findings]) == ("rejected", ["not_measured"])
    assert f"the shop sets {next(iter(demands))} for this item" in item.reason


@pytest.mark.parametrize(
    ("data", "demands", "known"),
    [(SMALL, {}, True), (LARGE, {}, False), (LARGE, {"sha256": sha256(LARGE)}, True)],
    ids=["small", "large", "large and demanded"],
)
def test_the_sha256_of_a_file_that_was_read_whole_reaches_the_shop(root, data, demands, known):
    shop, scanner = world(root, "1001_1.png", data, preflight="signature", **demands)
    requests = scanner.scan().requests
    ((artwork,),) = shop.artwork.values()
    assert artwork.sha256 == (sha256(data) if known else None)
    if data is SMALL:
        assert requests["get"] == 1


def test_a_new_demand_checks_a_waiting_file_again(root):
    shop, scanner = world(root, "1001_1.png", PNG, sha256=sha256(TWO_PAGES))
    assert [item.status for item in scanner.scan().items] == ["rejected"]
    shop.put(ra.Order("1001", [ra.OrderItem("1", sha256=sha256(PNG).upper())]))
    assert [item.status for item in scanner.scan().items] == ["fulfilled"]
    ((artwork,),) = shop.artwork.values()
    assert artwork.sha256 == sha256(PNG)
