"""Gathering the pictures of a report: bounded, and never in the way of the report."""

import pytest

import remote_artwork as ra
from remote_artwork.reporting import html
from remote_artwork.testing import FakeShop
from shop_files import PNG, memory_folder


@pytest.fixture
def scanned(root):
    files, storage = memory_folder(root, "1_1.png", "2_1.png")
    shop = FakeShop([ra.Order(number, [ra.OrderItem("1")]) for number in "12"])
    return files, storage, ra.Scanner(storage, shop, ledger=ra.MemoryLedger()).scan()


def pictures(path):
    return path.read_text(encoding="utf-8").count("data:image/jpeg")


def test_every_artwork_is_drawn(scanned, tmp_path):
    _, storage, report = scanned
    report.to_html(tmp_path / "sheet.html", storage=storage)
    assert pictures(tmp_path / "sheet.html") == 2
    assert [file.name for file in tmp_path.iterdir()] == ["sheet.html"]
    report.to_html(str(tmp_path / "sheet.html"), storage=storage)  # in place of the first


def test_a_plan_names_no_other_items_to_wait_for_where_there_are_none(root, tmp_path):
    _, storage = memory_folder(root, "1_1.png")
    shop = FakeShop([ra.Order("1", [ra.OrderItem("1")])])
    ra.Scanner(storage, shop, ledger=ra.MemoryLedger()).plan().to_html(tmp_path / "sheet.html", storage=storage)
    page = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert "The next scan sends the order when all its items have their files" in page
    assert "other items" not in page


def test_only_so_many_and_none_that_is_too_large_are_drawn(scanned, tmp_path, monkeypatch):
    _, storage, report = scanned
    monkeypatch.setattr(html, "MAX_THUMBNAILS", 1)
    report.to_html(tmp_path / "one.html", storage=storage)
    assert pictures(tmp_path / "one.html") == 1
    monkeypatch.setattr(html, "MAX_THUMBNAIL_SOURCE", len(PNG) - 1)
    report.to_html(tmp_path / "none.html", storage=storage)
    assert pictures(tmp_path / "none.html") == 0


def test_a_file_that_is_gone_has_no_picture_and_the_page_is_written(scanned, tmp_path, root):
    files, storage, report = scanned
    files.rm(f"{root}/1_1.png")
    report.to_html(tmp_path / "sheet.html", storage=storage)
    assert pictures(tmp_path / "sheet.html") == 1
    assert "fulfilled with 1_1.png" in (tmp_path / "sheet.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_leaves_nothing_behind(scanned, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ra.ConfigurationError, match="cannot be written to"):
        scanned[2].to_html(tmp_path / "folder")
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


def test_without_a_storage_the_page_has_no_pictures(scanned, tmp_path):
    _, _, report = scanned
    report.to_html(tmp_path / "sheet.html")
    assert pictures(tmp_path / "sheet.html") == 0
    assert "1_1.png" in (tmp_path / "sheet.html").read_text(encoding="utf-8")
