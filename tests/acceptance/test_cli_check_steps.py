"""The steps of ``check`` that compare files with orders, where something cannot be read."""

import pytest

import remote_artwork as ra
from remote_artwork.cli import check
from remote_artwork.core.pattern import FilenamePattern
from remote_artwork.errors import LocationNotFound
from remote_artwork.testing import FakeShop
from shop_files import memory_folder

PATTERN = FilenamePattern("{order_number}_{order_item_number}")
POLICY = ra.Policy(settle_for=None)


class BrokenShop(FakeShop):
    def pending_orders(self):
        raise ValueError("the shop is broken")


@pytest.fixture
def shop():
    return FakeShop([ra.Order("1001", [ra.OrderItem("1")])])


def test_only_the_first_names_are_compared(root, monkeypatch):
    monkeypatch.setattr(check, "_MOST_NAMES", 2)
    _, storage = memory_folder(root, "1001_1.png", "1002_1.png", "x.png")
    [step] = check.check_names(storage, PATTERN)
    assert step.message.endswith("only the first 2 files were compared")
    assert step.because.details["files"] == 2


def test_names_that_cannot_be_listed_are_not_compared(root, monkeypatch):
    _, storage = memory_folder(root, "1001_1.png")
    monkeypatch.setattr(ra.ArtworkStorage, "probe_capability", lambda _storage: "by requests for single files")
    assert list(check.check_names(storage, PATTERN)) == []


def test_a_folder_that_is_gone_fails_both_steps(root, shop):
    files, storage = memory_folder(root, "1001_1.png")
    files.rm(root, recursive=True)
    steps = [*check.check_names(storage, PATTERN), *check.check_matches(storage, shop, PATTERN, POLICY)]
    assert [(step.name, str(step.verdict)) for step in steps] == [("pattern", "failed"), ("files", "failed")]
    assert all(isinstance(step.error, LocationNotFound) for step in steps)


def test_a_shop_that_breaks_fails_the_step(root, shop):
    _, storage = memory_folder(root, "1001_1.png")
    [step] = check.check_matches(storage, BrokenShop([]), PATTERN, POLICY)
    assert str(step.verdict) == "failed"
    assert "the shop is broken" in step.message
    [step] = check.check_matches(storage, shop, PATTERN, POLICY)
    assert (str(step.verdict), step.because.details["all"]) == ("ok", 1)
